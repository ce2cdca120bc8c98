"""The core's own work on a connection, fenced in: its own tables, and no people's data of the application.

SQLite asks the authorizer while it prepares a statement, so a text that is not allowed never runs. Setting it
prepares every kept statement of that connection again: it stands only around work of the core's own, never
around an application's statements.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from gptimage_core.errors import GuardError

__all__ = ["Fence", "lifted"]

T = TypeVar("T")

_PREFIX = "gp_"
_HERE = threading.local()
_HARMLESS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})
_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_OVER_VALUES = frozenset({"json_each", "json_tree"})


class Fence:
    """What such work may do. `readable`: per table of the application, the columns that hold no category.

    The core's own tables: everything. A table of the application: its readable columns are read, its rows
    deleted (by key, since nothing else of them can be named). All other tables, and PRAGMA, ATTACH,
    transactions, temporary objects and changes of the schema: nothing. Raises `GuardError`.
    """

    def __init__(self, readable: Mapping[str, frozenset[str]]) -> None:
        self._readable = {
            table.lower(): frozenset(c.lower() for c in columns) for table, columns in readable.items()
        }

    def around(self, work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
        """The same work, inside the fence."""

        def fenced(connection: sqlite3.Connection) -> T:
            refused: list[str] = []

            def authorize(
                action: int, one: str | None, two: str | None, database: str | None, inner: str | None
            ) -> int:
                if self._allows(action, one or "", two or "", database):
                    return sqlite3.SQLITE_OK
                refused.append(one or "")
                return sqlite3.SQLITE_DENY

            connection.set_authorizer(authorize)
            _HERE.fence = (connection, authorize)
            try:
                return work(connection)
            except sqlite3.DatabaseError:
                if refused:
                    raise GuardError(_words(refused[0], self._readable)) from None
                raise
            finally:
                _HERE.fence = None
                connection.set_authorizer(None)

        return fenced

    def _allows(self, action: int, one: str, two: str, database: str | None) -> bool:
        if action in _HARMLESS:
            return True
        if action == sqlite3.SQLITE_FUNCTION:
            return two.lower() != "load_extension"
        if database not in (None, "main"):
            return False
        table = one.lower()
        columns = self._readable.get(table)
        if columns is None:
            is_own = table.startswith(_PREFIX) and (action in _WRITES or action == sqlite3.SQLITE_READ)
            return is_own or (action == sqlite3.SQLITE_READ and table in _OVER_VALUES)
        if action == sqlite3.SQLITE_READ:
            return two == "" or two.lower() in columns
        return action == sqlite3.SQLITE_DELETE


def _words(name: str, readable: Mapping[str, frozenset[str]]) -> str:
    if name.lower() in readable:
        return (
            f"what people have in `{name}` is not reached in `guard.in_transaction(…)`: it is for the core's "
            "own tables; read and write it by queries under an access"
        )
    return (
        "`guard.in_transaction(…)` is for the core's own tables; use queries under an access, or "
        "`guard.maintenance(reason, ticket, until)` for the schema"
    )


@contextlib.contextmanager
def lifted(connection: sqlite3.Connection) -> Iterator[None]:
    """Without the fence, for the handlers of a negative decision: they do the same in every replay, which
    runs before there is a guard (X8)."""
    here = getattr(_HERE, "fence", None)
    if here is None or here[0] is not connection:
        yield
        return
    connection.set_authorizer(None)
    try:
        yield
    finally:
        connection.set_authorizer(here[1])
