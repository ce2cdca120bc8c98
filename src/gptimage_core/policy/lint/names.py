"""Names: each is declared once, known where it is used, and used somewhere; no list says a word twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from gptimage_core.policy.document import Condition, Document, Rule
from gptimage_core.policy.findings import Path, Problem, did_you_mean
from gptimage_core.policy.lint.countries import COUNTRIES, MISTAKEN
from gptimage_core.policy.remainder import LeftOut
from gptimage_core.policy.vocabulary import ANY_PURPOSE, ANYONE, ANYTHING, BUILT_IN_FACTS, IDENTIFIER

__all__ = ["check"]

_RESERVED = {
    "category": {IDENTIFIER, ANYTHING},
    "purpose": {ANY_PURPOSE},
    "recipient": {ANYONE},
    "fact": BUILT_IN_FACTS,
}
_NO_AGE = "store the outcome: the condition `age_floor_is_met` asks for no more"
_RULE_LISTS = ("who", "may", "what", "to", "clauses", "even_when")


def check(document: Document, left_out: LeftOut) -> Iterator[Problem]:
    yield from _clashes(document)
    yield from _countries(document)
    names = _Names(document, left_out)
    yield from _references(document, names)
    yield from _repeated(document)
    for kind, rules in (("permit", document.permit), ("forbid", document.forbid)):
        for name, rule in rules.items():
            yield from _rule((kind, name), rule, names)
    for at, rule in left_out.rules.items():
        yield from _rule(at, rule, names)
    yield from _unused(document, names)


class _Names:
    """What is declared, and the names that rules use."""

    def __init__(self, document: Document, left_out: LeftOut) -> None:
        self.document = document
        self.left_out = left_out
        self.purposes: set[str] = set()
        self.consents: set[str] = set()
        self.facts: set[str] = set()
        self.recipients: set[str] = set()

    def unknown(self, at: Path, group: str, name: str) -> Iterator[Problem]:
        """A problem, unless something of the group that was left out is called so."""
        known: Collection[str] = getattr(self.document, group)
        if name not in known and not self.left_out.declares(group, name):
            yield _unknown(at, group, name, known)


def _clashes(document: Document) -> Iterator[Problem]:
    for group, reserved in _RESERVED.items():
        for name in getattr(document, group):
            if name in reserved:
                yield Problem(
                    (group, name), "name-clash", f"`{name}` is a word of the language", "choose another name"
                )
    for name in document.permit.keys() & document.forbid.keys():
        yield Problem(
            ("forbid", name), "name-clash", f"`{name}` is a permit already", "a rule's name is its stable id"
        )
    for group in ("category", "fact"):
        if "age" in getattr(document, group):
            yield Problem((group, "age"), "age", f"a {group} called `age` would keep people's ages", _NO_AGE)


def _countries(document: Document) -> Iterator[Problem]:
    written: list[tuple[Path, str]] = [(("controller", "country"), document.controller.country)]
    for name, recipient in document.recipient.items():
        written.extend(
            (("recipient", name, "countries", index), each) for index, each in enumerate(recipient.countries)
        )
    for path, country in written:
        if country and country not in COUNTRIES:
            better = MISTAKEN.get(country)
            hint = f"did you mean `{better}`?" if better else "use a code of ISO 3166-1 alpha-2"
            yield Problem(path, "unknown-country", f"unknown country `{country}`", hint)


def _references(document: Document, names: _Names) -> Iterator[Problem]:
    for name, consent in document.consent.items():
        for index, purpose in enumerate(consent.purposes):
            at = ("consent", name, "purposes", index)
            if purpose not in document.purpose:
                yield from names.unknown(at, "purpose", purpose)
            elif document.purpose[purpose].basis != "consent":
                yield Problem(
                    at,
                    "consent-without-basis",
                    f"`{purpose}` does not stand on consent but on `{document.purpose[purpose].basis}`",
                    'give it `basis = "consent"` or take it out: a switch that changes nothing misleads',
                )
    named = {purpose for consent in document.consent.values() for purpose in consent.purposes}
    for name, each in document.purpose.items():
        if each.basis == "consent" and name not in named and not names.left_out.may_consent(name):
            yield Problem(
                ("purpose", name),
                "basis-without-consent",
                f"`{name}` stands on consent and no consent names it",
                f'declare a `[consent.…]` with `purposes = ["{name}"]`',
            )
    for name, recipient in document.recipient.items():
        for index, purpose in enumerate(recipient.purposes):
            yield from names.unknown(("recipient", name, "purposes", index), "purpose", purpose)
    for name, category in document.category.items():
        for field in category.fields:
            if category.exactly and field not in category.exactly:
                yield _unknown(("category", name, "fields", field), "field", field, category.exactly)


def _rule(at: tuple[str, str], rule: Rule, names: _Names) -> Iterator[Problem]:
    document = names.document
    for index, name in enumerate(rule.what):
        if name in document.category or name == ANYTHING:
            continue
        if name == IDENTIFIER:
            hint = "keys are visible with their row and never decided by themselves"
            yield Problem((*at, "what", index), "unknown-name", f"`{name}` is built in", hint)
        else:
            yield from names.unknown((*at, "what", index), "category", name)
    for index, name in enumerate(rule.for_):
        if name not in document.purpose and name != ANY_PURPOSE:
            yield from names.unknown((*at, "for", index), "purpose", name)
    for index, name in enumerate(rule.to):
        if name not in document.recipient:
            yield from names.unknown((*at, "to", index), "recipient", name)
    for index, condition in enumerate(rule.when):
        if isinstance(condition, Condition):
            yield from _condition((*at, "when", index), condition, names)
    names.purposes.update(rule.for_)
    names.recipients.update(rule.to)
    for slot in _RULE_LISTS:
        yield from _twice((*at, slot), getattr(rule, slot))
    yield from _twice((*at, "for"), rule.for_)


def _condition(at: Path, condition: Condition, names: _Names) -> Iterator[Problem]:
    if condition.fact is not None:
        names.facts.add(condition.fact)
        if condition.fact not in names.document.fact:
            yield from names.unknown((*at, "fact"), "fact", condition.fact)
    if condition.consent is not None:
        names.consents.add(condition.consent)
        if condition.consent not in names.document.consent:
            yield from names.unknown((*at, "consent"), "consent", condition.consent)


def _unused(document: Document, names: _Names) -> Iterator[Problem]:
    left_out = names.left_out
    purposes = names.purposes | {
        purpose
        for each in document.consent.values()
        for purpose in each.purposes
        if left_out.may_use("purpose", purpose)
    }
    consents = names.consents | {
        name for name, each in document.consent.items() if not purposes.isdisjoint(each.purposes)
    }
    for group, used in (
        ("purpose", names.purposes),
        ("consent", consents),
        ("fact", names.facts),
        ("recipient", names.recipients),
    ):
        for name in getattr(document, group):
            if name not in used and not left_out.may_use(group, name):
                yield Problem(
                    (group, name),
                    "unused",
                    f"no rule uses the {group} `{name}`",
                    "use it in a rule or take it out",
                )


def _repeated(document: Document) -> Iterator[Problem]:
    lists = (
        ("purpose", ("clauses",)),
        ("consent", ("purposes", "clauses")),
        ("category", ("keep_until", "exactly", "clauses")),
        ("recipient", ("countries", "purposes", "hosts", "clauses")),
        ("fact", ("values", "clauses")),
        ("right", ("clauses",)),
        ("setting", ("clauses",)),
        ("statement", ("clauses",)),
    )
    for group, slots in lists:
        for name, each in getattr(document, group).items():
            for slot in slots:
                yield from _twice((group, name, slot), getattr(each, slot))
    for name, category in document.category.items():
        if category.gone_after is not None and isinstance(category.gone_after.stores, list):
            yield from _twice(("category", name, "gone_after", "stores"), category.gone_after.stores)


def _twice(path: Path, words: Sequence[str]) -> Iterator[Problem]:
    if len(words) < 2 or len(set(words)) == len(words):
        return
    seen: set[str] = set()
    for index, word in enumerate(words):
        if word in seen:
            yield Problem((*path, index), "duplicate", f"`{word}` is listed twice", "once is enough")
        seen.add(word)


def _unknown(path: Path, kind: str, name: str, known: Collection[str]) -> Problem:
    return Problem(path, "unknown-name", f"unknown {kind} `{name}`", did_you_mean(name, known))
