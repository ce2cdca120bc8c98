"""A session pins one connection for a transaction of many hops.

While it is open its lane works for nobody else. A session that is dropped without being released is rolled
back when it is collected, so a cancelled task never leaves a transaction open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from gptimage_core.errors import StoreError
from gptimage_core.store._lanes import Answer, guarded, refuse_cursor
from gptimage_core.store._replies import AsyncReply, Nobody, Reply, SyncReply

if TYPE_CHECKING:
    from gptimage_core.store._replies import Mailboxes

__all__ = ["Session", "SessionJob"]

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], object]
_Step: TypeAlias = tuple[Work | None, Reply]


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


class SessionJob:
    """Keeps a lane until the session ends. A step `(None, reply)` ends it, rolling back what is open."""

    def __init__(self, write: bool, started: Reply) -> None:
        self.steps: SimpleQueue[_Step] = SimpleQueue()
        self.write = write
        self._started = started

    def run(self, connection: sqlite3.Connection) -> Answer | None:
        if self._started.gone():
            return None
        try:
            connection.execute("BEGIN IMMEDIATE" if self.write else "BEGIN")
        except BaseException as error:
            return self._started, False, guarded(error)
        self._started.send(True, None)
        last: Reply = Nobody()
        while True:
            work, last = self.steps.get()
            if work is None:
                break
            self._step(connection, work, last)
            del work
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                return last, False, guarded(error)
        return last, True, None

    @staticmethod
    def _step(connection: sqlite3.Connection, work: Work, reply: Reply) -> None:
        try:
            if not connection.in_transaction:
                raise StoreError("the session's transaction was rolled back; release it and begin again")
            result = work(connection)
            refuse_cursor(result)
        except BaseException as error:
            reply.send(False, guarded(error))
        else:
            reply.send(True, result)

    def fail(self, error: BaseException) -> None:
        self._started.send(False, error)


class Session:
    """One transaction. Use `async with` (commits at the end, rolls back on an error) or call the methods.

    `run(work)` may be called from several tasks; the steps run one after another, in order of the calls.
    """

    def __init__(self, job: SessionJob, mailboxes: Mailboxes, ended: Callable[[Session], None]) -> None:
        self._job = job
        self._mailboxes = mailboxes
        self._ended = ended
        self.open = True

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` inside the transaction. An error undoes its statement, not the transaction."""
        reply = self._mailboxes.here()
        self._put(work, reply)
        return cast(T, await reply.future)

    def run_sync(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`run` for a thread without an event loop."""
        reply = SyncReply()
        self._put(work, reply)
        return cast(T, reply.wait())

    async def commit(self) -> None:
        """Commit and give the connection back. On an error nothing is committed and the session has ended."""
        reply = self._mailboxes.here()
        self._finish(reply)
        await reply.future

    def commit_sync(self) -> None:
        """`commit` for a thread without an event loop."""
        reply = SyncReply()
        self._finish(reply)
        reply.wait()

    async def release(self) -> None:
        """Roll back what was not committed and give the connection back. Nothing happens the second time."""
        if self.open:
            reply: AsyncReply = self._mailboxes.here()
            self.drop(reply)
            await reply.future

    def release_sync(self) -> None:
        """`release` for a thread without an event loop."""
        if self.open:
            reply = SyncReply()
            self.drop(reply)
            reply.wait()

    def drop(self, reply: Reply | None = None) -> None:
        """Release without waiting; also from a finaliser or another thread."""
        if self.open:
            self.open = False
            self._job.steps.put((None, reply or Nobody()))
            self._ended(self)

    def _put(self, work: Work, reply: Reply) -> None:
        if not self.open:
            raise StoreError("the session has ended; begin a new one")
        self._job.steps.put((work, reply))

    def _finish(self, reply: Reply) -> None:
        self._put(_commit, reply)
        self.drop()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.open:
            await self.commit()
        else:
            await self.release()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.open:
            self.commit_sync()
        else:
            self.release_sync()

    def __del__(self) -> None:
        if self.open:
            self.drop()
