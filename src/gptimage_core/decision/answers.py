"""Each shape of condition as a function that answers yes, no or unknown. Nothing else evaluates a shape.

INVARIANT (unknown-denies): the answer is `True` when the condition is known to hold, `False` when it is known
not to, `None` otherwise. A permit needs `True` of every condition; a forbid fires unless one is `False`. A
value of the wrong type is unknown: `1` is not `true`, text is not a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, assert_never

from gptimage_core.clock import Instant
from gptimage_core.decision.conditions import (
    Between,
    Condition,
    Elapsed,
    Empty,
    Flag,
    Never,
    OneOf,
    Own,
    Passed,
    SameTenant,
    Until,
)
from gptimage_core.decision.model import Actor, RowFacts, Value

__all__ = ["Answer", "Known", "People", "answer"]

Known: TypeAlias = Mapping[str, Value]
People: TypeAlias = Sequence[Known]
"""The subject-level facts of each known person of the row; empty when nobody is known (nobody-known)."""
Answer: TypeAlias = Callable[[Known, RowFacts, People, Actor, Instant], bool | None]
_Judge: TypeAlias = Callable[[Value, Instant], bool | None]

_FIRST_YEAR, _LAST_YEAR = -62_135_596_800_000_000, 253_370_764_800_000_000
"""Years 1 and 9999 in microseconds: no calendar arithmetic outside them."""


def answer(condition: Condition) -> Answer:
    """The function that answers `condition` from facts about access, row, people, and from actor and now."""
    match condition:
        case Own():
            return _own
        case SameTenant():
            return _same_tenant
        case Never():
            return _never
        case Until(until=until, since=since):
            return _until(until, since)
        case Empty(fact=fact):
            return _empty(fact)
        case Flag(fact=fact, level=level):
            return _at(level, fact, _flag(condition))
        case OneOf(fact=fact, level=level):
            return _at(level, fact, _one_of(condition))
        case Between(fact=fact, level=level):
            return _at(level, fact, _between(condition))
        case Elapsed(fact=fact, level=level):
            return _at(level, fact, _elapsed(condition))
        case Passed(fact=fact, level=level):
            return _at(level, fact, _passed(condition))
        case _:
            assert_never(condition)


def _own(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
    """S7: the actor is one of the row's known people."""
    if actor.id is None or not people:
        return None
    return actor.id in row.subjects


def _same_tenant(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
    return None if row.tenant is None else row.tenant == actor.tenant


def _never(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
    return False


def _until(until: Instant, since: Instant | None) -> Answer:
    def asked(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
        return now < until and (since is None or since <= now)

    return asked


def _empty(fact: str) -> Answer:
    def asked(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
        values = row.values
        return values[fact] is None if fact in values else None

    return asked


def _at(level: str, fact: str, judge: _Judge) -> Answer:
    def of_access(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
        return judge(known.get(fact), now)

    def of_row(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
        return judge(row.values.get(fact), now)

    def of_people(known: Known, row: RowFacts, people: People, actor: Actor, now: Instant) -> bool | None:
        if len(people) == 1:
            return judge(people[0].get(fact), now)
        answers = {judge(person.get(fact), now) for person in people}
        return answers.pop() if len(answers) == 1 else None

    return {"access": of_access, "row": of_row, "subject": of_people}[level]


def _flag(condition: Flag) -> _Judge:
    expected = condition.expected
    return lambda value, now: (value is expected) if value is True or value is False else None


def _one_of(condition: OneOf) -> _Judge:
    kinds = {type(value) for value in condition.values}
    values = {(type(value), value) for value in condition.values}
    negated = condition.negated

    def judge(value: Value, now: Instant) -> bool | None:
        kind = type(value)
        return (((kind, value) in values) is not negated) if kind in kinds else None

    return judge


def _between(condition: Between) -> _Judge:
    low, high = condition.low, condition.high

    def judge(value: Value, now: Instant) -> bool | None:
        if type(value) is not int:
            return None
        return (low is None or low <= value) and (high is None or value <= high)

    return judge


def _elapsed(condition: Elapsed) -> _Judge:
    span, over = condition.span, condition.over
    length = span.microseconds

    def by_length(value: Value, now: Instant) -> bool | None:
        if type(value) is not int or value > now:
            return None
        return (value + length <= now) is over

    def by_calendar(value: Value, now: Instant) -> bool | None:
        if type(value) is not int or value > now:
            return None
        if value > _LAST_YEAR:
            return None
        return (value < _FIRST_YEAR or span.after(value) <= now) is over

    return by_calendar if span.is_calendar else by_length


def _passed(condition: Passed) -> _Judge:
    expected = condition.expected
    return lambda value, now: ((value <= now) is expected) if type(value) is int else None
