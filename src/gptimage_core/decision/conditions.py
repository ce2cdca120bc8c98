"""Conditions in the form every reading works from: a few shapes, each with a level and a fact.

A document's named and parametrised conditions, and the implied ones, all become one of these shapes when
compiled, so a reading (decide, reference, SQL, prose, formula) handles seven shapes and is complete.

Levels: `access` is known before a row is seen; `subject` is asked of each of the row's people; `row` of the
row. Two questions are asked of a condition, and they are not each other's negation: *is it known to hold*
(permits) and *is it known not to hold* (forbids). INVARIANT (unknown-denies): a missing fact: both no.

For a row with several people a subject-level condition is known to hold when it is for every one of them,
and known not to hold when it is known not to for every one of them; a NULL in one of several subject columns
names nobody and is left out. INVARIANT (nobody-known): of a row with no known person (its table has no
subject column, or all of them are NULL) nothing about a person is known, in both directions, `Own` included.

Built-in facts. Access: `signed_in` (boolean), `signed_in_at` (instant), `ticket_until` (instant),
`job_is_live`, `second_person_approved`, `instrument_covers_it` (booleans), `contract:<recipient>` and
`transfer:<recipient>` are *not* facts: dates stand in the policy and are compared with `now`.
Subject: `consent:<name>`, `objection:<purpose>`, `restricted`, `deleted`, `age_floor_is_met`,
`account_is_active`, `notice_was_given` (booleans), and the product's own.
Row: `recorded`, `keep_ended` (instants), and the product's own.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from gptimage_core.clock import Span

Level: TypeAlias = Literal["access", "subject", "row"]
Scalar: TypeAlias = str | int | bool


class Flag(Struct, frozen=True, tag=True):
    """The boolean fact is `expected`."""

    fact: str
    level: Level
    expected: bool = True


class OneOf(Struct, frozen=True, tag=True):
    """The fact is one of `values` (or, `negated`, is known and is none of them).

    `kinds` names the values' types, so that conditions on `1` and on `true` are not equal, as Python has it.
    """

    fact: str
    level: Level
    values: tuple[Scalar, ...]
    negated: bool = False
    kinds: str = ""


class Between(Struct, frozen=True, tag=True):
    """`low <= fact <= high`; a bound that is `None` is open."""

    fact: str
    level: Level
    low: int | None
    high: int | None


class Elapsed(Struct, frozen=True, tag=True):
    """Time since the instant `fact`: with `over=False` the span is not over at `now`; with `over=True` it is.

    INVARIANT (future-is-unknown): an instant after `now` is a skewed clock's, so neither is known (X5).
    """

    fact: str
    level: Level
    span: Span
    over: bool = False


class Passed(Struct, frozen=True, tag=True):
    """The instant `fact` has passed at `now` (`fact <= now`); with `expected=False` it has not."""

    fact: str
    level: Level
    expected: bool = True


class Empty(Struct, frozen=True, tag=True):
    """The row's instant `fact` is known to be NULL (e.g. `keep_ended`: nothing has ended the keeping)."""

    fact: str
    level: Level = "row"


class Own(Struct, frozen=True, tag=True):
    """The actor is one of the row's subjects. Row level; needs `actor.id`."""

    level: Level = "row"


class SameTenant(Struct, frozen=True, tag=True):
    """The row's tenant is the actor's. Implied in every permit."""

    level: Level = "row"


class Until(Struct, frozen=True, tag=True):
    """Dates of the policy: `since <= now < until` (of a contract or a transfer mechanism). Access level."""

    until: int
    what: str
    level: Level = "access"
    since: int | None = None


class Never(Struct, frozen=True, tag=True):
    """Never holds (e.g. a recipient without contract, or outside its purposes); `why` is words."""

    why: str
    level: Level = "access"


Condition: TypeAlias = Flag | OneOf | Between | Elapsed | Passed | Empty | Own | SameTenant | Until | Never
