"""The key of a row as the database has it, which a record names.

SQLite converts what is compared with a column, or stored in it, to the column's kind: where the key is a
number, the arguments `'05'` and `5.0` name the row 5. Where nothing can be converted the argument is the key;
otherwise the database is asked.
"""

from __future__ import annotations

import sqlite3
from typing import Any
from uuid import UUID

from gptimage_core.guard.statements.render import quote
from gptimage_core.policy.binding import Table

__all__ = ["is_exact", "stored_key"]

_IN_NUMBERS = frozenset("0123456789+-.eE \t\n\v\f\r")
"""A text with any other character in it is no number to SQLite, whatever the column's kind."""


def is_exact(key: Any, table: Table) -> bool:
    """Whether the argument `key` is written as the stored key is, if it is stored at all."""
    if type(key) is str:
        return not _IN_NUMBERS.issuperset(key)
    if type(key) is int:
        column = table.column(table.key)
        return column is not None and column.type == "integer"
    return type(key) is UUID


def stored_key(connection: sqlite3.Connection, key: Any, table: Table) -> Any:
    """The key that the row named by the argument `key` has; `None` where there is no such row."""
    name = quote(table.key)
    sql = f"SELECT {name} FROM main.{quote(table.name)} WHERE {name} = ?"  # noqa: S608  # quoted names
    row = connection.execute(sql, (key,)).fetchone()
    return None if row is None else row[0]
