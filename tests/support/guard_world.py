"""A small governed world in memory: tables of every shape, random rows, random profiles, and its restriction.

`restricted` is the other side of THEOREM (guard-equivalence): the permitted rows with the permitted fields.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.profile import ALWAYS, ColumnAccess, Profile, TableAccess, Template
from gptimage_core.guard.statements.shaped import Shaped, Text
from gptimage_core.guard.statements.tagged import split
from gptimage_core.policy.binding import Column, Table, Via

ACTOR = "u1"
TAG = "gpx0123456789abcdef"
PEOPLE = ("u1", "u2", "u3")

IMAGE = Table(
    "image",
    (
        Column("id", "identifier", "text", "key"),
        Column("owner", "identifier", "text", "subject"),
        Column("tenant", "identifier", "text", "tenant"),
        Column("prompt", "prompt", "text", sealed=True),
        Column("note", "note", "text"),
        Column("starred", "image", "boolean"),
        Column("credits", "image", "integer"),
    ),
)
ACCOUNT = Table(
    "account",
    (
        Column("id", "identifier", "text", "key"),
        Column("giver", "identifier", "text", "subject"),
        Column("taker", "identifier", "text", "subject"),
        Column("name", "profile", "text"),
        Column("level", "profile", "integer"),
    ),
)
REFERENCE = Table(
    "reference",
    (
        Column("id", "identifier", "text", "key"),
        Column("image", "identifier", "text", "link"),
        Column("what", "prompt", "text", sealed=True),
        Column("size", "image", "integer"),
    ),
    Via("image", "image"),
)
TABLES = (IMAGE, ACCOUNT, REFERENCE)
CATALOG = Catalog(TABLES, functions=["gp_probe"])

_TYPES = {"text": "TEXT", "integer": "INTEGER", "boolean": "BOOLEAN"}
_PREDICATES = {
    "image": (
        '"image"."owner" = @actor',
        '"image"."starred" = 1',
        '"image"."owner" IN (SELECT "giver" FROM main."account" WHERE "level" > 1)',
        '"image"."credits" >= @two OR "image"."owner" = @actor',
    ),
    "account": ('"account"."giver" = @actor OR "account"."taker" = @actor', '"account"."level" < @two'),
    "reference": (
        '"reference"."image" IN (SELECT "id" FROM main."image" WHERE "owner" = @actor)',
        '"reference"."size" > 1',
    ),
}
VALUES = {"@actor": ACTOR, "@two": 2}


def template(sql: str) -> Template:
    """A template from SQL with `@actor` and `@two` in it."""

    def write(bind: Any) -> str:
        for name in VALUES:
            while name in sql_parts[0]:
                sql_parts[0] = sql_parts[0].replace(name, bind(name), 1)
        return sql_parts[0]

    sql_parts = [sql]
    return Template.collect(write)


def make_database(rows: dict[str, list[tuple[Any, ...]]], indexes: Sequence[str] = ()) -> sqlite3.Connection:
    """A database with these rows, keys first."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for table in TABLES:
        columns = ", ".join(
            f'"{c.name}" {_TYPES[c.type]}{" PRIMARY KEY" if c.role == "key" else ""}' for c in table.columns
        )
        connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
        marks = ", ".join("?" for _ in table.columns)
        connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows[table.name])
    for sql in indexes:
        connection.execute(sql)
    return connection


INDEXES = (
    "CREATE INDEX a ON image(note)",
    "CREATE INDEX b ON image(owner, starred)",
    "CREATE INDEX c ON image(credits, note)",
    "CREATE INDEX d ON account(name)",
    "CREATE INDEX e ON account(level, name)",
    "CREATE INDEX f ON reference(image)",
    "CREATE INDEX g ON reference(size)",
)


