"""Overlays: a law, a country or a product laid over a base document. They narrow and never widen.

INVARIANT (overlay-narrows): what the resolved document permits, the base permits. It holds by construction:
an overlay can add prohibitions and conditions, and nothing else reaches a decision; a ceiling may only end
earlier, a right only be answered sooner. Whatever would widen is refused with a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import msgspec

from gptimage_core.clock import Span
from gptimage_core.policy.document import Category, Ceiling, Document, Overlay, RightGrant, Rule
from gptimage_core.policy.findings import Problem, did_you_mean
from gptimage_core.policy.remainder import NOTHING, LeftOut
from gptimage_core.policy.vocabulary import Store

__all__ = ["apply", "never_later", "problems"]


def problems(base: Document, overlay: Overlay, left_out: LeftOut = NOTHING) -> Iterator[Problem]:
    """Why this overlay cannot be laid over this base, from which `left_out` was left out."""
    for group in ("fact", "forbid", "right", "statement"):
        for name in getattr(overlay, group):
            if name in getattr(base, group):
                hint = "hasten it instead: `[hasten.…]`" if group == "right" else "choose another name"
                yield Problem(
                    (group, name), "overlay-replaces", f"the base has `{group}.{name}` already", hint
                )
    for name, narrowing in overlay.narrow.items():
        if name not in base.permit and not left_out.declares("permit", name):
            yield Problem(
                ("narrow", name), "unknown-name", f"unknown permit `{name}`", did_you_mean(name, base.permit)
            )
        if not narrowing.when and not narrowing.then:
            yield Problem(("narrow", name), "empty", f"`narrow.{name}` adds nothing", "add `when` or `then`")
        if "always" in narrowing.when:
            yield Problem(("narrow", name, "when"), "never-narrows", "`always` narrows nothing")
    for name, shortening in overlay.shorten.items():
        category = base.category.get(name)
        if category is not None:
            if category.gone_after is not None:
                yield from _shortens(name, category.gone_after, shortening.gone_after)
        elif not left_out.declares("category", name):
            yield Problem(
                ("shorten", name),
                "unknown-name",
                f"unknown category `{name}`",
                did_you_mean(name, base.category),
            )
    for name, hastening in overlay.hasten.items():
        right = base.right.get(name)
        if right is not None:
            if not never_later(hastening.answer_within, right.answer_within):
                yield Problem(
                    ("hasten", name, "answer_within"),
                    "overlay-widens",
                    f"`{name}` would be answered later than in the base",
                )
        elif not left_out.declares("right", name):
            yield Problem(
                ("hasten", name), "unknown-name", f"unknown right `{name}`", did_you_mean(name, base.right)
            )


def _shortens(name: str, base: Ceiling, new: Ceiling) -> Iterator[Problem]:
    path = ("shorten", name, "gone_after")
    if not never_later(new, base):
        yield Problem(path, "overlay-widens", f"`{name}` could be kept longer than in the base", "shorten it")
    if new.from_ != base.from_:
        # Even an earlier start is refused: a row's instants may stand in any order, and one could end later.
        yield Problem(path, "overlay-widens", f"`{name}` would start its ceiling elsewhere than in the base")
    if _reach(base) - _reach(new):
        yield Problem(path, "overlay-widens", f"`{name}` would leave out stores that the base reaches")
    if base.at_once and not new.at_once:
        yield Problem(path, "overlay-widens", f"`{name}` is gone at once in the base and would not be")


def _reach(ceiling: Ceiling) -> set[str]:
    return set(get_args(Store)) if ceiling.stores == "all" else set(ceiling.stores)


def apply(base: Document, overlay: Overlay) -> Document:
    """The base with the overlay laid over it. Call `problems` first: this does not ask again."""
    permits: dict[str, Rule] = dict(base.permit)
    for name, narrowing in overlay.narrow.items():
        rule = permits[name]
        # `always` stands alone: with a condition beside it, it goes.
        kept = [each for each in rule.when if each != "always"] if narrowing.when else rule.when
        permits[name] = msgspec.structs.replace(
            rule,
            when=[*kept, *(each for each in narrowing.when if each not in kept)],
            then=[*rule.then, *(each for each in narrowing.then if each not in rule.then)],
            clauses=_joined(rule.clauses, narrowing.clauses),
        )
    categories: dict[str, Category] = dict(base.category)
    for name, shortening in overlay.shorten.items():
        category = categories[name]
        categories[name] = msgspec.structs.replace(
            category, gone_after=shortening.gone_after, clauses=_joined(category.clauses, shortening.clauses)
        )
    rights: dict[str, RightGrant] = {**base.right, **overlay.right}
    for name, hastening in overlay.hasten.items():
        right = rights[name]
        rights[name] = msgspec.structs.replace(
            right, answer_within=hastening.answer_within, clauses=_joined(right.clauses, hastening.clauses)
        )
    return msgspec.structs.replace(
        base,
        permit=permits,
        category=categories,
        right=rights,
        forbid=_merged(base.forbid, overlay.forbid),
        fact=_merged(base.fact, overlay.fact),
        statement=_merged(base.statement, overlay.statement),
    )


def never_later(new: Span, old: Span) -> bool:
    """Whether `new`, begun at any instant, is over no later than `old` begun at the same instant."""
    if not new.is_calendar and not old.is_calendar:
        return new.microseconds <= old.microseconds
    if new.is_calendar and old.is_calendar:
        months_new, months_old = new.years * 12 + new.months, old.years * 12 + old.months
        if new.end_of == old.end_of or new.end_of is None:
            return months_new <= months_old
    return new.longest_days() <= _shortest_days(old)


def _shortest_days(span: Span) -> float:
    """A lower bound in days: a month has at least 28, a year at least 365; rounding up may add nothing."""
    if not span.is_calendar:
        return span.longest_days()
    return float(span.years * 365 + span.months * 28)


def _joined(first: list[str], second: list[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def _merged(base: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    return {**base, **added}
