"""A small stored world in SQLite: the core's own tables, and one governed table of each shape.

`item` has one person, `pair` two, `note` reaches its person through `item` (and `scrap` through `note`),
`stat` has nobody. A world is drawn as plain rows; `facts_of` reads it back the way the guard does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct

from gptimage_core.decision.model import Access, Residual, RowFacts, Value
from gptimage_core.decision.rows import row_facts
from gptimage_core.policy.binding import Column, DataMap, Table, Via
from gptimage_core.readings.sql import SQLITE, Param, predicate
from gptimage_core.store.facts import facts_for
from gptimage_core.store.schema import migrate
from gptimage_core.testing import strategies as some

_FACTS = (
    Column("visibility", "identifier", "text", fact="visibility"),
    Column("rank", "identifier", "integer", fact="rank"),
    Column("starred", "identifier", "boolean", fact="starred"),
    Column("embargo", "identifier", "instant", fact="embargo"),
)
_COMMON = (
    Column("id", "identifier", "text", "key"),
    Column("tenant", "identifier", "text", "tenant"),
    Column("collected_under", "identifier", "integer", "collected_under"),
    Column("recorded", "identifier", "instant", "recorded"),
    Column("body", "letter", "text"),
    *_FACTS,
)
_ENDED = Column("keep_ended", "identifier", "instant", "keep_ended")


def _person(name: str) -> Column:
    return Column(name, "identifier", "text", "subject")


ITEM = Table("item", (*_COMMON, _ENDED, _person("owner")))
PAIR = Table("pair", (*_COMMON, _ENDED, _person("sender"), _person("receiver")))
NOTE = Table("note", (*_COMMON, Column("item", "identifier", "text", "link")), Via("item", "item"))
SCRAP = Table("scrap", (*_COMMON, _ENDED, Column("note", "identifier", "text", "link")), Via("note", "note"))
STAT = Table("stat", _COMMON)
TABLES = (ITEM, PAIR, NOTE, SCRAP, STAT)
DATAMAP = DataMap(TABLES, "sha256:test")
_TYPES = {"text": "TEXT", "integer": "INTEGER", "boolean": "INTEGER", "instant": "INTEGER"}
_FLAGS = ("deleted", "restricted", "age_floor_is_met", "account_is_active", "notice_was_given")


class World(Struct):
    """Rows per table, and people: subject → facts (absent subjects have no state row)."""

    rows: dict[str, list[dict[str, Any]]]
    people: dict[str, dict[str, Value]]
    stale: list[str]
    """Facts that were known once and are no longer fresh."""


def _row(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    def build(
        values: dict[str, Any], tenant: str, people: list[str | None], links: list[str | None]
    ) -> dict[str, Any]:
        row: dict[str, Any] = {"tenant": tenant, "body": "x"}
        for index, column in enumerate(table.columns):
            if column.role in ("recorded", "keep_ended", "collected_under"):
                row[column.name] = values.get(column.role)
            elif column.fact is not None:
                row[column.name] = values.get(column.fact)
            elif column.role == "subject":
                row[column.name] = people[index % 2]
            elif column.role == "link":
                row[column.name] = links[0]
        return row

    person = st.sampled_from(("ann", "ann", "ann", *some.PEOPLE, None))
    return st.builds(
        build,
        some.row_values(),
        st.sampled_from((*some.TENANTS, "main", "main")),
        st.lists(person, min_size=2, max_size=2) | st.just([None, None]),
        st.lists(st.sampled_from(("0", "0", "0", "1", "missing", None)), min_size=1, max_size=1),
    )


def worlds() -> st.SearchStrategy[World]:
    """Random worlds of a few rows a table."""
    return st.builds(
        World,
        st.fixed_dictionaries({t.name: st.lists(_row(t), min_size=2, max_size=4) for t in TABLES}),
        st.fixed_dictionaries({"ann": some.people_facts()}, optional={"bob": some.people_facts()}),
        st.lists(st.sampled_from(("tier", "score", "member")), max_size=1),
    )


def connect() -> sqlite3.Connection:
    """An empty world in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("BEGIN")
    migrate(connection)
    for table in TABLES:
        columns = ", ".join(
            f'"{c.name}" {_TYPES[c.type]}{" PRIMARY KEY" if c.role == "key" else ""}' for c in table.columns
        )
        connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
    connection.execute("COMMIT")
    return connection


