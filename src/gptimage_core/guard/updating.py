"""UPDATE: keeping ends now and not later, and sealed values are sealed row by row.

1. the rows that the statement may change are found first, with their people, in the same transaction
2. `keep_ended` is set to an instant that has passed, or cleared
3. a sealed value belongs to its row, so each row gets a ciphertext of its own
That nobody moves a row (its people, tenant, instant and version of collection) is the shape's: such a column
may be named with the value it has, as saving a whole row does; a row that it would change is not matched.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from gptimage_core.clock import Instant
from gptimage_core.errors import GuardError
from gptimage_core.guard.params import Binder, Values
from gptimage_core.guard.sealer import Sealer
from gptimage_core.guard.sqlite.ring import Grant
from gptimage_core.guard.statements.shaped import Assignment, Shaped
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.ports.records import Touched

__all__ = ["Updater"]


class Updater:
    """Runs one shaped UPDATE. Made once per statement text and profile."""

    def __init__(self, shaped: Shaped, table: Table, datamap: DataMap, sealer: Sealer) -> None:
        self._table = table
        self._sealer = sealer
        self._returning = shaped.returning
        self._text = Binder(shaped.text)
        self._row = None if shaped.row is None else Binder(shaped.row)
        self._sealed: list[tuple[Column, int]] = []
        self.ending: int | None = None
        for assignment in shaped.assignments:
            self._note(assignment)
        self._people_sql = _people_sql(table, datamap)

    def _note(self, assignment: Assignment) -> None:
        column = self._table.column(assignment.column)
        if column is None:
            raise GuardError(f"`{self._table.name}` has no column `{assignment.column}`")
        at = assignment.placeholder
        if column.role == "keep_ended" or column.sealed:
            if at is None:
                raise GuardError(
                    f"`{self._table.name}.{column.name}` is set from a bound value only; compute it in Python"
                )
            if column.role == "keep_ended":
                self.ending = at
            else:
                self._sealed.append((column, at))

    def run(
        self,
        connection: sqlite3.Connection,
        grant: Grant,
        values: Values,
        args: Sequence[Any],
        touched: Touched,
    ) -> list[Any]:
        """Change the rows that were found (`touched`); returns the keys where the statement returns them."""
        keys = list(dict.fromkeys(key for key, _ in touched.get(self._table.name, ())))
        if any(args[at] is not None for _, at in self._sealed):
            return self._row_by_row(connection, grant, values, args, keys)
        with grant.writing(connection, values):
            cursor = connection.execute(self._text.sql, self._text.bind(values, args))
            return [row[0] for row in cursor.fetchall()] if self._returning else []

    # 2

    def check(self, args: Sequence[Any], now: Instant) -> None:
        """Keeping ends at an instant that has passed; raises `GuardError` before anything runs."""
        value = None if self.ending is None else args[self.ending]
        if value is not None and (type(value) is not int or not 0 < value <= now):
            raise GuardError(
                f"`keep_ended` of `{self._table.name}` is NULL or an instant that has passed (microseconds)"
            )

    # 3

    def _row_by_row(
        self,
        connection: sqlite3.Connection,
        grant: Grant,
        values: Values,
        args: Sequence[Any],
        keys: list[str],
    ) -> list[Any]:
        row = self._row
        if row is None:
            raise GuardError(f"values of `{self._table.name}` cannot be sealed here; set them with `?`")
        found = connection.execute(self._people_sql, (json.dumps(keys),)).fetchall()
        changed: list[Any] = []
        tenant = values[1]
        for key, link, *people in found:
            subject = next((str(person) for person in people if person is not None), None)
            if subject is None:
                raise GuardError(f"a row of `{self._table.name}` names nobody; nothing can be sealed in it")
            own = list(args)
            for column, at in self._sealed:
                own[at] = self._sealer.seal(self._table, column, tenant, key, subject, link, args[at])
            with grant.writing(connection, values):
                cursor = connection.execute(row.sql, (*row.bind(values, own), key))
                if self._returning:
                    changed.extend(each[0] for each in cursor.fetchall())
        return changed


def _people_sql(table: Table, datamap: DataMap) -> str:
    """Key, `via` column and people of the rows whose keys are the one argument, a JSON array."""
    joins: list[str] = []
    here, alias, number = table, "t0", 0
    while not here.subjects and here.via is not None:
        above = datamap.table(here.via.table)
        if above is None:
            break
        number += 1
        joins.append(
            f"LEFT JOIN main.{_quoted(above.name)} AS t{number}"
            f" ON t{number}.{_quoted(above.key)} = {alias}.{_quoted(here.via.column)}"
        )
        here, alias = above, f"t{number}"
    people = "".join(f", {alias}.{_quoted(name)}" for name in here.subjects)
    link = "NULL" if table.via is None else f"t0.{_quoted(table.via.column)}"
    return (
        f"SELECT CAST(t0.{_quoted(table.key)} AS TEXT), {link}{people} FROM main.{_quoted(table.name)} AS t0 "  # noqa: S608
        f"{' '.join(joins)} WHERE t0.{_quoted(table.key)} IN (SELECT value FROM json_each(?))"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
