"""Telling people that a record touched them: the application's own function, in the record's transaction.

It queues in a table of the application's, so the rules of ring three are set aside for it (`lifted`): it was
given when the guard was made, and no access decides it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gptimage_core.ports.records import AccessRecord
from gptimage_core.store.watched import lifted

__all__ = ["both", "told"]


def both(
    one: Callable[[sqlite3.Connection, AccessRecord], None],
    other: Callable[[sqlite3.Connection, AccessRecord], None],
    record: AccessRecord,
) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        one(connection, record)
        told(connection, other, record)

    return work


def told(
    connection: sqlite3.Connection,
    tell: Callable[[sqlite3.Connection, AccessRecord], None],
    record: AccessRecord,
) -> None:
    """`tell` is the application's, given when the guard was made: it queues in a table of its own."""
    with lifted(connection):
        tell(connection, record)
