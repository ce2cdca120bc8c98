"""INVARIANT (no-errors-from-hidden-rows): what might raise is never given a row that is not permitted.

The statements call `gp_probe`, an SQL function that raises when it sees a value of a hidden row or field.
Indexes cover every column, which is where SQLite evaluates a filter before the guard's predicate: it tests
what an index can answer before it reads the row.
"""

from __future__ import annotations

import random
import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guard_shapes import Shapes
from tests.support.guard_world import (
    CATALOG,
    TABLES,
    TAG,
    arguments,
    make_database,
    random_profile,
    restricted,
    template,
)

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.profile import ColumnAccess, Profile, TableAccess
from gptimage_core.guard.statements.shape import shape

_EVERY_INDEX = tuple(
    f"CREATE INDEX {t.name}_{c.name} ON {t.name}({c.name})" for t in TABLES for c in t.columns
)

_OWN_ERRORS = ("malformed JSON", "integer overflow", "user-defined function raised exception")


def _telling_rows(rng: random.Random) -> dict[str, list[tuple[Any, ...]]]:
    """Rows in which every value names its row, but for identifiers that joins need."""
    out: dict[str, list[tuple[Any, ...]]] = {}
    for table in TABLES:
        rows = []
        for i in range(12):
            row = []
            for column in table.columns:
                value: Any = f"{table.name}{i}"
                if column.role in ("subject", "tenant"):
                    value = rng.choice(("u1", "u2", "u3"))
                elif column.role in ("key", "link"):
                    value = f"i{i}"
                elif column.type != "text":
                    value = rng.choice((0, 1, 2, 3))
                row.append(value)
            rows.append(tuple(row))
        out[table.name] = rows
    return out


def _set_probe(connection: sqlite3.Connection, hidden: set[Any]) -> list[Any]:
    seen: list[Any] = []

    def probe(value: Any) -> Any:
        if isinstance(value, str) and value in hidden:
            seen.append(value)
            raise ValueError(value)
        return value

    connection.create_function("gp_probe", 1, probe)
    return seen


def _texts(rows: dict[str, list[tuple[Any, ...]]]) -> set[Any]:
    return {value for table in rows.values() for row in table for value in row if isinstance(value, str)}


def _hidden(whole: sqlite3.Connection, profile: Profile, rows: dict[str, list[tuple[Any, ...]]]) -> set[Any]:
    shared = {"u1", "u2", "u3", "main", *(f"i{i}" for i in range(12))}
    return _texts(rows) - _texts(restricted(whole, profile)) - shared


def _written(rng: random.Random) -> tuple[str, list[object]]:
    if rng.random() < 0.75:
        return Shapes(rng, probe=True).select()[:2]
    write = Shapes(rng, probe=True).update() if rng.random() < 0.6 else Shapes(rng, probe=True).delete()
    return write.sql, write.args


@settings(max_examples=250, deadline=None)
@given(st.integers(min_value=0, max_value=2**48))
def test_no_expression_sees_a_value_of_a_hidden_row_or_field(seed: int) -> None:
    """INVARIANT (no-errors-from-hidden-rows), over random statements that probe in every clause."""
    rng = random.Random(seed)
    rows = _telling_rows(rng)
    whole, profile = make_database(rows, _EVERY_INDEX), random_profile(rng)
    if rng.random() < 0.5:
        whole.execute("ANALYZE")
    seen = _set_probe(whole, _hidden(whole, profile, rows))
    for _ in range(5):
        sql, args = _written(rng)
        try:
            shaped = shape(parse(sql, CATALOG), profile, CATALOG)
        except GuardError:
            continue
        whole.execute("SAVEPOINT here")
        for text in (shaped.touch, shaped.text):
            if text is not None:
                try:
                    whole.execute(text.sql, arguments(text, args)).fetchall()
                except sqlite3.OperationalError as error:  # what is visible may fail
                    if str(error) not in _OWN_ERRORS:
                        raise
        whole.execute("ROLLBACK TO here")
        whole.execute("RELEASE here")
    assert seen == []


