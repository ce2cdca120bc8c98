"""One ring at a time: how a raw text meets the third ring with the other two switched off, or none of it.

    answer = await ring_three_alone(world.engine, handle, "SELECT title FROM picture")

`engine` is a governed `GovernedSQLite`, `handle` an open access (`current_handle(guard)` inside
`async with guard.access(…)`). The text is neither parsed nor shaped: it is handed to the connection's
`execute` as it is, in a transaction of its own, while the connection stands as it does for a statement of
that access: the view's grant, and for a write the rules and the context. What comes back: the names of the
answer's columns, and its rows. What is raised: `GuardError` where the database refuses (the authorizer, or a
trigger's ABORT), SQLite's own errors otherwise. Nothing is recorded.

Without an engine, on a connection of `store.database.connect`:

    ring = Ring(catalog)
    ring.prepare(connection)            # once; from then on the connection is watched, for good
    answer = alone_on(connection, ring, view, values_of(actor, about, now), sql, args)

`verb` and `target` say as what the statement runs (the guard takes both from the statement that rings one
and two have read). Left out they are guessed from the text's words, as an attacker would have them be:
`verb` from the first word, `target` the first governed table after UPDATE, INTO or FROM. Whatever is said
there, nothing may pass that the policy does not permit.

`NO_RING` stands where a `Ring` does and does nothing: `Planner(book, catalog, sealer, NO_RING)` plans for a
connection that nobody watches, which is rings one and two without the third.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gptimage_core.adapters.piccolo import GovernedSQLite
from gptimage_core.errors import GuardError
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.params import Values, values_of
from gptimage_core.guard.profiles import Variant, View
from gptimage_core.guard.sqlite.ring import Grant, Ring
from gptimage_core.guard.sqlite.rules import ABORTED, CLOSED
from gptimage_core.guard.statements.catalog import Catalog, Entry
from gptimage_core.store.watched import Work

__all__ = ["NO_RING", "Answer", "alone_on", "grant_of", "ring_three_alone"]

_VARIANTS: dict[str, Variant] = {"SELECT": "read", "INSERT": "read", "UPDATE": "update", "DELETE": "delete"}
_NAME = re.compile(
    r"""(?:UPDATE(?:\s+OR\s+\w+)?|INTO|FROM)\s+(?:["`\[]?main["`\]]?\s*\.\s*)?["`\[]?(\w+)""", re.IGNORECASE
)
_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.DOTALL)


class Answer(NamedTuple):
    """What a text gave."""

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def grant_of(
    ring: Ring, view: View, catalog: Catalog, sql: str, verb: str | None = None, target: str | None = None
) -> Grant:
    """What ring three lets a statement under this view do."""
    found = _WORD.match(sql)
    word = found[1].upper() if found else ""
    kind = verb or {"REPLACE": "INSERT"}.get(word, word if word in _VARIANTS else "SELECT")
    if kind == "SELECT":
        return ring.grant(view, "read", "SELECT", None)
    named = [target] if target else _NAME.findall(sql)
    entries = [entry for name in named if (entry := catalog.entry(name)) is not None]
    entry: Entry = (entries or catalog.entries)[0]
    return ring.grant(view, _VARIANTS[kind], kind, entry)


def alone_on(
    connection: sqlite3.Connection,
    ring: Ring,
    view: View,
    values: Values,
    sql: str,
    args: Sequence[Any] = (),
    *,
    verb: str | None = None,
    target: str | None = None,
) -> Answer:
    """Run a raw text on a connection that `ring` watches; transactions are the caller's."""
    grant = grant_of(ring, view, ring._catalog, sql, verb, target)
    writing = grant.reading(connection) if grant.rules is None else grant.writing(connection, values)
    try:
        with writing:
            cursor = connection.execute(sql, args)
            return Answer(tuple(column[0] for column in cursor.description or ()), cursor.fetchall())
    except sqlite3.IntegrityError as error:
        if error.args[0] in (ABORTED, CLOSED):
            raise GuardError("the database refuses this write") from None
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)  # an error of Python's own has none
        if code == sqlite3.SQLITE_AUTH or str(error).startswith("not authorized"):
            raise GuardError("the database refuses this statement") from None
        raise


async def ring_three_alone(
    engine: GovernedSQLite,
    handle: Handle,
    sql: str,
    args: Sequence[Any] = (),
    *,
    verb: str | None = None,
    target: str | None = None,
) -> Answer:
    """Run a raw text under ring three alone; see the module's docstring."""
    guard = engine.guard
    assert guard is not None, "an engine without a guard has no rings"
    ring, now = guard._ring, guard.clock.now()
    view, values = guard._planner.book.view(handle, now), values_of(handle.actor, handle.about, now)

    def work(connection: sqlite3.Connection) -> Answer:
        return alone_on(connection, ring, view, values, sql, args, verb=verb, target=target)

    reads = grant_of(ring, view, guard._catalog, sql, verb, target).rules is None
    return await (engine._database.read(work) if reads else engine._database.write(work))


class _NoGrant(Work):
    """Stands for a grant, and for its ring."""

    __slots__ = ()

    def text(self, sql: str) -> str:
        return sql

    @property
    def ring(self) -> _NoGrant:
        return self

    @contextlib.contextmanager
    def reading(self, connection: sqlite3.Connection) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def writing(self, connection: sqlite3.Connection, values: Values) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def own_texts(self, connection: sqlite3.Connection) -> Iterator[None]:
        yield

    def open(self, connection: sqlite3.Connection, grant: object, values: Values) -> None:
        return

    def grant(self, view: View, variant: Variant, verb: str, target: Entry | None) -> _NoGrant:
        return self


NO_RING: Any = _NoGrant("none")
