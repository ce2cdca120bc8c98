"""THEOREM (guard-equivalence), stated in `guard.shape`, over random databases and statements."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guard_shapes import Shapes
from tests.support.guard_sql import Write, Writer
from tests.support.guard_world import (
    CATALOG,
    INDEXES,
    TABLES,
    answer,
    arguments,
    literal,
    make_database,
    random_profile,
    random_rows,
    restricted,
    sorted_rows,
)

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.grammar import parse
from gptimage_core.guard.statements.profile import Profile, Template
from gptimage_core.guard.statements.shape import WithheldUse, shape
from gptimage_core.guard.statements.shaped import Shaped, StaticDenial

_FAILURES = frozenset({"JSON cannot hold BLOB values", "integer overflow", "malformed JSON"})
"""What a random statement may fail with where it runs at all; what the shaped one does then is not told."""
_SEEDS = st.integers(min_value=0, max_value=2**48)


def _shaped(sql: str, profile: Profile, seen: Counter[str]) -> Shaped | None:
    try:
        return shape(parse(sql, CATALOG), profile, CATALOG)
    except (WithheldUse, StaticDenial) as refused:
        seen[type(refused).__name__] += 1
    except GuardError as refused:
        if "sealed" not in str(refused) and "might fail on a row" not in str(refused):
            raise
        seen["refused"] += 1
    return None


def _alike(rows: list[tuple[Any, ...]], *, ordered: bool) -> list[tuple[Any, ...]]:
    """1.0 and 1 are one value to DISTINCT, and either may stand for both."""
    whole = [tuple(int(v) if isinstance(v, float) and v == int(v) else v for v in row) for row in rows]
    return whole if ordered else sorted_rows(whole)


def _check_selects(seed: int, seen: Counter[str], writer: type[Writer] = Writer) -> None:
    rng = random.Random(seed)
    whole = make_database(random_rows(rng), INDEXES if rng.random() < 0.7 else ())
    profile = random_profile(rng)
    small = make_database(restricted(whole, profile), INDEXES if rng.random() < 0.7 else ())
    for _ in range(5):
        sql, args, ordered = writer(rng).select()
        try:
            want = small.execute(sql, args).fetchall()
        except sqlite3.OperationalError as error:
            if str(error) not in _FAILURES:
                raise
            seen["failed"] += 1
            continue
        shaped = _shaped(sql, profile, seen)
        if shaped is None:
            continue
        try:
            got = answer(whole, shaped, args)
        except sqlite3.OperationalError as error:  # a WITH table is made where the original's plan skips it
            if str(error) not in _FAILURES:
                raise
            seen["failed"] += 1
            continue
        assert _alike(got, ordered=ordered) == _alike(want, ordered=ordered), (
            f"{sql} {args}\n{shaped.text.sql}"
        )
        seen["some" if want else "none"] += 1
        _check_touched(whole, small, shaped, args)


def _check_touched(
    whole: sqlite3.Connection, small: sqlite3.Connection, shaped: Shaped, args: list[object]
) -> None:
    """Whatever is called touched is a permitted row with its own people.

    The rows touched are asked by a statement of its own: it may come to a permitted row on which something
    fails and which the plan of the original never reached. Then the access fails, and nothing is given.
    """
    permitted = {t.name: dict(_keyed(small, t.name)) for t in TABLES}
    for row in whole.execute(shaped.text.sql, arguments(shaped.text, args)):
        for touch in shaped.touches:
            if row[touch.key] is not None:
                assert row[touch.key] in permitted[touch.table]
    if shaped.touch is not None:
        for number, key, *people in _or_none(whole, shaped.touch.sql, arguments(shaped.touch, args)):
            table = CATALOG.entries[number].table
            assert key is None or key in permitted[table.name]
            if key is not None and table.subjects:
                stored = permitted[table.name][key]
                assert people[: len(table.subjects)] == [
                    stored[[c.name for c in table.columns].index(name)] for name in table.subjects
                ]


def _or_none(connection: sqlite3.Connection, sql: str, args: list[Any]) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(sql, args).fetchall()
    except sqlite3.OperationalError as error:
        if str(error) not in _FAILURES:
            raise
        return []


def _keyed(connection: sqlite3.Connection, table: str) -> list[tuple[str, tuple[Any, ...]]]:
    return [(row[0], row) for row in connection.execute(f"SELECT * FROM {table}")]


@settings(max_examples=250, deadline=None)
@given(_SEEDS)
def test_a_shaped_select_answers_as_the_original_does_over_the_permitted_rows_and_fields(seed: int) -> None:
    """THEOREM (guard-equivalence), SELECT."""
    _check_selects(seed, Counter())


@settings(max_examples=400, deadline=None)
@given(_SEEDS)
def test_so_do_windows_with_tables_joins_rows_and_json(seed: int) -> None:
    """THEOREM (guard-equivalence), SELECT of every shape."""
    _check_selects(seed, Counter(), Shapes)


@pytest.mark.parametrize("writer", [Writer, Shapes])
def test_the_random_selects_are_mostly_accepted_and_often_find_something(writer: type[Writer]) -> None:
    """The theorem is not vacuous: more than half of the statements run, and a fifth have rows."""
    seen: Counter[str] = Counter()
    for seed in range(150):
        _check_selects(seed, seen, writer)
    assert seen["some"] + seen["none"] > 0.5 * seen.total()
    assert seen["some"] > 0.2 * seen.total()


# UPDATE and DELETE


def _dump(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {t.name: sorted_rows(connection.execute(f'SELECT * FROM "{t.name}"')) for t in TABLES}


def _chosen(
    whole: sqlite3.Connection, profile: Profile, write: Write, asked: list[Template | None]
) -> list[str]:
    """The keys that a write may reach: its WHERE over the restriction (over all rows where it reads nothing
    but identifiers), and every predicate of what it writes."""
    rows = restricted(whole, profile)
    if write.idle and not write.reads:
        rows[write.table] = whole.execute(f"SELECT * FROM {write.table}").fetchall()
    where, args = write.where
    found = make_database(rows).execute(f"SELECT id FROM {write.table} WHERE {where}", args)
    keys = {key for (key,) in found}
    for predicate in asked:
        assert predicate is not None
        permitted = whole.execute(f"SELECT id FROM {write.table} WHERE {literal(predicate)}")
        keys &= {key for (key,) in permitted}
    return sorted(keys)


def _check_update(seed: int) -> bool:
    rng = random.Random(seed)
    rows = random_rows(rng)
    whole, profile = make_database(rows, INDEXES), random_profile(rng, bare=0.85)
    write = Writer(rng).update()
    columns = profile.tables[write.table].columns
    asked = [columns[column].update for column in write.columns]
    shaped = _shaped(write.sql, profile, Counter())
    assert shaped is None or None not in asked
    if shaped is None or shaped.touch is None:
        return False
    asked += [columns[column].when for column in write.reads if columns[column].when is not None]
    keys = _chosen(whole, profile, write, asked)
    expected = make_database(rows)
    assigned, args = write.assigned
    marks = ", ".join("?" for _ in keys)
    expected.execute(f"UPDATE {write.table} SET {assigned} WHERE id IN ({marks})", [*args, *keys])
    touched = whole.execute(shaped.touch.sql, arguments(shaped.touch, write.args)).fetchall()
    returned = whole.execute(shaped.text.sql, arguments(shaped.text, write.args)).fetchall()
    assert sorted(key for (key,) in returned) == keys, f"{write.sql} {write.args}\n{shaped.text.sql}"
    assert {key for number, key, *_ in touched if CATALOG.entries[number].name == write.table} == set(keys)
    assert _dump(whole) == _dump(expected), f"{write.sql} {write.args}\n{shaped.text.sql}"
    return bool(keys)


def _check_delete(seed: int) -> bool:
    rng = random.Random(seed)
    rows = random_rows(rng)
    whole, profile = make_database(rows, INDEXES), random_profile(rng, bare=0.85)
    write = Writer(rng).delete()
    asked = profile.tables[write.table].delete
    shaped = _shaped(write.sql, profile, Counter())
    assert shaped is None or asked is not None
    if shaped is None:
        return False
    keys = _chosen(whole, profile, write, [asked])
    expected = make_database(rows)
    expected.execute(f"DELETE FROM {write.table} WHERE id IN ({', '.join('?' for _ in keys)})", keys)
    count = whole.execute(shaped.text.sql, arguments(shaped.text, write.args)).rowcount
    assert count == len(keys), f"{write.sql} {write.args}\n{shaped.text.sql}"
    assert _dump(whole) == _dump(expected)
    return bool(keys)


@settings(max_examples=400, deadline=None)
@given(_SEEDS)
def test_a_shaped_update_changes_the_permitted_rows_and_no_others(seed: int) -> None:
    """THEOREM (guard-equivalence), UPDATE."""
    _check_update(seed)


@settings(max_examples=400, deadline=None)
@given(_SEEDS)
def test_a_shaped_delete_removes_the_permitted_rows_and_no_others(seed: int) -> None:
    """THEOREM (guard-equivalence), DELETE; the row count is right."""
    _check_delete(seed)


@pytest.mark.parametrize("check", [_check_update, _check_delete])
def test_the_random_writes_often_change_something(check: Any) -> None:
    """The theorem is not vacuous for writes."""
    assert sum(check(seed) for seed in range(400)) > 60
