"""Random schemas with seeded faults: the lints find each of them and nothing else, however it is written."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from gptimage_core.guard.lints.check import judge
from gptimage_core.guard.lints.sqlite import read
from gptimage_core.guard.lints.sqltext import RESERVED, names
from gptimage_core.policy.binding import Accepted, Column, DataMap, Table, Via
from gptimage_core.store.schema import migrate

_NAMES = (
    "note",
    "order items",
    "größe",
    "select",
    "a]b",
    "it's",
    'say "x"',
    "Über_uns",
    "group",
    "t.u",
    "x--y",
)
_CATEGORIES = ("one", "two", "three")
_TYPES = ("TEXT", "VARCHAR(40)", "", "blob")


class Draft(Struct):
    """One table on its way: what the data map says of it, and the definitions that the database gets."""

    table: Table
    columns: dict[str, str]
    constraints: list[str]
    after: list[str]


class Writer:
    """Writes SQL as people do: any quotes, any case, comments in between."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def name(self, name: str) -> str:
        ways = [f'"{name.replace(chr(34), chr(34) * 2)}"', f"`{name}`"]
        if "]" not in name:
            ways.append(f"[{name}]")
        if name in ("owner", "tenant", "id", "d0", "d1", "reader", "parent"):
            ways.append(name)
        return self.random.choice(ways)

    def sql(self, *words: str) -> str:
        gaps = (" ", "  ", "\n", " /* CHECK (x) ' */ ", ' -- say, "(\n')
        return "".join(word + self.random.choice(gaps) for word in words)

    def word(self, word: str) -> str:
        return self.random.choice((word, word.lower(), word.title()))


@st.composite
def drafts(draw: st.DrawFn) -> list[Draft]:
    """Sound tables of every shape: owned, of two people, owned by way of the first, of nobody."""
    made: list[Draft] = []
    for name in draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4, unique=True)):
        shape = draw(st.sampled_from(("owned", "two", "via", "nobody"))) if made else "owned"
        columns = [
            Column("id", "identifier", "text", "key"),
            Column("tenant", "identifier", "text", "tenant"),
        ]
        if shape in ("owned", "two"):
            columns.append(Column("owner", "identifier", "text", "subject"))
        if shape == "two":
            columns.append(Column("reader", "identifier", "text", "subject"))
        via = None
        if shape == "via":
            via = Via("parent", made[0].table.name)
            columns.append(Column("parent", "identifier", "text", "link", references=via.table))
        for number in range(draw(st.integers(2, 4))):
            columns.append(Column(f"d{number}", _CATEGORIES[number % 3], "text"))
        kind = draw(st.sampled_from(_TYPES))
        table = Table(name, tuple(draw(st.permutations(columns))), via)
        made.append(Draft(table, {c.name: f"{kind} NOT NULL" for c in table.columns}, [], []))
    return made


Seed = Callable[[Draft, Writer], str]
"""Plants a fault into a draft and gives its key."""


def _unique(draft: Draft, to: Writer) -> str:
    draft.constraints.append(f"{to.word('UNIQUE')} ({to.name('d0')}, {to.name('tenant')})")
    return f"unique:{draft.table.name}.d0+tenant"


def _unique_index(draft: Draft, to: Writer) -> str:
    table = to.name(draft.table.name)
    name = f"u{draft.table.name.encode().hex()}{len(draft.after)}"  # one in the whole database
    draft.after.append(to.sql("CREATE", to.word("UNIQUE"), "INDEX", name, "ON", table, "(", "upper(d1)", ")"))
    return f"unique:{draft.table.name}.{name}"


def _across_tenants(draft: Draft, to: Writer) -> str:
    people = draft.table.subjects
    if not people:
        return _unique(draft, to)
    draft.constraints.append(f"UNIQUE ({', '.join(map(to.name, people))})")
    return f"unique-tenant:{draft.table.name}.{'+'.join(people)}"


def _unknown_column(draft: Draft, to: Writer) -> str:
    draft.columns["check me"] = "TEXT"
    return f"column-unknown:{draft.table.name}.check me"


def _lost_column(draft: Draft, to: Writer) -> str:
    del draft.columns["d1"]
    return f"column-missing:{draft.table.name}.d1"


def _nocase(draft: Draft, to: Writer) -> str:
    draft.columns["tenant"] += f" {to.word('COLLATE')} {to.name('NOCASE')}"
    return f"loose-compare:{draft.table.name}.tenant"


def _number(draft: Draft, to: Writer) -> str:
    draft.columns["tenant"] = "BIGINT NOT NULL"
    return f"loose-compare:{draft.table.name}.tenant"


def _check(draft: Draft, to: Writer) -> str:
    draft.constraints.append(to.sql(to.word("CHECK"), "(", to.name("d0"), "<>", to.name("d1"), ")"))
    return f"check-categories:{draft.table.name}.d0+d1"


def _raises(draft: Draft, to: Writer) -> str:
    draft.columns["d0"] += f" {to.word('CHECK')} ({to.word('JSON')}({to.name('d0')}) <> ')')"
    return f"raising-expression:{draft.table.name}.d0"


def _copies(draft: Draft, to: Writer) -> str:
    draft.columns["d0"] = to.sql("TEXT", "GENERATED", "ALWAYS", to.word("AS"), "(", to.name("d1"), "|| ')')")
    return f"generated-copy:{draft.table.name}.d0"


def _replaces(draft: Draft, to: Writer) -> str:
    draft.constraints.append(
        to.sql("UNIQUE (id, d0)", to.word("ON"), to.word("CONFLICT"), to.word("REPLACE"))
    )
    return f"conflict-clause:{draft.table.name}"


