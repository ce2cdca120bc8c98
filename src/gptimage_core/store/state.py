"""What is known about people, beside the data: plain reads and writes of the state tables.

These functions take a connection inside the caller's transaction and decide nothing. Switching something
*off* for good (withdrawing, objecting, restricting, deleting) goes through `consents` and `subjects`, which
write the ledger first; what is here are the positive or neutral changes, and the people themselves.
"""

from __future__ import annotations

import secrets
import sqlite3
from typing import Literal

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Value
from gptimage_core.errors import StoreError
from gptimage_core.policy.vocabulary import FactType

__all__ = [
    "SUBJECT_FLAGS",
    "create_subject",
    "drop_fact",
    "exists",
    "new_id",
    "purge_subject",
    "set_consent",
    "set_fact",
    "set_flag",
    "set_jurisdiction",
    "set_objection",
]

Flag = Literal["restricted", "age_floor_is_met", "account_is_active", "notice_was_given"]
SUBJECT_FLAGS: tuple[str, ...] = (
    "deleted",
    "restricted",
    "age_floor_is_met",
    "account_is_active",
    "notice_was_given",
)
"""The built-in facts of a person that are columns; 0, 1 or NULL (unknown)."""

_SET_FLAG = {
    flag: f"UPDATE gp_subject_state SET {flag} = ? WHERE tenant = ? AND subject = ?"  # noqa: S608  # from a constant
    for flag in ("restricted", "age_floor_is_met", "account_is_active", "notice_was_given")
}


def new_id() -> str:
    """A random, opaque id: 128 bits, URL-safe text of 22 characters. It says nothing about anybody."""
    return secrets.token_urlsafe(16)


def create_subject(
    connection: sqlite3.Connection,
    tenant: str,
    subject: str,
    at: Instant,
    *,
    age_floor_is_met: bool | None = None,
    account_is_active: bool | None = True,
    notice_was_given: bool | None = None,
    jurisdiction: str | None = None,
) -> None:
    """A new person: not deleted, not restricted, every consent off, no objection (S17, S19).

    What is `None` is unknown and denies (X6). An id that exists raises `StoreError`: ids are random, and a
    tombstone is never revived.
    """
    try:
        connection.execute(
            "INSERT INTO gp_subject_state (tenant, subject, created_at, deleted, restricted,"
            " age_floor_is_met, account_is_active, notice_was_given, jurisdiction)"
            " VALUES (?, ?, ?, 0, 0, ?, ?, ?, ?)",
            (tenant, subject, at, age_floor_is_met, account_is_active, notice_was_given, jurisdiction),
        )
    except sqlite3.IntegrityError as error:
        raise StoreError(f"subject `{subject}` exists already, or its id is empty") from error


def exists(connection: sqlite3.Connection, tenant: str, subject: str) -> bool:
    """Whether the person is known, deleted or not."""
    row = connection.execute(
        "SELECT 1 FROM gp_subject_state WHERE tenant = ? AND subject = ?", (tenant, subject)
    ).fetchone()
    return row is not None


def set_flag(
    connection: sqlite3.Connection, tenant: str, subject: str, flag: Flag, value: bool | None
) -> None:
    """Set a built-in fact; `None` is unknown. `deleted` is not among them: see `subjects.delete`."""
    if connection.execute(_SET_FLAG[flag], (value, tenant, subject)).rowcount != 1:
        raise _unknown(subject)


def set_jurisdiction(
    connection: sqlite3.Connection, tenant: str, subject: str, jurisdiction: str | None
) -> None:
    """Where the person lives, as ISO 3166-1 alpha-2; `None` is unknown: the widest rights (S35)."""
    done = connection.execute(
        "UPDATE gp_subject_state SET jurisdiction = ? WHERE tenant = ? AND subject = ?",
        (jurisdiction, tenant, subject),
    )
    if done.rowcount != 1:
        raise _unknown(subject)


def set_consent(
    connection: sqlite3.Connection,
    tenant: str,
    subject: str,
    consent: str,
    given: bool,
    at: Instant,
    policy_version: int,
) -> None:
    """The switch alone, without proof and without ledger; applications use `consents.give` and `withdraw`."""
    _refuse_unknown(connection, tenant, subject)
    connection.execute(
        "INSERT INTO gp_consent_state (tenant, subject, consent, given, at, policy_version)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (tenant, subject, consent)"
        " DO UPDATE SET given = ?4, at = ?5, policy_version = ?6",
        (tenant, subject, consent, given, at, policy_version),
    )


def set_objection(
    connection: sqlite3.Connection, tenant: str, subject: str, purpose: str, objected: bool, at: Instant
) -> None:
    """The switch alone, without ledger; applications use `subjects.object_to` and `end_objection`."""
    _refuse_unknown(connection, tenant, subject)
    connection.execute(
        "INSERT INTO gp_objection_state (tenant, subject, purpose, objected, at) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (tenant, subject, purpose) DO UPDATE SET objected = ?4, at = ?5",
        (tenant, subject, purpose, objected, at),
    )


def set_fact(
    connection: sqlite3.Connection,
    tenant: str,
    subject: str,
    fact: str,
    type_: FactType,
    value: Value,
    fresh_until: Instant | None = None,
) -> None:
    """A product's own fact about a person; from `fresh_until` on it is unknown again."""
    if fact in SUBJECT_FLAGS or ":" in fact:
        raise StoreError(f"`{fact}` is a built-in fact; it has a column and functions of its own")
    expected = {"text": str, "boolean": bool}.get(type_, int)
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise StoreError(f"fact `{fact}` is declared as {type_}; `{value!r}` is not")
    _refuse_unknown(connection, tenant, subject)
    text, number = (value, None) if type_ == "text" else (None, value)
    connection.execute(
        "INSERT INTO gp_subject_fact (tenant, subject, fact, type, text_value, int_value, fresh_until)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (tenant, subject, fact)"
        " DO UPDATE SET type = ?4, text_value = ?5, int_value = ?6, fresh_until = ?7",
        (tenant, subject, fact, type_, text, number, fresh_until),
    )


def drop_fact(connection: sqlite3.Connection, tenant: str, subject: str, fact: str) -> None:
    """Make a fact unknown again."""
    connection.execute(
        "DELETE FROM gp_subject_fact WHERE tenant = ? AND subject = ? AND fact = ?", (tenant, subject, fact)
    )


def purge_subject(connection: sqlite3.Connection, tenant: str, subject: str) -> bool:
    """Remove a tombstone whose time is over, with its switches and facts; a living person is refused (S29).

    The history of consents is proof with a retention of its own and stays.
    """
    row = connection.execute(
        "SELECT deleted FROM gp_subject_state WHERE tenant = ? AND subject = ?", (tenant, subject)
    ).fetchone()
    if row is None:
        return False
    if row[0] != 1:
        raise StoreError(f"subject `{subject}` is not deleted; only a tombstone may be purged")
    connection.execute("DELETE FROM gp_subject_state WHERE tenant = ? AND subject = ?", (tenant, subject))
    return True


def _unknown(subject: str) -> StoreError:
    return StoreError(f"subject `{subject}` is not known; create it first")


def _refuse_unknown(connection: sqlite3.Connection, tenant: str, subject: str) -> None:
    if not exists(connection, tenant, subject):
        raise _unknown(subject)