_OWN = template('"image"."owner" = @actor')
_PROFILE = Profile(
    "own",
    "s3cr3t0123456789",
    TAG,
    {"image": TableAccess(_OWN, {c.name: ColumnAccess("bare", None, _OWN) for c in TABLES[0].columns}, _OWN)},
)
_FILTERS = {
    "an index answers the range": "SELECT id FROM image WHERE note > 'a' AND gp_probe(note) = note",
    "an index gives the order": "SELECT id FROM image WHERE gp_probe(note) = note ORDER BY note",
    "a covering index": "SELECT count(*) FROM image WHERE note >= '' AND gp_probe(note) IS NOT NULL",
    "a constant that fails where the row says so": "SELECT id FROM image WHERE note > '' AND"
    " CASE WHEN note LIKE 'hidden%' THEN abs(-9223372036854775808) ELSE 1 END",
    "malformed JSON where the row says so": "SELECT id FROM image WHERE note > '' AND"
    " CASE WHEN note LIKE 'hidden%' THEN json_extract('{', '$') ELSE 1 END IS NOT NULL",
    "a subquery that fails where the row says so": "SELECT id FROM image WHERE note > ''"
    " AND CASE WHEN note LIKE 'hidden%' THEN"
    " (SELECT sum(column1) FROM (VALUES (9223372036854775807), (1)) AS v) ELSE 1 END",
    "a subquery under FROM": "SELECT n FROM (SELECT gp_probe(note) AS n FROM image WHERE note > '') AS d"
    " WHERE n > ''",
    "HAVING that moves into WHERE": "SELECT note FROM image WHERE note > '' GROUP BY note"
    " HAVING gp_probe(note) > ''",
    "an IN list": "SELECT id FROM image WHERE note > '' AND gp_probe(note) IN ('own0')",
    "rows": "SELECT id FROM image WHERE note > '' AND (gp_probe(note), 1) IN (VALUES ('own0', 1))",
    "rows of a subquery": "SELECT id FROM image WHERE note > '' AND (note, credits) ="
    " (SELECT gp_probe(i.note), 0 FROM image AS i WHERE i.note > '' LIMIT 1)",
    "rows between": "SELECT id FROM image WHERE note > '' AND (note, 0) BETWEEN"
    " (SELECT min(gp_probe(i.note)), 0 FROM image AS i) AND ('z', 1)",
    "rows of a correlated subquery": "SELECT id FROM image AS o WHERE note > '' AND (note, 0) ="
    " (SELECT gp_probe(o.note), i.credits FROM image AS i WHERE i.note > o.note LIMIT 1)",
    "a subquery of two tables": "SELECT a.id FROM image AS a LEFT JOIN (SELECT gp_probe(i.note) AS n, j.id"
    " FROM image AS i JOIN image AS j ON i.note = gp_probe(j.note)) AS d ON d.n = a.note AND"
    " gp_probe(d.n) > ''",
    "both sides of FULL JOIN": "SELECT a.id FROM image AS a FULL JOIN image AS b"
    " ON gp_probe(a.note) = gp_probe(b.note) WHERE gp_probe(a.note) > '' OR gp_probe(b.note) > ''",
    "joins in parentheses": "SELECT a.id FROM image AS a LEFT JOIN (image AS b LEFT JOIN image AS c"
    " ON gp_probe(b.note) = c.note) ON gp_probe(c.note) > gp_probe(a.note)",
    "USING": "SELECT id FROM image JOIN (SELECT gp_probe(note) AS note FROM image WHERE note > '') AS d"
    " USING (note) WHERE note > ''",
    "a window under FROM": "SELECT n FROM (SELECT gp_probe(note) AS n, rank() OVER (PARTITION BY"
    " gp_probe(note)"
    " ORDER BY gp_probe(id)) AS r FROM image WHERE note > '') AS d WHERE n = 'hidden1' AND r > 0",
    "a window shown": "SELECT lag(gp_probe(note)) OVER (PARTITION BY gp_probe(note) ORDER BY gp_probe(note))"
    " FROM image WHERE note > '' ORDER BY gp_probe(note)",
    "WITH RECURSIVE": "WITH RECURSIVE w(n, i) AS (SELECT gp_probe(note), 1 FROM image WHERE note > '' UNION"
    " SELECT gp_probe(image.note), i + 1 FROM image JOIN w ON image.note > gp_probe(n) WHERE i < 3)"
    " SELECT n FROM w WHERE gp_probe(n) > ''",
    "WITH, twice": "WITH a AS (SELECT gp_probe(note) AS n FROM image), b AS (SELECT n FROM a WHERE"
    " gp_probe(n) > '')"
    " SELECT a.n FROM a JOIN b ON gp_probe(a.n) = gp_probe(b.n) WHERE a.n > ''",
    "arguments of json_each": "SELECT e.value FROM image AS i, json_each(json_array(gp_probe(i.note)),"
    " '$') AS e"
    " WHERE i.note > '' AND gp_probe(e.value) > ''",
    "a path of json_each": "SELECT e.value FROM image AS i, json_each('{}', '$.' || gp_probe(i.note)) AS e",
    "json_tree in a subquery": "SELECT id FROM image AS i WHERE i.note > '' AND EXISTS (SELECT 1 FROM"
    " json_tree(json_array(gp_probe(i.note))) AS e WHERE gp_probe(e.atom) > '')",
    "UNION ALL under FROM": "SELECT n FROM (SELECT gp_probe(note) AS n FROM image UNION ALL"
    " SELECT gp_probe(note) FROM image WHERE note > '') AS d WHERE n > 'hidden'",
    "FILTER and HAVING": "SELECT count(*) FILTER (WHERE gp_probe(note) > '') FROM image WHERE note > ''"
    " GROUP BY gp_probe(note) HAVING max(gp_probe(note)) > '' AND gp_probe(note) > ''",
    "GROUP BY under FROM": "SELECT n FROM (SELECT gp_probe(note) AS n, count(*) FROM image GROUP BY"
    " gp_probe(note))"
    " AS d WHERE n = 'hidden1'",
    "ORDER BY and LIMIT under FROM": "SELECT n FROM (SELECT note AS n FROM image WHERE note > ''"
    " ORDER BY gp_probe(note) LIMIT 5) AS d WHERE gp_probe(n) > ''",
    "SET from a subquery": "UPDATE image SET credits = (SELECT count(gp_probe(i.note)) FROM image AS i"
    " WHERE i.note > image.note AND gp_probe(i.note) > gp_probe(image.note))",
    "UPDATE FROM": "UPDATE image SET note = gp_probe(i.note) FROM image AS i JOIN image AS j"
    " ON gp_probe(i.note) = j.note WHERE i.id = image.id AND gp_probe(image.note) > '' AND image.note > ''",
    "UPDATE FROM a subquery": "UPDATE image SET credits = d.c FROM (SELECT gp_probe(note) AS n, credits AS c"
    " FROM image WHERE note > '') AS d WHERE d.n = image.note AND gp_probe(d.n) > ''",
    "DELETE, ordered": "DELETE FROM image WHERE note > '' AND gp_probe(note) > ''"
    " ORDER BY gp_probe(note) LIMIT 2",
    "an update": "UPDATE image SET credits = 1 WHERE note > '' AND gp_probe(note) > ''",
    "a delete": "DELETE FROM image WHERE note > '' AND gp_probe(note) > ''",
}  # fmt: skip


