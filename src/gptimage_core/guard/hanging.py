"""Rows that hang on others: what a foreign key's ON DELETE would remove or change along with a deleted row.

INVARIANT (no-row-goes-along): a DELETE changes the rows that it names and no others. ON DELETE CASCADE (or
SET NULL, SET DEFAULT) runs below the guard: those rows would be of anybody, and nobody would have decided it,
recorded it or destroyed a key. So such a statement is undone and says what hangs on its rows; deleted one
after the other, in one transaction if need be, each is decided and recorded.

What remains: that something hangs on a row, hidden or not, can be seen from a DELETE that fails (where the
foreign key has no action it is a `Conflict`). The error names the tables that the schema lets hang there, not
those in which rows were found, and no row; the start-up lints ask for links that stay within one person.

A row with two subjects is deleted as a whole where the policy permits it to one of them: what is left of a
row when one of its people is erased is the erasure's, not a DELETE's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from gptimage_core.errors import GuardError
from gptimage_core.guard.sqlite.ring import Ring
from gptimage_core.guard.sqlite.rules import CLOSED

__all__ = ["deleted"]

_ACTIONS = """SELECT DISTINCT m.name FROM main.sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f
    WHERE m.type = 'table' AND f."table" = ? COLLATE NOCASE AND f.on_delete NOT IN ('NO ACTION', 'RESTRICT')
    ORDER BY m.name"""


def deleted(
    connection: sqlite3.Connection, ring: Ring, table: str, sql: str, args: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Run a DELETE on `table` and give what it returns. Raises `GuardError` where a foreign key's action
    changed other rows too; the caller undoes its transaction, or its step of one."""
    before = connection.total_changes
    try:
        cursor = connection.execute(sql, args)
        rows = cursor.fetchall()
    except sqlite3.IntegrityError as error:
        if error.args[0] == CLOSED:  # ring three, before the first of those rows
            _refuse_hanging(connection, ring, table)
        raise
    if connection.total_changes - before > cursor.rowcount:  # more than its own rows
        _refuse_hanging(connection, ring, table)
    return rows


def _refuse_hanging(connection: sqlite3.Connection, ring: Ring, table: str) -> None:
    with ring.own_texts(connection):
        hanging = [name for (name,) in connection.execute(_ACTIONS, (table,))]
    if hanging:  # else a trigger of the application's, which is part of the schema that it wrote
        names = ", ".join(f"`{name}`" for name in hanging)
        raise GuardError(
            f"rows of {names} hang on rows of `{table}` and would go along undecided; nothing was "
            "deleted: delete them first, by a statement of their own (in one transaction, if it must be)"
        ) from None
