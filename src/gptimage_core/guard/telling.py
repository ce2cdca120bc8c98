"""Telling people that a record touched them: the application's own function, in the record's transaction.

It queues in a table of the application's, so the rules of ring three are set aside for it (`lifted`): it was
given when the guard was made, and no access decides it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gptimage_core.guard.writing import Done
from gptimage_core.ports.records import AccessRecord
from gptimage_core.store.watched import lifted

__all__ = ["both", "recorded", "told"]


def both(
    one: Callable[[sqlite3.Connection, AccessRecord], None],
    other: Callable[[sqlite3.Connection, AccessRecord], None],
    record: AccessRecord,
) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        one(connection, record)
        told(connection, other, record)

    return work


def recorded(
    work: Callable[[sqlite3.Connection], Done],
    write_in: Callable[[sqlite3.Connection, AccessRecord], None],
    tell: Callable[[sqlite3.Connection, AccessRecord], None] | None,
    *,
    inside: bool,
) -> Callable[[sqlite3.Connection], Done]:
    """A write with its records in its own transaction. `inside` one of the application's, what it read is
    recorded when that one ends: it was told, even if all is undone."""

    def run(connection: sqlite3.Connection) -> Done:
        done = work(connection)
        for record, _ in done.writes if inside else (*done.writes, *done.reads):
            write_in(connection, record)
        for record, basis in (*done.writes, *done.reads):
            if basis.tell and tell is not None:
                told(connection, tell, record)
        return done

    return run


def told(
    connection: sqlite3.Connection,
    tell: Callable[[sqlite3.Connection, AccessRecord], None],
    record: AccessRecord,
) -> None:
    """`tell` is the application's, given when the guard was made: it queues in a table of its own."""
    with lifted(connection):
        tell(connection, record)
