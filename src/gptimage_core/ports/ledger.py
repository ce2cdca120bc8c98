"""The ledger: negative decisions, kept outside the data and its backups (X8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Value

__all__ = ["Ledger"]


class Ledger(Protocol):
    """Contract: append-only, in order, durable. A restore of the data never takes the ledger back with it.

    Append first, commit in the data second, with the entry's number in the same transaction.
    """

    last: int

    def append(self, kind: Any, tenant: str, subject: str | None, body: dict[str, Value], at: Instant) -> int:
        """Append one entry and return its number, one above the last. Durable when this returns.

        `body` holds opaque or keyed values only (X7). `StorageFull` or `StoreError` where it is not durable.
        """
        ...

    def since(self, seq: int) -> Iterator[Any]:
        """All entries after `seq`, in order."""
        ...
