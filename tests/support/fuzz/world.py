"""Random rows and people in a governed database, and its restriction to what an access may read.

The restriction is made in Python: `decide_slowly`, the reference that shares no code with the compiled
policy or its SQL, is asked of every row and every field. Nothing of the guard is used.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct
from tests.support.fuzz.policy import NOW, TABLES, Asked, Law, ddl

from gptimage_core.clock import DAY
from gptimage_core.decision.model import Access, Effect, Facts, RowFacts, Value
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.policy.binding import Table
from gptimage_core.store.schema import migrate

__all__ = ["BY_NAME", "Row", "Rows", "World", "fill", "governed", "may", "may_read", "plain", "random_world"]

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, list[Row]]

BY_NAME = {table.name: table for table in TABLES}
_FLAGS = ("deleted", "restricted", "age_floor_is_met", "account_is_active", "notice_was_given")
_WORDS = ("a", "ab", "abc", "B", "zz", "", "it's", "ß", "3", "100", None)
_EXTRAS = ('{"a": 1, "b": [1, 2]}', '{"a": "x"}', "[1, 2, 3]", '{"a": null, "c": {"d": 0.5}}', "{}", None)
_POISON = {
    "credits": -(2**63),
    "size": 2**63 - 1,
    "level": -(2**63),
    "cents": 2**63 - 1,
    "extra": '{"broken',
    "note": '{"hidden',
    "order": '{"hidden',
    "name": '{"hidden',
    "label": '{"hidden',
    "price": 1e308,
}

"""What hidden fields hold in the second world: it fails wherever what can fail is computed of it."""


class World(Struct):
    """Rows per table, in plain text; people: (tenant, subject) → facts (absent ones are not known at all)."""

    rows: Rows
    people: dict[tuple[str, str], dict[str, Value]]


def random_world(rng: random.Random) -> World:
    """Up to a dozen rows a table; few distinct values, so that joins and comparisons meet."""
    people: dict[tuple[str, str], dict[str, Value]] = {}
    for place in (("main", "ann"), ("main", "bob"), ("main", "cleo"), ("other", "ann")):
        facts: dict[str, Value] = {"deleted": False, "restricted": False, "age_floor_is_met": True}
        for flag in ("deleted", "restricted"):
            if rng.random() < 0.1:
                facts[flag] = rng.choice((True, None))
        facts["consent:study"] = rng.random() < 0.6
        facts["objection:secure"] = rng.random() < 0.25
        people[place] = facts
    rows: Rows = {table.name: [] for table in TABLES}
    for table, most in zip(TABLES, (10, 8, 8, 6), strict=True):
        for number in range(rng.randint(most // 3, most)):
            rows[table.name].append(_row(rng, table, number))
    owners = {image["id"]: image["owner"] for image in rows["image"]}
    for row in rows["reference"]:
        if owners.get(row["image"]) is None:
            row["what"] = None  # what is sealed is sealed to somebody
    return World(rows, people)


def _row(rng: random.Random, table: Table, number: int) -> Row:
    row: Row = {}
    for column in table.columns:
        value: Any
        match column.role:
            case "key":
                value = f"{table.name[0]}{number}"
            case "subject":
                value = rng.choice(("ann", "ann", "ann", "bob", "bob", "cleo", "ghost", None))
            case "tenant":
                value = rng.choice(("main",) * 6 + ("other",))
            case "recorded":
                value = NOW - rng.choice((1, 10, 19, 21, 29, 31)) * DAY
            case "collected_under":
                value = rng.choice((1,) * 9 + (2,))
            case "keep_ended":
                value = rng.choice((None,) * 5 + (NOW - 5_000_000, NOW - 20_000_000))
            case "link":
                value = f"i{rng.randint(0, 9)}"
            case _:
                value = _value(rng, column.name, column.type, f"{table.name}{number}")
        row[column.name] = value
    if "owner" in row and row["owner"] is None:
        row["prompt"] = None  # what is sealed is sealed to somebody
    return row


def _value(rng: random.Random, name: str, type_: str, place: str) -> Any:
    if name in ("prompt", "what"):
        return rng.choice((f"told {place}", None))
    if name == "visibility":
        return rng.choice(("private", "public", "public", "secret", None))
    if name == "extra":
        return rng.choice(_EXTRAS)
    if type_ == "boolean":
        return rng.choice((0, 1))
    if type_ == "integer":
        return rng.choice((0, 1, 2, 3, 5, None))
    if type_ == "real":
        return rng.choice((0.5, 1.25, 2.75, -0.25, None))
    return rng.choice(_WORDS)


# What is permitted


def facts_of(world: World, table: Table, row: Row) -> RowFacts:
    """What is known of a row: its people are its own, or those of the row that it hangs on."""
    values: dict[str, Value] = {
        name: row[name] for name in ("recorded", "collected_under", "visibility") if name in row
    }
    subjects: tuple[str | None, ...] = ()
    if table.via is not None:
        parent = next((r for r in world.rows[table.via.table] if r["id"] == row[table.via.column]), None)
        subjects = (None,) if parent is None else (parent["owner"],)
        if parent is not None:
            values["keep_ended"] = parent["keep_ended"]
    else:
        subjects = tuple(row[name] for name in table.subjects)
        values["keep_ended"] = row.get("keep_ended")
    people = {
        name: {fact: value for fact, value in world.people[row["tenant"], name].items() if value is not None}
        for name in subjects
        if name is not None and (row["tenant"], name) in world.people
    }
    return RowFacts(row["tenant"], subjects, people, values)


def may(law: Law, asked: Asked, world: World, table: Table, row: Row, operation: str, category: str) -> bool:
    """Whether `decide_slowly` permits the operation for this category of this row."""
    facts = facts_of(world, table, row)
    if asked.about is not None and asked.about not in facts.subjects:
        return False
    access = Access(asked.actor, asked.purpose, operation, category)
    known = Facts(dict(asked.facts), facts)
    return decide_slowly(law.compiled.timeline, access, known, NOW)[0] is Effect.ALLOW


def may_read(law: Law, asked: Asked, world: World) -> Rows:
    """The restriction: the permitted rows, and NULL for every field that is not."""
    out: Rows = {}
    for table in TABLES:
        out[table.name] = rows = []
        for row in world.rows[table.name]:
            seen = {c: may(law, asked, world, table, row, "read", c) for c in table.categories}
            if any(seen.values()):
                rows.append(
                    {c.name: row[c.name] if seen.get(c.category, True) else None for c in table.columns}
                )
    return out


def poisoned(world: World, allowed: Rows) -> World:
    """Another database with the same permitted rows and fields: what is hidden differs in every way that
    leaves it hidden, and fails where something is computed of it."""
    rows: Rows = {}
    for table in TABLES:
        known = {row["id"]: row for row in allowed[table.name]}
        rows[table.name] = []
        for row in world.rows[table.name]:
            other = dict(row)
            for name, value in _POISON.items():
                if name in row and known.get(row["id"], {}).get(name) is None and row[name] is not None:
                    other[name] = value
            rows[table.name].append(other)
    return World(rows, world.people)


# Databases


def plain(connection: sqlite3.Connection, without: Iterable[str] = ()) -> None:
    """Make the governed tables, and nothing else. `without`: tables whose collation is lost."""
    for table in TABLES:
        connection.execute(ddl(table, collated=table.name not in without))


_INDEXES = (
    "CREATE INDEX image_note ON image(note, credits)",
    "CREATE INDEX image_owner ON image(owner, visibility)",
    "CREATE INDEX account_level ON account(level, name)",
    "CREATE INDEX reference_image ON reference(image, size)",
    "CREATE INDEX plan_cents ON plan(cents)",
)


def governed(connection: sqlite3.Connection, *, indexed: bool) -> None:
    """The governed tables beside what no statement may reach: the core's tables, a table and a view."""
    plain(connection)
    connection.execute("CREATE TABLE plain (id TEXT PRIMARY KEY, note TEXT)")
    connection.execute("INSERT INTO plain VALUES ('p0', 'ungoverned')")
    connection.execute("CREATE VIEW every_image AS SELECT * FROM image")
    for index in _INDEXES if indexed else ():
        connection.execute(index)
    connection.execute("BEGIN")
    migrate(connection)
    connection.execute("COMMIT")


