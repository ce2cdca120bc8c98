"""THEOREM (guard-equivalence), stated in `guard.statements.shape`, over random SQL from a grammar of its own.

Either a statement is refused (`GuardError`, a denial; nothing else, and no hang), or it answers as it does
over a database that holds the permitted rows and fields only, which `decide_slowly` picks one by one. And
what is hidden changes no answer and causes no error: a second database with other, poisoned values in its
place answers alike.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.support.fuzz.checks import Homes, Scene, explained, scene
from tests.support.fuzz.policy import ACCESSES, law
from tests.support.fuzz.reads import Written, select
from tests.support.fuzz.rig import Outcome
from tests.support.fuzz.text import mutated
from tests.support.fuzz.world import random_world
from tests.support.fuzz.writes import Write, write
from tests.support.fuzz.written import check_write

_SEEDS = st.integers(min_value=0, max_value=2**48)
_ONCE = (Phase.explicit, Phase.reuse, Phase.generate)
"""A failing statement is made small as text, not as a seed."""


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return Homes.at(tmp_path_factory.mktemp("fuzzed"))


def _checked(at: Scene, written: Written, seen: Counter[str]) -> None:
    try:
        outcome = at.check(written)
    except Exception as failed:
        raise AssertionError(explained(at, written, failed, Scene.check)) from failed
    seen[outcome.kind] += 1
    seen["some"] += bool(outcome.rows)


def _write(homes: Homes, seed: int, seen: Counter[str], *, noise: bool) -> None:
    rng = random.Random(seed)
    at = scene(homes, rng)
    for _ in range(10):
        written = write(rng)
        if noise:
            written = structs.replace(written, sql=mutated(rng, written.sql), exact=False)
        seen[f"{written.verb} {_check_write(at, written).kind}"] += 1


def _check_write(at: Scene, written: Write) -> Outcome:
    try:
        return check_write(at, written)
    except Exception as failed:
        raise AssertionError(explained(at, written, failed, check_write)) from failed


def _select(homes: Homes, seed: int, seen: Counter[str], statements: int = 12) -> None:
    rng = random.Random(seed)
    at = scene(homes, rng)
    for _ in range(statements):
        _checked(at, select(rng), seen)


def _mutated(homes: Homes, seed: int, seen: Counter[str]) -> None:
    rng = random.Random(seed)
    at = scene(homes, rng)
    for _ in range(12):
        written = select(rng)
        _checked(at, Written(mutated(rng, written.sql), written.args, loose=True, odd=True), seen)


@settings(max_examples=220, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_a_random_select_is_refused_or_answers_as_over_what_is_permitted(homes: Homes, seed: int) -> None:
    """THEOREM (guard-equivalence), SELECT; errors and column names included."""
    _select(homes, seed, Counter())


@settings(max_examples=150, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_a_select_with_tokens_lost_doubled_swapped_or_put_in_is_refused_or_answers_alike(
    homes: Homes, seed: int
) -> None:
    """The same for nearly valid text; SQLite takes whatever is accepted."""
    _mutated(homes, seed, Counter())


@settings(max_examples=200, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_a_random_write_changes_what_may_be_written_and_nothing_else(homes: Homes, seed: int) -> None:
    """THEOREM (guard-equivalence), UPDATE and DELETE; INSERT as `decide_slowly` says of every new row."""
    _write(homes, seed, Counter(), noise=False)


@settings(max_examples=100, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_a_write_with_tokens_lost_doubled_swapped_or_put_in_changes_only_what_may_be_written(
    homes: Homes, seed: int
) -> None:
    """Whatever is accepted: each row and field that differs after it might be written so."""
    _write(homes, seed, Counter(), noise=True)


@pytest.mark.sweep
@pytest.mark.timeout(1800)
@settings(max_examples=1_200, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_random_writes_at_length(homes: Homes, seed: int) -> None:
    """The same over many more worlds, policies and statements."""
    _write(homes, seed, Counter(), noise=False)
    _write(homes, seed, Counter(), noise=True)


@pytest.mark.sweep
@pytest.mark.timeout(1800)
@settings(max_examples=1_500, deadline=None, phases=_ONCE)
@given(_SEEDS)
def test_random_selects_at_length(homes: Homes, seed: int) -> None:
    """The same over many more worlds, policies and statements."""
    _select(homes, seed, Counter(), 15)
    _mutated(homes, seed, Counter())


def test_random_selects_are_often_accepted_and_often_find_something(homes: Homes) -> None:
    """The theorem is not vacuous: how many are accepted, and how many of those have rows."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        _select(homes, seed, seen)
    asked = seen.total() - seen["some"]
    assert seen["rows"] > 0.5 * asked, seen
    assert seen["some"] > 0.3 * seen["rows"], seen


