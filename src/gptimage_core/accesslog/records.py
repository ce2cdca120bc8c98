"""Access records as rows: writing them, and reading them back for the person they are about (GDPR 15).

`gp_access_record` holds one row per record with the rows touched as compact JSON; `gp_access_touch` one line
per record and subject, so that "who saw my data" is a look-up. What a person is shown of a record names
their own rows only: those of others in the same record are left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from gptimage_core.errors import StoreError
from gptimage_core.ports.records import AccessRecord, Touched
from gptimage_core.store.state import new_id

__all__ = ["AccessRecord", "Row", "Touched", "encode", "find", "insert", "new_id", "records_about"]

_COLUMNS = (
    "id, at, tenant, actor_kind, actor, purpose, operation, categories, rules, digest, version, statement,"
    " counts, touched"
)
_INSERT = (
    f"INSERT INTO gp_access_record (seq, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
)
_TOUCH = "INSERT INTO gp_access_touch (tenant, subject, record) VALUES (?, ?, ?)"

_json = msgspec.json.Encoder(order="deterministic").encode
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_counts = msgspec.json.Decoder(dict[str, int]).decode
_touched = msgspec.json.Decoder(dict[str, tuple[tuple[str, str | None], ...]]).decode


class Row(NamedTuple):
    """A record ready to be inserted: its columns, and the subjects that get a line each."""

    columns: tuple[object, ...]
    tenant: str
    subjects: tuple[str, ...]


def encode(record: AccessRecord) -> Row:
    """The record as a row. An id with an `@` in it raises `StoreError`: no email ever stands in the log."""
    touched = _json(record.touched).decode() if record.touched else "{}"
    if "@" in touched or (record.actor is not None and "@" in record.actor):
        raise StoreError("an access record names people by opaque ids, and one of these is an email address")
    columns = (
        record.id,
        record.at,
        record.tenant,
        record.actor_kind,
        record.actor,
        record.purpose,
        record.operation,
        _json(record.categories).decode(),
        _json(record.rules).decode(),
        record.digest,
        record.version,
        record.statement,
        _json(record.counts).decode() if record.counts else "{}",
        touched,
    )
    people = {subject: None for rows in record.touched.values() for _, subject in rows if subject is not None}
    return Row(columns, record.tenant, tuple(people))


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Insert the rows in this order, inside the caller's write transaction, numbered in order of commits."""
    if not connection.in_transaction:
        raise StoreError("access records are written inside a write transaction")
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'gp_access_record'").fetchone()
    first = 1 if found is None else int(found[0]) + 1
    connection.executemany(_INSERT, [(first + n, *row.columns) for n, row in enumerate(rows)])
    touches = [(row.tenant, subject, first + n) for n, row in enumerate(rows) for subject in row.subjects]
    if touches:
        connection.executemany(_TOUCH, touches)


def find(connection: sqlite3.Connection, id: str) -> AccessRecord | None:
    """The record with this id, or None."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM gp_access_record WHERE id = ?", (id,)).fetchone()  # noqa: S608
    return None if row is None else _decode(row)


def records_about(
    connection: sqlite3.Connection, tenant: str, subject: str, *, limit: int = 1000, before: int | None = None
) -> list[tuple[int, AccessRecord]]:
    """The records that touched this person's data, newest first, each with its number (for the next page).

    `before` continues after a page: the number of its last record. Rows of other people are left out.
    """
    rows = connection.execute(
        f"SELECT r.seq, {_COLUMNS.replace('tenant', 'r.tenant')} FROM gp_access_touch AS t"  # noqa: S608
        " JOIN gp_access_record AS r ON r.seq = t.record"
        " WHERE t.tenant = ? AND t.subject = ? AND t.record < ? ORDER BY t.record DESC LIMIT ?",
        (tenant, subject, (1 << 62) if before is None else before, limit),
    ).fetchall()
    return [(seq, _about(_decode(row), subject)) for seq, *row in rows]


_Stored: TypeAlias = Sequence[object]


def _decode(row: _Stored) -> AccessRecord:
    names = [name.strip() for name in _COLUMNS.split(",")]
    values = dict(zip(names, row, strict=True))
    values["categories"] = _names(str(values["categories"]))
    values["rules"] = _names(str(values["rules"]))
    values["counts"] = _counts(str(values["counts"]))
    values["touched"] = _touched(str(values["touched"]))
    return msgspec.convert(values, AccessRecord)


def _about(record: AccessRecord, subject: str) -> AccessRecord:
    touched = {
        table: mine
        for table, rows in record.touched.items()
        if (mine := tuple(r for r in rows if r[1] == subject))
    }
    return msgspec.structs.replace(
        record, touched=touched, counts={table: len(rows) for table, rows in touched.items()}
    )
