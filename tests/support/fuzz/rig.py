"""Runs one statement through the guard's pieces in one thread, and the original over the restriction.

What `Guard.run` does around its threads and records is left out; all that decides, shapes and opens is here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from msgspec import Struct
from tests.support.fuzz.policy import NOW, TABLES, Asked, Law, law
from tests.support.fuzz.world import Rows, World, fill, fill_people, governed, plain
from tests.support.rings import NO_RING

from gptimage_core.errors import GuardError
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.inserting import Refused
from gptimage_core.guard.params import values_of
from gptimage_core.guard.plan import Plan
from gptimage_core.guard.plans import Planner
from gptimage_core.guard.profiles import Book
from gptimage_core.guard.running import reading
from gptimage_core.guard.sealer import Sealer
from gptimage_core.guard.sqlite.ring import Ring
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.shaped import StaticDenial
from gptimage_core.guard.values import WITHHELD
from gptimage_core.guard.writing import writing
from gptimage_core.store.watched import WatchedConnection, lifted
from gptimage_core.vault.keyring import FileKeyring
from gptimage_core.vault.vault import Vault

__all__ = ["Governed", "Original", "Outcome", "Under"]


class Outcome(Struct):
    """What came of a statement. `kind`: `rows`, `refused` (by the guard), `denied` (by the policy), `error`
    (of the database; `said` is its class) or `unready` (the database does not take the text at all)."""

    kind: str
    said: str = ""
    names: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = []
    count: int = 0

    @property
    def gave(self) -> bool:
        return self.kind == "rows"


def _dumped(connection: sqlite3.Connection) -> Rows:
    out: Rows = {}
    for table in TABLES:
        cursor = connection.execute(f'SELECT * FROM "{table.name}" ORDER BY rowid')
        names = [column[0] for column in cursor.description]
        out[table.name] = [dict(zip(names, row, strict=True)) for row in cursor]
    return out


class Original:
    """A database of plain rows and nothing else, and statements as they were written."""

    def __init__(self, rows: Rows, without: Sequence[str] = ()) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, factory=WatchedConnection)
        self.connection.execute("PRAGMA recursive_triggers=1")
        plain(self.connection, without)
        fill(self.connection, rows)

    def dump(self) -> Rows:
        """All rows as they are."""
        return _dumped(self.connection)

    def run(self, sql: str, args: Sequence[Any]) -> Outcome:
        """What the original gives."""
        try:
            self.connection.execute(f"EXPLAIN {sql}", args)
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            return Outcome("unready", f"{type(error).__name__}: {error}")
        try:
            cursor = self.connection.execute(sql, args)
            rows = cursor.fetchall()
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            return Outcome("error", type(error).__name__)
        names = tuple(column[0] for column in cursor.description or ())
        return Outcome("rows", "", names, [tuple(row) for row in rows], cursor.rowcount)


class Governed:
    """A governed database in memory, with a vault; filled anew for each world. `ringed`: with ring three."""

    def __init__(self, folder: Path, *, indexed: bool, ringed: bool = False) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, factory=WatchedConnection)
        self.connection.execute("PRAGMA recursive_triggers=1")
        governed(self.connection, indexed=indexed)
        self.vault = Vault(FileKeyring(folder))
        self.ring = NO_RING
        if ringed:
            self.ring = Ring(Catalog.of(law(0).datamap))
            self.ring.prepare(self.connection)

    def filled(self, world: World, law: Law, asked: Asked) -> Under:
        """This world under one policy and one access."""
        under = Under(self, law, asked)
        with lifted(self.connection):
            fill(self.connection, under.sealed(world))
            fill_people(self.connection, world.people)
        return under


class Under:
    """One access to one governed database."""

    def __init__(self, home: Governed, law: Law, asked: Asked) -> None:
        self.home, self.law, self.asked = home, law, asked
        self.catalog = Catalog.of(law.datamap)
        self.sealer = Sealer(home.vault, law.datamap, law.compiled.timeline)
        self.planner = Planner(Book(law.compiled, law.datamap), self.catalog, self.sealer, home.ring)
        self.handle = Handle(
            cast(Any, None), asked.actor, asked.purpose, None, None, asked.about, dict(asked.facts)
        )
        self.view = self.planner.book.view(self.handle, NOW)
        self.known: dict[Any, Any] = {}
        """What was sealed when the database was filled."""

    def conditional(self) -> list[str]:
        """The tables whose collated column is shown only in part."""
        access = self.view.profiles["read"].tables["account"].columns["name"]
        return ["account"] if access.read != "bare" else []

    def run(self, sql: str, args: Sequence[Any]) -> Outcome:
        """What the guard gives. Any exception that is not foreseen here is a fault of the guard's."""
        connection = self.home.connection
        try:
            plan = self.planner.plan(self.view, sql, args)
            if plan.idle:
                return Outcome("rows")
            if plan.verb == "SELECT":
                answer, _ = reading(plan, self.handle, NOW, args)(connection)
            else:
                answer = writing(plan, self.view, self.handle, NOW, args)(connection).answer
        except StaticDenial:
            return Outcome("denied")
        except Refused:
            return Outcome("denied")
        except GuardError as refused:
            return Outcome("refused", str(refused))
        except (sqlite3.Error, OverflowError) as error:
            return Outcome("error", type(error).__name__)
        names = tuple(answer[0]) if answer else ()
        rows = [tuple(row.values()) for row in answer]
        if plan.verb == "SELECT" and any(value is WITHHELD for row in rows for value in row):
            rows = self._uncovered(plan, args, names, rows)
        return Outcome("rows", "", names, rows)

    def _uncovered(
        self, plan: Plan, args: Sequence[Any], names: tuple[str, ...], rows: list[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """With what the database gave in the place of `Withheld`: a value that is made of NULLs."""
        assert plan.text is not None
        values = values_of(self.asked.actor, self.asked.about, NOW)
        with lifted(self.home.connection):
            cursor = self.home.connection.execute(plan.text.sql, plan.text.bind(values, args))
        given = [column[0] for column in cursor.description]
        last = {name: number for number, name in enumerate(given)}
        raw = cursor.fetchall()
        return [
            tuple(each[last[n]] if value is WITHHELD else value for n, value in zip(names, row, strict=True))
            for each, row in zip(raw, rows, strict=True)
        ]

    def shaped(self, sql: str, args: Sequence[Any]) -> str:
        """What runs instead, for a report."""
        try:
            plan = self.planner.plan(self.view, sql, args)
        except Exception as refused:
            return str(refused)
        return "" if plan.text is None else plan.text.sql

    # Sealed columns

    def sealed(self, world: World) -> Rows:
        """The rows as they are stored."""
        return {t.name: [self._stored(world, t.name, row) for row in world.rows[t.name]] for t in TABLES}

    def _stored(self, world: World, name: str, row: dict[str, Any]) -> dict[str, Any]:
        table = self.law.datamap.table(name)
        assert table is not None
        stored = dict(row)
        for column in table.columns:
            if column.sealed and row[column.name] is not None:
                person, link = self._person(world, name, row)
                if person is None:
                    stored[column.name] = None
                else:
                    sealed = self.sealer.seal(
                        table, column, row["tenant"], row["id"], person, link, row[column.name]
                    )
                    self.known[sealed] = row[column.name]
                    stored[column.name] = sealed
        return stored

    def opened(self) -> Rows:
        """The rows as they are stored now, sealed values opened where they stand."""
        with lifted(self.home.connection):
            rows = _dumped(self.home.connection)
        for table in self.law.datamap.tables:
            for row in rows[table.name]:
                for column in table.columns:
                    if column.sealed and row[column.name] in self.known:
                        row[column.name] = self.known[row[column.name]]
                    elif column.sealed and row[column.name] is not None:
                        person, link = self._person(World(rows, {}), table.name, row)
                        row[column.name] = self.sealer.open(
                            table,
                            column,
                            row["tenant"],
                            row["id"],
                            person or "",
                            link or "",
                            row[column.name],
                        )
        return rows

    @staticmethod
    def _person(world: World, name: str, row: dict[str, Any]) -> tuple[str | None, str | None]:
        if name != "reference":
            return row["owner"], None
        parents = [each["owner"] for each in world.rows["image"] if each["id"] == row["image"]]
        return (parents[0] if parents else None), row["image"]
