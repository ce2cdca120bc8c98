"""All that a decision asks of its facts as one function, which answers with a mask.

A bit of the mask is a condition and how it is asked: of a permit's it is set when the condition is *not known
to hold*, of a forbid's when it is *known not to hold* (unknown-denies, see `answers`). So a mask says all
that a decision depends on, and what follows from it is settled once for each (`decide`).

The function is source text of the fixed lines below, one or two for each condition, because asking ten
conditions by a loop takes twice as long. INVARIANT (no-foreign-source): no word of a policy stands in the
source; facts, values, dates and the less usual conditions are names in the function's globals.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any, TypeAlias

from gptimage_core.clock import Instant
from gptimage_core.decision.answers import Known, People, answer
from gptimage_core.decision.conditions import (
    Condition,
    Elapsed,
    Empty,
    Flag,
    OneOf,
    Own,
    Passed,
    SameTenant,
    Until,
)
from gptimage_core.decision.model import Actor, RowFacts, Value

__all__ = ["Ask", "Question", "asking"]

Question: TypeAlias = tuple[Condition, bool]
"""A condition, and whether a permit asks it (else a forbid does)."""
Ask: TypeAlias = Callable[[Known, RowFacts, Actor, Instant], int]

_HEAD = "def ask(known, row, actor, now):\n mask = 0\n"
_VALUES = " values = row.values\n"
_PEOPLE = " people = tuple([row.people.get(each, nothing) for each in row.subjects if each is not None])\n"
_PERSON = (
    " known_people = row.people\n"
    " subjects = row.subjects\n"
    " if len(subjects) == 1 and (subject := subjects[0]) in known_people:\n"
    "  person = known_people[subject]\n"
    " else:\n"
    "  several = [known_people.get(each, nothing) for each in subjects if each is not None]\n"
    "  person = together(several) if several else nothing\n"
)
_PLACES = {"row": "values", "access": "known", "subject": "person"}
_MISSING = object()


class _Together(dict[str, Value]):
    """What is known, with the same answer, of every one of several people."""

    __slots__ = ("_people",)

    def __init__(self, people: People) -> None:
        self._people = people

    def get(self, fact: str, default: object = None, /) -> Value:
        first, *others = [person.get(fact) for person in self._people]
        return first if all(other is first for other in others) else None


@lru_cache(maxsize=4096)
def asking(questions: tuple[Question, ...]) -> Ask:
    """The function that answers the questions: bit `n` is the answer to question `n`.

    One function for equal questions: what thousands of plans ask alike stays in the processor's cache.
    """
    names: dict[str, Any] = {"missing": _MISSING, "nothing": {}, "together": _Together}
    tests = "".join(
        f" {_test(condition, permits, str(number), names)}: mask |= {1 << number}\n"
        for number, (condition, permits) in enumerate(questions)
    )
    values = _VALUES if "values" in tests else ""
    people = _PEOPLE if "people" in tests else ""
    person = _PERSON if "person" in tests else ""
    exec(_code(f"{_HEAD}{values}{people}{person}{tests} return mask\n"), names)  # noqa: S102  # lines of this module only (no-foreign-source)
    made: Ask = names["ask"]
    return made


@lru_cache(maxsize=1024)
def _code(source: str) -> CodeType:
    """Plans differ in names and values more than in their lines."""
    return compile(source, "<what a plan asks>", "exec")


def _test(condition: Condition, permits: bool, n: str, names: dict[str, Any]) -> str:
    """The test that sets the bit; what it needs is put into `names` under names that end in `n`."""
    match condition:
        case SameTenant() if permits:
            return "if row.tenant != actor.tenant"
        case Own():
            if permits:
                return "if actor.id is None or actor.id not in row.subjects"
            return "if people and actor.id is not None and actor.id not in row.subjects"
        case Flag(fact=fact, expected=expected, level="subject" | "access" as level):
            names[f"fact{n}"] = fact
            value = f"{_PLACES[level]}.get(fact{n})"
            return f"if {value} is not {expected}" if permits else f"if {value} is {not expected}"
        case Empty(fact=fact):
            names[f"fact{n}"] = fact
            default = ", missing" if permits else ""
            return f"if values.get(fact{n}{default}) is not None"
        case Until(until=until, since=since):
            names[f"until{n}"], names[f"since{n}"] = until, since
            return f"if now >= until{n}" + ("" if since is None else f" or now < since{n}")
        case Elapsed(fact=fact, level="row" | "access" as level, span=span, over=over) if (
            not span.is_calendar
        ):
            names[f"span{n}"] = span.microseconds
            elapsed = f"value + span{n} {'>' if over else '<='} now"
            return _instant(f"{_PLACES[level]}.get(fact{n})", fact, permits, elapsed, n, names, "value > now")
        case Passed(fact=fact, level="row" | "access" as level, expected=expected):
            passed = f"value {'>' if expected else '<='} now"
            return _instant(f"{_PLACES[level]}.get(fact{n})", fact, permits, passed, n, names)
        case OneOf(fact=fact, level="row" | "access" as level, values=values, negated=negated) if all(
            type(value) is str for value in values
        ):
            names[f"fact{n}"], names[f"words{n}"] = fact, frozenset(values)
            take = f"(value := {_PLACES[level]}.get(fact{n}))"
            among = f"value {'in' if negated else 'not in'} words{n}"
            return (
                f"if type({take}) is not str or {among}" if permits else f"if type({take}) is str and {among}"
            )
        case _:
            names[f"answer{n}"] = answer(condition)
            given = f"answer{n}(known, row, people, actor, now)"
            return f"if {given} is not True" if permits else f"if {given} is False"


def _instant(
    value: str, fact: str, permits: bool, fails: str, n: str, names: dict[str, Any], unknown: str = ""
) -> str:
    """`fails` tests a known instant; a value that is none, or where `unknown` holds, is not known."""
    names[f"fact{n}"] = fact
    if permits:
        return f"if type(value := {value}) is not int or {fails}" + (f" or {unknown}" if unknown else "")
    return f"if type(value := {value}) is int and {fails}" + (f" and not {unknown}" if unknown else "")
