"""The sink: access records made durable, many in one commit, before what they are about is released.

INVARIANT (no-record-no-access): an answer whose record could not be committed is not given.

Records that wait are committed together in the writer's thread, by one statement. While one group is being
made durable the next one gathers. The linger is adaptive: none after a group of fewer than four; after a
larger one some ten microseconds at a time, while records still come in and fewer wait than last time.
An error fails every access of the group: what fails is the disk or the database, not one record (a record
that cannot be encoded fails alone, before).
A brief read (one row by its key) runs in the writer's thread itself, right before its record: with many
readers, passing Python's lock from thread to thread costs more than such a read. It waits for nothing that
its record would not wait for.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar, cast

from gptimage_core.accesslog._spool import Spool, orphans
from gptimage_core.accesslog.records import AccessRecord, Row, at_once, encode, find, insert, insert_some
from gptimage_core.errors import StoreError
from gptimage_core.store.database import (
    Database,
    Later,
    Mailboxes,
    Nobody,
    ReadJob,
    Reply,
    SyncReply,
    send_all,
)

__all__ = ["RecordSink"]

T = TypeVar("T")

_MANY = 4
_NAPS, _NAP_SECONDS = 10, 0.00002
_CLOSING_SECONDS = 0.001
_NOBODY = Nobody()
_Work: TypeAlias = Callable[[sqlite3.Connection], tuple[object, AccessRecord | None]]


class _Waiting(NamedTuple):
    """A record that waits with the answer that waits for it, or a brief read that will make both."""

    row: Row | None
    reply: Reply
    value: object
    posted: bool
    work: _Work | None = None


class RecordSink:
    """The built-in sink, on the core's own tables. Thread-safe; make one per database, after `migrate`.

    Making one adopts what processes that were killed have left in their spools.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mailboxes = Mailboxes()
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._group: list[_Waiting] = []
        self._committing = False
        self._last_group = 0
        self._spool: Spool | None = None
        self._closed = False
        self._adopt()

    async def write(self, record: AccessRecord) -> None:
        """Returns when the record is durable; raises `StorageFull`/`StoreError` otherwise."""
        self._database.refuse_deadlock()
        row = encode(record)
        reply = self._mailboxes.here()
        self._enqueue(_Waiting(row, reply, None, False))
        await reply.future

    def write_sync(self, record: AccessRecord) -> None:
        """`write` for a thread without an event loop."""
        reply = SyncReply()
        self._enqueue(_Waiting(encode(record), reply, None, False))
        reply.wait()

    async def read(
        self,
        work: Callable[[sqlite3.Connection], tuple[T, AccessRecord | None]],
        *,
        snapshot: bool = True,
        brief: bool = False,
    ) -> T:
        """Run `work` on a reader; its answer comes when its record is durable.

        The reader's thread hands the record on to the writer's: the event loop is woken once, at the end.
        `brief`: it is one statement that takes microseconds whatever the data, so run it where records are
        written. A failure of one fails that one alone.
        """
        if brief:
            reply = self._mailboxes.here()
            self._enqueue(_Waiting(None, reply, None, False, work))
            return cast(T, await reply.future)
        return cast(T, await self._database.read(self._recorded(work), snapshot=snapshot))

    def read_sync(
        self, work: Callable[[sqlite3.Connection], tuple[T, AccessRecord | None]], *, snapshot: bool = True
    ) -> T:
        """`read` for a thread without an event loop."""
        return cast(T, self._database.read_sync(self._recorded(work), snapshot=snapshot))

    def write_in(self, connection: sqlite3.Connection, record: AccessRecord) -> None:
        """Write inside the access's own write transaction."""
        insert(connection, (encode(record),))

    def post(self, record: AccessRecord) -> None:
        """For `may_release_before_record`: survives a killed process when this returns, not a power cut.

        What exactly holds stands in `_spool`. The commit follows with the next group.
        """
        self._enqueue(_Waiting(encode(record), _NOBODY, None, True), record)

    def close(self) -> None:
        """Commit what was posted and remove the spool. Call it before the database is closed."""
        with self._lock:
            self._closed = True
        while self._committing:  # groups that are under way answer their waiters first
            time.sleep(_CLOSING_SECONDS)
        if self._spool is None:
            return
        spool, self._spool = self._spool, None
        try:
            rows = [w.row for w in self._waiting if w.row is not None]  # what a failed group has left
            self._database.write_sync(lambda connection: insert(connection, rows))
        except BaseException:
            spool.abandon()
            raise
        spool.close()

    # Inside

    def _recorded(
        self, work: Callable[[sqlite3.Connection], tuple[T, AccessRecord | None]]
    ) -> Callable[[sqlite3.Connection], object]:
        def recorded(connection: sqlite3.Connection) -> object:
            result, record = work(connection)
            if record is None:
                return result
            row = encode(record)

            def start(reply: Reply) -> None:
                try:
                    self._enqueue(_Waiting(row, reply, result, False))
                except BaseException as error:
                    reply.send(False, error)

            return Later(start)

        return recorded

    def _enqueue(self, waiting: _Waiting, posted: AccessRecord | None = None) -> None:
        with self._lock:
            if self._closed:
                raise StoreError("the record sink is closed")
            if posted is not None:  # in the same breath: the spool is cleared when nobody posted waits
                if self._spool is None:
                    self._spool = Spool(self._database.path)
                self._spool.append(posted)
            self._waiting.append(waiting)
            if self._committing:
                return
            self._committing = True
        self._submit()

    def _submit(self) -> None:
        try:
            self._database.submit_statement(self._commit, _GroupReply(self))
        except BaseException as error:
            with self._lock:
                self._group, self._waiting = self._waiting, []
            self.settle(False, error)

    def _commit(self, connection: sqlite3.Connection) -> None:
        """In the writer's thread: linger a little, take a group, do its brief reads, insert its records.

        The INSERT is the only statement that writes and a transaction of its own: it is durable when it has
        run, and whoever waits is answered after that.
        """
        seen = 0
        for _ in range(_NAPS if self._last_group >= _MANY else 0):
            if not seen < len(self._waiting) < self._last_group:
                break
            seen = len(self._waiting)
            time.sleep(_NAP_SECONDS)
        with self._lock:
            size = at_once(len(self._waiting))
            self._group, self._waiting = self._waiting[:size], self._waiting[size:]
        done = (w if w.work is None else _read(connection, w.work, w.reply) for w in self._group)
        self._group = [waiting for waiting in done if waiting is not None]
        insert_some(connection, [waiting.row for waiting in self._group if waiting.row is not None])

    def settle(self, ok: bool, error: object) -> None:
        """Called once per group, after its commit or its failure: answer everybody, start the next group."""
        group = self._group
        with self._lock:
            self._group = []
            self._last_group = len(group)
            if not ok:
                # Posted records were promised to survive: they stay in the spool and go with the next group.
                self._waiting[:0] = [waiting for waiting in group if waiting.posted]
            more = any(not waiting.posted for waiting in self._waiting) or (ok and bool(self._waiting))
            self._committing = more
            if ok and self._spool is not None and not any(waiting.posted for waiting in self._waiting):
                self._spool.clear()
        send_all((waiting.reply, ok, waiting.value if ok else error) for waiting in group)
        if more:
            self._submit()

    def _adopt(self) -> None:
        for path, records in orphans(self._database.path):

            def commit(connection: sqlite3.Connection, records: list[AccessRecord] = records) -> None:
                fresh = [record for record in records if find(connection, record.id) is None]
                insert(connection, [encode(record) for record in fresh])

            self._database.write_sync(commit)
            path.unlink(missing_ok=True)


def _read(connection: sqlite3.Connection, work: _Work, reply: Reply) -> _Waiting | None:
    """Do a brief read; `None` where nobody waits for it any more, or it was answered with its error."""
    answer = ReadJob(work, reply, False).run(connection)
    if answer is None:
        return None
    _, ok, value = answer
    if ok:
        result, record = cast(tuple[object, AccessRecord | None], value)
        try:
            return _Waiting(None if record is None else encode(record), reply, result, False)
        except BaseException as error:
            value = error
    reply.send(False, value)
    return None


class _GroupReply:
    """Answers a whole group."""

    __slots__ = ("_sink",)

    def __init__(self, sink: RecordSink) -> None:
        self._sink = sink

    def send(self, ok: bool, value: object) -> None:
        self._sink.settle(ok, value)

    def gone(self) -> bool:
        return False
