"""The store: where the core's own tables are, and how work gets to them in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Protocol, TypeVar

__all__ = ["Store"]

T = TypeVar("T")


class Store(Protocol):
    """Contract of a store. `store.database.Database` is the one there is; its connections are sqlite3's.

    Work gets the connection, does all its SQL there and returns plain values. Errors: `StorageFull` where
    there is no room, `StoreError` where the storage failed; in both cases nothing was acknowledged.
    """

    async def read(self, work: Callable[[sqlite3.Connection], T], *, snapshot: bool = True) -> T:
        """Run `work` in one read transaction: everything it reads is from one instant."""
        ...

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one write transaction. Returns when the commit is durable; on an error rolls back."""
        ...
