"""Lanes: one sqlite3 connection and the one thread that ever touches it, fed through a queue.

A pool keeps its idle lanes in a stack: the lane that worked last works next, so its statement cache and
pages are warm and a lone reader never prepares a statement four times.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from gptimage_core.errors import GuardError, StorageFull, StoreError
from gptimage_core.store._replies import Answer, Reply, raisable
from gptimage_core.store.watched import Watch, WatchedConnection

__all__ = ["Answer", "Job", "Later", "Pool", "ReadJob", "WriteJob", "guarded", "refuse_cursor"]

Connect = Callable[[], WatchedConnection]

_FULL = frozenset(
    {
        sqlite3.SQLITE_FULL,
        # A quota or a file-size limit (EDQUOT, EFBIG) is a failed write to SQLite, not a full disk.
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_TRUNCATE,
    }
)
_BROKEN = {
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_READONLY: "the database is read-only here",
    sqlite3.SQLITE_BUSY: "another process held the database for longer than the time-out",
}


def guarded(error: BaseException) -> BaseException:
    """An error as callers see it: storage failures as `StorageFull`/`StoreError`, what whoever watches the
    database does not let through as `GuardError`, all others unchanged."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_AUTH or str(error).startswith("not authorized"):  # (of a function)
            # Nothing of SQLite's words, and no cause: they name what was asked for.
            return GuardError(
                "the database refuses this statement: nothing that is open here permits it; use queries "
                "under an access, or `guard.maintenance(reason, ticket, until)` for the schema"
            )
        if code in _FULL:
            wrapped: StoreError = StorageFull(f"no room left to write: {error}; nothing was acknowledged")
        elif code is not None and code & 0xFF in _BROKEN:
            wrapped = StoreError(f"{_BROKEN[code & 0xFF]}: {error}; nothing was acknowledged")
        else:
            return error
        wrapped.__cause__ = error
        return wrapped
    return raisable(error)


class Later:
    """What a work function returns when its answer must wait for something else (an access record's commit).

    The lane ends the transaction, then calls `start(reply)`; whoever got the reply answers it, once.
    """

    __slots__ = ("start",)

    def __init__(self, start: Callable[[Reply], None]) -> None:
        self.start = start


class Job(Protocol):
    """One piece of work for one lane."""

    def run(self, connection: sqlite3.Connection) -> Answer | None:
        """Do it and return the answer, which the lane sends once it is free again; must not raise."""
        ...

    def fail(self, error: BaseException) -> None:
        """Answer without having run (the lane could not open)."""
        ...


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:  # SQLite has rolled back by itself (disk full, IO error)
            return


def refuse_cursor(result: object) -> None:
    """An open cursor keeps its snapshot, and the log behind it, alive on a connection that others use."""
    if isinstance(result, sqlite3.Cursor):
        result.close()
        raise StoreError("work returned an open cursor; fetch the rows inside the work function")


class ReadJob:
    """Runs work on a reader; `snapshot` wraps it in one read transaction."""

    __slots__ = ("_reply", "_snapshot", "_work")

    def __init__(self, work: Callable[[sqlite3.Connection], object], reply: Reply, snapshot: bool) -> None:
        self._work, self._reply, self._snapshot = work, reply, snapshot

    def run(self, connection: sqlite3.Connection) -> Answer | None:
        if self._reply.gone():
            return None
        try:
            if self._snapshot:
                connection.execute("BEGIN")
                result = self._work(connection)
                refuse_cursor(result)
                connection.execute("COMMIT")
            else:
                result = self._work(connection)
                refuse_cursor(result)
                if connection.in_transaction:
                    raise StoreError("work left a transaction open; use a session for that")
        except BaseException as error:
            _rollback(connection)
            return self._reply, False, guarded(error)
        return self._reply, True, result

    def fail(self, error: BaseException) -> None:
        self._reply.send(False, error)