def random_rows(rng: random.Random) -> dict[str, list[tuple[Any, ...]]]:
    """Up to a dozen rows a table; few distinct values, so that joins and comparisons meet."""

    def word() -> str | None:
        return rng.choice(("a", "ab", "B", "zz", "", None))

    def number() -> int | None:
        return rng.choice((0, 1, 2, 3, None))

    images = [
        (
            f"i{i}",
            rng.choice((*PEOPLE, None)),
            "main",
            rng.choice((f"gpv1:p{i}", None)),
            word(),
            rng.choice((0, 1)),
            number(),
        )
        for i in range(rng.randint(0, 8))
    ]
    accounts = [
        (f"k{i}", rng.choice(PEOPLE), rng.choice((*PEOPLE, None)), word(), number())
        for i in range(rng.randint(0, 6))
    ]
    references = [
        (f"r{i}", f"i{rng.randint(0, 8)}", f"gpv1:w{i}", number()) for i in range(rng.randint(0, 6))
    ]
    return {"image": images, "account": accounts, "reference": references}


def random_profile(rng: random.Random, *, bare: float = 0.7) -> Profile:
    """What an access might permit: each table's rows by a predicate, most columns bare."""
    tables = {table.name: _random_access(rng, table, bare) for table in TABLES}
    return Profile(f"p{rng.randrange(10**6)}", "s3cr3t0123456789", TAG, tables)


def _random_access(rng: random.Random, table: Table, bare: float) -> TableAccess:
    predicates = [ALWAYS, *(template(sql) for sql in _PREDICATES[table.name])]
    columns: dict[str, ColumnAccess] = {}
    for category in ("identifier", *table.categories):
        read = (
            "bare"
            if category == "identifier" or rng.random() < bare
            else rng.choice(("withheld", "conditional"))
        )
        when = rng.choice(predicates[1:]) if read == "conditional" else None
        update = rng.choice((*predicates, None))
        for column in table.columns:
            if column.category == category:
                columns[column.name] = ColumnAccess(read, when, update)  # type: ignore[arg-type]  # one of the three
    return TableAccess(rng.choice(predicates), columns, rng.choice((*predicates, None)))


def literal(given: Template) -> str:
    """A template with its values written out, to evaluate it on the whole database."""
    return given.render(lambda param: repr(VALUES[param]))  # type: ignore[index]  # the names above


def restricted(connection: sqlite3.Connection, profile: Profile) -> dict[str, list[tuple[Any, ...]]]:
    """The permitted rows, NULL in the fields that are not."""
    out: dict[str, list[tuple[Any, ...]]] = {}
    for table in TABLES:
        access = profile.tables[table.name]
        assert access.rows is not None
        fields = []
        for column in table.columns:
            may = access.columns[column.name]
            full = f'"{table.name}"."{column.name}"'
            if may.read == "withheld":
                fields.append("NULL")
            elif may.when is not None:
                fields.append(f"CASE WHEN {literal(may.when)} THEN {full} END")
            else:
                fields.append(full)
        sql = f'SELECT {", ".join(fields)} FROM main."{table.name}" WHERE {literal(access.rows)}'
        out[table.name] = connection.execute(sql).fetchall()
    return out


def arguments(text: Text, given: Sequence[Any]) -> list[Any]:
    """The values of a text's parameters."""
    return [VALUES[param] for param in text.prefix_params] + [given[i] for i in text.placeholders]  # type: ignore[index]  # the names above


def answer(connection: sqlite3.Connection, shaped: Shaped, given: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a shaped SELECT, hidden columns cut, sealed values as they lie in the database."""
    shown = len(shaped.outputs)
    rows = connection.execute(shaped.text.sql, arguments(shaped.text, given)).fetchall()
    return [tuple(untag(value) for value in row[:shown]) for row in rows]


def untag(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(TAG):
        return split(value, TAG).sealed
    return value


def sorted_rows(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in one order, whatever their types."""
    return sorted(rows, key=lambda row: [(value is None, type(value).__name__, str(value)) for value in row])
