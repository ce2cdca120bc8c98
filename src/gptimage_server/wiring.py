"""The wiring: from settings to services, in the one order in which nothing is served too early.

1 the policy of today; in production it must be signed off (S2)
2 the folders, the server's secret, the database; migrations of the core's tables and of ours
3 the data map: every column has a category, or the start ends here (S6); the registry of what people have
4 the ledger of negative decisions: what the data lacks is replayed before anything is served (X8, S33)
5 the guard: the schema is held against the data map (docs/lints.md); attached for good, from here on no
  statement runs outside an access
6 the one way out: recipients behind sharing, never in anybody else's hands (S20)
"""

from __future__ import annotations

import sqlite3

from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.adapters.piccolo.engine import GovernedSQLite
from gptimage_core.adapters.piccolo.tables import table_of
from gptimage_core.clock import Clock
from gptimage_core.decision.compile import compile_timeline
from gptimage_core.errors import StoreError
from gptimage_core.guard.guard import Guard
from gptimage_core.policy.bind import bind, datamap_lock
from gptimage_core.policy.binding import DataMap
from gptimage_core.policy.timeline import Timeline
from gptimage_core.sharing.egress import Egress
from gptimage_core.sharing.recipients import Recipients
from gptimage_core.sharing.stored import StoredDenials, StoredRows
from gptimage_core.store.ledger import Entry, NegativeLedger
from gptimage_core.store.replay import resume
from gptimage_core.store.schema import migrate as migrate_core
from gptimage_core.store.schema import own_tables
from gptimage_core.vault.blobs import LocalBlobs, SealedBlobs
from gptimage_core.vault.keyring import FileKeyring
from gptimage_core.vault.vault import Vault
from gptimage_server.gateways.mail import mail_from_settings
from gptimage_server.gateways.renderer import BuiltinRenderer
from gptimage_server.holdings import apply_deletions, registry_of
from gptimage_server.liveness import LiveJobs
from gptimage_server.migrations import migrate
from gptimage_server.policy import load_policy
from gptimage_server.secrets import load_secrets
from gptimage_server.services import Services
from gptimage_server.settings import Settings
from gptimage_server.tables import ACCEPTED, TABLES

__all__ = ["data_map", "data_map_lock", "wire"]


def wire(settings: Settings, clock: Clock) -> Services:
    """Everything a running server needs. Raises `GptimageError` with every reason it must not start."""
    timeline = load_policy(settings, clock.now())
    engine = _database(settings)
    ledger = NegativeLedger(settings.ledger_file)
    datamap = data_map(timeline)
    registry = registry_of(datamap)
    _apply_our_own(ledger)
    apply_deletions(ledger, registry)
    database = engine.database
    database.write_sync(lambda connection: resume(connection, ledger, clock.now()))
    vault = Vault(FileKeyring(settings.keyring_folder))
    sink = RecordSink(database)
    compiled = compile_timeline(timeline)
    guard = Guard(compiled, datamap, database, sink, clock, vault)
    engine.attach(guard)
    for table in TABLES:
        table._meta._db = engine  # the tables are the program's; the engine is this server's

    egress = Egress(
        compiled,
        datamap,
        Recipients(timeline, [BuiltinRenderer()]),
        rows=StoredRows(database, datamap),
        jobs=LiveJobs(guard),
        sink=sink,
        denials=StoredDenials(database),
        clock=clock,
    )

    async def close() -> None:
        sink.close()
        await database.aclose()
        ledger.close()

    return Services(
        settings=settings,
        clock=clock,
        guard=guard,
        database=database,
        engine=engine,
        egress=egress,
        vault=vault,
        blobs=SealedBlobs(vault, LocalBlobs(settings.blob_folder)),
        ledger=ledger,
        registry=registry,
        mail=mail_from_settings(settings),
        secrets=load_secrets(settings.secret_file),
        closing=(close,),
    )


def data_map(timeline: Timeline) -> DataMap:
    """Our tables, bound to the policy; raises `PolicyError` with every column that has no place in it."""
    return bind(timeline, [table_of(table) for table in TABLES], ACCEPTED)


def data_map_lock(timeline: Timeline) -> str:
    """`datamap.lock`: every column of ours and of the core's own tables, for counsel to read (S6, X9)."""
    ours = data_map(timeline)
    return datamap_lock(DataMap((*ours.tables, *own_tables()), ours.digest, ours.accepted))


def _database(settings: Settings) -> GovernedSQLite:
    for folder in (
        settings.database_file.parent,
        settings.blob_folder,
        settings.keyring_folder,
        settings.ledger_file.parent,
    ):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = GovernedSQLite(settings.database_file, readers=settings.readers)
    engine.database.write_sync(migrate_core)
    engine.database.write_sync(migrate)
    return engine


def _apply_our_own(ledger: NegativeLedger) -> None:
    """What the server's own negative decisions do to its tables, now and in a replay (X8).

    A replay runs before the guard is there, on the database itself; repeating it changes nothing.
    """

    def token_used(connection: sqlite3.Connection, entry: Entry) -> None:
        connection.execute(
            "UPDATE sign_in_links SET used_at = coalesce(used_at, ?) WHERE token_hash = ?",
            (entry.at, _text(entry, "hash")),
        )

    def session_revoked(connection: sqlite3.Connection, entry: Entry) -> None:
        connection.execute("DELETE FROM sessions WHERE id = ?", (_text(entry, "session"),))

    def item_deleted(connection: sqlite3.Connection, entry: Entry) -> None:
        # Ended, not removed: nobody reads it from here on, and the finisher takes it away by its own way.
        for text in (
            "UPDATE images SET keep_ended = coalesce(keep_ended, ?) WHERE id = ?",
            "UPDATE jobs SET keep_ended = coalesce(keep_ended, ?) WHERE image = ?",
            "UPDATE reference_images SET keep_ended = coalesce(keep_ended, ?) WHERE image = ?",
        ):
            connection.execute(text, (entry.at, _text(entry, "item")))

    def item_kept(connection: sqlite3.Connection, entry: Entry) -> None:
        # The owner took the click back in time; an older copy may know the click and not this.
        for text in (
            "UPDATE images SET keep_ended = NULL WHERE id = ?",
            "UPDATE jobs SET keep_ended = NULL WHERE image = ?",
            "UPDATE reference_images SET keep_ended = NULL WHERE image = ?",
        ):
            connection.execute(text, (_text(entry, "item"),))

    ledger.on("item_deleted", item_deleted)
    ledger.on("correction", item_kept)
    ledger.on("token_used", token_used)
    ledger.on("session_revoked", session_revoked)


def _text(entry: Entry, name: str) -> str:
    value = entry.body.get(name)
    if not isinstance(value, str):
        raise StoreError(f"ledger entry {entry.seq} (`{entry.kind}`) lacks `{name}`")
    return value