def fill(connection: sqlite3.Connection, rows: Rows) -> None:
    """Put these rows in the place of those that are there."""
    for table in TABLES:
        connection.execute(f'DELETE FROM "{table.name}"')
        marks = ", ".join("?" for _ in table.columns)
        values = [tuple(row[c.name] for c in table.columns) for row in rows[table.name]]
        connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', values)


def fill_people(
    connection: sqlite3.Connection, people: Mapping[tuple[str, str], Mapping[str, Value]]
) -> None:
    """Put these people in the place of those that are there."""
    for table in ("gp_consent_state", "gp_objection_state", "gp_subject_state"):
        connection.execute(f"DELETE FROM {table}")
    for (tenant, subject), facts in people.items():
        flags = [facts.get(flag) for flag in _FLAGS]
        connection.execute(
            f"INSERT INTO gp_subject_state (tenant, subject, created_at, {', '.join(_FLAGS)})"
            f" VALUES (?, ?, 0{', ?' * len(_FLAGS)})",
            (tenant, subject, *flags),
        )
        connection.execute(
            "INSERT INTO gp_consent_state VALUES (?, ?, 'study', ?, 0, 1, 0)",
            (tenant, subject, facts["consent:study"]),
        )
        connection.execute(
            "INSERT INTO gp_objection_state VALUES (?, ?, 'secure', ?, 0, 0)",
            (tenant, subject, facts["objection:secure"]),
        )
