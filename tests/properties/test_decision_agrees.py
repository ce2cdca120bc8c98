"""The central property: the slow reference, `decide` and SQL membership agree on everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import worlds

from gptimage_core.decision.compile import CompiledTimeline, compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Effect, Facts
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.policy.timeline import Timeline
from gptimage_core.testing import strategies as some

_CASES = some.timelines().flatmap(
    lambda timeline: st.tuples(st.just(timeline), st.lists(some.accesses(timeline), min_size=1, max_size=4))
)


@settings(max_examples=150, deadline=None)
@given(_CASES, st.lists(some.facts(), min_size=1, max_size=5))
def test_reference_and_decide_agree(case: tuple[Timeline, list[Access]], known: list[Facts]) -> None:
    """The effect, and the rules that determined it, are the same in both readings."""
    timeline, accesses = case
    compiled = compile_timeline(timeline)
    for access in accesses:
        for facts in known:
            effect, rules = decide_slowly(timeline, access, facts, some.NOW)
            decision = decide(compiled, access, facts, some.NOW)
            assert (decision.effect, frozenset(decision.rules)) == (effect, rules)


@pytest.fixture(scope="module")
def connection() -> Iterator[worlds.sqlite3.Connection]:
    connection = worlds.connect()
    yield connection
    connection.close()


_WORLDS = given(_CASES, some.access_facts(), worlds.worlds(), st.sampled_from((None, "ann", "bob")))
_Case = tuple[Timeline, list[Access]]
_Known = dict[str, some.Value]


@settings(max_examples=150, deadline=None)
@_WORLDS
def test_sql_membership_agrees(
    connection: worlds.sqlite3.Connection, case: _Case, known: _Known, world: worlds.World, about: str | None
) -> None:
    """Rows that a predicate selects, updates and deletes are those that reference and `decide` allow."""
    _hold_against_each_other(connection, case, known, world, about)


@pytest.mark.sweep
@pytest.mark.timeout(1800)
@settings(max_examples=1_500, deadline=None)
@_WORLDS
def test_sql_membership_agrees_at_length(
    connection: worlds.sqlite3.Connection, case: _Case, known: _Known, world: worlds.World, about: str | None
) -> None:
    """The same over many more policies and worlds."""
    _hold_against_each_other(connection, case, known, world, about)


def _hold_against_each_other(
    connection: worlds.sqlite3.Connection, case: _Case, known: _Known, world: worlds.World, about: str | None
) -> None:
    timeline, accesses = case
    compiled = compile_timeline(timeline)
    with worlds.filled(connection, world):
        for table in worlds.TABLES:
            rows = worlds.facts_of(connection, table)
            for access in accesses:
                allowed = set()
                for key, row in rows.items():
                    facts = Facts(known, row)
                    effect, rules = decide_slowly(timeline, access, facts, some.NOW)
                    decision = decide(compiled, access, facts, some.NOW)
                    assert (decision.effect, frozenset(decision.rules)) == (effect, rules)
                    if effect is Effect.ALLOW and (about is None or about in row.subjects):
                        allowed.add(key)
                assert allowed == _members(connection, compiled, table, access, known, about)


def _members(
    connection: worlds.sqlite3.Connection,
    compiled: CompiledTimeline,
    table: worlds.Table,
    access: Access,
    known: dict[str, some.Value],
    about: str | None,
) -> set[str]:
    """What SELECT finds, held against what UPDATE changes and DELETE removes."""
    decision = decide(compiled, access, Facts(known), some.NOW)
    if decision.effect is Effect.DENY:
        return set()
    assert decision.residual is not None
    where, values = worlds.membership(decision.residual, table, access, about)
    name = f'"{table.name}"'
    found = {row[0] for row in connection.execute(f"SELECT id FROM {name} WHERE {where}", values)}
    counted = connection.execute(
        f"SELECT count(CASE WHEN {where} THEN 1 END) FROM {name}", values
    ).fetchone()[0]
    assert counted == len(found)
    connection.execute("SAVEPOINT here")
    connection.execute(f"UPDATE {name} SET body = 'changed' WHERE {where}", values)
    assert {row[0] for row in connection.execute(f"SELECT id FROM {name} WHERE body = 'changed'")} == found
    before = {row[0] for row in connection.execute(f"SELECT id FROM {name}")}
    connection.execute(f"DELETE FROM {name} WHERE {where}", values)
    assert before - {row[0] for row in connection.execute(f"SELECT id FROM {name}")} == found
    connection.execute("ROLLBACK TO here")
    connection.execute("RELEASE here")
    return found
