"""A transaction under an access: one pinned connection, one access, and what must outlive a rollback.

Records of writes are written where the write is, so they share its fate. Records of reads are written at the
end: with the commit, or after a rollback in a transaction of their own, for what was read was read. An UPDATE
or DELETE that was undone tells which rows it matched, as a read does: its record is kept as one, marked as
undone. Denials are always written in a transaction of their own. Until the transaction ends nothing read in
it should leave the process: a crash before the end loses the records of its reads together with its writes.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from gptimage_core.errors import GuardError
from gptimage_core.guard.handles import Handle, current_handle
from gptimage_core.ports.records import AccessRecord
from gptimage_core.store.database import Database, Session
from gptimage_core.store.denials import Denial

if TYPE_CHECKING:
    from gptimage_core.guard.guard import Guard

__all__ = ["TransactionScope"]

T = TypeVar("T")


class TransactionScope:
    """One open transaction. `marks` is the stack of its open nested transactions."""

    def __init__(self, session: Session, guard: Guard | None, handle: Handle | None) -> None:
        self.guard = guard
        self.handle = handle
        self.marks: list[str] = []
        self.spoiled = ""
        self.records: list[AccessRecord] = []
        self.denials: list[Denial] = []
        self._session = session
        self._numbers = 0
        self._written: list[AccessRecord] = []
        self._points: list[tuple[str, int]] = []
        """Open savepoints, and how many writes came before each."""

    @classmethod
    async def begin(cls, database: Database, guard: Guard | None) -> TransactionScope:
        """Take the writer; under a guard an access must be open, and the transaction belongs to it."""
        handle = None if guard is None or guard.maintenance_is_open else current_handle(guard)
        return cls(await database.session(write=True), guard, handle)

    def check(self, handle: Handle) -> None:
        """Refuse a statement of another access than the one that opened the transaction."""
        if self.handle is not handle:
            raise GuardError(
                f"this transaction belongs to another access than the one for `{handle.purpose}`; "
                "end it first, or open the transaction inside that access"
            )

    def next_mark(self, kind: str) -> str:
        """A savepoint's name that nobody uses in this transaction."""
        self._numbers += 1
        return f"{kind}_{self._numbers}"

    async def open_point(self, name: str) -> None:
        """Open a savepoint."""
        await self._run_plain(_statement(f'SAVEPOINT "{name}"'))
        self._points.append((name.lower(), len(self._written)))

    async def back_to(self, name: str) -> None:
        """Undo everything since the savepoint, which stays open."""
        await self._run_plain(_statement(f'ROLLBACK TO SAVEPOINT "{name}"'))
        at = self._point(name)
        self._undone(self._points[at][1])
        del self._points[at + 1 :]

    async def close_point(self, name: str) -> None:
        """Forget the savepoint and those inside it; what was written since stays."""
        await self._run_plain(_statement(f'RELEASE SAVEPOINT "{name}"'))
        del self._points[self._point(name) :]

    def wrote(self, record: AccessRecord) -> None:
        """A write took place, with this record beside it: remembered in case it is undone."""
        if record.statement in ("UPDATE", "DELETE"):
            self._written.append(record)

    def _point(self, name: str) -> int:
        """The innermost savepoint of that name; the database has found it already."""
        return max(n for n, (open_one, _) in enumerate(self._points) if open_one == name.lower())

    def _undone(self, since: int) -> None:
        self.records += [
            structs.replace(record, statement=f"{record.statement}, undone")
            for record in self._written[since:]
        ]
        del self._written[since:]

    def spoil(self, why: str) -> None:
        """Make the transaction refuse everything but its rollback."""
        self.spoiled = why

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the transaction; its SQL is undone as a whole when it raises."""
        return await self._run_plain(_all_or_nothing(work))

    async def _run_plain(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`_run` for work that changes nothing, or only opens and closes savepoints."""
        if self.spoiled:
            raise GuardError(self.spoiled)
        return await self._session.run(work)

    async def commit(self) -> None:
        """Commit with the records of what was read. Raises, rolled back, when the access has ended before."""
        if self.spoiled or (self.handle is not None and not self.handle.open):
            why = self.spoiled or "the access ended before its transaction did; nothing was committed"
            await self.rollback()
            raise GuardError(why)
        try:
            if self.records and self.guard is not None:
                records, write_in = self.records, self.guard.sink.write_in

                def write(connection: sqlite3.Connection) -> None:
                    for record in records:
                        write_in(connection, record)

                await self._session.run(write)
            await self._committed()
        except BaseException:
            await self.rollback()
            raise
        await self._settle()

    async def _committed(self) -> None:
        """Wait for the commit's own end, also when the waiter is cancelled meanwhile: it takes place all the
        same, and the records it carried must not be written a second time."""
        commit = asyncio.ensure_future(self._session.commit())
        cancelled: asyncio.CancelledError | None = None
        while not commit.done():
            try:
                await asyncio.wait([commit])  # cancels nothing, and raises nothing of the commit's own
            except asyncio.CancelledError as error:
                cancelled = error
        commit.result()
        self.records, self._written = [], []
        if cancelled is not None:
            raise cancelled

    async def rollback(self) -> None:
        """Undo the transaction; what was read in it, and what was denied, is recorded all the same."""
        await self._session.release()
        self._undone(0)
        await self._settle()

    async def _settle(self) -> None:
        if self.guard is None:
            return
        records, self.records = self.records, []
        denials, self.denials = self.denials, []
        for record in records:
            await self.guard.sink.write(record)
        for denial in denials:
            await self.guard.write_denial(denial)


def _statement(sql: str) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute(sql)

    return work


def _all_or_nothing(work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """A step of several statements that fails half-way leaves nothing of itself behind."""

    def wrapped(connection: sqlite3.Connection) -> T:
        connection.execute('SAVEPOINT "gp:step"')
        try:
            result = work(connection)
        except BaseException:
            connection.execute('ROLLBACK TO SAVEPOINT "gp:step"')
            connection.execute('RELEASE SAVEPOINT "gp:step"')
            raise
        connection.execute('RELEASE SAVEPOINT "gp:step"')
        return result

    return wrapped
