"""Refused accesses, recorded in a transaction of their own, so that a refusal can be explained by its id.

People get a neutral sentence with the id; operators get rule, clause, file and line. No content, no email:
actors are opaque ids, and nothing of the row or the statement is kept.
"""

from __future__ import annotations

import sqlite3

import msgspec

from gptimage_core.clock import Instant
from gptimage_core.store.state import new_id

__all__ = ["Denial", "lookup", "new_id", "record"]

_COLUMNS = (
    "id, at, tenant, actor_kind, actor, purpose, operation, category, recipient, rule, clauses, file, line,"
    " column_, nearest, reason, digest, version"
)


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """One refusal. `rule` is the forbid that fired, None where no permit held: `nearest` says what would.

    `reason` is words for operators; `file:line:column` is where the deciding rule stands in the policy.
    """

    id: str
    at: Instant
    tenant: str
    actor_kind: str
    actor: str | None
    purpose: str
    operation: str
    category: str
    reason: str
    digest: str
    version: int
    recipient: str | None = None
    rule: str | None = None
    clauses: tuple[str, ...] = ()
    file: str | None = None
    line: int | None = None
    column: int | None = None
    nearest: str | None = None


def record(connection: sqlite3.Connection, denial: Denial) -> str:
    """Keep the refusal; returns its id. Recording the same id twice keeps the first."""
    row = (
        denial.id,
        denial.at,
        denial.tenant,
        denial.actor_kind,
        denial.actor,
        denial.purpose,
        denial.operation,
        denial.category,
        denial.recipient,
        denial.rule,
        msgspec.json.encode(denial.clauses).decode(),
        denial.file,
        denial.line,
        denial.column,
        denial.nearest,
        denial.reason,
        denial.digest,
        denial.version,
    )
    connection.execute(
        f"INSERT OR IGNORE INTO gp_denial ({_COLUMNS}) VALUES ({', '.join('?' * len(row))})",  # noqa: S608
        row,
    )
    return denial.id


def lookup(connection: sqlite3.Connection, id: str) -> Denial | None:
    """The refusal with this id, or None."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM gp_denial WHERE id = ?", (id,)).fetchone()  # noqa: S608
    if row is None:
        return None
    names = [name.strip().rstrip("_") for name in _COLUMNS.split(",")]
    values = dict(zip(names, row, strict=True))
    values["clauses"] = tuple(msgspec.json.decode(values["clauses"], type=list[str]))
    return Denial(**values)
