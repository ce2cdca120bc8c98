"""Transactions of the Piccolo engine: one pinned connection, BEGIN IMMEDIATE, savepoints.

A nested `transaction()` is a savepoint here. In Piccolo it is nothing: when the inner block fails and the
outer one catches the error, what the inner block wrote is committed all the same.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Any

from piccolo.engine.base import BaseAtomic, BaseTransaction, validate_savepoint_name
from piccolo.engine.exceptions import TransactionError
from piccolo.engine.sqlite import TransactionType
from piccolo.query.base import DDL, Query
from piccolo.query.methods.objects import Create, GetOrCreate

from gptimage_core.guard.transaction import TransactionScope

if TYPE_CHECKING:
    from gptimage_core.adapters.piccolo.engine import GovernedSQLite

__all__ = ["Atomic", "Savepoint", "Transaction", "TransactionType"]


class Savepoint:
    """A point to return to, inside a transaction."""

    def __init__(self, name: str, transaction: Transaction) -> None:
        validate_savepoint_name(name)
        self.name = name
        self.transaction = transaction

    async def rollback_to(self) -> None:
        """Undo everything since the savepoint; it stays open."""
        await self.transaction.rollback_to(self.name)

    async def release(self) -> None:
        """Forget the savepoint; what was written since stays."""
        await self.transaction._scope().close_point(self.name)


class Transaction(BaseTransaction):
    """`async with engine.transaction():` commits at the end and rolls back on an error.

    It takes the write lock at once (there is one writer), whatever type is asked for: a deferred transaction
    that reads first and writes later can fail in the middle. Under a guard it belongs to the access that
    opened it: no statement of another access runs in it, and it ends no later than that access.
    """

    __slots__ = ("_allow_nested", "_done", "_mark", "_root", "_token", "engine", "scope")

    def __init__(self, engine: GovernedSQLite, allow_nested: bool = True) -> None:
        self.engine = engine
        self.scope: TransactionScope | None = None
        self._allow_nested = allow_nested
        self._done = False
        self._mark: str | None = None
        self._root: Transaction = self
        self._token: Any = None
        if engine.current_transaction.get() is not None and not allow_nested:
            raise TransactionError(
                "a transaction is active already; nested ones were refused by `allow_nested`"
            )

    async def __aenter__(self) -> Transaction:
        outer = self.engine.current_transaction.get()
        if outer is None:
            self.scope = await TransactionScope.begin(self.engine._database, self.engine.guard)
        else:
            self._root = outer._root
            scope = outer._scope()
            self._mark = scope.next_mark("nested")
            await scope.open_point(self._mark)
            scope.marks.append(self._mark)
        self._token = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.engine.current_transaction.reset(self._token)
        if self._mark is not None:
            await self._leave_nested(error)
        elif not self._done:
            await (self.rollback() if error is not None else self.commit())
        return False

    async def _leave_nested(self, error: BaseException | None) -> None:
        scope = self._scope()
        if self._root._done:
            return
        if not scope.marks or scope.marks[-1] != self._mark:
            scope.spoil("nested transactions of several tasks overlapped; open them one after another")
            raise TransactionError(scope.spoiled)
        scope.marks.pop()
        if error is not None:
            await scope.back_to(self._mark)
        await scope.close_point(self._mark)

    async def commit(self) -> None:
        """Commit now; the block may not run anything after it."""
        self._only_root("commit")
        self._done = True
        await self._scope().commit()

    async def rollback(self) -> None:
        """Undo everything now; the block may not run anything after it."""
        self._only_root("rollback")
        self._done = True
        await self._scope().rollback()

    async def savepoint(self, name: str | None = None) -> Savepoint:
        """Open a savepoint, named by you or by us."""
        point = Savepoint(name or self._scope().next_mark("savepoint"), self)
        await self._scope().open_point(point.name)
        return point

    async def rollback_to(self, savepoint_name: str) -> None:
        """Undo everything since the savepoint of that name."""
        validate_savepoint_name(savepoint_name)
        await self._scope().back_to(savepoint_name)

    def _scope(self) -> TransactionScope:
        scope = self._root.scope
        if scope is None:
            raise TransactionError("the transaction has not begun; write `async with engine.transaction():`")
        return scope

    def _only_root(self, what: str) -> None:
        if self._root is not self:
            raise TransactionError(
                f"`{what}` ends the outermost transaction; call it there, or raise to undo this one"
            )

    @property
    def connection(self) -> Any:
        """Refused: it would run statements that no access has shaped."""
        raise TransactionError("a transaction's connection is not handed out; use queries, or `Table.raw(…)`")


class Atomic(BaseAtomic):
    """Queries that run in one transaction: `await engine.atomic().add(…)`'s `run`."""

    __slots__ = ("engine", "queries")

    def __init__(self, engine: GovernedSQLite) -> None:
        self.engine = engine
        self.queries: list[Any] = []

    def add(self, *query: Any) -> None:
        """Add queries; anything else raises at once."""
        for one in query:
            if not isinstance(one, (Query, DDL, Create, GetOrCreate)):
                raise TransactionError(
                    f"`{type(one).__name__}` is not a query; an atomic block takes queries and DDL"
                )
            self.queries.append(one)

    async def run(self) -> None:
        queries, self.queries = self.queries, []
        async with self.engine.transaction():
            for query in queries:
                await query.run()

    def run_sync(self) -> None:
        asyncio.run(self.run())

    def __await__(self) -> Any:
        return self.run().__await__()
