"""What sharing reads and writes in the database: facts of rows now, and refusals.

A trusted path: it reads technical columns and facts of governed rows, never their content.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.decision.model import RowFacts
from gptimage_core.decision.rows import row_facts
from gptimage_core.errors import GuardError
from gptimage_core.policy.binding import DataMap, Table
from gptimage_core.store import denials
from gptimage_core.store.database import Database
from gptimage_core.store.facts import facts_for

__all__ = ["Denials", "RowRef", "Rows", "StoredDenials", "StoredRows"]

_ROLES = frozenset({"key", "subject", "tenant", "recorded", "keep_ended", "collected_under", "link"})


class RowRef(Struct, frozen=True):
    """A governed row: its table and its key."""

    table: str
    key: str


class Rows(Protocol):
    """Contract: the facts of these rows as stored now, with their people's. A missing row is left out."""

    async def __call__(self, refs: Iterable[RowRef], now: Instant, /) -> Mapping[RowRef, RowFacts]: ...


class Denials(Protocol):
    """Contract: keep a refusal in a transaction of its own; an error here is still a refusal."""

    async def __call__(self, denial: denials.Denial, /) -> None: ...


class StoredRows:
    """`Rows` over the core's SQLite database, all of them read in one transaction."""

    def __init__(self, database: Database, datamap: DataMap) -> None:
        self._database = database
        self._datamap = datamap

    async def __call__(self, refs: Iterable[RowRef], now: Instant, /) -> Mapping[RowRef, RowFacts]:
        asked = tuple(dict.fromkeys(refs))

        def read(connection: sqlite3.Connection) -> dict[RowRef, RowFacts]:
            found = ((ref, self._facts(connection, ref, now)) for ref in asked)
            return {ref: facts for ref, facts in found if facts is not None}

        return await self._database.read(read)

    def _facts(
        self, connection: sqlite3.Connection, ref: RowRef, now: Instant, depth: int = 0
    ) -> RowFacts | None:
        table = self._datamap.table(ref.table)
        if table is None:
            raise GuardError(f"`{ref.table}` is not a governed table; share rows of tables in the data map")
        if depth > len(self._datamap.tables):
            raise GuardError(f"the ownership of `{ref.table}` goes round in a circle")
        row = _read(connection, table, ref.key)
        if row is None:
            return None
        parent = None
        if table.via is not None and isinstance(row.get(table.via.column), str):
            parent = self._facts(connection, RowRef(table.via.table, row[table.via.column]), now, depth + 1)
        bare = row_facts(table, row, {}, parent)
        if bare.tenant is None:
            return bare
        people = facts_for(connection, bare.tenant, [s for s in bare.subjects if s is not None], now)
        return row_facts(table, row, people, parent)


class StoredDenials:
    """`Denials` in the core's own table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, denial: denials.Denial, /) -> None:
        await self._database.write(lambda connection: denials.record(connection, denial))


def _read(connection: sqlite3.Connection, table: Table, key: str) -> dict[str, Any] | None:
    names = [column.name for column in table.columns if column.role in _ROLES or column.fact is not None]
    if table.via is not None and table.via.column not in names:
        names.append(table.via.column)
    columns = ", ".join(map(_quoted, names))
    text = f"SELECT {columns} FROM {_quoted(table.name)} WHERE {_quoted(table.key)} = ?"  # noqa: S608 - bound names
    found = connection.execute(text, (key,)).fetchone()
    return None if found is None else dict(zip(names, found, strict=True))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