@contextmanager
def filled(connection: sqlite3.Connection, world: World) -> Iterator[None]:
    """The world, for the length of a transaction that is rolled back."""
    connection.execute("BEGIN")
    try:
        for subject, facts in world.people.items():
            _store_person(connection, subject, facts, world.stale)
        for table in TABLES:
            for number, row in enumerate(world.rows[table.name]):
                _insert(connection, table.name, {"id": str(number), **row})
        yield
    finally:
        connection.execute("ROLLBACK")


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(
        f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(row))})', tuple(row.values())
    )


def _store_person(
    connection: sqlite3.Connection, subject: str, facts: dict[str, Value], stale: list[str]
) -> None:
    key = {"tenant": "main", "subject": subject}
    flags = {name: facts.get(name) for name in _FLAGS}
    _insert(connection, "gp_subject_state", {**key, "created_at": 0, **flags})
    for fact, value in facts.items():
        kind, _, name = fact.partition(":")
        if kind == "consent":
            row = {**key, "consent": name, "given": value, "at": 0, "policy_version": 1}
            _insert(connection, "gp_consent_state", row)
        elif kind == "objection":
            _insert(connection, "gp_objection_state", {**key, "purpose": name, "objected": value, "at": 0})
        elif fact not in _FLAGS:
            _store_fact(connection, key, fact, value, some.NOW if fact in stale else None)


def _store_fact(
    connection: sqlite3.Connection, key: dict[str, str], fact: str, value: Value, fresh_until: int | None
) -> None:
    type_ = some.FACTS[fact][0]
    text, number = (value, None) if type_ == "text" else (None, value)
    row = {
        **key,
        "fact": fact,
        "type": type_,
        "text_value": text,
        "int_value": number,
        "fresh_until": fresh_until,
    }
    _insert(connection, "gp_subject_fact", row)


def facts_of(connection: sqlite3.Connection, table: Table) -> dict[str, RowFacts]:
    """What is known about every row of `table`, by its key; people are known in the row's tenant only."""
    parents = {}
    if table.via is not None:
        parent = DATAMAP.table(table.via.table)
        assert parent is not None
        parents = facts_of(connection, parent)
    tenants = {tenant: facts_for(connection, tenant, some.PEOPLE, some.NOW) for tenant in set(some.TENANTS)}
    found = {}
    for row in connection.execute(f'SELECT * FROM "{table.name}"').fetchall():
        above = parents.get(row[table.via.column] or "") if table.via else None
        found[row["id"]] = row_facts(table, dict(row), tenants[row["tenant"]], above)
    return found


class Bound:
    """Collects parameters as `?N`, equal ones once, and gives their values."""

    def __init__(self) -> None:
        self.params: list[Param] = []

    def __call__(self, param: Param) -> str:
        if param not in self.params:
            self.params.append(param)
        return f"?{self.params.index(param) + 1}"

    def values(self, access: Access, now: int, about: str | None = None) -> list[Any]:
        return [_value(param, access, now, about) for param in self.params]


def _value(param: Param, access: Access, now: int, about: str | None) -> Any:
    if param.kind == "cutoff":
        return param.value.cutoff(now)  # type: ignore[union-attr]  # a cutoff has a span
    known = {"actor": access.actor.id, "tenant": access.actor.tenant, "now": now, "about": about}
    return known.get(param.kind, param.value)


def membership(
    residual: Residual, table: Table, access: Access, about: str | None = None
) -> tuple[str, list[Any]]:
    """The predicate of a residual, with its values."""
    bound = Bound()
    text = predicate(residual, table, DATAMAP, SQLITE, bound, about=about is not None)
    return text, bound.values(access, some.NOW, about)
