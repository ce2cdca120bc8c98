"""Past the guard: a connection of the test's own to the file, as somebody has who holds it in hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

__all__ = ["past"]

T = TypeVar("T")


def past(file: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """Do something to the database in this file, in one transaction, and whoever guards it is not asked.

    Declared types are converted as in `GovernedSQLite`'s own connections.
    """
    connection = sqlite3.connect(
        file,
        isolation_level=None,
        detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA foreign_keys=1")
        connection.execute("PRAGMA secure_delete=1")
        connection.execute("BEGIN")
        result = work(connection)
        connection.execute("COMMIT")
        return result
    finally:
        connection.close()
