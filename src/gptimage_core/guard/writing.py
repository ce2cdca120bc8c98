"""What happens where the data is when a statement writes: all of it in one hop, in one write transaction.

An INSERT may read first (its SELECT), an upsert may be an UPDATE, RETURNING is a read of the rows that were
written: each part is shaped, decided and recorded as the statement that it is. RETURNING gives the keys; what
else it lists is read through the guard, before a DELETE and after everything else, and a row that may not be
read (any more) gives its key and `Withheld`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from gptimage_core.clock import Instant
from gptimage_core.errors import Conflict, GuardError
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.hanging import deleted
from gptimage_core.guard.inserting import Inserter
from gptimage_core.guard.keys import is_exact
from gptimage_core.guard.params import Binder, Values, values_of
from gptimage_core.guard.plan import ByKey, Plan, Returned
from gptimage_core.guard.profiles import View
from gptimage_core.guard.recording import Basis, basis_of, record_of
from gptimage_core.guard.rows import Reader
from gptimage_core.guard.running import (
    Answer,
    check_bulk,
    merged,
    refuse,
    refuse_unmet,
    rows_of,
    run_read,
)
from gptimage_core.guard.sqlite.ring import Grant, watched
from gptimage_core.guard.sqlite.rules import ABORTED
from gptimage_core.guard.upserts import Upserts, is_taken
from gptimage_core.guard.values import FILLED, WITHHELD
from gptimage_core.policy.binding import Table
from gptimage_core.ports.records import AccessRecord, Touched

__all__ = ["Done", "writing"]


class Done(NamedTuple):
    """The answer, and the records of what was written and read, each with what it stands on."""

    answer: Answer
    writes: Sequence[tuple[AccessRecord, Basis]]
    reads: Sequence[tuple[AccessRecord, Basis]] = ()


_BECOMES = "a row would become one that this access may not change"

Work: TypeAlias = Callable[[sqlite3.Connection], Done]


class _Run(NamedTuple):
    """One statement that runs."""

    handle: Handle
    values: Values
    args: Sequence[Any]
    now: Instant

    def record(self, basis: Basis, touched: Touched) -> tuple[AccessRecord, Basis]:
        return record_of(self.handle, basis, self.now, touched), basis


def writing(plan: Plan, view: View, handle: Handle, now: Instant, args: Sequence[Any]) -> Work:
    """An INSERT, UPDATE or DELETE; run it in a write transaction."""
    run = _Run(handle, values_of(handle.actor, handle.about, now), args, now)
    if plan.verb == "INSERT":
        return _Inserting(plan, view, run).work
    reader, grant = plan.reader, plan.grant
    assert reader is not None
    assert grant is not None
    if plan.updater is not None:
        run = run._replace(args=_settled(plan, args, now))
    if plan.quick is not None:
        return _writing_at_once(plan, grant, plan.quick, reader, run)
    if plan.verb == "DELETE":
        return _deleting(plan, grant, reader, run)

    def work(connection: sqlite3.Connection) -> Done:
        keys, touched = _change(connection, plan, run)
        reads: list[tuple[AccessRecord, Basis]] = []
        answer = _answer(connection, plan, run, keys, reads)
        return Done(answer, [run.record(plan.basis, touched)], reads)

    return work


def _settled(plan: Plan, args: Sequence[Any], now: Instant) -> list[Any]:
    """An UPDATE's arguments without what was withheld; raises `GuardError` for an end of keeping to come."""
    assert plan.updater is not None
    settled = [None if value is WITHHELD or value is FILLED else value for value in args]
    plan.updater.check(settled, now)
    return settled


