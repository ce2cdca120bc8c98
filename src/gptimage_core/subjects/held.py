"""What the core's own tables hold about a person: their state, switches, history, records, refusals (S36).

These tables are the core's declared trusted path; whoever reads them here has asked the policy first, by the
categories that each section names. X3: a record names the role of whoever looked, never the employee.
"""

from __future__ import annotations

import sqlite3
from typing import Any, TypeAlias

from msgspec import Struct

from gptimage_core.accesslog.records import AccessRecord, records_about
from gptimage_core.policy.binding import Table
from gptimage_core.policy.vocabulary import IDENTIFIER
from gptimage_core.store.schema import own_tables

__all__ = ["RECORDS", "Row", "Section", "looked_at", "read", "sections"]

Row: TypeAlias = dict[str, Any]

RECORDS = "access_records"
"""The section of the records about a person; own visits have a category of their own in some policies."""

_OWN_RECORD = "own_access_record"
_NAMES = {
    "gp_subject_state": "account_state",
    "gp_subject_fact": "account_facts",
    "gp_consent_state": "consents",
    "gp_consent_event": "consent_history",
    "gp_objection_state": "objections",
    "gp_access_record": RECORDS,
    "gp_denial": "denials",
}
_REASONS_OF_OURS = frozenset({"ledger_seq", "file", "line", "column_", "nearest", "reason"})
"""Technical columns that say nothing about the person; a refusal's reason is for operators, by its id."""


class Section(Struct, frozen=True):
    """One own table as people get it: `columns` with the category of each, `categories` all of them."""

    name: str
    table: Table
    columns: tuple[tuple[str, str], ...]

    @property
    def categories(self) -> tuple[str, ...]:
        own = (_OWN_RECORD,) if self.name == RECORDS else ()
        return tuple(dict.fromkeys((*(c for _, c in self.columns if c != IDENTIFIER), *own)))


def sections() -> tuple[Section, ...]:
    """Every own table that holds something about people; a new one without a name here raises `KeyError`."""
    return tuple(
        Section(
            _NAMES[table.name],
            table,
            tuple((c.name, c.category) for c in table.columns if c.name not in _REASONS_OF_OURS),
        )
        for table in own_tables()
        if table.name != "gp_access_touch"  # the index from people to their records
    )


def read(
    connection: sqlite3.Connection,
    section: Section,
    permitted: frozenset[str],
    tenant: str,
    subject: str,
    after: int,
    limit: int,
) -> tuple[list[Row], int | None]:
    """A page of a section: rows with the columns of permitted categories, and where the next page begins.

    `after` is 0 for the first page, then what the last one gave.
    """
    if section.name == RECORDS:
        before = after or None
        found = records_about(connection, tenant, subject, limit=limit, before=before)
        rows = [
            looked_at(record, subject)
            for _, record in found
            if (_OWN_RECORD if record.actor == subject else "access_record") in permitted
        ]
        return rows, found[-1][0] if len(found) == limit else None
    names = [name for name, category in section.columns if category in permitted or category == IDENTIFIER]
    where = "tenant = ? AND subject = ?"
    if section.name == "denials":
        where = "tenant = ? AND actor_kind = 'subject' AND actor = ?"
    order = ", ".join(c.name for c in section.table.columns if c.role in ("recorded", "key")) or "2"
    text = f"SELECT {', '.join(names)} FROM {section.table.name} WHERE {where}"  # noqa: S608 - own constants
    rows_found = connection.execute(
        f"{text} ORDER BY {order} LIMIT ? OFFSET ?", (tenant, subject, limit, after)
    ).fetchall()
    rows = [dict(zip(names, row, strict=True)) for row in rows_found]
    return rows, after + limit if len(rows) == limit else None


def looked_at(record: AccessRecord, subject: str) -> Row:
    """A record as the person sees it: role, purpose, rule, instant and their own rows; no name of others."""
    return {
        "id": record.id,
        "at": record.at,
        "who": "you" if record.actor == subject else record.actor_kind,
        "purpose": record.purpose,
        "operation": record.operation,
        "categories": list(record.categories),
        "rules": list(record.rules),
        "policy_version": record.version,
        "digest": record.digest,
        "rows": {table: [key for key, _ in rows] for table, rows in record.touched.items()},
    }
