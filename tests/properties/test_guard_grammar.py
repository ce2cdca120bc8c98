"""What `parse` accepts, SQLite accepts; what it does not read, it refuses, and in no other way."""

from __future__ import annotations

import random
import re
import sqlite3

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.guard_sql import Writer
from tests.support.guard_world import CATALOG, TABLES, TAG, arguments, make_database

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements import nodes
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.lexer import lex
from gptimage_core.guard.statements.profile import ALWAYS, ColumnAccess, Profile, TableAccess
from gptimage_core.guard.statements.render import Renderer, quote
from gptimage_core.guard.statements.shape import shape

_SEEDS = st.integers(min_value=0, max_value=2**48)
_EVERYTHING = Profile(
    "all",
    "s3cr3t0123456789",
    TAG,
    {
        t.name: TableAccess(ALWAYS, {c.name: ColumnAccess("bare", None, ALWAYS) for c in t.columns}, ALWAYS)
        for t in TABLES
    },
)
_EMPTY = make_database({t.name: [] for t in TABLES})
_EMPTY.create_function("gp_probe", 1, lambda value: value)


def _runs(sql: str) -> bool:
    """Whether `parse` accepts; then what is made of it must run, without rows to fail on."""
    try:
        statement = parse(sql, CATALOG)
        shaped = shape(statement, _EVERYTHING, CATALOG)
    except GuardError:
        return False
    args: list[object] = [1] * statement.placeholders
    if shaped.insertion is None:
        for text in (shaped.text, shaped.touch):
            if text is not None:
                _EMPTY.execute(text.sql, arguments(text, args)).fetchall()
    else:
        cells = sum(len(row) for row in shaped.insertion.rows)
        _EMPTY.execute(f"EXPLAIN {shaped.text.sql}", [1] * cells).fetchall()
    return True


def _statement(rng: random.Random) -> str:
    writer = Writer(rng)
    chosen = rng.randrange(4)
    if chosen == 0:
        return writer.update().sql
    return writer.delete().sql if chosen == 1 else writer.select()[0]


@settings(max_examples=300, deadline=None)
@given(_SEEDS)
def test_what_is_accepted_runs_and_is_written_the_same_when_read_again(seed: int) -> None:
    """Round trip: the text written from a tree gives that tree again, and SQLite takes it."""
    sql = Writer(random.Random(seed)).select()[0]
    if _runs(sql):
        body = parse(sql, CATALOG).body
        assert isinstance(body, nodes.Query)
        written = Renderer(lambda index: "?", lambda entry: quote(entry.name)).query(body)
        if '"gp:' in written or "LIKE CASE" in written:
            return  # the guard's own additions are not for users to write
        again = parse(written, CATALOG).body
        assert isinstance(again, nodes.Query)
        assert Renderer(lambda index: "?", lambda entry: quote(entry.name)).query(again) == written


_SPLIT = r"x'[^']*'|\d+\.\d+|==|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|'[^']*'|\w+|->>|->|\|\||<=|>=|<>|!=|\S"

_PIECES = re.findall(
    r"\S+",
    """( ) , . ; * ? + - / % = < > <= || -> ->> ~ & | << '' 'x' "image" [id] `note` 1 1.5 0x1F x'61' NULL
    SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET UNION ALL EXCEPT VALUES WITH AS DISTINCT JOIN LEFT ON
    IN IS NOT LIKE BETWEEN AND OR CASE WHEN THEN ELSE END CAST EXISTS COLLATE NOCASE FILTER OVER ESCAPE
    image account reference id owner note prompt credits main rowid count sum abs lower random main.image
    INSERT INTO UPDATE SET DELETE RETURNING DEFAULT PRAGMA ATTACH -- /* sqlite_master""",
)


@settings(max_examples=600, deadline=None)
@given(_SEEDS)
def test_a_statement_with_tokens_lost_added_or_swapped_is_refused_or_runs(seed: int) -> None:
    """Whatever is accepted is valid SQL over governed tables; every refusal is a `GuardError`."""
    rng = random.Random(seed)
    tokens = re.findall(_SPLIT, _statement(rng))
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(tokens))
        match rng.randrange(4):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, rng.choice(_PIECES))
            case 2:
                tokens[at] = rng.choice(_PIECES)
            case _:
                other = rng.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
        tokens = tokens or ["SELECT"]
    _runs(" ".join(tokens))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=30).map(" ".join))