def _two_owners(index: str | None) -> sqlite3.Connection:
    images = [
        (f"i{i}", f"u{1 + i % 2}", "main", None, f"{'hidden' if i % 2 else 'own'}{i}", 0, 1)
        for i in range(40)
    ]
    connection = make_database({"image": images, "account": [], "reference": []}, [index] if index else [])
    connection.execute("ANALYZE")
    return connection


@pytest.mark.parametrize(
    "index", [None, "CREATE INDEX n ON image(note)", "CREATE INDEX n ON image(note, id)"]
)
@pytest.mark.parametrize("filtered", _FILTERS)
def test_where_sqlite_asks_the_filter_first_the_guard_still_asks_membership(
    filtered: str, index: str | None
) -> None:
    """INVARIANT (no-errors-from-hidden-rows): the named ways in which a planner comes to a filter early."""
    connection = _two_owners(index)
    seen = _set_probe(connection, {f"hidden{i}" for i in range(40)})
    shaped = shape(parse(_FILTERS[filtered], CATALOG), _PROFILE, CATALOG)
    for text in (shaped.touch, shaped.text):
        if text is not None:
            connection.execute(text.sql, arguments(text, [])).fetchall()
    assert seen == []


def test_without_the_guards_order_an_indexed_filter_does_see_hidden_rows() -> None:
    """Why the invariant is needed: a predicate in front, uncorrelated, is not enough on SQLite."""
    connection = _two_owners("CREATE INDEX n ON image(note)")
    seen = _set_probe(connection, {f"hidden{i}" for i in range(40)})
    shadow = "WITH s AS (SELECT * FROM main.image WHERE owner = 'u1'), image AS (SELECT * FROM s)"
    with pytest.raises(sqlite3.OperationalError):
        connection.execute(f"{shadow} {_FILTERS['an index answers the range']}").fetchall()
    assert seen
