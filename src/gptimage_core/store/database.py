"""Kept SQLite connections, each with a thread of its own, and work delivered in one thread hop.

`await db.read(work)` and `await db.write(work)` run `work(connection)` where the connection lives and give
back its result; `work` does all its SQL there, fetches what it needs and returns plain values.

Durability: write-ahead log with `synchronous=FULL`; an answer to a write is sent after its commit is on disk
(NORMAL lost every acknowledged commit at a power cut). What happens at a crash: before the commit nothing
of the transaction exists, after it everything does.
Cancellation: a waiter that is cancelled before its work has started cancels the work; later it only loses
the answer: the transaction runs to its own end, commit or rollback, and is never left open.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from gptimage_core.errors import StoreError
from gptimage_core.store._lanes import Job, Later, Pool, ReadJob, WriteJob
from gptimage_core.store._replies import Mailboxes, Nobody, Reply, SyncReply, send_all
from gptimage_core.store._sessions import Session, SessionJob
from gptimage_core.store.watched import Watch, WatchedConnection

__all__ = [
    "Database",
    "Later",
    "Mailboxes",
    "Nobody",
    "ReadJob",
    "Reply",
    "Session",
    "SyncReply",
    "connect",
    "send_all",
]

T = TypeVar("T")

_BUSY_SECONDS = 5.0
_CLOSE_SECONDS = 10.0
_STATEMENTS = 512
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=1",
    "PRAGMA recursive_triggers=1",
    "PRAGMA secure_delete=1",
    "PRAGMA cell_size_check=1",
    "PRAGMA trusted_schema=0",
    "PRAGMA temp_store=MEMORY",  # sorted personal data never reaches a temporary file
)


def connect(path: Path | str, *, detect_types: int = 0, read_only: bool = False) -> WatchedConnection:
    """One connection as this library wants it; for the calling thread only. Transactions are explicit.

    `read_only` refuses every change with SQLITE_READONLY. Raises `sqlite3.Error`.
    """
    connection = sqlite3.connect(
        str(path),
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        cached_statements=_STATEMENTS,
        detect_types=detect_types,
        factory=WatchedConnection,
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            raise StoreError(f"the database at `{path}` cannot use a write-ahead log (it says `{mode}`)")
        if read_only:
            _refuse_writes(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_writes(connection: WatchedConnection) -> None:
    connection.execute("PRAGMA query_only=1")
    connection.read_only = True


class Database:
    """One SQLite file: a pool of readers and one writer.

    `prepare(connection)` runs once on each new connection (functions, an authorizer, temporary triggers)
    before readers become read-only. `detect_types` is sqlite3's; converters are the embedder's to register.
    """

    def __init__(
        self,
        path: Path | str,
        readers: int = 4,
        *,
        detect_types: int = 0,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        if str(path) == ":memory:" or str(path).startswith("file:"):
            raise StoreError(f"the database `{path}` must be a file: several connections share it")
        if readers < 1:
            raise StoreError("a database needs at least one reader")
        self.path = Path(path)

        def opener(read_only: bool) -> Callable[[], WatchedConnection]:
            def opened() -> WatchedConnection:
                connection = connect(path, detect_types=detect_types)
                if prepare is not None:
                    prepare(connection)
                if read_only:
                    _refuse_writes(connection)
                return connection

            return opened

        self._mailboxes = Mailboxes()
        self._reading = Pool(opener(True), readers, f"reader {self.path.name}")
        self._writing = Pool(opener(False), 1, f"writer {self.path.name}")
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self._write_owner: weakref.ref[asyncio.Task[object]] | None = None
        self._write_session: weakref.ref[Session] | None = None
        # Also runs at interpreter exit: a process that forgot `close` still ends, with its commits in place.
        self._finalizer = weakref.finalize(self, _end, self._sessions, self._reading, self._writing)
        try:
            self.write_sync(lambda connection: None)  # a file that cannot be opened fails here, not later
        except BaseException:
            self.close()
            raise

    def watch(self, watch: Watch) -> None:
        """From here on every statement on every connection is asked of `watch`, for good: connections that
        are open are prepared before their next work. Raises `StoreError` where somebody watches already, or
        a session is open, whose transaction began without it."""
        if any(session.open for session in self._sessions):
            raise StoreError("a session is open; end it before the database gets a guard")
        if not self._reading.watched_by(watch) or not self._writing.watched_by(watch):
            raise StoreError("this database has a guard already; one database has one guard, for good")

    # Reads

    async def read(self, work: Callable[[sqlite3.Connection], T], *, snapshot: bool = True) -> T:
        """Run `work` on a reader, in one hop, inside one read transaction.

        `snapshot=False` leaves out BEGIN/COMMIT (some 4 µs): right for exactly one statement.
        """
        reply = self._mailboxes.here()
        self._reading.submit(ReadJob(work, reply, snapshot))
        return cast(T, await reply.future)

    def read_sync(self, work: Callable[[sqlite3.Connection], T], *, snapshot: bool = True) -> T:
        """`read` for a thread without an event loop (it blocks the calling thread)."""
        reply = SyncReply()
        self._submit_sync(self._reading, ReadJob(work, reply, snapshot))
        return cast(T, reply.wait())

    # Writes

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one hop between BEGIN IMMEDIATE and COMMIT; answers when the commit is durable.

        On any error the transaction is rolled back and the error raised; a full disk is `StorageFull`.
        """
        self.refuse_deadlock()
        reply = self._mailboxes.here()
        self._writing.submit(WriteJob(work, reply))
        return cast(T, await reply.future)

    def write_sync(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`write` for a thread without an event loop (it blocks the calling thread)."""
        reply = SyncReply()
        self._submit_sync(self._writing, WriteJob(work, reply))
        return cast(T, reply.wait())

    def submit_write(self, work: Callable[[sqlite3.Connection], object], reply: Reply) -> None:
        """Queue a write and return at once; `reply` is answered from the writer's thread after the commit."""
        self._writing.submit(WriteJob(work, reply))

    def submit_statement(self, work: Callable[[sqlite3.Connection], object], reply: Reply) -> None:
        """`submit_write` for work whose only write is one statement: its own transaction, durable when it
        has run. Python's lock is then passed around once, and not around BEGIN and COMMIT as well."""
        self._writing.submit(ReadJob(work, reply, False))

    # Sessions

    async def session(self, *, write: bool = False) -> Session:
        """Pin a connection for one transaction of many hops. A write session holds the only writer."""
        if write:
            self.refuse_deadlock()
        reply = self._mailboxes.here()
        job = SessionJob(write, reply)
        session = self._begin(job)
        try:
            await reply.future
        except BaseException:
            session.drop()
            raise
        if write:
            task = asyncio.current_task()
            self._write_owner = None if task is None else weakref.ref(task)
            self._write_session = weakref.ref(session)
        return session

    def session_sync(self, *, write: bool = False) -> Session:
        """`session` for a thread without an event loop."""
        reply = SyncReply()
        session = self._begin(SessionJob(write, reply))
        try:
            reply.wait()
        except BaseException:
            session.drop()
            raise
        return session

    # The end

    def close(self) -> None:
        """Roll open sessions back, let accepted work finish, close the connections and end the threads."""
        if self._finalizer.detach() and not _end(self._sessions, self._reading, self._writing):
            raise StoreError(
                f"a connection to `{self.path}` was still at work {_CLOSE_SECONDS:.0f} s after close"
            )

    async def aclose(self) -> None:
        """`close` without blocking the event loop."""
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    # Inside

    def _begin(self, job: SessionJob) -> Session:
        session = Session(job, self._mailboxes, self._sessions.discard)
        self._sessions.add(session)
        try:
            (self._writing if job.write else self._reading).submit(job)
        except BaseException:
            session.drop()
            raise
        return session

    def _submit_sync(self, pool: Pool, job: Job) -> None:
        if pool.owns(threading.current_thread()):
            raise StoreError("work waits for its own connection; use the connection that it was given")
        pool.submit(job)

    def refuse_deadlock(self) -> None:
        """`StoreError` where this task holds the write session: it would wait for the writer for ever."""
        if self._write_session is None:
            return
        session = self._write_session()
        if session is None or not session.open:
            self._write_session = self._write_owner = None
        elif self._write_owner is not None and self._write_owner() is asyncio.current_task():
            raise StoreError(
                "this task has a transaction open, which holds the only writer; end it first, or run the "
                "work in it (`await session.run(work)`)"
            )


def _end(sessions: weakref.WeakSet[Session], reading: Pool, writing: Pool) -> bool:
    for session in list(sessions):
        session.drop()
    ended = reading.close(_CLOSE_SECONDS)
    return writing.close(_CLOSE_SECONDS) and ended
