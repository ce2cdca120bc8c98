"""Access records, and the sink that makes them durable before anything is released."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, TypeVar

from msgspec import Struct

from gptimage_core.clock import Instant

__all__ = ["AccessRecord", "RecordSink", "Touched"]

T = TypeVar("T")

Touched: TypeAlias = Mapping[str, tuple[tuple[str, str | None], ...]]
"""Per table, the rows touched as (row's key, subject); None where the row names nobody."""


class AccessRecord(Struct, frozen=True, kw_only=True):
    """One entry of the access log: who did what with whose data, under which rule of which policy.

    `id` is random and opaque. `touched` names the rows and subjects, for counts and aggregates too, or nobody
    could ever be told who saw what. `statement` is the kind (SELECT, INSERT, UPDATE, DELETE, or a word of an
    application's own), `counts` are rows per table. No content and no email, ever: ids are opaque.
    """

    id: str
    at: Instant
    tenant: str
    actor_kind: str
    actor: str | None
    purpose: str
    operation: str
    categories: tuple[str, ...]
    rules: tuple[str, ...]
    digest: str
    version: int
    statement: str
    counts: Mapping[str, int] = {}
    touched: Touched = {}


class RecordSink(Protocol):
    """Contract: no record, no access. An error of the sink is an error of the access it was for."""

    async def write(self, record: AccessRecord) -> None:
        """Returns when the record is durable (survives a power cut); release the answer after that."""
        ...

    def write_in(self, connection: sqlite3.Connection, record: AccessRecord) -> None:
        """Write inside the access's own transaction: the record shares its fate and its durability."""
        ...

    def post(self, record: AccessRecord) -> None:
        """For `may_release_before_record`: on return the record survives a kill, not a power cut.

        Blocks for microseconds, not for a disk.
        """
        ...

    async def read(
        self,
        work: Callable[[sqlite3.Connection], tuple[T, AccessRecord | None]],
        *,
        snapshot: bool = True,
        brief: bool = False,
    ) -> T:
        """Run a read; give its answer once its record is durable. Without a record it comes at once.

        `snapshot`: in one read transaction; right to leave out for exactly one statement. `brief`: exactly
        one statement, done in microseconds whatever the data (one row by its key), so that it may run on the
        connection that writes the records.
        """
        ...
