"""Small real stores for tests: a migrated database with its ledger in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from gptimage_core.accesslog.records import AccessRecord, new_id
from gptimage_core.store.database import Database, connect
from gptimage_core.store.ledger import NegativeLedger
from gptimage_core.store.replay import Resumed, resume
from gptimage_core.store.schema import migrate

__all__ = ["TENANT", "Place", "a_record"]

TENANT = "main"


class Place:
    """A folder with a database, its ledger outside the copies, and copies of the database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.copies = 0
        self.open()

    def open(self, now: int = 0) -> Resumed:
        """Start: migrate, and bring the data to its ledger."""
        self.database = Database(self.folder / "data.db", readers=1)
        self.ledger = NegativeLedger(self.folder / "ledger")
        self.database.write_sync(migrate)
        self.resumed = self.database.write_sync(lambda c: resume(c, self.ledger, now))
        return self.resumed

    def close(self) -> None:
        self.database.close()
        self.ledger.close()

    def copy(self) -> Path:
        """A backup of the data as it is; the ledger is never in it."""
        self.copies += 1
        target = self.folder / f"copy-{self.copies}.db"
        connection = connect(self.folder / "data.db")
        connection.execute("VACUUM INTO ?", (str(target),))
        connection.close()
        return target

    def restore(self, copy: Path) -> None:
        """Put the older copy in the place of the data (closed before)."""
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"data.db{suffix}").unlink(missing_ok=True)
        shutil.copy(copy, self.folder / "data.db")


def a_record(subject: str = "u1", row: str = "r1", **changes: object) -> AccessRecord:
    """An access record of one row of one person."""
    values: dict[str, object] = {
        "id": new_id(),
        "at": 1,
        "tenant": TENANT,
        "actor_kind": "subject",
        "actor": subject,
        "purpose": "provide_service",
        "operation": "read",
        "categories": ("prompt",),
        "rules": ("permit.own_content",),
        "digest": "sha256:0",
        "version": 1,
        "statement": "SELECT",
        "counts": {"image": 1},
        "touched": {"image": ((row, subject),)},
    }
    return AccessRecord(**{**values, **changes})  # type: ignore[arg-type]  # the struct checks nothing it need not
