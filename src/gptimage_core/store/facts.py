"""What a decision may know about people, read from the state tables inside the statement's transaction.

INVARIANT (state-facts): what a person's facts are, here and in the SQL reading alike:
- a person without a row in `gp_subject_state` (in this tenant) has no facts at all: all unknown (X6)
- `deleted`, `restricted`, `age_floor_is_met`, `account_is_active`, `notice_was_given` are the row's columns;
  NULL is unknown and the key is missing
- `consent:<name>`: known for every known person; true with a row that says given, false with one that says
  not, and false without one (off until given: S17, S19)
- `objection:<purpose>`: known for every known person; false without a row that says objected
- a product's own fact: the row's value while `fresh_until` is NULL or `now < fresh_until`, else unknown
The readings' name for the third and fourth is never-asked-is-no. Foreign keys hold that a switch or a fact
never exists without its person, so that a SELECT on one table cannot disagree with the rule.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import TypeVar, overload

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Value
from gptimage_core.store.state import SUBJECT_FLAGS

__all__ = ["Person", "facts_for"]

_D = TypeVar("_D")
_ASKED_AT_ONCE = 500


class Person(dict[str, Value]):
    """The facts of one known person; every consent and objection that is not here is known to be False."""

    @overload
    def get(self, key: str, default: None = None, /) -> Value: ...
    @overload
    def get(self, key: str, default: Value, /) -> Value: ...
    @overload
    def get(self, key: str, default: _D, /) -> Value | _D: ...
    def get(self, key: str, default: object = None, /) -> object:
        if dict.__contains__(self, key):
            return dict.__getitem__(self, key)
        return False if _is_switch(key) else default

    def __missing__(self, key: str) -> Value:
        if _is_switch(key):
            return False
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or (isinstance(key, str) and _is_switch(key))


def _is_switch(key: str) -> bool:
    return key.startswith(("consent:", "objection:"))


def facts_for(
    connection: sqlite3.Connection, tenant: str, subjects: Iterable[str], now: Instant
) -> Mapping[str, Mapping[str, Value]]:
    """Per known person, their facts by the names of `decision.conditions`; unknown people are not in it.

    Four look-ups by primary key for up to 500 people at a time.
    """
    people: dict[str, Mapping[str, Value]] = {}
    asked = list(dict.fromkeys(subjects))
    for start in range(0, len(asked), _ASKED_AT_ONCE):
        _read(connection, tenant, asked[start : start + _ASKED_AT_ONCE], now, people)
    return people


def _read(
    connection: sqlite3.Connection,
    tenant: str,
    subjects: list[str],
    now: Instant,
    people: dict[str, Mapping[str, Value]],
) -> None:
    # Only the number of placeholders varies; padding it to a power of two keeps few statements in the cache.
    count = 1 << (len(subjects) - 1).bit_length()
    asked = (tenant, *subjects, *([None] * (count - len(subjects))))
    where = f"WHERE tenant = ? AND subject IN ({', '.join('?' * count)})"
    found: dict[str, Person] = {}
    columns = ", ".join(SUBJECT_FLAGS)
    for subject, *flags in connection.execute(
        f"SELECT subject, {columns} FROM gp_subject_state {where}",  # noqa: S608  # constants and placeholders
        asked,
    ):
        found[subject] = Person(
            (name, value == 1) for name, value in zip(SUBJECT_FLAGS, flags, strict=True) if value is not None
        )
    for table, name, flag in (
        ("gp_consent_state", "consent", "given"),
        ("gp_objection_state", "purpose", "objected"),
    ):
        prefix = "objection" if name == "purpose" else name
        for subject, key, value in connection.execute(
            f"SELECT subject, {name}, {flag} FROM {table} {where}",  # noqa: S608  # constants and placeholders
            asked,
        ):
            found[subject][f"{prefix}:{key}"] = value == 1
    for subject, fact, type_, text, number in connection.execute(
        f"SELECT subject, fact, type, text_value, int_value FROM gp_subject_fact {where}"  # noqa: S608
        " AND (fresh_until IS NULL OR fresh_until > ?)",
        (*asked, now),
    ):
        found[subject][fact] = text if type_ == "text" else (number == 1 if type_ == "boolean" else number)
    people.update(found)