@example("SELECT id FROM image WHERE id IN ()")
@example("SELECT - - 1, - -1, -9223372036854775808, 9223372036854775808, +-~1")
@example("VALUES (1, 'a'), (?, NULL)")
@example("SELECT count(), count(*), max(1, 2), min(id) FROM image")
@example('SELECT id AS "a""b" FROM image AS "x""y" WHERE "x""y".id = \'\'\'\'')
def test_any_order_of_tokens_is_refused_or_runs(sql: str) -> None:
    """Whatever is accepted is valid SQL over governed tables; every refusal is a `GuardError`."""
    _runs(sql)


@settings(max_examples=500, deadline=None)
@given(st.text())
def test_any_text_is_tokens_or_is_refused(text: str) -> None:
    """The lexer never fails in another way than by `GuardError`, and reads everything it does not refuse."""
    for sql in (
        text,
        f"SELECT {text} FROM image",
        f'SELECT "{text}" FROM image',
        f"SELECT '{text}' FROM image",
    ):
        try:
            tokens = lex(sql)
        except GuardError:
            continue
        assert tokens[-1].kind == "end"
        _runs(sql)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_a_text_means_the_same_to_the_guard_and_to_sqlite(text: str) -> None:
    """Literals come through unchanged; a governed statement without tables is just a computation."""
    escaped = text.replace("'", "''")
    shaped = shape(parse(f"SELECT '{escaped}' AS \"a\"", CATALOG), _EVERYTHING, CATALOG)
    assert _EMPTY.execute(shaped.text.sql).fetchone() == (text,)


_ARITHMETIC = (
    "1 + 2 * 3", "10 - 4 - 3", "2 * 3 % 4", "1 || 2 + 3", "- 2 || 3", "1 + 2 < 4", "1 < 2 = 1", "3 = 3 < 2",
    "NOT 1 = 2", "NOT 1 + 1", "1 OR 0 AND 0", "NOT 0 AND 0", "5 & 3 | 8", "1 << 2 + 1", "~ 1 + 1", "- - 5",
    "1 BETWEEN 0 AND 2 AND 0", "1 IN (1, 2) = 1", "'a' LIKE 'A' = 1", "NULL IS NULL = 1", "1 IS NOT NULL",
    "1 IS NOT NULL || 2", "2 ISNULL = 0", "3 NOTNULL", "3 NOT NULL", "1 = 2 IS 0", "'a' || 'b' = 'ab'",
    "'a' = 'A' COLLATE NOCASE", "CASE 1 WHEN 1 THEN 'x' END || 'y'", "1 - 2 + 3 - -4", "7 / 2 * 2",
    "1 < 2 < 3 > 0", "NOT 1 IS 1", "1 NOT IN (2)", "1 NOT BETWEEN 2 AND 3", "'x' NOT LIKE 'y' AND 1",
    "CAST('3x' AS INTEGER) + 1", "-9223372036854775808 - 1", "0x10 + 1", ".5 + 1.", "1e3", "x'61' || 'b'",
    "'it''s'", "TRUE + TRUE", "1 IS TRUE", "'{\"a\":[1,2]}' -> '$.a' ->> 1", "coalesce(NULL, 1, 2)",
)  # fmt: skip


def test_operators_bind_as_sqlites_do() -> None:
    """The text is written anew with parentheses, so a precedence read wrongly would show as another value."""
    for text in _ARITHMETIC:
        shaped = shape(parse(f"SELECT {text}", CATALOG), _EVERYTHING, CATALOG)
        plain = sqlite3.connect(":memory:").execute(f"SELECT {text}")
        ours = _EMPTY.execute(shaped.text.sql)
        assert ours.fetchall() == plain.fetchall(), text
        assert ours.description[0][0] == plain.description[0][0], text
