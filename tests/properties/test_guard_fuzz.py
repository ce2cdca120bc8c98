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
from tests.support.fuzz.checks import Homes, Scene, explained, scene
from tests.support.fuzz.reads import Written, select
from tests.support.fuzz.text import mutated

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
        raise AssertionError(explained(at, written, failed)) from failed
    seen[outcome.kind] += 1
    seen["some"] += bool(outcome.rows)


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


@pytest.mark.sweep
@pytest.mark.timeout(1800)
@settings(max_examples=6_000, deadline=None, phases=_ONCE)
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
    assert seen["rows"] > 0.3 * asked, seen
    assert seen["some"] > 0.3 * seen["rows"], seen


_KEPT = {
    "a column named otherwise than it was declared": "SELECT RECORDED, Note AS n FROM image",
    "the same under parentheses, and an expression": "SELECT (NOTE), note || '', +(id) FROM image",
    "a name in ON that a later table has too": "SELECT 1 FROM plan JOIN image ON label = note JOIN account",
    "GROUP BY a truth value, which is no number": "SELECT count(*) FROM image GROUP BY TRUE",
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