def _change(connection: sqlite3.Connection, plan: Plan, run: _Run) -> tuple[list[Any], Touched]:
    """Run an UPDATE: the keys where the statement returns them, and the rows that it found."""
    reader, updater, grant, references = plan.reader, plan.updater, plan.grant, plan.references
    assert reader is not None
    assert updater is not None
    assert grant is not None
    touched = _touched(connection, plan, run)
    check_bulk(plan.basis, run.handle, touched, 0)
    found = touched.get("" if plan.target is None else plan.target.name, ())
    named = list(dict.fromkeys(key for key, _ in found))
    assignments = () if plan.shaped is None else plan.shaped.assignments
    computed: list[str] = []
    if references:
        computed = references.check_before(connection, run.values, assignments, run.args, named)
    try:
        keys = updater.run(connection, grant, run.values, run.args, touched)
    except sqlite3.IntegrityError as error:
        if error.args[0] == ABORTED:  # INVARIANT (new-row-decided), as ring three found it
            refuse(run.handle, plan.basis, _BECOMES)
        raise
    if references and computed:
        references.check_after(connection, run.values, computed, named)
    if plan.fresh is not None:
        with grant.ring.own_texts(connection):
            _check_fresh(connection, plan.fresh, run, named, plan.basis)
    return keys, touched


def _touched(connection: sqlite3.Connection, plan: Plan, run: _Run) -> Touched:
    """The rows that an UPDATE or DELETE will change or read, and their people."""
    reader, touch, reads = plan.reader, plan.touch, plan.reads
    assert reader is not None
    assert touch is not None
    assert reads is not None
    with reads.reading(connection):
        return reader.touched_by(rows_of(connection, touch.sql, touch.bind(run.values, run.args)))


def _check_fresh(
    connection: sqlite3.Connection, fresh: Binder, run: _Run, keys: Sequence[str], basis: Basis
) -> None:
    """INVARIANT (new-row-decided): a row is changed into nothing that the actor may not have changed."""
    if connection.execute(fresh.sql, fresh.bind(run.values, (json.dumps(keys),))).fetchone() is not None:
        refuse(run.handle, basis, _BECOMES)


def _deleting(plan: Plan, grant: Grant, reader: Reader, run: _Run) -> Work:
    """A DELETE whose rows are known before: RETURNING tells what they were."""
    text = plan.text
    assert text is not None
    table = "" if plan.target is None else plan.target.name

    def work(connection: sqlite3.Connection) -> Done:
        touched = _touched(connection, plan, run)
        check_bulk(plan.basis, run.handle, touched, 0)
        reads: list[tuple[AccessRecord, Basis]] = []
        before: dict[str, dict[str, Any]] = {}
        if plan.returned is not None:
            named = list(dict.fromkeys(key for key, _ in touched.get(table, ())))
            before = _read(connection, plan.returned, run, named, reads)
        bound = text.bind(run.values, run.args)
        with grant.writing(connection, run.values):
            gone = [row[0] for row in deleted(connection, grant.ring, table, text.sql, bound)]
        if plan.returned is None:
            answer = reader.keys(gone) if plan.shaped is not None and plan.shaped.returning else []
        else:
            answer = _shown(plan.returned, before, gone)
        return Done(answer, [run.record(plan.basis, touched)], reads)

    return work


def _writing_at_once(plan: Plan, grant: Grant, quick: Binder, reader: Reader, run: _Run) -> Work:
    basis, values, args = plan.basis, run.values, run.args
    returning = plan.shaped is not None and plan.shaped.returning
    if plan.by_key is not None:
        assert plan.target is not None
        return _writing_one(plan.by_key, grant, plan.target, reader, run, basis)

    table = "" if plan.target is None or plan.verb != "DELETE" else plan.target.name

    def work(connection: sqlite3.Connection) -> Done:
        bound = quick.bind(values, args)
        with grant.writing(connection, values):
            if table:
                found = deleted(connection, grant.ring, table, quick.sql, bound)
            else:
                found = rows_of(connection, quick.sql, bound)
        answer = reader.keys([row[0] for row in found]) if returning else []
        return Done(answer, [run.record(basis, reader.touched_at_once(found))])

    return work


def _writing_one(by_key: ByKey, grant: Grant, target: Table, reader: Reader, run: _Run, basis: Basis) -> Work:
    """An UPDATE of the row that an argument names: whether it was changed says the row count."""
    key, actor = run.args[by_key.at], run.handle.actor
    own = (str(key), actor.id) if by_key.own and is_exact(key, target) else None
    text, values, args = by_key.text, run.values, run.args

    def work(connection: sqlite3.Connection) -> Done:
        here = watched(connection)
        grant.ring.open(here, grant, values)
        before, here.work = here.work, grant
        try:
            changed = here.execute(text.sql, text.bind(values, args)).rowcount
        finally:
            here.work = before
        if changed:
            found = [own] if own is not None else rows_of(connection, by_key.sql, [key])
        else:
            found = []
        return Done([], [run.record(basis, reader.touched_at_once(found))])

    return work


