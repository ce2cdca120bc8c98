"""A person's negative decisions and what ends them: deletion, restriction, objection (S32, S37).

Taking one is written to the ledger before it is committed (X8). Ending a restriction or an objection is a
positive decision and stands in the data only: a restore may bring the negative one back, never lose it.
"""

from __future__ import annotations

import sqlite3

from gptimage_core.clock import Instant
from gptimage_core.store.ledger import NegativeLedger
from gptimage_core.store.replay import enact
from gptimage_core.store.state import set_flag, set_objection

__all__ = ["delete", "end_objection", "end_restriction", "object_to", "restrict"]


def delete(
    connection: sqlite3.Connection,
    ledger: NegativeLedger,
    tenant: str,
    subject: str,
    at: Instant,
) -> int:
    """Put the tombstone: from the commit on, nothing of the person is served (`deleted` is known True).

    `at` is the moment of the click (T0). What erases the data itself is the erasure's saga.
    """
    return enact(connection, ledger, "account_deleted", tenant, subject, {}, at)


def restrict(
    connection: sqlite3.Connection, ledger: NegativeLedger, tenant: str, subject: str, at: Instant
) -> int:
    """Restrict processing to storage (GDPR 18); the person's own rights go on (X10)."""
    return enact(connection, ledger, "restriction", tenant, subject, {}, at)


def end_restriction(connection: sqlite3.Connection, tenant: str, subject: str) -> None:
    """The person lifts their restriction."""
    set_flag(connection, tenant, subject, "restricted", False)


def object_to(
    connection: sqlite3.Connection,
    ledger: NegativeLedger,
    tenant: str,
    subject: str,
    purpose: str,
    at: Instant,
) -> int:
    """Object to a purpose (GDPR 21)."""
    return enact(connection, ledger, "objection", tenant, subject, {"purpose": purpose}, at)


def end_objection(
    connection: sqlite3.Connection, tenant: str, subject: str, purpose: str, at: Instant
) -> None:
    """The person takes an objection back."""
    set_objection(connection, tenant, subject, purpose, False, at)