def _view(draft: Draft, to: Writer) -> str:
    view = f"v {draft.table.name}"
    draft.after.append(
        to.sql("CREATE", "VIEW", to.name(view), "AS", "SELECT * FROM", to.name(draft.table.name))
    )
    return f"view:{view}"


def _trigger(draft: Draft, to: Writer) -> str:
    trigger = f"t {draft.table.name}"
    table = to.name(draft.table.name)
    draft.after.append(
        to.sql("CREATE", "TRIGGER", to.name(trigger), "AFTER DELETE ON", table, "BEGIN SELECT 1; END")
    )
    return f"trigger:{trigger}"


def _child(draft: Draft, to: Writer) -> str:
    child = f"c {draft.table.name}"
    parent = to.name(draft.table.name)
    draft.after.append(
        to.sql("CREATE", "TABLE", to.name(child), "(", "p", "REFERENCES", parent, "ON DELETE CASCADE", ")")
    )
    return f"ungoverned-child:{child}.p"


def _full_text(draft: Draft, to: Writer) -> str:
    table = f"f_{len(draft.table.name)}_{draft.table.name[0]}"
    content = draft.table.name.replace("'", "''")
    draft.after.append(f"CREATE VIRTUAL TABLE {table} USING fts5(d0, content='{content}')")
    return f"virtual-table:{table}"


SEEDS: tuple[Seed, ...] = (
    *(_unique, _unique_index, _across_tenants, _unknown_column, _lost_column, _nocase, _number, _check),
    *(_raises, _copies, _replaces, _view, _trigger, _child, _full_text),
)


def database(made: list[Draft], to: Writer) -> sqlite3.Connection:
    """What the drafts say, in SQLite, beside the core's own tables and what is nobody's."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("BEGIN")
    migrate(connection)
    for draft in made:
        parts = []
        for name, definition in draft.columns.items():
            tail = " PRIMARY KEY" if name == "id" else ""
            if name == "parent" and draft.table.via is not None:
                tail = f" REFERENCES {to.name(draft.table.via.table)} ON DELETE CASCADE"
            parts.append(to.sql(to.name(name), definition + tail))
        inner = ", ".join([*parts, *draft.constraints])
        connection.execute(to.sql("CREATE", "TABLE", to.name(draft.table.name), "(", inner, ")"))
    for statement in (each for draft in made for each in draft.after):
        connection.execute(statement)
    connection.execute("CREATE TABLE plain (a UNIQUE COLLATE NOCASE, b CHECK (json(b)))")
    connection.execute("CREATE VIEW plainly AS SELECT a FROM plain")
    return connection


@settings(max_examples=150, deadline=None)
@given(made=drafts(), seeds=st.lists(st.sampled_from(SEEDS), max_size=4), seed=st.integers(0, 2**32))
def test_each_seeded_fault_is_found_and_nothing_else(made: list[Draft], seeds: list[Seed], seed: int) -> None:
    """One fault a table at most: the keys found are the keys planted; without any, the schema passes. Each
    fault accepted with a reason, it passes too, and one of them left out is told alone."""
    to = Writer(seed)
    planted = [plant(draft, to) for draft, plant in zip(made, seeds, strict=False)]
    event(f"{len(planted)} faults")
    schema = read(database(made, to))
    tables = tuple(draft.table for draft in made)
    verdict = judge(schema, DataMap(tables, "d"))
    assert sorted(fault.key for fault in verdict.faults) == sorted(planted)
    assert [note.key for note in verdict.notes if note.place == "plain"] == ["ungoverned-table:plain"]
    may = [fault.key for fault in verdict.faults if "accept=" in fault.hint]
    accepted = tuple(Accepted(key, "a reason") for key in may)
    again = judge(schema, DataMap(tables, "d", accepted))
    assert sorted(f.key for f in again.faults) == sorted(set(planted) - set(may))
    assert sorted(f.key for f in again.accepted) == sorted(may)


@settings(max_examples=300, deadline=None)
@given(
    name=st.text(st.characters(exclude_characters="\0`"), min_size=1, max_size=12), seed=st.integers(0, 2**32)
)
def test_no_spelling_of_a_name_goes_unseen(name: str, seed: int) -> None:
    """However a text of the schema quotes a name, whatever stands around it: it is among its names."""
    to = Writer(seed)
    spelled = f"'{name.replace(chr(39), chr(39) * 2)}'" if seed % 4 == 0 else to.name(name)
    text = to.sql("CREATE", "VIEW", "v", "AS", "SELECT", "''", "FROM", spelled, "WHERE", "1")
    assert name.lower() in names(text)


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_is_no_name_unless_quoted(word: str) -> None:
    """Wherever a statement names a table, SQLite refuses the bare word; in quotes it is found as a name, and
    so it is among a module's arguments, which are no SQL."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f'CREATE TABLE "{word}" (a)')
    for statement in (
        "SELECT a FROM {}",
        "SELECT a FROM main.{}",
        "INSERT INTO {} VALUES (1)",
        "DELETE FROM {}",
    ):
        with pytest.raises(sqlite3.OperationalError, match="syntax"):
            connection.execute(statement.format(word))
        connection.execute(statement.format(f"[{word}]"))
    assert names(f"SELECT a FROM {word}") == ("a",)
    assert word in names(f"SELECT a FROM `{word}`")
    connection.execute(f"CREATE VIRTUAL TABLE f USING fts5(a, content={word})")
    (found,) = (table for table in read(connection).tables if table.name == "f")
    assert word in found.names