class WriteJob:
    """Runs work between BEGIN IMMEDIATE and COMMIT; answers after the commit is durable, never before."""

    __slots__ = ("_reply", "_work")

    def __init__(self, work: Callable[[sqlite3.Connection], object], reply: Reply) -> None:
        self._work, self._reply = work, reply

    def run(self, connection: sqlite3.Connection) -> Answer | None:
        if self._reply.gone():
            return None
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = self._work(connection)
            refuse_cursor(result)
            if not connection.in_transaction:
                raise StoreError("work ended its transaction itself; use savepoints, or a session")
            connection.execute("COMMIT")
        except BaseException as error:
            _rollback(connection)
            return self._reply, False, guarded(error)
        return self._reply, True, result

    def fail(self, error: BaseException) -> None:
        self._reply.send(False, error)


def _send(answer: Answer) -> None:
    reply, ok, value = answer
    if isinstance(value, Later):
        value.start(reply)
    else:
        reply.send(ok, value)


class _Lane:
    """One connection, one thread. The connection is opened at the first job and by the lane's own thread."""

    def __init__(self, pool: Pool, name: str) -> None:
        self.queue: SimpleQueue[Job | None] = SimpleQueue()
        self._pool = pool
        self.thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self.thread.start()

    def _loop(self) -> None:
        connection: WatchedConnection | None = None
        try:
            while True:
                job = self.queue.get()
                if job is None:
                    break
                try:
                    if connection is None:
                        connection = self._pool.connect()
                    if connection.watch is not self._pool.watch and self._pool.watch is not None:
                        self._pool.watch.prepare(connection)
                except BaseException as error:
                    job.fail(guarded(error))
                    self._pool.finished(self)
                    continue
                answer = job.run(connection)
                # Free first, answer second: whoever wakes asks again at once and must find this lane idle.
                self._pool.finished(self)
                if answer is not None:
                    _send(answer)
                job = answer = None  # an idle lane keeps no result alive
        finally:
            if connection is not None:
                connection.close()


class Pool:
    """A few lanes of one kind. At most `size` threads, started when they are first needed."""

    def __init__(self, connect: Connect, size: int, name: str) -> None:
        self.connect = connect
        self.watch: Watch | None = None
        self._size, self._name = size, name
        self._lock = threading.Lock()
        self._lanes: list[_Lane] = []
        self._idle: list[_Lane] = []
        self._waiting: deque[Job] = deque()
        self._closed = False

    def watched_by(self, watch: Watch) -> bool:
        """Have every lane prepared before its next job; False where somebody else watches already."""
        with self._lock:
            if self.watch is not None and self.watch is not watch:
                return False
            self.watch = watch
            return True

    def submit(self, job: Job) -> None:
        """Give the job to an idle lane, or queue it; raises `StoreError` once the pool is closed."""
        with self._lock:
            if self._closed:
                raise StoreError("the database is closed")
            if self._idle:
                lane = self._idle.pop()
            elif len(self._lanes) < self._size:
                lane = _Lane(self, f"{self._name}-{len(self._lanes)}")
                self._lanes.append(lane)
            else:
                self._waiting.append(job)
                return
            lane.queue.put(job)  # inside the lock: never behind the stop mark

    def finished(self, lane: _Lane) -> None:
        """Called by the lane when it can take the next job."""
        with self._lock:
            if not self._waiting:
                self._idle.append(lane)
                return
            lane.queue.put(self._waiting.popleft())

    def owns(self, thread: threading.Thread) -> bool:
        """Whether `thread` is one of this pool's (a lane that waits for its own pool would wait for ever)."""
        return any(lane.thread is thread for lane in self._lanes)

    def close(self, timeout: float) -> bool:
        """Refuse new jobs, let queued ones finish, end the threads; False where one did not end in time."""
        with self._lock:
            self._closed = True
            lanes = list(self._lanes)
        ended = True
        for lane in lanes:
            ended = self._end(lane, timeout) and ended
        return ended

    def _end(self, lane: _Lane, timeout: float) -> bool:
        # Jobs that were accepted still run: the stop mark goes in when no job is left to be handed out.
        deadline = time.monotonic() + timeout
        while self._waiting and lane.thread.is_alive() and time.monotonic() < deadline:
            lane.thread.join(0.001)
        lane.queue.put(None)
        lane.thread.join(timeout)
        return not lane.thread.is_alive()