# INSERT


class _Inserting:
    """One INSERT that runs. `taken`: what was updated instead, per plan."""

    def __init__(self, plan: Plan, view: View, run: _Run) -> None:
        self.plan, self.view, self.run = plan, view, run
        assert plan.inserter is not None
        assert plan.target is not None
        assert plan.grant is not None
        assert plan.shaped is not None
        assert plan.shaped.insertion is not None
        self.inserter: Inserter = plan.inserter
        self.grant: Grant = plan.grant
        self.insertion = plan.shaped.insertion
        self.target: Table = plan.target
        self.decided: dict[tuple[str, tuple[str, ...]], Any] = {}
        self.touched: Touched = {}
        self.changed: list[tuple[Plan, Touched]] = []
        self.reads: list[tuple[AccessRecord, Basis]] = []

    def work(self, connection: sqlite3.Connection) -> Done:
        plan, run, inserter = self.plan, self.run, self.inserter
        rows = inserter.given(run.args, self._selected(connection))
        if inserter.one_by_one or plan.collides:
            keys = [key for given in rows for key in self._one(connection, given)]
        else:
            keys = self._all(connection, [inserter.filled(given, run.handle, run.now) for given in rows])
        writes = self._records()
        answer = _answer(connection, plan, run, keys, self.reads)
        return Done(answer, writes, self.reads)

    def _selected(self, connection: sqlite3.Connection) -> list[list[Any]]:
        source, run = self.plan.source, self.run
        if source is None:
            return []
        assert source.reader is not None
        fetched, _, touched = run_read(connection, source, run.handle, run.values, run.args)
        self.reads.append(run.record(source.basis, touched))
        return source.reader.values(fetched, run.handle.actor.tenant)

    def _all(self, connection: sqlite3.Connection, rows: list[dict[str, Any]]) -> list[Any]:
        """All rows in one statement."""
        text = self.plan.text
        assert text is not None
        new = self.inserter.rows(connection, self.run.handle, self.run.now, rows)
        self.decided.update(new.decided)
        self._basis()
        with self.grant.writing(connection, self.run.values):
            cursor = connection.execute(text.sql, new.bound)
            keys = [row[0] for row in cursor.fetchall()]
        self.touched = self.inserter.with_new_keys(connection, new.touched, keys, cursor.lastrowid)
        return keys

    def _one(self, connection: sqlite3.Connection, given: list[Any]) -> list[Any]:
        """One row: its key, or none where it was left out."""
        upserts, run = self.plan.upserts, self.run
        if upserts is not None and not upserts.partial:
            keys = self._merge(connection, upserts, given)
            if keys is not None:
                return keys
        row = self.inserter.filled(given, run.handle, run.now)
        new = self.inserter.rows(connection, run.handle, run.now, [row])
        self.decided.update(new.decided)
        self._basis()
        try:
            with self.grant.writing(connection, run.values):
                ((key,),) = connection.execute(self.insertion.one, new.bound).fetchall()
        except sqlite3.IntegrityError as error:
            if not self._is_left_out(error):
                raise
        else:
            people = [person for _, person in new.touched[self.target.name]]
            came = {self.target.name: tuple((str(key), person) for person in people)}
            self.touched = merged(self.touched, came)
            return [key]
        keys = None if upserts is None else self._merge(connection, upserts, given)
        if keys is None and upserts is not None:
            raise Conflict
        return keys or []

    def _is_left_out(self, error: sqlite3.IntegrityError) -> bool:
        upserts, ignore = self.plan.upserts, self.insertion.ignore
        if upserts is not None:
            return upserts.partial and is_taken(error, self.target.name, upserts.target, ignore=False)
        if self.plan.nothing is None and not ignore:
            return False
        return is_taken(error, self.target.name, self.plan.nothing or (), ignore=ignore)

    def _merge(self, connection: sqlite3.Connection, upserts: Upserts, given: list[Any]) -> list[Any] | None:
        """Update the row that is there: its key, none where DO UPDATE's WHERE leaves it; `None` where there
        is no row that may be changed."""
        run, inserter = self.run, self.inserter
        filled = inserter.filled_of(upserts.target, given, run.handle, run.now)
        args = upserts.arguments(run.args, given, filled)
        plan = upserts.plans.get(upserts.signature(args))
        if plan is None:
            raise GuardError("a withheld field was used as a value; leave it out of the INSERT … SELECT")
        asked = upserts.found
        with upserts.reads.reading(connection):
            found = {row[1] for row in rows_of(connection, asked.sql, asked.bind(run.values, args))}
        if not found:
            return None
        if len(found) > 1:
            named = ", ".join(f"`{name}`" for name in upserts.target)
            raise GuardError(f"ON CONFLICT names {named}, which is not unique; name what is")
        if plan.idle:
            return []
        if any(args[at] is WITHHELD or args[at] is FILLED for at in plan.uses):
            raise GuardError("a withheld field, or one that the guard fills in, was used in an expression")
        keys, touched = _change(connection, plan, run._replace(args=_settled(plan, args, run.now)))
        self.changed.append((plan, touched))
        return keys

    def _basis(self) -> Basis:
        categories = list(dict.fromkeys(category for category, _ in self.decided))
        target = self.target
        decided = list(self.decided.values())
        if not decided:
            categories = list(target.categories)
            decided = [self.view.decision("create", category) for category in categories]
        basis = basis_of(self.view, "INSERT", "create", [target], categories, decided)
        refuse_unmet(self.run.handle, basis)
        return basis

    def _records(self) -> list[tuple[AccessRecord, Basis]]:
        run = self.run
        updated: dict[int, tuple[Plan, Touched]] = {}
        for plan, touched in self.changed:
            before = updated.get(id(plan))
            updated[id(plan)] = (plan, touched if before is None else merged(before[1], touched))
        for plan, touched in updated.values():
            check_bulk(plan.basis, run.handle, touched, 0)
        writes = [run.record(plan.basis, touched) for plan, touched in updated.values()]
        if self.touched or not writes:
            basis = self._basis()
            check_bulk(basis, run.handle, self.touched, 0)
            writes.insert(0, run.record(basis, self.touched))
        return writes


