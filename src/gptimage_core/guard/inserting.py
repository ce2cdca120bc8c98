"""INSERT: every row is filled in, decided as the facts it would be, sealed, and only then bound.

1. technical columns are filled in (tenant, recorded, collected_under; a new row is kept: `keep_ended` is
   NULL), and refused where given and wrong
2. foreign keys name rows that the access may read (`references`)
3. the row's people: its subject columns, or those of the row it hangs on (`via`), in the same transaction
4. `decide` per category that the row gives a value of; NULL creates nothing, a row without any value is
   decided for every category of the table
5. sealed columns are sealed to the row's key
A row that is refused refuses the statement: nothing of it is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from gptimage_core.clock import Instant
from gptimage_core.decision.compile import CompiledTimeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Decision, Effect, Facts, RowFacts
from gptimage_core.decision.rows import row_facts
from gptimage_core.errors import GuardError
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.keys import is_exact, stored_key
from gptimage_core.guard.params import values_of
from gptimage_core.guard.references import References
from gptimage_core.guard.sealer import Sealer
from gptimage_core.guard.statements.shaped import Cell, Insertion
from gptimage_core.guard.values import FILLED, WITHHELD, Inserted
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.policy.vocabulary import IDENTIFIER
from gptimage_core.ports.records import Touched
from gptimage_core.store.facts import facts_for

__all__ = ["Inserter", "New", "Refused"]


class Refused(Exception):  # never leaves the guard: it becomes a recorded denial
    """A row that the policy refuses, with what was asked and known."""

    def __init__(self, access: Access, facts: Facts, reason: str = "") -> None:
        self.access = access
        self.facts = facts
        self.reason = reason
        super().__init__("refused")


class _Unsure:
    """A key that the database may write otherwise than the argument; asked when the row is there."""

    def __init__(self, key: Any) -> None:
        self.key = key


class New(NamedTuple):
    """New rows: the values to bind, row by row; the rows and their people; what was decided, by category and
    rules."""

    bound: list[Any]
    touched: Touched
    decided: dict[tuple[str, tuple[str, ...]], Decision]


class Inserter:
    """Prepares the rows of one INSERT of one table."""

    def __init__(
        self,
        compiled: CompiledTimeline,
        datamap: DataMap,
        table: Table,
        insertion: Insertion,
        sealer: Sealer,
        references: References,
    ) -> None:
        self._compiled = compiled
        self._datamap = datamap
        self._table = table
        self._insertion = insertion
        self._sealer = sealer
        self._references = references
        columns = [table.column(name) for name in insertion.columns]
        self._columns: tuple[Column, ...] = tuple(column for column in columns if column is not None)
        if len(self._columns) != len(insertion.columns):
            raise GuardError(f"an INSERT into `{table.name}` names a column it does not have")
        self._sealed = tuple(column for column in self._columns if column.sealed)
        self._counts = any(c.name == table.key and c.type == "integer" for c in table.columns)

    @property
    def one_by_one(self) -> bool:
        """Whether the rows are inserted each by itself: they come from a SELECT, may be left out, or hang on
        each other."""
        insertion = self._insertion
        itself = any(column.references == self._table.name for column in self._columns)
        return insertion.each or insertion.ignore or itself

    def given(self, args: Sequence[Any], selected: Sequence[Sequence[Any]] | None) -> list[list[Any]]:
        """The values of each row as the statement gives them, `FILLED` where the guard fills in. `selected`:
        what the statement's own SELECT gave; with `None`, before it ran, those values are `None`."""
        rows = self._insertion.rows
        if selected is None:
            return [[None if cell.output is not None else _value(cell, args, ()) for cell in r] for r in rows]
        if self._insertion.each:
            return [[_value(cell, args, outputs) for cell in rows[0]] for outputs in selected]
        outputs = selected[0] if selected else ()
        return [[_value(cell, args, outputs) for cell in cells] for cells in rows]

    def filled(self, given: Sequence[Any], handle: Handle, now: Instant) -> dict[str, Any]:
        """A row with the technical columns filled in; raises `GuardError` where they are given and wrong."""
        return {
            column.name: self.filled_in(column, value, handle, now)
            for column, value in zip(self._columns, given, strict=True)
        }

    def filled_of(
        self, names: Sequence[str], given: Sequence[Any], handle: Handle, now: Instant
    ) -> dict[str, Any]:
        """Some columns of a row, filled in."""
        pairs = zip(self._columns, given, strict=True)
        return {c.name: self.filled_in(c, value, handle, now) for c, value in pairs if c.name in names}

    def filled_in(self, column: Column, value: Any, handle: Handle, now: Instant) -> Any:
        """The value of one column of a new row."""
        if value is WITHHELD:
            raise GuardError(
                f"`{self._table.name}.{column.name}` of a new row is a withheld field of another one; "
                "read it under a purpose that permits it, or leave it out"
            )
        if column.role is None:
            return None if value is FILLED else value
        era = self._compiled.era(now)
        return self._technical(column, value, handle, now, 0 if era is None else era.version)

    def rows(
        self, connection: sqlite3.Connection, handle: Handle, now: Instant, rows: Sequence[dict[str, Any]]
    ) -> New:
        """Decide and seal the rows. Raises `Refused`, and `Conflict` for a foreign key to no row."""
        tenant = handle.actor.tenant
        values = values_of(handle.actor, handle.about, now)
        bound: list[Any] = []
        touched: list[tuple[Any, str | None]] = []
        decided: dict[tuple[str, tuple[str, ...]], Decision] = {}
        for row in rows:
            if self._references:
                self._references.check_new(connection, values, row)
            facts = self._facts(connection, tenant, row, now)
            for category, decision in self._decide(handle, facts, row, now).items():
                decided[category, decision.rules] = decision
            people = tuple(str(s) for s in facts.subjects if s is not None)
            self._seal(tenant, row, people)
            bound.extend(row[column.name] for column in self._columns)
            key = row.get(self._table.key)
            if key is None and self._table.key in row and not self._counts:
                raise GuardError(
                    f"the key `{self._table.name}.{self._table.key}` of a new row is NULL, and no statement "
                    "could name the row again; give it a random text"
                )
            named = "" if key is None else str(key) if is_exact(key, self._table) else _Unsure(key)
            touched += [(named, person) for person in people or (None,)]
        return New(bound, {self._table.name: tuple(touched)}, decided)

    def with_new_keys(
        self, connection: sqlite3.Connection, touched: Touched, keys: list[Any], last: int | None
    ) -> Touched:
        """The rows with the keys that the database has: where the statement named none, or otherwise."""
        rows = touched[self._table.name]
        if all(key and type(key) is str for key, _ in rows):
            return touched
        rows = tuple((self._settled(connection, key), person) for key, person in rows)
        if all(key for key, _ in rows):
            return {self._table.name: rows}
        if len(keys) != len(rows):
            keys = [] if last is None or len(self._insertion.rows) != 1 else [last] * len(rows)
        given = [str(key) for key in keys] or [""] * len(rows)
        return {
            self._table.name: tuple(
                (key or new, person) for (key, person), new in zip(rows, given, strict=True)
            )
        }

    def completed(
        self, answer: list[dict[str, Any]], args: Sequence[Any], handle: Handle, now: Instant
    ) -> list[dict[str, Any]]:
        """The answer with what was filled in, where an argument asked for it, for an ORM's objects."""
        if not any(value is FILLED for value in args):
            return answer
        era = self._compiled.era(now)
        version = 0 if era is None else era.version
        filled = {
            column.name: self._technical(column, FILLED, handle, now, version)
            for column in self._columns
            if column.role in ("tenant", "recorded", "collected_under")
        }
        return [Inserted(row, filled) for row in answer]

    def _settled(self, connection: sqlite3.Connection, key: str | _Unsure) -> str:
        return str(stored_key(connection, key.key, self._table)) if isinstance(key, _Unsure) else key

    # 1

    def _technical(self, column: Column, value: Any, handle: Handle, now: Instant, version: int) -> Any:
        name = f"`{self._table.name}.{column.name}`"
        if column.role == "tenant":
            if value is not FILLED and value != handle.actor.tenant:
                raise GuardError(
                    f"{name} is filled in by the guard: it is the tenant of the access, nothing else"
                )
            return handle.actor.tenant
        if column.role == "collected_under":
            if value is not FILLED and value != version:
                raise GuardError(
                    f"{name} is filled in by the guard: rows are collected under the version in force"
                )
            return version
        if column.role == "recorded":
            if value is FILLED:
                return now
            if type(value) is not int or not 0 < value <= now:
                raise GuardError(
                    f"{name} is an instant that has passed, in microseconds; leave it out for now"
                )
            return value
        return None if value is FILLED else value

    # 3

    def _facts(
        self, connection: sqlite3.Connection, tenant: str, row: dict[str, Any], now: Instant
    ) -> RowFacts:
        known = {name: _plain(value) for name, value in row.items()}
        parent = self._parent(connection, self._table, known, tenant)
        bare = row_facts(self._table, known, {}, parent)
        people = facts_for(connection, tenant, [s for s in bare.subjects if s is not None], now)
        return row_facts(self._table, known, people, parent)

    def _parent(
        self, connection: sqlite3.Connection, table: Table, row: dict[str, Any], tenant: str
    ) -> RowFacts | None:
        """The row that this one hangs on, up to where people are named. A missing one, or one of another
        tenant, gives nobody: the same refusal."""
        via = table.via
        above = None if via is None else self._datamap.table(via.table)
        if via is None or above is None:
            return None
        asked = [c.name for c in above.columns if c.role is not None]
        names = ", ".join(_quoted(name) for name in asked)
        found = connection.execute(
            f"SELECT {names} FROM main.{_quoted(above.name)} WHERE {_quoted(above.key)} = ?",  # noqa: S608
            (row.get(via.column),),
        ).fetchone()
        if found is None:
            return None
        values = {name: _plain(value) for name, value in zip(asked, found, strict=True)}
        facts = row_facts(above, values, {}, self._parent(connection, above, values, tenant))
        return facts if facts.tenant == tenant else None

    # 4

    def _decide(
        self, handle: Handle, row: RowFacts, values: dict[str, Any], now: Instant
    ) -> dict[str, Decision]:
        facts = Facts(access=handle.facts, row=row)
        given = {c.category for c in self._columns if c.category != IDENTIFIER and values[c.name] is not None}
        asked = [c for c in self._table.categories if c in given] or list(self._table.categories)
        out: dict[str, Decision] = {}
        for category in asked:
            access = Access(handle.actor, handle.purpose, "create", category)
            if handle.about is not None and handle.about not in row.subjects:
                raise Refused(access, facts, "the row is not about the person that the access is about")
            decision = decide(self._compiled, access, facts, now)
            if decision.effect is not Effect.ALLOW:
                raise Refused(access, facts)
            out[category] = decision
        return out

    # 5

    def _seal(self, tenant: str, row: dict[str, Any], people: tuple[str, ...]) -> None:
        if not self._sealed:
            return
        via = self._table.via
        link = None if via is None else _plain(row.get(via.column))
        key = _plain(row.get(self._table.key))
        for column in self._sealed:
            value = row[column.name]
            if value is not None:
                if not people:
                    raise GuardError(
                        f"`{self._table.name}.{column.name}` is sealed to a person, and the row names none"
                    )
                row[column.name] = self._sealer.seal(self._table, column, tenant, key, people[0], link, value)


def _value(cell: Cell, args: Sequence[Any], outputs: Sequence[Any]) -> Any:
    if cell.fill:
        return FILLED
    if cell.output is not None:
        return outputs[cell.output]
    return cell.value if cell.placeholder is None else args[cell.placeholder]


def _plain(value: Any) -> Any:
    """A value as a fact: ids that are UUIDs are text in the database."""
    return value if value is None or isinstance(value, str | int | float | bytes) else str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
