"""What the database says when a write collides: with rows that are there, or with ring three.

INVARIANT (one-collision): a row that nobody here may see and one that everybody may collide alike; SQLite's
words name columns, so they are never passed on.
"""

from __future__ import annotations

import sqlite3

from gptimage_core.errors import GuardError
from gptimage_core.guard.sqlite.rules import ABORTED, CLOSED

__all__ = ["collides"]

_COLLISIONS = frozenset(
    f"SQLITE_CONSTRAINT_{what}" for what in ("UNIQUE", "PRIMARYKEY", "ROWID", "FOREIGNKEY")
)
"""What depends on rows that are there, also on those that nobody may see."""
_RESTRICTED = "FOREIGN KEY constraint failed"
"""What ON DELETE RESTRICT says: SQLite makes it by a trigger of its own, under a trigger's code."""


def collides(error: sqlite3.IntegrityError) -> bool:
    """Whether it depends on rows that are there (the caller raises `Conflict`), and not on the new row alone.

    Raises `GuardError` where ring three has undone the write.
    """
    if error.args[0] in (ABORTED, CLOSED):
        raise GuardError(
            "the database refuses this write: a row would become one that this access may not make; change "
            "less of it, or under an access that may"
        ) from None
    return error.sqlite_errorname in _COLLISIONS or str(error) == _RESTRICTED
