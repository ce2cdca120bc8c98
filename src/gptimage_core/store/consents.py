"""Consents: off until a person turns one on, off for good the moment they turn it off, with the proof kept.

`gp_consent_state` is what decides; `gp_consent_event` is the history that proves it (GDPR 7(1)): what was
switched, when, where, under which version and digest of the policy. Nothing else ever writes a consent:
accepting terms or seeing a notice switches none (S1, X13).
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Value
from gptimage_core.errors import StoreError
from gptimage_core.store.ledger import NegativeLedger
from gptimage_core.store.replay import enact
from gptimage_core.store.state import new_id, set_consent

__all__ = ["Event", "Switch", "give", "history", "switches", "withdraw"]


class Event(NamedTuple):
    """One turn of one switch."""

    id: str
    consent: str
    given: bool
    at: Instant
    policy_version: int
    digest: str
    how: str


class Switch(NamedTuple):
    """How a switch stands, and since when."""

    consent: str
    given: bool
    at: Instant
    policy_version: int


def give(
    connection: sqlite3.Connection,
    tenant: str,
    subject: str,
    consent: str,
    at: Instant,
    *,
    policy_version: int,
    digest: str,
    how: str,
) -> None:
    """Turn a consent on (S17, S19). `how` names the control, e.g. `privacy page`; no content, no email.

    A deleted person cannot consent; an unknown one raises `StoreError`.
    """
    row = connection.execute(
        "SELECT deleted FROM gp_subject_state WHERE tenant = ? AND subject = ?", (tenant, subject)
    ).fetchone()
    if row is None or row[0] != 0:
        raise StoreError(f"subject `{subject}` is not known, or deleted; nobody can consent for them")
    set_consent(connection, tenant, subject, consent, True, at, policy_version)
    connection.execute(
        "INSERT INTO gp_consent_event (id, tenant, subject, consent, given, at, policy_version, digest, how)"
        " VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)",
        (new_id(), tenant, subject, consent, at, policy_version, digest, how),
    )


def withdraw(
    connection: sqlite3.Connection,
    ledger: NegativeLedger,
    tenant: str,
    subject: str,
    consent: str,
    at: Instant,
    *,
    policy_version: int,
    digest: str,
    how: str,
) -> int:
    """Turn a consent off: ledger first, then the caller's commit (X8). Returns the ledger's number.

    It binds the next statement of whatever is running. Withdrawing what was never given is recorded too.
    """
    body: dict[str, Value] = {"consent": consent, "version": policy_version, "digest": digest, "how": how}
    return enact(connection, ledger, "consent_withdrawn", tenant, subject, body, at)


def switches(connection: sqlite3.Connection, tenant: str, subject: str) -> dict[str, Switch]:
    """The switches that were ever touched; one that is missing here is off."""
    rows = connection.execute(
        "SELECT consent, given, at, policy_version FROM gp_consent_state WHERE tenant = ? AND subject = ?",
        (tenant, subject),
    ).fetchall()
    return {name: Switch(name, given == 1, at, version) for name, given, at, version in rows}


def history(connection: sqlite3.Connection, tenant: str, subject: str) -> list[Event]:
    """Every turn of every switch, oldest first: the proof, and part of a person's export."""
    rows = connection.execute(
        "SELECT id, consent, given, at, policy_version, digest, how FROM gp_consent_event"
        " WHERE tenant = ? AND subject = ? ORDER BY at, id",
        (tenant, subject),
    ).fetchall()
    return [Event(id_, consent, given == 1, *rest) for id_, consent, given, *rest in rows]
