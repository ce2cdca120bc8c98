"""What happens where the data is, in one hop: run the shaped statement, see what it touched, open, record.

Each function makes the work for one statement. A work function runs on the database's thread, inside one
transaction, and returns plain rows; `Refused` leaves it where the policy refuses after seeing the rows, and
everything the statement did is undone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Access, Facts
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.hanging import deleted
from gptimage_core.guard.inserting import Refused
from gptimage_core.guard.keys import is_exact
from gptimage_core.guard.params import Binder, Values, values_of
from gptimage_core.guard.plans import ByKey, Plan
from gptimage_core.guard.profiles import View
from gptimage_core.guard.recording import Basis, basis_of, record_of
from gptimage_core.guard.rows import Reader
from gptimage_core.guard.sqlite.ring import Grant, watched
from gptimage_core.guard.sqlite.rules import ABORTED
from gptimage_core.guard.values import FILLED, WITHHELD
from gptimage_core.policy.binding import Table
from gptimage_core.ports.records import AccessRecord, Touched

__all__ = ["Answer", "reading", "writing"]

Answer: TypeAlias = list[dict[str, Any]]
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
        with grant.reading(connection):
            cursor = connection.execute(text.sql, text.bind(values, args))
            cap = basis.max_rows
            if cap is None:
                fetched = cursor.fetchall()
            else:
                fetched = cursor.fetchmany(cap + 1)
                cursor.close()
            touched = reader.touched(fetched)
            if touch is not None:
                touched = _merged(
                    touched, reader.touched_by(_rows(connection, touch.sql, touch.bind(values, args)))
                )
        _check_bulk(plan, handle, touched, len(fetched))
        if basis.min_persons is not None:
            _check_persons(handle, basis, touched)
        return reader.rows(fetched, handle.actor.tenant, cursor), record_of(handle, basis, now, touched)

    return work


def writing(plan: Plan, view: View, handle: Handle, now: Instant, args: Sequence[Any]) -> Work:
    """An INSERT, UPDATE or DELETE; run it in a write transaction."""
    if plan.verb == "INSERT":
        return _inserting(plan, view, handle, now, args)
    touch, reader, updater, text = plan.touch, plan.reader, plan.updater, plan.text
    grant, reads = plan.grant, plan.reads
    assert touch is not None
    assert reader is not None
    assert text is not None
    assert grant is not None
    assert reads is not None
    values = values_of(handle.actor, handle.about, now)
    table = "" if plan.target is None else plan.target.name
    if updater is not None:
        args = [None if value is WITHHELD or value is FILLED else value for value in args]
        updater.check(args, now)
    if plan.quick is not None:
        return _writing_at_once(plan, grant, plan.quick, reader, handle, now, args)

    def work(connection: sqlite3.Connection) -> tuple[Answer, AccessRecord]:
        with reads.reading(connection):
            touched = reader.touched_by(_rows(connection, touch.sql, touch.bind(values, args)))
        _check_bulk(plan, handle, touched, 0)
        if updater is not None:
            try:
                keys = updater.run(connection, grant, values, args, touched)
            except sqlite3.IntegrityError as error:
                _check_aborted(error, handle, plan.basis)
                raise
            if plan.fresh is not None:
                with grant.ring.own_texts(connection):
                    _check_fresh(connection, plan.fresh, values, touched.get(table, ()), handle, plan.basis)
        else:
            bound = text.bind(values, args)
            with grant.writing(connection, values):
                keys = [row[0] for row in deleted(connection, grant.ring, table, text.sql, bound)]
        return reader.keys(keys), record_of(handle, plan.basis, now, touched)

    return work


def _writing_at_once(
    plan: Plan, grant: Grant, quick: Binder, reader: Reader, handle: Handle, now: Instant, args: Sequence[Any]
) -> Work:
    values, basis = values_of(handle.actor, handle.about, now), plan.basis
    returning = plan.shaped is not None and plan.shaped.returning
    if plan.by_key is not None:
        assert plan.target is not None
        return _writing_one(plan.by_key, grant, plan.target, reader, handle, now, args, basis)

    table = "" if plan.target is None or plan.verb != "DELETE" else plan.target.name

    def work(connection: sqlite3.Connection) -> tuple[Answer, AccessRecord]:
        bound = quick.bind(values, args)
        with grant.writing(connection, values):
            if table:
                found = deleted(connection, grant.ring, table, quick.sql, bound)
            else:
                found = _rows(connection, quick.sql, bound)
        answer = reader.keys([row[0] for row in found]) if returning else []
        return answer, record_of(handle, basis, now, reader.touched_at_once(found))

    return work


def _writing_one(
    by_key: ByKey,
    grant: Grant,
    target: Table,
    reader: Reader,
    handle: Handle,
    now: Instant,
    args: Sequence[Any],
    basis: Basis,
) -> Work:
    """An UPDATE of the row that an argument names: whether it was changed says the row count."""
    key, values = args[by_key.at], values_of(handle.actor, handle.about, now)
    own = (str(key), handle.actor.id) if by_key.own and is_exact(key, target) else None
    text = by_key.text

    def work(connection: sqlite3.Connection) -> tuple[Answer, AccessRecord]:
        here = watched(connection)
        grant.ring.open(here, grant, values)
        before, here.work = here.work, grant
        try:
            changed = here.execute(text.sql, text.bind(values, args)).rowcount
        finally:
            here.work = before
        if changed:
            found = [own] if own is not None else _rows(connection, by_key.sql, [key])
        else:
            found = []
        return [], record_of(handle, basis, now, reader.touched_at_once(found))

    return work


def _inserting(plan: Plan, view: View, handle: Handle, now: Instant, args: Sequence[Any]) -> Work:
    inserter, reader, text, target, grant = plan.inserter, plan.reader, plan.text, plan.target, plan.grant
    assert grant is not None
    assert inserter is not None
    assert reader is not None
    assert text is not None
    assert target is not None
    sql, values = text.sql, values_of(handle.actor, handle.about, now)

    def work(connection: sqlite3.Connection) -> tuple[Answer, AccessRecord]:
        bound, touched, decided, categories = inserter.rows(connection, handle, now, args)
        basis = basis_of(view, "INSERT", "create", [target], categories, decided)
        refuse_unmet(handle, basis)
        with grant.writing(connection, values):
            cursor = connection.execute(sql, bound)
            keys = [row[0] for row in cursor.fetchall()]
        touched = inserter.with_new_keys(connection, touched, keys, cursor.lastrowid)
        return reader.keys(keys), record_of(handle, basis, now, touched)

    return work


def refuse_unmet(handle: Handle, basis: Basis) -> None:
    """An obligation that the guard cannot carry out is a refusal, not a wish."""
    if basis.tell:
        _refuse(
            handle, basis, "the rule asks that the person is told, and this guard has no way to tell people"
        )


def _check_aborted(error: sqlite3.IntegrityError, handle: Handle, basis: Basis) -> None:
    """INVARIANT (new-row-decided), as ring three found it."""
    if error.args[0] == ABORTED:
        _refuse(handle, basis, "a row would become one that this access may not change")


def _check_fresh(
    connection: sqlite3.Connection,
    fresh: Binder,
    values: Values,
    changed: Sequence[tuple[str, str | None]],
    handle: Handle,
    basis: Basis,
) -> None:
    """INVARIANT (new-row-decided): a row is changed into nothing that the actor may not have changed."""
    keys = json.dumps(list(dict.fromkeys(key for key, _ in changed)))
    if connection.execute(fresh.sql, fresh.bind(values, (keys,))).fetchone() is not None:
        _refuse(handle, basis, "a row would become one that this access may not change")


def _rows(connection: sqlite3.Connection, sql: str, args: Sequence[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, args).fetchall()


def _merged(one: Touched, other: Touched) -> Touched:
    if not one:
        return other
    both = dict(one)
    for table, rows in other.items():
        both[table] = tuple(dict.fromkeys((*both.get(table, ()), *rows)))
    return both


def _check_bulk(plan: Plan, handle: Handle, touched: Touched, fetched: int) -> None:
    """X4: beyond the cap nothing is released or changed; ask for less."""
    cap = plan.basis.max_rows
    if cap is not None and (fetched > cap or any(len(rows) > cap for rows in touched.values())):
        _refuse(handle, plan.basis, f"more than {cap} records at a time; ask for fewer")


def _check_persons(handle: Handle, basis: Basis, touched: Touched) -> None:
    """S16: a cell of fewer than k people is suppressed. Rows that name nobody count as one each."""
    for rows in touched.values():
        people = {("person", person) if person is not None else ("row", key) for key, person in rows}
        if len(people) < (basis.min_persons or 0):
            _refuse(handle, basis, f"a figure about fewer than {basis.min_persons} people is not released")
    if not touched:
        _refuse(handle, basis, f"a figure about fewer than {basis.min_persons} people is not released")


def _refuse(handle: Handle, basis: Basis, why: str) -> None:
    category = basis.categories[0] if basis.categories else ""
    recipient = handle.recipient if basis.operation in ("share", "disclose", "sell") else None
    access = Access(handle.actor, handle.purpose, basis.operation, category, recipient)
    raise Refused(access, Facts(access=handle.facts), why)
