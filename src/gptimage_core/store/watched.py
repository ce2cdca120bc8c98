"""A connection that can be watched: what its statements may do is asked of the work that runs on it.

The rules are not this layer's: whoever watches a database (the guard) hands in a `Watch`, and every piece of
work on a connection of that database runs as some `Work` of its. SQLite asks the authorizer while it
prepares a statement; the authorizer is set once and for good (setting it prepares every kept statement
again) and passes the question to the `Work` that is set at that moment.

INVARIANT (asked-anew): Python keeps prepared statements by their text, and SQLite is not asked again for one
that is kept. So a text runs with the mark of its work in front: what one work prepared, another one cannot
name, and marks are secrets of the process.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

from gptimage_core.errors import GuardError

__all__ = ["Watch", "WatchedConnection", "Work", "lifted"]

_MOST_TEXTS = 4096
_cursor = sqlite3.Connection.cursor


class Work:
    """What runs on a connection for a while, and what it may do. Refuses everything by itself."""

    __slots__ = ("mark", "texts")

    def __init__(self, mark: str) -> None:
        self.mark = f"/*{mark}*/"
        self.texts: dict[str, str] = {}
        """Each statement of it as it runs: with the mark."""

    def ask(
        self, action: int, one: str | None, two: str | None, database: str | None, inner: str | None
    ) -> int:
        """The authorizer's answer: SQLITE_OK or SQLITE_DENY. An error denies."""
        return sqlite3.SQLITE_DENY

    def check(self, sql: str) -> None:
        """Raise for a text that must not even be prepared."""

    def text(self, sql: str) -> str:
        """The text as it runs; checked when it is first seen."""
        self.check(sql)
        if len(self.texts) >= _MOST_TEXTS:
            self.texts.clear()
        marked = self.texts[sql] = self.mark + sql
        return marked


class Watch(Protocol):
    """Who watches a database."""

    def prepare(self, connection: WatchedConnection) -> None:
        """Called once for each connection, on its own thread and outside of transactions, before its next
        work; must set `connection.work`."""
        ...

    def trusted(self, connection: WatchedConnection) -> AbstractContextManager[None]:
        """The rules set aside, for what the core itself does to any table."""
        ...


class WatchedConnection(sqlite3.Connection):
    """One connection of a `Database`. Until it is watched it is an ordinary one."""

    __slots__ = ("read_only", "standing", "watch", "work")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.work: Work | None = None
        self.watch: Watch | None = None
        self.read_only = False
        self.standing: Any = None
        """What whoever watches remembers of it."""
        super().__init__(*args, **kwargs)

    def watched_by(self, watch: Watch, work: Work) -> None:
        """Ask `work`, or whichever is set later, about every statement from here on. For good."""
        if self.watch is not None:
            raise GuardError("this connection is watched already; a database is watched once, for good")
        self.watch, self.work = watch, work
        super().set_authorizer(self._ask)

    def _ask(
        self, action: int, one: str | None, two: str | None, database: str | None, inner: str | None
    ) -> int:
        work = self.work
        return sqlite3.SQLITE_DENY if work is None else work.ask(action, one, two, database, inner)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        work = self.work
        if work is not None:
            sql = work.texts.get(sql) or work.text(sql)
        return _cursor(self).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        work = self.work
        if work is not None:
            sql = work.texts.get(sql) or work.text(sql)
        return _cursor(self).executemany(sql, parameters)

    # What SQLite asks nobody about, or would end the asking

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse_where_watched("a cursor of one's own")
        return super().cursor(*args, **kwargs)

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        self._refuse_where_watched("`executescript`")
        return super().executescript(sql_script)

    def set_authorizer(self, authorizer_callback: Callable[..., int] | None) -> None:
        self._refuse_where_watched("another authorizer")
        super().set_authorizer(authorizer_callback)

    def blobopen(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse_where_watched("`blobopen`")
        return super().blobopen(*args, **kwargs)

    def backup(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_where_watched("`backup`")
        super().backup(*args, **kwargs)

    def serialize(self, *args: Any, **kwargs: Any) -> bytes:
        self._refuse_where_watched("`serialize`")
        return super().serialize(*args, **kwargs)

    def deserialize(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_where_watched("`deserialize`")
        super().deserialize(*args, **kwargs)

    def enable_load_extension(self, *args: Any) -> None:
        self._refuse_where_watched("an extension")
        super().enable_load_extension(*args)

    def iterdump(self) -> Any:
        self._refuse_where_watched("`iterdump`")
        return super().iterdump()

    def _refuse_where_watched(self, what: str) -> None:
        if self.watch is not None:
            _refuse(what)


def _refuse(what: str) -> NoReturn:
    raise GuardError(
        f"{what} is refused on a connection under the guard: SQLite asks nobody about what it does; "
        "use `connection.execute(…)`"
    )


@contextlib.contextmanager
def lifted(connection: sqlite3.Connection) -> Iterator[None]:
    """Without the rules of whoever watches, for what the core does to any table: the handlers of negative
    decisions (they do the same in every replay, which runs before there is a guard, X8), erasure, sweeps.
    No Python runs per row."""
    watch = connection.watch if isinstance(connection, WatchedConnection) else None
    if watch is None:
        yield
        return
    assert isinstance(connection, WatchedConnection)
    with watch.trusted(connection):
        yield
