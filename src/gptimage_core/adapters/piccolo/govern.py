"""One call for embedders: load the policy, bind the tables, prepare the store, attach the guard.

    DB = GovernedSQLite("data/app.sqlite")
    guard = await govern(DB, policy="policy/", tables=[Image, Board], keys="keys/", ledger="ledger.jsonl")

What it does, in this order; whatever fails, nothing is attached and nothing is served:

 1. load and lint the policy (every finding at once), compile its timeline
 2. bind the tables: a column without a category stops the start (S6)
 3. migrate the core's own tables
 4. replay the ledger of negative decisions, which lies outside the data and its backups (X8)
 5. open the keyring, which lies apart from the data
 6. open the sink of access records, which adopts what a killed process left
 7. hold the database's schema against the data map: what no ring would reach stops the start (docs/lints.md)
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from piccolo.table import Table

from gptimage_core.accesslog.sink import RecordSink
from gptimage_core.adapters.piccolo.classes import check_classes
from gptimage_core.adapters.piccolo.engine import GovernedSQLite
from gptimage_core.adapters.piccolo.tables import table_of
from gptimage_core.clock import Clock, SystemClock
from gptimage_core.decision.compile import compile_timeline
from gptimage_core.guard.guard import Guard
from gptimage_core.policy.bind import bind
from gptimage_core.policy.timeline import Timeline, load_timeline
from gptimage_core.ports.keys import KeyStore
from gptimage_core.store.ledger import NegativeLedger
from gptimage_core.store.replay import resume
from gptimage_core.store.schema import migrate
from gptimage_core.vault.keyring import FileKeyring
from gptimage_core.vault.vault import Vault

__all__ = ["govern"]


async def govern(
    engine: GovernedSQLite,
    *,
    policy: Timeline | str | Path,
    tables: Sequence[type[Table]],
    ledger: NegativeLedger | str | Path,
    keys: KeyStore | str | Path | None = None,
    clock: Clock | None = None,
    accept: Mapping[str, str] | None = None,
) -> Guard:
    """Attach a guard to the engine, for good, and return it.

    `policy` is a folder with `timeline.toml`, one policy file, or a loaded timeline; `tables` are all tables
    the application reaches through this engine; `ledger` and `keys` are places apart from the database.
    `accept` says, for a finding about the database's schema, why it stays (`{"unique:user.email": "…"}`); it
    stands in `datamap.lock`. `guard.notes` has what is worth knowing and stops nothing.
    Raises `PolicyError` with every finding, `StoreError` where the data is not to be served.
    """
    timeline = policy if isinstance(policy, Timeline) else load_timeline(policy)
    check_classes(tables, engine)
    datamap = bind(timeline, [table_of(table) for table in tables], accept)
    compiled = compile_timeline(timeline)
    time = clock or SystemClock()
    book = ledger if isinstance(ledger, NegativeLedger) else await asyncio.to_thread(NegativeLedger, ledger)

    def prepare(connection: sqlite3.Connection) -> None:
        migrate(connection)
        resume(connection, book, time.now())

    await engine.database.write(prepare)
    vault = None
    if keys is not None:
        store = FileKeyring(Path(keys)) if isinstance(keys, str | Path) else keys
        vault = Vault(store)
    sink = await asyncio.to_thread(RecordSink, engine.database)
    guard = Guard(compiled, datamap, engine.database, sink, time, vault)
    engine.attach(guard)
    return guard
