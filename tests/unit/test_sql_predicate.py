"""The SQL reading by itself: uncorrelated, bound, short, and looked up by key where one person is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from tests.support import worlds

from gptimage_core.clock import DAY, Span
from gptimage_core.decision.conditions import Condition, Elapsed, Empty, Flag, OneOf, Own, SameTenant
from gptimage_core.decision.model import Access, Actor, Residual, ResidualStep
from gptimage_core.readings.sql import SQLITE, Param, about_person, predicate
from gptimage_core.testing.strategies import NOW

_ACCESS = Access(Actor.subject("ann"), "serve", "read", "letter")
_IMPLIED: tuple[Condition, ...] = (
    SameTenant(),
    Flag("deleted", "subject", False),
    Flag("restricted", "subject", False),
    Empty("keep_ended"),
)
_OWN = (Own(), *_IMPLIED)
_PUBLIC = (OneOf("visibility", "row", ("public",)), *_IMPLIED)


def _residual(*permits: tuple[Condition, ...], forbids: tuple[tuple[Condition, ...], ...] = ()) -> Residual:
    return Residual((ResidualStep(1, permits, forbids),))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A hundred people with an item each; every second one is private."""
    connection = worlds.connect()
    connection.execute("BEGIN")
    for number in range(100):
        subject = f"p{number}" if number else "ann"
        connection.execute(
            "INSERT INTO gp_subject_state (tenant, subject, created_at, deleted, restricted)"
            " VALUES ('main', ?, 0, ?, 0)",
            (subject, int(number == 3)),
        )
        connection.execute(
            "INSERT INTO item (id, tenant, collected_under, recorded, body, visibility, owner)"
            " VALUES (?, 'main', 1, ?, ?, ?, ?)",
            (str(number), NOW - DAY, f"body {number}", ("private", "public")[number % 2], subject),
        )
    connection.execute("COMMIT")
    yield connection
    connection.close()


def _plan(connection: sqlite3.Connection, sql: str, values: list[object]) -> str:
    return "\n".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))


def test_expressions_of_the_user_never_run_on_hidden_rows(connection: sqlite3.Connection) -> None:
    """INVARIANT (uncorrelated): a function in the user's WHERE sees permitted rows only; no error tells."""
    for residual in (_residual(_OWN), _residual(_PUBLIC), _residual(_OWN, _PUBLIC)):
        where, values = worlds.membership(residual, worlds.ITEM, _ACCESS)
        allowed = {row[0] for row in connection.execute(f"SELECT body FROM item WHERE {where}", values)}
        seen: set[str] = set()

        def looked_at(body: str, seen: set[str] = seen, allowed: set[str] = allowed) -> int:
            seen.add(body)
            if body not in allowed:
                raise ValueError("the user's expression ran on a hidden row")
            return 1

        connection.create_function("looked_at", 1, looked_at)
        shadow = f'WITH hidden AS (SELECT * FROM main."item" WHERE {where}), item AS (SELECT * FROM hidden)'
        found = connection.execute(
            f"{shadow} SELECT id FROM item WHERE looked_at(body) = 1", values
        ).fetchall()
        assert len(found) == len(allowed) > 0
        assert seen == allowed


def test_a_sub_select_names_no_column_of_the_governed_row() -> None:
    """INVARIANT (uncorrelated): what stands in a sub-select is its own table's, in every shape."""
    for table in worlds.TABLES:
        for residual in (_residual(_OWN), _residual(_PUBLIC, forbids=((Flag("restricted", "subject"),),))):
            where, _ = worlds.membership(residual, table, _ACCESS)
            for inner in where.split("(SELECT ")[1:]:
                assert f'"{table.name}".' not in inner.split(")")[0]


def test_a_read_by_key_of_ones_own_row_scans_nothing(connection: sqlite3.Connection) -> None:
    """INVARIANT (one-person-is-looked-up): the actor's state is found by primary key, once."""
    where, values = worlds.membership(_residual(_OWN), worlds.ITEM, _ACCESS)
    assert 'EXISTS (SELECT 1 FROM main."gp_subject_state" AS p WHERE' in where
    plan = _plan(connection, f"SELECT body FROM item WHERE id = '0' AND {where}", values)
    assert "SCAN" not in plan
    assert "CORRELATED" not in plan.replace("UNCORRELATED", "")
    found = connection.execute(f"SELECT body FROM item WHERE id = '0' AND {where}", values).fetchall()
    assert [row[0] for row in found] == ["body 0"]


def test_an_access_about_one_person_scans_nobody_else(connection: sqlite3.Connection) -> None:
    """With `about`, conditions on people are asked of that person by key, and only their rows are found."""
    where, values = worlds.membership(_residual(_PUBLIC), worlds.ITEM, _ACCESS, "p5")
    plan = _plan(connection, f"SELECT body FROM item WHERE {where}", values)
    assert "SCAN p" not in plan
    assert [row[0] for row in connection.execute(f"SELECT id FROM item WHERE {where}", values)] == ["5"]


