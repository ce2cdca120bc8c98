"""Foreign keys that a statement writes, resolved through the governed table before the database asks.

INVARIANT (foreign-key-is-a-read): a foreign key is written only to a row that the access may read. A row that
is missing and one that is hidden run the same statements and give the same error, `Conflict`; a constraint
that is deferred to the commit is no way around (so a child that comes before its parent is refused as well).
A row that is saved whole may keep the foreign key that it has, whatever has become of the other row.

A column that references a table which is not governed is left to the database.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gptimage_core.errors import Conflict
from gptimage_core.guard.params import Binder, Values
from gptimage_core.guard.sqlite.ring import Ring
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.profile import Profile
from gptimage_core.guard.statements.render import quote
from gptimage_core.guard.statements.shadow import Shadows
from gptimage_core.guard.statements.shaped import Assignment, Text
from gptimage_core.policy.binding import Column, Table

__all__ = ["References"]


class References:
    """The foreign keys among the columns that one statement writes. Made once per statement and view."""

    __slots__ = ("_changed", "_found", "_lost", "_ring", "_target")

    def __init__(
        self, target: Table, columns: Iterable[str], profile: Profile, catalog: Catalog, ring: Ring
    ) -> None:
        self._target = target
        self._ring = ring
        self._found: dict[str, Binder | None] = {}
        """Per column: whether the row that an argument names may be read; `None`: none may."""
        self._lost: dict[str, Binder | None] = {}
        """Per column: a row, of those whose keys are given, that now names one which may not be read."""
        self._changed: dict[str, str] = {}
        """Per column: a row, of those whose keys are given, that names another one than the argument."""
        for name in columns:
            column = target.column(name)
            if column is not None and column.references is not None and catalog.entry(column.references):
                self._add(column, column.references, profile, catalog)

    def __bool__(self) -> bool:
        return bool(self._found)

    def _add(self, column: Column, references: str, profile: Profile, catalog: Catalog) -> None:
        entry = catalog.entry(references)
        assert entry is not None
        table, name, key = quote(self._target.name), quote(column.name), quote(self._target.key)
        rows = f"FROM main.{table} WHERE {key} IN (SELECT value FROM json_each({{}}))"  # noqa: S608  # quoted names
        self._changed[column.name] = f"SELECT 1 {rows.format('?1')} AND {name} IS NOT ?2 LIMIT 1"
        self._found[column.name] = self._lost[column.name] = None
        access = profile.tables.get(entry.name)
        if access is None or access.rows is None:
            return
        shadows = Shadows(profile, catalog)
        chosen = shadows.select(
            entry, access, {column.referenced or entry.key}, (access.rows,), flagged=False
        )
        secret, last = shadows.secret(entry, "f"), f"?{len(shadows.params) + 1}"
        named, front = quote(column.referenced or entry.key), f"WITH {secret} AS ({chosen}) SELECT 1 "
        found = f"{front}FROM {secret} WHERE {named} = {last} LIMIT 1"
        there = f'SELECT 1 FROM {secret} AS "gp:f" WHERE "gp:f".{named} = {table}.{name}'  # noqa: S608  # quoted names
        lost = f"{front}{rows.format(last)} AND {name} IS NOT NULL AND NOT EXISTS ({there}) LIMIT 1"
        self._found[column.name] = Binder(Text(found, tuple(shadows.params), (0,)))
        self._lost[column.name] = Binder(Text(lost, tuple(shadows.params), (0,)))

    def check_new(self, connection: sqlite3.Connection, values: Values, row: Mapping[str, Any]) -> None:
        """The row that is to be inserted; raises `Conflict`. It may name itself."""
        for name in self._found:
            value = row[name]
            if value is not None and not self._may_read(connection, values, name, value):
                own, column = row.get(self._target.key), self._target.column(name)
                itself = column is not None and column.references == self._target.name
                if own is None or not itself or str(own) != str(value):
                    raise Conflict

    def check_before(
        self,
        connection: sqlite3.Connection,
        values: Values,
        assignments: Iterable[Assignment],
        args: Sequence[Any],
        keys: Sequence[str],
    ) -> list[str]:
        """What SET takes from arguments, for the rows `keys`; raises `Conflict`. The columns that it computes
        are given back: ask `check_after` of them."""
        left: list[str] = []
        for assignment in assignments:
            name, at = assignment.column, assignment.placeholder
            if name not in self._found:
                continue
            if at is None:
                left.append(name)
            elif args[at] is not None and not self._may_read(connection, values, name, args[at]):
                asked = (json.dumps(list(keys)), args[at])
                with self._ring.own_texts(connection):
                    if connection.execute(self._changed[name], asked).fetchone() is not None:
                        raise Conflict
        return left

    def check_after(
        self, connection: sqlite3.Connection, values: Values, columns: Iterable[str], keys: Sequence[str]
    ) -> None:
        """What was computed for the rows `keys`; raises `Conflict`, and the caller undoes the statement."""
        for name in columns:
            lost = self._lost[name]
            array = json.dumps(list(keys))
            sql, args = (
                (self._changed[name], (array, None))
                if lost is None
                else (lost.sql, lost.bind(values, (array,)))
            )
            with self._ring.own_texts(connection):
                if connection.execute(sql, args).fetchone() is not None:
                    raise Conflict

    def _may_read(self, connection: sqlite3.Connection, values: Values, name: str, value: Any) -> bool:
        found = self._found[name]
        if found is None:
            return False
        with self._ring.own_texts(connection):
            return connection.execute(found.sql, found.bind(values, (value,))).fetchone() is not None
