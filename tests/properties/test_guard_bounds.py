"""The grammar alone: any text is read or refused by a `GuardError`, in time that its length bounds."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.fuzz.reads import select
from tests.support.fuzz.text import mutated
from tests.support.guard_world import CATALOG, TABLES, TAG, make_database

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.profile import ALWAYS, ColumnAccess, Profile, TableAccess
from gptimage_core.guard.statements.shape import shape
from gptimage_core.guard.statements.shaped import Shaped

_EVERYTHING = Profile(
    "all",
    "s3cr3t0123456789",
    TAG,
    {
        t.name: TableAccess(ALWAYS, {c.name: ColumnAccess("bare", None, ALWAYS) for c in t.columns}, ALWAYS)
        for t in TABLES
    },
)


def _read(sql: str) -> Shaped | None:
    """What the text becomes, or `None` where it is refused; every other exception is a fault."""
    try:
        return shape(parse(sql, CATALOG), _EVERYTHING, CATALOG)
    except GuardError:
        return None


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))))
@example("SELECT " + "1" * 5000)
@example("SELECT " + "0" * 5000 + "1")
@example("SELECT -" + "9" * 4301)
@example("SELECT 1e" + "9" * 400)
def test_any_text_is_read_or_refused(text: str) -> None:
    """Also as the inside of a text, a name and a condition. A long number is one, however Python likes it."""
    for around in ("{0}", "SELECT '{0}'", 'SELECT "{0}" FROM image', "SELECT 1 FROM image WHERE {0}"):
        _read(around.format(text))


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=2**48))
def test_nonsense_made_from_statements_is_read_or_refused(seed: int) -> None:
    """Tokens lost, doubled, swapped, put in, over and over; bytes of noise."""
    rng = random.Random(seed)
    sql = select(rng).sql
    for _ in range(6):
        sql = mutated(rng, sql)
        _read(sql)


def _nested(before: str, inner: str, after: str) -> Callable[[int], str]:
    return lambda n: before * n + inner + after * n


def _listed(front: str, item: str, joint: str = ", ", end: str = "") -> Callable[[int], str]:
    """`{0}` in an item is its number."""
    return lambda n: front + joint.join(item.format(i) for i in range(n)) + end


_LONG: dict[str, Callable[[int], str]] = {
    "parentheses": _nested("(", "1", ")"),
    "open parentheses": lambda n: "(" * n,
    "an IN list": _listed("1 IN (", "{0}", ",", ")"),
    "parameters": _listed("1 IN (", "?", ",", ")"),
    "AND": _listed("", "credits = 1", " AND "),
    "OR": _listed("", "note LIKE ?", " OR "),
    "a sum": _listed("", "1", "+"),
    "texts put together": _listed("", "note", "||"),
    "minus": lambda n: "- " * n + "1",
    "NOT": lambda n: "NOT " * n + "1",
    "equations": _listed("", "1", "="),
    "IS NULL": lambda n: "1" + " IS NULL" * n,
    "BETWEEN": lambda n: "1" + " BETWEEN 1 AND 1" * n,
    "LIKE after LIKE": lambda n: "1" + " LIKE 1" * n,
    "LIKE in LIKE": _nested("1 LIKE (", "1", ")"),
    "GLOB in GLOB": _nested("1 GLOB CASE WHEN ", "note", " THEN 1 END"),
    "COLLATE": lambda n: "1" + " COLLATE BINARY" * n,
    "arrows": lambda n: "note" + " -> 'a'" * n,
    "CASE": _nested("CASE WHEN 1 THEN ", "1", " END"),
    "arms of a CASE": lambda n: "CASE " + "WHEN 1 THEN 2 " * n + "END",
    "functions": _nested("lower(", "1", ")"),
    "arguments": _listed("coalesce(", "{0}", ",", ")"),
    "an output named twice, in each other": _nested("(SELECT ", "1", " AS a GROUP BY a + a)"),
    "an output ordered by twice, in each other": _nested("(SELECT ", "1", " AS a ORDER BY a + a)"),
    "subqueries": _nested("(SELECT ", "1", ")"),
    "EXISTS": _nested("EXISTS (SELECT ", "1", ")"),
    "a text": lambda n: "'" + "a" * n + "'",
    "quotes": lambda n: "'" + "''" * n + "'",
    "an open quote": lambda n: "'" + "''" * n,
    "an open name": lambda n: '"' + '""' * n,
    "open brackets": lambda n: "[" * n,
    "dots": lambda n: "a." * n + "a",
    "digits": lambda n: "1" * n,
    "an exponent": lambda n: "1e" + "1" * n,
    "a blob": lambda n: "x'" + "00" * n + "'",
    "an open blob": lambda n: "x'" + "00" * n,
    "lines": lambda n: "\n" * n + "nothing",
}
_WHOLE: dict[str, Callable[[int], str]] = {
    "outputs": _listed("SELECT ", "id", ",", " FROM image"),
    "stars": _listed("SELECT ", "*", ",", " FROM image"),
    "joins": _listed("SELECT 1 FROM ", "image t{0}"),
    "joins with ON": _listed("SELECT 1 FROM image t JOIN ", "image t{0} ON t{0}.id = t.id", " JOIN "),
    "FULL JOIN with USING": _listed(
        "SELECT id FROM image t FULL JOIN ", "image t{0} USING (id)", " FULL JOIN "
    ),
    "NATURAL JOIN": _listed("SELECT * FROM image t NATURAL JOIN ", "image t{0}", " NATURAL JOIN "),
    "joins in parentheses": _nested("SELECT 1 FROM (", "image", ")"),
    "windows": _listed("SELECT count(*) OVER w1 FROM image WINDOW ", "w{0} AS (ORDER BY id)"),
    "windows over windows": lambda n: (
        "SELECT 1 FROM image WINDOW w0 AS ()" + "".join(f", w{i} AS (w{i - 1})" for i in range(1, n))
    ),
    "OVER": _listed("SELECT ", "sum(credits) OVER (PARTITION BY id)", ",", " FROM image"),
    "row values": _listed("SELECT 1 FROM image WHERE ", "(id, note) = (1, 2)", " AND "),
    "a wide row value": lambda n: (
        "SELECT 1 FROM image WHERE (" + ",".join(["id"] * n) + f") IN (SELECT {'1,' * n}1)"
    ),
    "WITH RECURSIVE": lambda n: (
        "WITH RECURSIVE t(a) AS (SELECT 1"
        + " UNION ALL SELECT a + 1 FROM t WHERE a < 3" * n
        + ") SELECT 1 FROM t"
    ),
    "WITH in WITH": _nested("WITH a AS (", "SELECT 1", ") SELECT 1"),
    "WITH over WITH": lambda n: (
        "WITH t0 AS (SELECT id FROM image)"
        + "".join(f", t{i} AS (SELECT x.id FROM t{i - 1} x, t{i - 1} y)" for i in range(1, n))
        + " SELECT 1 FROM t1"
    ),
    "table functions": _listed("SELECT 1 FROM image i, ", "json_each(i.note) j{0}"),
    "WITH": _listed("WITH ", "t{0} AS (SELECT 1 AS a)", ", ", " SELECT 1"),
    "VALUES": _listed("VALUES ", "({0})"),
    "UNION": _listed("", "SELECT 1", " UNION "),
    "ORDER BY": _listed("SELECT id FROM image ORDER BY ", "id"),
    "ORDER BY names": lambda n: (
        _listed("SELECT ", "{0} AS a{0}", ",")(n // 2) + _listed(" ORDER BY ", "a{0}", ",")(n // 2)
    ),
    "rows to insert": _listed("INSERT INTO image (id) VALUES ", "(?)"),
    "columns to insert": _listed("INSERT INTO image (", "id", ",", ") VALUES (1)"),
    "SET": _listed("UPDATE image SET ", "credits = 1"),
    "FROM in FROM": _nested("SELECT 1 FROM (", "SELECT 1", ") AS t"),
    "stars over stars": lambda n: (
        "WITH t0 AS (SELECT id AS a FROM image)"
        + "".join(f", t{i} AS (SELECT *, 1 AS b{i} FROM t{i - 1})" for i in range(1, min(n, 150)))
        + " SELECT 1"
    ),
}
_TEXTS = {**{k: (lambda n, make=make: f"SELECT {make(n)} FROM image") for k, make in _LONG.items()}, **_WHOLE}


@pytest.mark.parametrize("shaped", _TEXTS)
def test_long_texts_take_time_in_proportion(shaped: str) -> None:
    """100 kB of one construct: read or refused within seconds; nothing doubles with each level."""
    make = _TEXTS[shaped]
    for length in (400, 100_000):
        per = (len(make(200)) - len(make(100))) / 100 or 1
        sql = make(max(2, int((length - len(make(0))) / (per + 2))))
        started = time.process_time()
        _read(sql)
        assert time.process_time() - started < 4, f"{len(sql)} characters"


def test_a_long_chain_runs_as_sqlite_runs_it() -> None:
    """Written anew it is not nested: SQLite's parser takes some 90 parentheses in each other."""
    connection = make_database({t.name: [] for t in TABLES})
    for op in ("||", "+", "-", "*", "&"):
        sql = f"SELECT {f' {op} '.join('3' for _ in range(250))}"
        shaped = _read(sql)
        assert shaped is not None
        assert (
            connection.execute(shaped.text.sql).fetchall()
            == sqlite3.connect(":memory:").execute(sql).fetchall()
        )
