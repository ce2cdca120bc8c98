"""What would have to be different for a condition to hold, or not to: a change of circumstances.

Some things no circumstance changes: whose a row is, its tenant, when it was recorded, that it or its person
was deleted, the dates of the policy. Waiting can make a span be over; nothing makes it young again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from gptimage_core.clock import Instant
from gptimage_core.decision.conditions import Between, Condition, Elapsed, Flag, OneOf, Passed, Scalar
from gptimage_core.decision.model import Facts, Value

__all__ = ["Change", "applied", "fact_of", "opposite"]

Change: TypeAlias = tuple[Condition, bool]
"""A condition, and whether it is to be known to hold (`True`) or known not to (`False`)."""

_FIXED = frozenset({"deleted", "keep_ended", "recorded"})


def fact_of(condition: Condition) -> tuple[str, str] | None:
    """The level and name of the fact that a change of circumstances would be about; `None`: nothing would."""
    match condition:
        case Flag(fact=fact, level=level) | OneOf(fact=fact, level=level) | Between(fact=fact, level=level):
            return None if fact in _FIXED else (level, fact)
        case Passed(fact=fact, level=level) | Elapsed(fact=fact, level=level):
            return (level, fact)
        case _:
            return None


def applied(change: Change, facts: Facts, now: Instant) -> Facts | None:
    """The facts after the change; `None` where no circumstance brings it about."""
    condition, holds = change
    about = fact_of(condition)
    if about is None:
        return None
    level, fact = about
    value = _value(condition, holds, now)
    if value is None:
        return None
    if level == "access":
        return msgspec.structs.replace(facts, access={**facts.access, fact: value})
    row = facts.row
    if row is None:
        return None
    if level == "row":
        if fact in _FIXED and not _is_waiting(condition, holds, row.values.get(fact), value):
            return None
        return msgspec.structs.replace(
            facts, row=msgspec.structs.replace(row, values={**row.values, fact: value})
        )
    known = [subject for subject in row.subjects if subject is not None]
    if not known:
        return None
    people: dict[str, Mapping[str, Value]] = dict(row.people)
    for subject in known:
        people[subject] = {**people.get(subject, {}), fact: value}
    return msgspec.structs.replace(facts, row=msgspec.structs.replace(row, people=people))


def opposite(condition: Condition) -> Condition | None:
    """What is known to hold exactly when `condition` is known not to, where that is one condition."""
    match condition:
        case Flag(expected=expected) | Passed(expected=expected):
            return msgspec.structs.replace(condition, expected=not expected)
        case OneOf(negated=negated):
            return msgspec.structs.replace(condition, negated=not negated)
        case Elapsed(over=over):
            return msgspec.structs.replace(condition, over=not over)
        case Between(low=int() as low, high=None):
            return msgspec.structs.replace(condition, low=None, high=low - 1)
        case Between(low=None, high=int() as high):
            return msgspec.structs.replace(condition, low=high + 1, high=None)
        case _:
            return None


def _is_waiting(condition: Condition, holds: bool, before: Value, after: Value) -> bool:
    """Making an instant older by waiting: the only change of a fixed instant."""
    return (
        isinstance(condition, Elapsed)
        and condition.over is holds
        and type(before) is int
        and type(after) is int
        and after <= before
    )


def _value(condition: Condition, holds: bool, now: Instant) -> Value:
    match condition:
        case Flag(expected=expected):
            return expected is holds
        case OneOf(values=values, negated=negated):
            return (values[0] if values else None) if negated is not holds else _another(values)
        case Between(low=low, high=high):
            if holds:
                return low if low is not None else high
            return low - 1 if low is not None else None if high is None else high + 1
        case Elapsed(span=span, over=over):
            return span.cutoff(now) if over is holds else now
        case Passed(expected=expected):
            return now if expected is holds else now + 1
        case _:
            return None


def _another(values: tuple[Scalar, ...]) -> Value:
    """A value of the same type that is none of these."""
    if not values:
        return None
    if isinstance(values[0], bool):
        return next((each for each in (True, False) if each not in values), None)
    if isinstance(values[0], int):
        return max(value for value in values if isinstance(value, int)) + 1
    return "".join(value for value in values if isinstance(value, str)) + "_"
