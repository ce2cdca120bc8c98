"""What each negative decision of the core does to its own tables. Repeating one changes nothing (X8).

Only rows that exist are touched: a person whom an older copy of the data does not know has no data there,
and an unknown person's facts are unknown, which denies.
"""

from __future__ import annotations

import sqlite3

from gptimage_core.errors import StoreError
from gptimage_core.store.ledger import Entry, Handler

__all__ = ["BUILT_IN"]


def _text(entry: Entry, name: str) -> str:
    value = entry.body.get(name)
    if not isinstance(value, str):
        raise StoreError(f"ledger entry {entry.seq} (`{entry.kind}`) lacks `{name}`")
    return value


def _number(entry: Entry, name: str, default: int = 0) -> int:
    value = entry.body.get(name, default)
    return value if isinstance(value, int) else default


def _known(connection: sqlite3.Connection, entry: Entry) -> bool:
    row = connection.execute(
        "SELECT 1 FROM gp_subject_state WHERE tenant = ? AND subject = ?", (entry.tenant, entry.subject)
    ).fetchone()
    return row is not None


def _consent_withdrawn(connection: sqlite3.Connection, entry: Entry) -> None:
    if not _known(connection, entry):
        return
    consent, version = _text(entry, "consent"), _number(entry, "version")
    connection.execute(
        "INSERT INTO gp_consent_state (tenant, subject, consent, given, at, policy_version, ledger_seq)"
        " VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6) ON CONFLICT (tenant, subject, consent)"
        " DO UPDATE SET given = 0, at = ?4, policy_version = ?5, ledger_seq = ?6",
        (entry.tenant, entry.subject, consent, entry.at, version, entry.seq),
    )
    # The event's id is the entry's: a replay does not write the history twice.
    connection.execute(
        "INSERT OR IGNORE INTO gp_consent_event"
        " (id, tenant, subject, consent, given, at, policy_version, digest, how, ledger_seq)"
        " VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
        (
            f"ledger-{entry.seq}-{entry.at}",
            entry.tenant,
            entry.subject,
            consent,
            entry.at,
            version,
            str(entry.body.get("digest") or ""),
            str(entry.body.get("how") or ""),
            entry.seq,
        ),
    )


def _objection(connection: sqlite3.Connection, entry: Entry) -> None:
    if not _known(connection, entry):
        return
    connection.execute(
        "INSERT INTO gp_objection_state (tenant, subject, purpose, objected, at, ledger_seq)"
        " VALUES (?1, ?2, ?3, 1, ?4, ?5) ON CONFLICT (tenant, subject, purpose)"
        " DO UPDATE SET objected = 1, at = ?4, ledger_seq = ?5",
        (entry.tenant, entry.subject, _text(entry, "purpose"), entry.at, entry.seq),
    )


def _restriction(connection: sqlite3.Connection, entry: Entry) -> None:
    connection.execute(
        "UPDATE gp_subject_state SET restricted = 1, ledger_seq = ? WHERE tenant = ? AND subject = ?",
        (entry.seq, entry.tenant, entry.subject),
    )


def _account_deleted(connection: sqlite3.Connection, entry: Entry) -> None:
    """The tombstone. Nothing a person had switched on outlives them; the first deletion's instant stays."""
    person = (entry.tenant, entry.subject)
    connection.execute(
        "UPDATE gp_subject_state SET deleted = 1, deleted_at = coalesce(deleted_at, ?),"
        " account_is_active = 0, ledger_seq = ? WHERE tenant = ? AND subject = ?",
        (entry.at, entry.seq, *person),
    )
    connection.execute(
        "UPDATE gp_consent_state SET given = 0, at = ?, ledger_seq = ?"
        " WHERE tenant = ? AND subject = ? AND given = 1",
        (entry.at, entry.seq, *person),
    )


def _ledger_lost(connection: sqlite3.Connection, entry: Entry) -> None:
    """X8: where the ledger is missing, every consent resumes off. The history says why, person by person."""
    connection.execute(
        "INSERT OR IGNORE INTO gp_consent_event"
        " (id, tenant, subject, consent, given, at, policy_version, digest, how, ledger_seq)"
        " SELECT lower(hex(randomblob(16))), tenant, subject, consent, 0, ?1, policy_version, '',"
        " 'ledger lost', ?2 FROM gp_consent_state WHERE given = 1",
        (entry.at, entry.seq),
    )
    connection.execute(
        "UPDATE gp_consent_state SET given = 0, at = ?, ledger_seq = ? WHERE given = 1", (entry.at, entry.seq)
    )


BUILT_IN: dict[str, Handler] = {
    "consent_withdrawn": _consent_withdrawn,
    "objection": _objection,
    "restriction": _restriction,
    "account_deleted": _account_deleted,
    "ledger_lost": _ledger_lost,
}
"""The core's own part; an application's handlers for the same kind run after it."""