# RETURNING


def _answer(
    connection: sqlite3.Connection,
    plan: Plan,
    run: _Run,
    keys: list[Any],
    reads: list[tuple[AccessRecord, Basis]],
) -> Answer:
    """What RETURNING gives of the rows with these keys, as they are now."""
    if plan.returned is not None:
        named = [key if type(key) is int else str(key) for key in keys]
        return _shown(plan.returned, _read(connection, plan.returned, run, named, reads), keys)
    assert plan.reader is not None
    return plan.reader.keys(keys) if plan.shaped is not None and plan.shaped.returning else []


def _read(
    connection: sqlite3.Connection,
    returned: Returned,
    run: _Run,
    keys: Sequence[Any],
    reads: list[tuple[AccessRecord, Basis]],
) -> dict[str, dict[str, Any]]:
    """The rows that may be read of those with these keys, by key."""
    plan = returned.plan
    if plan is None or not keys:
        return {}
    assert plan.reader is not None
    assert plan.shaped is not None
    args = [*run.args[: returned.at], *([None] * (returned.at - len(run.args))), json.dumps(list(keys))]
    fetched, cursor, touched = run_read(connection, plan, run.handle, run.values, args)
    reads.append(run.record(plan.basis, touched))
    at = plan.shaped.touches[0].key
    rows = plan.reader.rows(fetched, run.handle.actor.tenant, cursor)
    return {str(found[at]): row for found, row in zip(fetched, rows, strict=True)}


def _shown(returned: Returned, rows: dict[str, dict[str, Any]], keys: Sequence[Any]) -> Answer:
    """A row for each key; of one that may not be read its key is told, which the writer knows."""
    return [
        rows.get(str(key))
        or {
            name: key if is_key else WITHHELD
            for name, is_key in zip(returned.names, returned.keys, strict=True)
        }
        for key in keys
    ]
