"""Maintenance: the declared trusted path for migrations. Recorded, with reason and ticket, and it expires.

    async with guard.maintenance("add a column", ticket="OPS-7", until=clock.now() + 10 * MINUTE):
        await Image.alter()…

Inside it statements run as they are written, on every table; each is recorded by its kind. It is a way for
operators to change the schema, and nothing that serves people should ever open it. At its end the schema is
held against the data map again: with a finding it raises `PolicyError`, and the guard serves nothing more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gptimage_core.clock import HOUR, Instant, to_iso
from gptimage_core.errors import GuardError, PolicyError
from gptimage_core.ports.records import AccessRecord
from gptimage_core.store.state import new_id

if TYPE_CHECKING:
    from gptimage_core.guard.guard import Guard

__all__ = ["MAINTENANCE", "Maintenance", "open_maintenance", "trusted"]

_LONGEST = 24 * HOUR
MAINTENANCE: ContextVar[Maintenance | None] = ContextVar("gptimage_maintenance", default=None)
"""The maintenance that is open here, of any guard."""


def open_maintenance(guard: Guard) -> Maintenance | None:
    """This guard's open maintenance here, if any; raises `GuardError` once it has expired or ended."""
    found = MAINTENANCE.get()
    if found is None or found.guard is not guard:
        return None
    found.check()
    return found


class Maintenance:
    """One maintenance window; `async with` opens and closes it."""

    def __init__(self, guard: Guard, reason: str, ticket: str, until: Instant) -> None:
        now = guard.clock.now()
        if not reason.strip() or not ticket.strip():
            raise GuardError("maintenance needs a reason and a ticket; say why, and where it is tracked")
        if not now < until <= now + _LONGEST:
            raise GuardError(f"maintenance ends within a day from now; `{until}` is not such an instant")
        self.guard = guard
        self.reason = reason
        self.ticket = ticket
        self.until = until
        self._open = False
        self._token: Token[Maintenance | None] | None = None

    def check(self) -> None:
        """Raises unless the window is open now."""
        if not self._open:
            raise GuardError("this maintenance has ended; open it again, with a reason and a ticket")
        if self.guard.clock.now() >= self.until:
            raise GuardError(f"this maintenance expired at {to_iso(self.until)}; open it again")

    def record(self, statement: str) -> AccessRecord:
        """The record of one step. Reason and ticket stand in the rule's place: no rule decided."""
        era = self.guard.compiled.era(self.guard.clock.now())
        return AccessRecord(
            id=new_id(),
            at=self.guard.clock.now(),
            tenant="",
            actor_kind="staff",
            actor=None,
            purpose="maintenance",
            operation="maintenance",
            categories=(),
            rules=(f"maintenance: {self.reason} ({self.ticket})",),
            digest="" if era is None else era.digest,
            version=0 if era is None else era.version,
            statement=statement,
        )

    async def __aenter__(self) -> Maintenance:
        await self.guard.sink.write(self.record("BEGIN MAINTENANCE"))
        self._token = MAINTENANCE.set(self)
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        if self._token is not None:
            MAINTENANCE.reset(self._token)
        await self.guard.sink.write(self.record("END MAINTENANCE"))
        try:
            self.guard.look_again()
        except PolicyError:
            if error is None:
                raise  # else what went wrong inside is what is told; nothing is served either way


def trusted(sql: str, args: Sequence[Any]) -> Callable[[sqlite3.Connection], list[dict[str, Any]]]:
    """The statement as it was written: what maintenance runs."""

    def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        cursor = connection.execute(sql, args)
        rows = cursor.fetchall()
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    return work
