"""The server's tables, as numbered SQL files that are applied once and never changed after a release.

`python -m gptimage_server.migrations` writes `0001_first.sql` anew from `tables`; a test holds the two
against each other. After the first release a change of the tables is a new file.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from gptimage_core.errors import StoreError

__all__ = ["MIGRATIONS", "migrate"]

_FOLDER = Path(__file__).parent
_HISTORY = """CREATE TABLE IF NOT EXISTS server_migration (
    number INT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT, WITHOUT ROWID"""

MIGRATIONS: tuple[Path, ...] = tuple(sorted(_FOLDER.glob("[0-9]*.sql")))


def migrate(connection: sqlite3.Connection) -> int:
    """Apply what is missing, in the caller's write transaction; returns how many ran.

    Raises `StoreError` when the history differs from these files: another program's database is not served.
    """
    connection.execute(_HISTORY)
    rows = connection.execute("SELECT number, checksum FROM server_migration").fetchall()
    applied = {int(number): str(checksum) for number, checksum in rows}
    if applied.keys() - {_number(file) for file in MIGRATIONS}:
        raise StoreError("the database is newer than this server; install a newer gptimage")
    ran = 0
    for file in MIGRATIONS:
        text = file.read_text("utf-8")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        known = applied.get(_number(file))
        if known is not None and known != checksum:
            raise StoreError(f"migration `{file.stem}` is not the one that was applied to this database")
        if known is None:
            for statement in statements(text):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO server_migration (number, name, checksum) VALUES (?, ?, ?)",
                (_number(file), file.stem, checksum),
            )
            ran += 1
    return ran


def statements(text: str) -> list[str]:
    """The statements of a migration: each ends in `;` at a line's end; comments have lines of their own."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";\n") if part.strip(" ;\n")]


def _number(file: Path) -> int:
    return int(file.stem.partition("_")[0])
