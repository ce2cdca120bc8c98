"""Negative decisions, made and made again: the same handlers run when one is taken and when it is replayed.

INVARIANT (served-is-replayed): data whose position is not the ledger's newest entry is not served;
`resume` brings it there when the application starts, `require_current` refuses otherwise (X8, S33).
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Value
from gptimage_core.errors import StoreError
from gptimage_core.store.ledger import Entry, Handler, Kind, NegativeLedger, _fault
from gptimage_core.store.negative import BUILT_IN
from gptimage_core.store.state import new_id
from gptimage_core.store.watched import lifted

__all__ = ["Position", "Resumed", "enact", "position", "replay", "require_current", "resume"]


class Position(NamedTuple):
    """Which entry of which ledger the data has reached."""

    ledger: str
    seq: int
    chain: str


class Resumed(NamedTuple):
    """What starting found: entries replayed, and whether the ledger was lost (then every consent is off)."""

    replayed: int
    lost: bool


def position(connection: sqlite3.Connection) -> Position | None:
    """Where the data stands; None for data that has never met a ledger."""
    row = connection.execute("SELECT ledger, seq, chain FROM gp_ledger_position WHERE one = 1").fetchone()
    return None if row is None else Position(str(row[0]), int(row[1]), str(row[2]))


def enact(
    connection: sqlite3.Connection,
    ledger: NegativeLedger,
    kind: Kind,
    tenant: str,
    subject: str | None,
    body: dict[str, Value],
    at: Instant,
) -> int:
    """Take a negative decision: catch up, append and fsync, apply, move the position; returns its number.

    Runs inside the caller's write transaction, whose commit acknowledges it (INVARIANT (ledger-first)).
    Raises `StorageFull` or `StoreError` with nothing acknowledged: the caller's transaction must roll back.
    """
    if not connection.in_transaction:
        raise StoreError("a negative decision needs a write transaction; use `db.write`")
    ledger.refresh()
    _handlers(ledger, kind)  # a decision that no replay could repeat is refused before it is written
    _catch_up(connection, ledger)
    seq = ledger.append(kind, tenant, subject, body, at)
    _apply(connection, ledger, Entry(seq, at, kind, tenant, subject, body))
    _move(connection, ledger, seq)
    _fault("data:before-commit")
    return seq


def replay(connection: sqlite3.Connection, ledger: NegativeLedger) -> int:
    """Apply every entry after the data's position, and move it; returns how many. Twice is once."""
    if not connection.in_transaction:
        raise StoreError("a replay needs a write transaction; use `db.write`")
    ledger.refresh()
    return _catch_up(connection, ledger)


def require_current(connection: sqlite3.Connection, ledger: NegativeLedger) -> None:
    """Raises `StoreError` unless the data holds all of this ledger: INVARIANT (served-is-replayed)."""
    here = position(connection)
    if (
        here is None
        or here.ledger != ledger.id
        or here.seq != ledger.refresh()
        or here.chain != ledger.chain(here.seq)
    ):
        raise StoreError(
            "the data is behind its ledger of negative decisions; resume it before serving anything"
        )


def resume(connection: sqlite3.Connection, ledger: NegativeLedger, now: Instant) -> Resumed:
    """Bring the data to its ledger, in the caller's write transaction, before anything is served.

    1. data that never met a ledger adopts this one and replays it from the beginning
    2. data that stands on this ledger's chain replays what follows its position
    3. otherwise entries are lost (the file is new, shorter, or forked): everything there is is replayed, and
       the loss itself becomes a decision, `ledger_lost`: every consent resumes off
    A ledger with entries that belongs to other data is refused: it is a wrong path, not a loss.
    """
    ledger.refresh()
    here = position(connection)
    if here is None:
        connection.execute("INSERT OR IGNORE INTO gp_meta (name, value) VALUES ('data_id', ?)", (new_id(),))
        _move(connection, ledger, 0)
        return Resumed(replay(connection, ledger), lost=False)
    if here.ledger == ledger.id and here.seq <= ledger.last and here.chain == ledger.chain(here.seq):
        return Resumed(replay(connection, ledger), lost=False)
    # Copies of the data share its id, whichever ledger they stood on: it tells a loss from a wrong path.
    data = _data_id(connection)
    losses = [entry.body for entry in ledger.since(0) if entry.kind == "ledger_lost"]
    if here.ledger != ledger.id and ledger.last and not any(body.get("data") == data for body in losses):
        raise StoreError(
            f"the ledger at `{ledger.path}` belongs to other data; put this data's own ledger back, or name"
            " a path where there is none: every consent then resumes off"
        )
    _move(connection, ledger, 0)
    count = replay(connection, ledger)
    if here.ledger == ledger.id or not any(body.get("ledger") == here.ledger for body in losses):
        body: dict[str, Value] = {"data": data, "ledger": here.ledger, "seq": here.seq}
        enact(connection, ledger, "ledger_lost", "", None, body, now)
    return Resumed(count, lost=True)


def _data_id(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM gp_meta WHERE name = 'data_id'").fetchone()
    if row is None:
        raise StoreError(
            "the data has a position in a ledger and no id of its own; its tables were changed by hand"
        )
    return str(row[0])


def _handlers(ledger: NegativeLedger, kind: str) -> list[Handler]:
    own = BUILT_IN.get(kind)
    handlers = ([own] if own is not None else []) + ledger.handlers.get(kind, [])
    if not handlers:
        raise StoreError(
            f'nothing applies decisions of kind `{kind}`; register it with `ledger.on("{kind}", …)`'
        )
    return handlers


def _apply(connection: sqlite3.Connection, ledger: NegativeLedger, entry: Entry) -> None:
    with lifted(connection):
        for handler in _handlers(ledger, entry.kind):
            handler(connection, entry)


def _catch_up(connection: sqlite3.Connection, ledger: NegativeLedger) -> int:
    here = position(connection)
    if here is None or here.ledger != ledger.id or here.chain != ledger.chain(here.seq):
        raise StoreError("the data does not stand on this ledger; call `resume` when the application starts")
    if here.seq == ledger.last:
        return 0
    count = 0
    for entry in ledger.since(here.seq):
        _apply(connection, ledger, entry)
        count += 1
    _move(connection, ledger, ledger.last)
    return count


def _move(connection: sqlite3.Connection, ledger: NegativeLedger, seq: int) -> None:
    connection.execute(
        "INSERT INTO gp_ledger_position (one, ledger, seq, chain) VALUES (1, ?1, ?2, ?3)"
        " ON CONFLICT (one) DO UPDATE SET ledger = ?1, seq = ?2, chain = ?3",
        (ledger.id, seq, ledger.chain(seq)),
    )
