"""What happens where the data is, in one hop: run the shaped SELECT, see what it touched, open, record.

Each function makes the work for one statement. A work function runs on the database's thread, inside one
transaction, and returns plain rows; `Refused` leaves it where the policy refuses after seeing the rows, and
everything the statement did is undone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Access, Facts
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.inserting import Refused
from gptimage_core.guard.params import Values, values_of
from gptimage_core.guard.plan import Plan
from gptimage_core.guard.recording import Basis, record_of
from gptimage_core.guard.sqlite.ring import watched
from gptimage_core.ports.records import AccessRecord, Touched

__all__ = ["Answer", "check_bulk", "merged", "reading", "refuse", "refuse_unmet", "rows_of", "run_read"]

Answer: TypeAlias = list[dict[str, Any]]
_OF_VALUES = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH})
"""SQLite's codes of what fails for the values that it meets, and not for the database's own state."""

Work: TypeAlias = Callable[[sqlite3.Connection], tuple[Answer, AccessRecord]]


def reading(plan: Plan, handle: Handle, now: Instant, args: Sequence[Any]) -> Work:
    """A SELECT. Run it in one read transaction where `plan.touch` is a second statement."""
    text, reader, basis, touch, grant = plan.text, plan.reader, plan.basis, plan.touch, plan.grant
    assert text is not None
    assert reader is not None
    assert grant is not None
    values = values_of(handle.actor, handle.about, now)

    only = reader.only
    if basis.max_rows is None and basis.min_persons is None and touch is None and only is not None:
        table, pairs = only

        def plain(connection: sqlite3.Connection) -> tuple[Answer, AccessRecord]:
            """The usual case: one table, one statement, nothing to count."""
            here = watched(connection)
            before, here.work = here.work, grant
            try:
                cursor = here.execute(text.sql, text.bind(values, args))
                fetched = cursor.fetchall()
            finally:
                here.work = before
            record = record_of(handle, basis, now, {table: pairs(fetched)})
            return reader.rows(fetched, values[1], cursor), record

        return plain

    def work(connection: sqlite3.Connection) -> tuple[Answer, AccessRecord]:
        fetched, cursor, touched = run_read(connection, plan, handle, values, args)
        return reader.rows(fetched, handle.actor.tenant, cursor), record_of(handle, basis, now, touched)

    return work


def run_read(
    connection: sqlite3.Connection, plan: Plan, handle: Handle, values: Values, args: Sequence[Any]
) -> tuple[list[tuple[Any, ...]], sqlite3.Cursor, Touched]:
    """Run a shaped SELECT: what it fetched, where from, and which rows it touched. Raises `Refused`."""
    text, reader, basis, touch, grant = plan.text, plan.reader, plan.basis, plan.touch, plan.grant
    assert text is not None
    assert reader is not None
    assert grant is not None
    with grant.reading(connection):
        counted = None if basis.min_persons is None else _counted(connection, plan, handle, values, args)
        cursor = connection.execute(text.sql, text.bind(values, args))
        cap = basis.max_rows
        if cap is None:
            fetched = cursor.fetchall()
        else:
            fetched = cursor.fetchmany(cap + 1)
            cursor.close()
        touched = reader.touched(fetched)
        if counted is not None:
            touched = merged(touched, counted)
        elif touch is not None:
            found = rows_of(connection, touch.sql, touch.bind(values, args))
            touched = merged(touched, reader.touched_by(found))
    check_bulk(basis, handle, touched, len(fetched))
    return fetched, cursor, touched


def refuse_unmet(handle: Handle, basis: Basis) -> None:
    """An obligation that the guard cannot carry out is a refusal, not a wish."""
    if basis.tell:
        refuse(
            handle, basis, "the rule asks that the person is told, and this guard has no way to tell people"
        )


def rows_of(connection: sqlite3.Connection, sql: str, args: Sequence[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, args).fetchall()


def merged(one: Touched, other: Touched) -> Touched:
    if not one:
        return other
    both = dict(one)
    for table, rows in other.items():
        both[table] = tuple(dict.fromkeys((*both.get(table, ()), *rows)))
    return both


def check_bulk(basis: Basis, handle: Handle, touched: Touched, fetched: int) -> None:
    """X4: beyond the cap nothing is released or changed; ask for less."""
    cap = basis.max_rows
    if cap is not None and (fetched > cap or any(len(rows) > cap for rows in touched.values())):
        refuse(handle, basis, f"more than {cap} records at a time; ask for fewer")


def _counted(
    connection: sqlite3.Connection, plan: Plan, handle: Handle, values: Values, args: Sequence[Any]
) -> Touched:
    """S16: people are counted before the figure is computed. A condition that fails on a row would tell of
    that row what no figure may, so it is a refusal as one about too few is."""
    assert plan.reader is not None
    touched: Touched = {}
    if plan.touch is not None:
        try:
            found = rows_of(connection, plan.touch.sql, plan.touch.bind(values, args))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) not in _OF_VALUES:
                raise
        else:
            touched = plan.reader.touched_by(found)
    _check_persons(handle, plan.basis, touched)
    return touched


def _check_persons(handle: Handle, basis: Basis, touched: Touched) -> None:
    """S16: a cell of fewer than k people is suppressed. Rows that name nobody count as one each."""
    for rows in touched.values():
        people = {("person", person) if person is not None else ("row", key) for key, person in rows}
        if len(people) < (basis.min_persons or 0):
            refuse(handle, basis, f"a figure about fewer than {basis.min_persons} people is not released")
    if not touched:
        refuse(handle, basis, f"a figure about fewer than {basis.min_persons} people is not released")


def refuse(handle: Handle, basis: Basis, why: str) -> None:
    category = basis.categories[0] if basis.categories else ""
    recipient = handle.recipient if basis.operation in ("share", "disclose", "sell") else None
    access = Access(handle.actor, handle.purpose, basis.operation, category, recipient)
    raise Refused(access, Facts(access=handle.facts), why)