def test_conditions_on_people_become_one_question() -> None:
    """Several facts in `gp_subject_state` are asked in one sub-select."""
    where, _ = worlds.membership(_residual(_PUBLIC), worlds.ITEM, _ACCESS)
    assert where.count("gp_subject_state") == 1
    assert where.count("(SELECT") == 1


def test_what_all_permits_share_is_written_once() -> None:
    """Shared conjuncts are factored out of the alternatives."""
    where, _ = worlds.membership(_residual(_OWN, _PUBLIC), worlds.ITEM, _ACCESS)
    assert where.count('"item"."tenant"') == 1
    assert where.count('"item"."keep_ended"') == 1
    assert '("item"."owner" = ' in where


def test_versions_are_nested_and_equal_ones_share_a_test() -> None:
    """X11: a row passes its own version's step and all later ones; equal steps are one IN."""
    one, two = ResidualStep(1, (_OWN,), ()), ResidualStep(2, (_OWN,), ())
    where, values = worlds.membership(Residual((two, one)), worlds.ITEM, _ACCESS)
    assert '"item"."collected_under" IN (' in where
    assert where.count('"item"."owner"') == 1
    three = ResidualStep(3, (_PUBLIC,), ())
    where, values = worlds.membership(Residual((three, two, one)), worlds.ITEM, _ACCESS)
    assert where.count('"item"."visibility" = ') == where.count('"item"."owner" = ') == 1
    assert values.count(3) == 1
    closed = ResidualStep(2, (), ())
    where, _ = worlds.membership(Residual((three, closed, one)), worlds.ITEM, _ACCESS)
    assert '"item"."owner" = ' not in where


def test_a_table_without_a_version_column_shows_nothing() -> None:
    """X11: a row that cannot say under which version it was collected is not released."""
    bare = worlds.Table("bare", tuple(c for c in worlds.ITEM.columns if c.role != "collected_under"))
    assert worlds.membership(_residual(_OWN), bare, _ACCESS) == ("1=0", [])


def test_values_come_in_bound_and_only_when_named() -> None:
    """Every value is a parameter, bound once, in the order of its first place."""
    span = Span(days=30)
    step = (
        *_OWN,
        Elapsed("recorded", "row", span),
        OneOf("visibility", "row", ("x'; DROP TABLE item; --", "y")),
    )
    asked: list[Param] = []

    def bind(param: Param) -> str:
        asked.append(param)
        return f"?{len(asked)}"

    text = predicate(_residual(step), worlds.ITEM, worlds.DATAMAP, SQLITE, bind)
    assert "DROP" not in text
    assert [param.kind for param in asked] == [p.kind for p in dict.fromkeys(asked)]
    assert Param("cutoff", span) in asked
    first = [text.index(f"?{number}") for number in range(1, len(asked) + 1)]
    assert first == sorted(first)


def test_names_are_quoted_whatever_is_in_them() -> None:
    """A column's name is an identifier, never text of the statement."""
    odd = worlds.Table(
        'it"em', tuple(worlds.Column(c.name + '"', c.category, c.type, c.role) for c in worlds.ITEM.columns)
    )
    where, _ = worlds.membership(_residual(_OWN), odd, _ACCESS)
    assert '"it""em"."owner"""' in where


def test_about_a_person_reaches_through_joins() -> None:
    """A row that hangs on somebody's row is about them."""
    bound = worlds.Bound()
    assert about_person(worlds.NOTE, worlds.DATAMAP, SQLITE, bound) == (
        '"note"."item" IN (SELECT "item"."id" FROM main."item" WHERE "item"."owner" = ?1)'
    )
    assert bound.params == [Param("about")]


def test_a_row_of_nobody_known_is_nobodys_own_and_not_known_not_to_be(connection: sqlite3.Connection) -> None:
    """INVARIANT (nobody-known): a forbid on one's own rows fires for a row whose people are all NULL."""
    for sender, receiver, expected in (
        (None, None, 0),
        ("bob", None, 1),
        ("bob", "ann", 0),
        (None, "cyd", 1),
    ):
        connection.execute("DELETE FROM pair")
        connection.execute(
            "INSERT INTO pair (id, tenant, collected_under, sender, receiver) VALUES ('1', 'main', 1, ?, ?)",
            (sender, receiver),
        )
        where, values = worlds.membership(
            _residual((SameTenant(),), forbids=((Own(),),)), worlds.PAIR, _ACCESS
        )
        assert len(connection.execute(f"SELECT id FROM pair WHERE {where}", values).fetchall()) == expected
