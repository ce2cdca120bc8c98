"""Conditions: exactly one question each, that fits the fact; and none that contradicts another.

A contradiction in a permit or a forbid makes a rule that can never apply, and a rule that somebody wrote and
that does nothing is a mistake that nobody would see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gptimage_core.clock import Span
from gptimage_core.policy.document import Condition, Document, Fact, Rule
from gptimage_core.policy.findings import Path, Problem
from gptimage_core.policy.overlays import never_later

__all__ = ["check"]

_KINDS = (
    "fact",
    "consent",
    "not_",
    "signed_in_within",
    "recorded_within",
    "older_than",
    "deleted_within",
    "ended_for",
)
_MOST = 200
"""Conditions of one rule: each is held against each other, and nobody reads a sentence of more."""
_TESTS = ("is_", "is_not", "at_least", "at_most", "passed")
_FITTING: dict[str, tuple[str, ...]] = {
    "text": ("is_", "is_not"),
    "integer": ("is_", "is_not", "at_least", "at_most"),
    "boolean": ("is_",),
    "instant": ("passed",),
}
_PYTHON: dict[str, type] = {"text": str, "integer": int, "boolean": bool}


def check(document: Document) -> Iterator[Problem]:
    for name, fact in document.fact.items():
        yield from _fact(("fact", name), fact)
    for kind, rules in (("permit", document.permit), ("forbid", document.forbid)):
        for name, rule in rules.items():
            when = rule.when
            for index, condition in enumerate(when):
                if isinstance(condition, Condition):
                    yield from _condition((kind, name, "when", index), condition, document.fact)
            if len(when) > 1:
                yield from _together((kind, name, "when"), rule)


def _fact(at: Path, fact: Fact) -> Iterator[Problem]:
    if fact.values and fact.type != "text":
        yield Problem((*at, "values"), "no-meaning", f"`values` lists words; the fact is `{fact.type}`")
    if fact.fresh_for is not None and fact.of != "subject":
        yield Problem(
            (*at, "fresh_for"), "no-meaning", f"a fact of the {fact.of} is read with it and does not grow old"
        )


def _condition(at: Path, condition: Condition, facts: Mapping[str, Fact]) -> Iterator[Problem]:
    kinds = [_key(name) for name in _KINDS if getattr(condition, name) is not None]
    if len(kinds) != 1:
        said = " and ".join(f"`{each}`" for each in kinds) or "nothing"
        yield Problem(at, "exactly-one", f"a condition asks exactly one thing; this one says {said}")
    tests = [name for name in _TESTS if getattr(condition, name) is not None]
    if condition.fact is None and tests:
        yield Problem((*at, _key(tests[0])), "no-meaning", f"`{_key(tests[0])}` stands with `fact` only")
    if condition.given is not None and condition.consent is None:
        yield Problem((*at, "given"), "no-meaning", "`given` stands with `consent` only")
    if condition.fact is None:
        return
    if len(tests) != 1:
        known = ", ".join(f"`{_key(each)}`" for each in _TESTS)
        yield Problem(
            at, "exactly-one", f"a fact is tested exactly once, not {len(tests)} times", f"one of {known}"
        )
    fact = facts.get(condition.fact)
    if fact is not None:
        for test in tests:
            yield from _test(at, test, condition, fact)


def _test(at: Path, test: str, condition: Condition, fact: Fact) -> Iterator[Problem]:
    if test not in _FITTING[fact.type]:
        fitting = " or ".join(f"`{_key(each)}`" for each in _FITTING[fact.type])
        yield Problem(
            (*at, _key(test)),
            "fact-type",
            f"`{_key(test)}` does not fit `{condition.fact}`, which is `{fact.type}`",
            f"use {fitting}",
        )
        return
    if test in ("at_least", "at_most"):
        yield from _number((*at, _key(test)), getattr(condition, test))
    if test not in ("is_", "is_not"):
        return
    values: list[str | int | bool] = getattr(condition, test)
    if not values:
        yield Problem((*at, _key(test)), "empty", f"`{_key(test)}` lists nothing")
    seen: set[object] = set()
    for index, value in enumerate(values):
        here = (*at, _key(test), index)
        if type(value) is not _PYTHON[fact.type]:
            yield Problem(
                here, "fact-type", f"`{value}` does not fit `{condition.fact}`, which is `{fact.type}`"
            )
        elif fact.values and value not in fact.values:
            from_ = ", ".join(f"`{each}`" for each in fact.values)
            yield Problem(here, "unknown-word", f"`{condition.fact}` is never `{value}`", f"one of {from_}")
        yield from _number(here, value)
        if value in seen:
            yield Problem(here, "duplicate", f"`{value}` is listed twice", "once is enough")
        seen.add(value)


def _number(at: Path, value: object) -> Iterator[Problem]:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield Problem(at, "too-big", f"no fact is ever `{value}`: a database's whole numbers have 64 bits")


def _together(at: Path, rule: Rule) -> Iterator[Problem]:
    """Conditions that stand in one rule, where all must hold."""
    when = rule.when
    if len(when) > _MOST:
        yield Problem(
            at, "too-big", f"more than {_MOST} conditions in one rule", "split the rule, or the fact"
        )
        return
    named = [each for each in when if isinstance(each, str)]
    if "always" in named:
        yield Problem(
            (*at, when.index("always")),
            "always-and",
            "`always` stands beside another condition",
            "take it out",
        )
    if len(set(named)) != len(named):
        twice = next(each for each in named if named.count(each) > 1)
        yield Problem(
            (*at, len(when) - 1 - when[::-1].index(twice)), "duplicate", f"`{twice}` is listed twice"
        )
    asked = [(index, each) for index, each in enumerate(when) if isinstance(each, Condition)]
    for index, each in asked:
        if each.not_ is not None and each.not_ in named:
            yield _never((*at, index), f"`{each.not_}` cannot both hold and not hold")
    for position, (_, first) in enumerate(asked):
        for index, second in asked[position + 1 :]:
            if first == second:
                yield Problem(
                    (*at, index), "duplicate", "the same condition is listed twice", "once is enough"
                )
            else:
                why = _contradiction(first, second)
                if why:
                    yield _never((*at, index), why)


def _contradiction(a: Condition, b: Condition) -> str:
    """Why two conditions never hold together; empty when they may."""
    if a.fact is not None and a.fact == b.fact:
        return _facts_contradict(a, b) or _facts_contradict(b, a)
    if a.consent is not None and a.consent == b.consent and (a.given is False) != (b.given is False):
        return f"the consent `{a.consent}` cannot both be given and not be given"
    for first, second in ((a, b), (b, a)):
        if _excludes(first.recorded_within, second.older_than):
            return "a row cannot be younger and older than this at once"
        if _excludes(first.deleted_within, second.ended_for):
            return "the keeping cannot have ended within the one span and for the other"
    return ""


def _excludes(within: Span | None, beyond: Span | None) -> bool:
    return within is not None and beyond is not None and never_later(within, beyond)


def _facts_contradict(a: Condition, b: Condition) -> str:
    fact = a.fact
    if a.is_ is not None and b.is_ is not None and not set(a.is_) & set(b.is_):
        return f"`{fact}` cannot be both"
    if a.is_ is not None and b.is_not is not None and set(a.is_) <= set(b.is_not):
        return f"`{fact}` cannot be what it is not"
    if a.at_least is not None and b.at_most is not None and a.at_least > b.at_most:
        return f"`{fact}` cannot be at least `{a.at_least}` and at most `{b.at_most}`"
    if a.is_ is not None and b.at_least is not None and all(_below(each, b.at_least) for each in a.is_):
        return f"`{fact}` cannot be both"
    if a.is_ is not None and b.at_most is not None and all(_below(b.at_most, each) for each in a.is_):
        return f"`{fact}` cannot be both"
    if a.passed is not None and b.passed is not None and a.passed != b.passed:
        return f"`{fact}` cannot both have passed and not have passed"
    return ""


def _below(low: object, high: object) -> bool:
    return isinstance(low, int) and isinstance(high, int) and low < high


def _never(at: Path, why: str) -> Problem:
    return Problem(
        at,
        "never-applies",
        f"these conditions contradict each other: {why}",
        'all conditions must hold; "or" is a second rule',
    )


def _key(name: str) -> str:
    return name.rstrip("_")
