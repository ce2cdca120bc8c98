"""Access records as rows: writing them, and reading them back for the person they are about (GDPR 15).

`gp_access_record` holds one row per record with the rows touched as compact JSON; `gp_access_touch` one line
per record and subject (a trigger writes it), so that "who saw my data" is a look-up. What a
person is shown of a record names their own rows only: those of others in the same record are left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from gptimage_core.errors import StoreError
from gptimage_core.ports.records import AccessRecord, Touched
from gptimage_core.store.state import new_id

__all__ = [
    "AccessRecord",
    "Row",
    "Touched",
    "at_once",
    "encode",
    "find",
    "insert",
    "insert_some",
    "new_id",
    "records_about",
]

_COLUMNS = (
    "id, at, tenant, actor_kind, actor, purpose, operation, categories, rules, digest, version, statement,"
    " counts, touched"
)
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# One statement for many rows: between statements the threads pass Python's lock around, and that costs most.
_SIZES = (128, 96, 64, 48, *range(32, 0, -1))
_INSERT = {
    size: f"INSERT INTO gp_access_record ({_COLUMNS}) VALUES {', '.join([_ROW] * size)}"  # noqa: S608
    for size in _SIZES
}

_json = msgspec.json.Encoder(order="deterministic").encode
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_counts = msgspec.json.Decoder(dict[str, int]).decode
_touched = msgspec.json.Decoder(dict[str, tuple[tuple[str, str | None], ...]]).decode


Row: TypeAlias = tuple[object, ...]
"""A record ready to be inserted: its columns in order."""


def encode(record: AccessRecord) -> Row:
    """The record as a row. An id with an `@` in it raises `StoreError`: no email ever stands in the log."""
    touched = _json(record.touched).decode() if record.touched else "{}"
    if "@" in touched or (record.actor is not None and "@" in record.actor):
        raise StoreError("an access record names people by opaque ids, and one of these is an email address")
    return (
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


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Insert the rows in this order, inside the caller's write transaction, numbered in order of commits."""
    if not connection.in_transaction:
        raise StoreError("access records are written inside a write transaction")
    while rows:
        rows = rows[insert_some(connection, rows) :]


def at_once(waiting: int) -> int:
    """How many of the waiting rows one statement takes."""
    return next((size for size in _SIZES if size <= waiting), 0)


def insert_some(connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Insert the first of the rows in one statement; gives how many. Outside of a transaction the statement
    is one of its own: all of them are durable, or none."""
    size = at_once(len(rows))
    if size:
        connection.execute(_INSERT[size], [value for row in rows[:size] for value in row])
    return size


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
