"""Where people's data stands in this server: the registry that export and erasure share (S15, S32, S36).

The tables come from the data map by themselves; the blobs are declared here, once.
"""

from __future__ import annotations

import sqlite3

from gptimage_core.policy.binding import DataMap
from gptimage_core.registry import EVERYTHING, Place, Registry, end_keeping
from gptimage_core.store.ledger import Entry, NegativeLedger

__all__ = ["ARCHIVE", "PLACES", "apply_deletions", "registry_of"]

ARCHIVE = Place("export_archives", "exports", column="archive", of=(EVERYTHING,), category="export_archive")

PLACES: tuple[Place, ...] = (
    Place("pictures", "images", column="picture", category="generated_image"),
    Place("thumbnails", "images", column="thumbnail", of=("pictures",), category="generated_image"),
    Place("references", "reference_images", column="blob", category="reference_image"),
    ARCHIVE,
)


def registry_of(datamap: DataMap) -> Registry:
    """The server's registry; a place that is wrong stops the start."""
    return Registry(datamap, PLACES)


def apply_deletions(ledger: NegativeLedger, registry: Registry) -> None:
    """What deletions do at once to what is held, in their own transaction and in every replay (X8).

    Of an account: every row of the person ends; sessions go; age, country and the fingerprint of the address
    go (S30: "at once"). The address itself stays sealed for the answer, and the erasure takes the rest.
    Of an item: the archives that hold a copy of it end too.
    """

    def account_deleted(connection: sqlite3.Connection, entry: Entry) -> None:
        person = (entry.tenant, entry.subject or "")
        end_keeping(connection, registry, *person, entry.at)
        connection.execute("DELETE FROM sessions WHERE tenant = ? AND owner = ?", person)
        connection.execute(
            "UPDATE accounts SET state = 'deleted', email_hash = '', age_outcome = '', country = NULL"
            " WHERE tenant = ? AND owner = ?",
            person,
        )
        connection.execute(
            "UPDATE gp_subject_state SET jurisdiction = NULL, age_floor_is_met = NULL"
            " WHERE tenant = ? AND subject = ?",
            person,
        )

    def item_deleted(connection: sqlite3.Connection, entry: Entry) -> None:
        # An archive made before holds a copy of the item: it is unreadable from here on, and the sweep
        # removes its bytes (S32). Whoever wants one makes another.
        connection.execute(
            "UPDATE exports SET keep_ended = ? WHERE tenant = ? AND owner = ? AND recorded <= ?"
            " AND keep_ended IS NULL",
            (entry.at, entry.tenant, entry.subject or "", entry.at),
        )

    ledger.on("account_deleted", account_deleted)
    ledger.on("item_deleted", item_deleted)
