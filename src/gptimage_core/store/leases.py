"""Leases: who may do a periodic job now (a sweep, the log's sequencer), with a fencing token.

INVARIANT (fenced): the token grows with every change of holder, and a holder proves it inside the transaction
that writes (`require`). A holder that slept through its lease, or whose clock jumped (X5), is refused there,
whatever it believes; so two holders never both write.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from gptimage_core.clock import Instant
from gptimage_core.errors import StoreError

__all__ = ["Lease", "acquire", "release", "renew", "require"]


class Lease(NamedTuple):
    """`fence` is the token; `until` the first instant at which the lease is over."""

    name: str
    holder: str
    fence: int
    until: Instant


def acquire(
    connection: sqlite3.Connection, name: str, holder: str, now: Instant, length: int
) -> Lease | None:
    """Take the lease for `length` microseconds where nobody holds it (or it is over); None otherwise.

    In a write transaction. `holder` is random per process; asking again as the holder gives a new token.
    """
    if length <= 0:
        raise StoreError("a lease needs a length in microseconds above zero")
    row = connection.execute("SELECT holder, fence, until FROM gp_lease WHERE name = ?", (name,)).fetchone()
    if row is not None and row[0] is not None and row[0] != holder and now < row[2]:
        return None
    lease = Lease(name, holder, (0 if row is None else int(row[1])) + 1, now + length)
    connection.execute(
        "INSERT INTO gp_lease (name, holder, fence, until) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (name) DO UPDATE SET holder = ?2, fence = ?3, until = ?4",
        lease,
    )
    return lease


def require(connection: sqlite3.Connection, lease: Lease, now: Instant) -> None:
    """Raises `StoreError` unless the lease is still held; call it in the protected transaction."""
    row = connection.execute(
        "SELECT until FROM gp_lease WHERE name = ? AND holder = ? AND fence = ?", lease[:3]
    ).fetchone()
    if row is None or now >= row[0]:
        raise StoreError(f"the lease `{lease.name}` is not held any more; stop and acquire it again")


def renew(connection: sqlite3.Connection, lease: Lease, now: Instant, length: int) -> Lease:
    """Hold it longer, with the same token; raises `StoreError` where it is over or somebody else's."""
    require(connection, lease, now)
    renewed = lease._replace(until=max(lease.until, now + length))
    connection.execute("UPDATE gp_lease SET until = ? WHERE name = ?", (renewed.until, lease.name))
    return renewed


def release(connection: sqlite3.Connection, lease: Lease) -> None:
    """Give it back; the token stays, so that it keeps growing. Nothing happens where it is not ours."""
    connection.execute(
        "UPDATE gp_lease SET holder = NULL, until = 0 WHERE name = ? AND holder = ? AND fence = ?", lease[:3]
    )