def test_random_writes_are_often_accepted_and_often_change_something(homes: Homes) -> None:
    """The theorem is not vacuous for writes."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        _write(homes, seed, seen, noise=False)
    for verb, least in (("UPDATE", 0.3), ("DELETE", 0.3), ("INSERT", 0.08)):
        asked = sum(count for kind, count in seen.items() if kind.startswith(verb))
        assert seen[f"{verb} rows"] > least * asked, seen


def test_too_few_or_too_many_arguments_are_refused(homes: Homes) -> None:
    """Not an `IndexError`, and nothing is bound in the wrong place."""
    seen: Counter[str] = Counter()
    for seed in range(8):
        at = scene(homes, random.Random(seed))
        for sql in ("SELECT id FROM image WHERE id = ?", "UPDATE plan SET cents = ?", "DELETE FROM image"):
            seen.update(
                at.under.run(sql, args).kind for args in ([], [1], [1, 2]) if len(args) != sql.count("?")
            )
    assert set(seen) <= {"refused", "denied"}
    assert seen["refused"] > seen["denied"]


def test_a_row_without_a_key_is_refused(homes: Homes) -> None:
    """A key of text that is NULL is none: UPDATE and DELETE take rows by key, and would never reach it."""
    seen: Counter[str] = Counter()
    for seed in range(20):
        at = scene(homes, random.Random(seed))
        outcome = at.under.run("INSERT INTO plan (id, label) VALUES (NULL, 'x')", [])
        assert not outcome.gave
        seen[outcome.kind] += 1
    assert seen["refused"] > 0


def test_the_third_ring_lets_a_statement_that_names_no_column_pass(homes: Homes) -> None:
    """Whatever a view permits of a table, nothing or everything: the database asks for it all the same."""
    rng = random.Random(1)
    for number in range(24, 40):
        for asked in (ACCESSES[0], ACCESSES[9], ACCESSES[-1]):
            at = Scene(homes, rng, law(number), asked, random_world(rng), ringed=True)
            for sql in ("SELECT count(*) FROM reference, plan", "SELECT 1 FROM account JOIN image"):
                _checked(at, Written(sql, []), Counter())


_KEPT = {
    "a column named otherwise than it was declared": "SELECT RECORDED, Note AS n FROM image",
    "the same under parentheses, and an expression": "SELECT (NOTE), note || '', +(id) FROM image",
    "a name in ON that a later table has too": "SELECT 1 FROM plan JOIN image ON label = note JOIN account",
    "what may fail, of the sum of no rows": "SELECT c FROM (SELECT count(*) || 'x' AS c FROM image"
    " WHERE id = 'none') AS t",
    "the same in HAVING": "SELECT count(*) FROM image WHERE id = 'none' HAVING abs(count(*)) = 0",
    "the same over rows": "SELECT max(id || note) FROM image HAVING max(id || note) || count(*) > ''",
    "a star over one table of a RIGHT JOIN with USING": "SELECT t.* FROM plan AS t RIGHT JOIN reference"
    " USING (tenant)",
    "an output that is a number, grouped by": "SELECT 2 AS a, id, count(*) FROM image GROUP BY a",
    "the same by its place": "SELECT 2, id, count(*) FROM image GROUP BY 1, id",
    "GROUP BY a truth value, which is no number": "SELECT count(*) FROM image GROUP BY TRUE",
    "an output that is named as a column further out": "SELECT (SELECT size AS c FROM reference WHERE c = 1"
    " LIMIT 1) FROM (SELECT 2 AS c FROM image) AS o",
    "the same, where it is summed up": "SELECT 1 FROM (SELECT 2 AS c FROM image) AS o WHERE EXISTS"
    " (SELECT min(size) AS c FROM reference WHERE c = 1)",
    "HAVING over nothing that is summed up": "SELECT price FROM image HAVING price > 1",
    "what is withheld in part, counted": 'SELECT count("order"), total(size) FROM reference',
}
"""What was found once, and the like."""


@pytest.mark.parametrize("kept", _KEPT)
def test_what_was_found_once(homes: Homes, kept: str) -> None:
    """THEOREM (guard-equivalence) over a dozen worlds each."""
    for seed in range(12):
        at = scene(homes, random.Random(seed))
        _checked(at, Written(_KEPT[kept], []), Counter())
