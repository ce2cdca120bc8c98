"""Slots and options of a rule where they have a meaning, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

from gptimage_core.policy.document import Document, Obligation, Rule, Setting
from gptimage_core.policy.findings import Path, Problem, did_you_mean
from gptimage_core.policy.vocabulary import ANY_PURPOSE, ANYONE, ANYTHING, OWN_RIGHTS, SHARING

__all__ = ["check"]

_SUBJECT = {"subject"}
_LIFTED_FOR = OWN_RIGHTS | {"update"}
"""A person's own rights, and the update that undoes a deletion."""

_OBLIGATION_FITS = {"min_persons": {"aggregate"}, "only_fields": SHARING}


def check(document: Document) -> Iterator[Problem]:
    for name, rule in document.permit.items():
        yield from _sharing(("permit", name), rule)
        yield from _permit(("permit", name), rule, document)
    for name, rule in document.forbid.items():
        yield from _sharing(("forbid", name), rule)
        yield from _forbid(("forbid", name), rule)
    for name, setting in document.setting.items():
        yield from _setting(("setting", name), setting)


def _sharing(at: Path, rule: Rule) -> Iterator[Problem]:
    """`to` stands exactly where something is shared or disclosed (S20)."""
    shares = SHARING.intersection(rule.may)
    if not shares:
        if rule.to:
            yield Problem((*at, "to"), "to-without-share", "`to` stands with `share` or `disclose` only")
        return
    if not rule.to:
        yield Problem(
            (*at, "may"),
            "share-without-to",
            f"`{min(shares)}` has no recipient",
            'add `to = […]`; a missing slot never means "any"',
        )
    others = sorted(set(rule.may) - SHARING)
    if others:
        yield Problem(
            (*at, "may"),
            "mixed-sharing",
            f"`{others[0]}` has no recipient and stands beside `{min(shares)}`, which has",
            "make it two rules",
        )


def _permit(at: Path, rule: Rule, document: Document) -> Iterator[Problem]:
    for slot, word, words in (
        ("who", ANYONE, rule.who),
        ("what", ANYTHING, rule.what),
        ("for", ANY_PURPOSE, rule.for_),
    ):
        if word in words:
            yield Problem(
                (*at, slot, list(words).index(word)),
                "forbid-only",
                f"`{word}` is legal in `forbid` only",
                "name whom, what and what for: nobody can foresee what a wide permit permits",
            )
    if rule.even_when:
        yield from _even_when(at, rule, document)
    if rule.may_release_before_record:
        yield from _release(at, rule)
    for index, obligation in enumerate(rule.then):
        yield from _obligation((*at, "then", index), obligation, rule, document)


def _even_when(at: Path, rule: Rule, document: Document) -> Iterator[Problem]:
    """X10, S37: restriction, deletion and objection yield to own rights and to legal duties only."""
    own = _SUBJECT.issuperset(rule.who) and _LIFTED_FOR.issuperset(rule.may)
    purposes = [document.purpose[name] for name in rule.for_ if name in document.purpose]
    legal = all(each.basis == "legal_obligation" for each in purposes)  # the unknown ones are found as such
    if not own and not legal:
        yield Problem(
            (*at, "even_when"),
            "lift",
            f"`even_when` cannot lift `{rule.even_when[0]}` here",
            "it stands in a subject's own read, correct, export, delete and update, or where every purpose "
            "is a legal obligation",
        )


def _release(at: Path, rule: Rule) -> Iterator[Problem]:
    if list(rule.who) != ["subject"] or list(rule.may) != ["read"] or "row_is_own" not in rule.when:
        yield Problem(
            (*at, "may_release_before_record"),
            "release",
            "every release waits for its access record, but for a subject's own reads",
            'it needs `who = ["subject"]`, `may = ["read"]` and `row_is_own`',
        )


def _obligation(at: Path, obligation: Obligation, rule: Rule, document: Document) -> Iterator[Problem]:
    given = [name for name in Obligation.__struct_fields__ if getattr(obligation, name) is not None]
    if len(given) != 1:
        yield Problem(
            at, "exactly-one", f"an obligation has exactly one key, not {len(given)}", "make it several"
        )
    for name in given:
        fits = _OBLIGATION_FITS.get(name)
        if fits is not None and set(rule.may) - fits:
            yield Problem(
                (*at, name),
                "no-meaning",
                f"`{name}` has a meaning with {' and '.join(f'`{each}`' for each in sorted(fits))} only",
            )
    if obligation.tell_subject is False:
        yield Problem(
            (*at, "tell_subject"), "no-meaning", "`tell_subject = false` demands nothing", "leave it out"
        )
    if obligation.only_fields is not None:
        yield from _fields((*at, "only_fields"), obligation.only_fields, rule, document)


def _fields(at: Path, fields: list[str], rule: Rule, document: Document) -> Iterator[Problem]:
    if not fields:
        yield Problem(at, "empty", "`only_fields` names no field")
    categories = [document.category[name] for name in rule.what if name in document.category]
    if len(categories) < len(rule.what) or not all(category.exactly for category in categories):
        return
    known = {field for category in categories for field in category.exactly}
    for index, field in enumerate(fields):
        if field not in known:
            yield Problem(
                (*at, index), "unknown-name", f"unknown field `{field}`", did_you_mean(field, known)
            )


def _forbid(at: Path, rule: Rule) -> Iterator[Problem]:
    for slot, value in (("then", rule.then), ("even_when", rule.even_when)):
        if value:
            yield Problem((*at, slot), "permit-only", f"`{slot}` has a meaning in a permit only")
    if rule.may_release_before_record:
        yield Problem(
            (*at, "may_release_before_record"),
            "permit-only",
            "`may_release_before_record` has a meaning in a permit only",
        )
    for slot, word, words in (
        ("who", ANYONE, rule.who),
        ("what", ANYTHING, rule.what),
        ("for", ANY_PURPOSE, rule.for_),
    ):
        if word in words and len(words) > 1:
            yield Problem((*at, slot), "duplicate", f"`{word}` says the rest of the list already")


def _setting(at: Path, setting: Setting) -> Iterator[Problem]:
    if (setting.span is None) == (setting.count is None):
        yield Problem(at, "exactly-one", "a setting has exactly one of `span` and `count`")
