"""Large answers page by page, in constant memory, with nothing held open in between (decision record 11).

    async with guard.access(Actor.subject(id), purpose="provide_service"):
        async for rows in guard.stream(Image.select(Image.title).order_by(Image.recorded), page=500):
            ...

INVARIANT (page-is-a-statement): each page is a governed statement of its own: under an access that is open at
that moment, decided at that instant, its record durable before its rows are handed out. Between two pages
there is no cursor, no transaction and no task, so a consumer may take its time and may stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from gptimage_core.errors import GuardError
from gptimage_core.guard.handles import AccessBlock, Handle, current_handle
from gptimage_core.guard.statements.paging import Paged, paged
from gptimage_core.guard.transaction import TransactionScope
from gptimage_core.guard.values import WITHHELD

if TYPE_CHECKING:
    from gptimage_core.guard.guard import Guard

__all__ = ["Adapter", "Stream", "Written"]

_MOST = 100_000
"""Rows of a page: it is held in memory, and its record names each row."""


async def _as_they_are(rows: list[dict[str, Any]]) -> list[Any]:
    return rows


class Written(Struct, frozen=True):
    """A query as an adapter writes it: text, arguments, and what makes its own rows of the answer's."""

    sql: str
    args: tuple[Any, ...]
    finish: Callable[[list[dict[str, Any]]], Awaitable[Any]] = _as_they_are


class Adapter(Protocol):
    """What a guard asks of the adapter whose statements it shapes."""

    def written(self, query: object) -> Written:
        """The query as text. Raises `GuardError` for what is no query that reads rows."""

    @property
    def scope(self) -> TransactionScope | None:
        """The transaction that is open here."""


class Stream:
    """What `guard.stream(…)` gives: pages of rows, by `async for`; in sync code by `for`."""

    __slots__ = ("_access", "_busy", "_guard", "_handle", "_last", "_over", "_paged", "_size", "_written")

    def __init__(
        self, guard: Guard, written: Written, page: int, access: Callable[[], AccessBlock] | None
    ) -> None:
        if type(page) is not int or not 0 < page <= _MOST:
            raise GuardError(f"a page has 1 to {_MOST} rows, not `{page}`")
        self._guard = guard
        self._written = written
        self._size = page
        self._access = access
        self._handle: Handle | None = None
        self._paged: Paged | None = None
        self._last: list[Any] | None = None
        self._busy = self._over = False

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:
        """The next page. After an error or a cancellation the same page may be asked for again."""
        if self._over:
            raise StopAsyncIteration
        if self._busy:
            raise GuardError("two tasks read one stream at once; give each a stream of its own")
        self._busy = True
        try:
            if self._access is None:
                rows = await self._page()
            else:
                async with self._access():
                    rows = await self._page()
        finally:
            self._busy = False
        if rows is None:
            self._over = True
            raise StopAsyncIteration
        return rows

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        """The next page in sync code, under `guard.access_sync`."""
        if self._access is not None:
            raise GuardError("a stream that opens its own accesses is read with `async for`")
        try:
            return asyncio.run(_awaited(self.__anext__))
        except StopAsyncIteration:
            raise StopIteration from None

    async def _page(self) -> Any:
        handle = current_handle(self._guard)
        if self._access is None:
            if self._handle is None:
                self._handle = handle
            elif self._handle is not handle:
                raise GuardError(
                    "this stream belongs to another access than the one that is open here; a stream ends "
                    "with the access that it began under"
                )
        elif self._handle is None:
            self._handle = handle
        elif _whose(self._handle) != _whose(handle):  # the last row of one says where the next one's begin
            raise GuardError(
                "the accesses of a stream are one person's, for one purpose; read each person's rows in a "
                "stream of their own"
            )
        if self._paged is None:
            self._paged = paged(self._written.sql, self._guard._catalog)
        text, more = self._paged.text(self._size, self._last)
        adapter, args = self._guard.adapter, (*self._written.args, *more)
        scope = None if adapter is None else adapter.scope
        found = await self._guard.run(text, args, scope, self._written)
        if not found:
            return None
        labels = self._paged.labels
        # What is withheld is NULL in the database's eyes, and is sorted there as one.
        last = [None if found[-1][label] is WITHHELD else found[-1][label] for label in labels]
        for row in found:
            for label in labels:
                del row[label]
        size = len(found)
        rows = await self._written.finish(found)
        # Only now: a page that was not handed out is read again.
        self._last, self._over = last, size < self._size
        return rows


def _whose(handle: Handle) -> tuple[object, ...]:
    """What the accesses of a stream share: what one of them was shown may say where the next goes on."""
    return handle.actor, handle.purpose, handle.operation, handle.recipient, handle.about


async def _awaited(work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()
