"""The function that a plan asks with gives the same answers as each condition by itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gptimage_core.clock import DAY, Instant, Span
from gptimage_core.decision.answers import answer
from gptimage_core.decision.asking import asking
from gptimage_core.decision.conditions import (
    Between,
    Condition,
    Elapsed,
    Empty,
    Flag,
    Never,
    OneOf,
    Own,
    Passed,
    SameTenant,
    Until,
)
from gptimage_core.decision.model import Actor, RowFacts, Value

NOW: Instant = 1_772_000_000_000_000
_LEVELS = st.sampled_from(("access", "row", "subject"))
# Names that would end a string, a line or a format, were they to stand in the source.
_NAMES = st.sampled_from(("plain", "a'b", 'c"d', "{now}", "x\n return 0", "\\"))
_WORDS = st.sampled_from(("public", "locked", "it's", ""))
_TIMES = st.sampled_from((NOW - 40 * DAY, NOW - 10 * DAY, NOW - 1, NOW, NOW + 1, NOW + DAY))
_VALUES: st.SearchStrategy[Value] = st.one_of(st.none(), st.booleans(), st.integers(-3, 9), _WORDS, _TIMES)
_SPANS = st.sampled_from((Span(days=10), Span(days=40), Span(months=1), Span(years=1, end_of="year")))


def _one_of(values: tuple[str | int | bool, ...], fact: str, level: str, negated: bool) -> Condition:
    kinds = ",".join(type(value).__name__ for value in values)
    return OneOf(fact, level, values, negated, kinds)  # type: ignore[arg-type]


_CONDITIONS: st.SearchStrategy[Condition] = st.one_of(
    st.just(Own()),
    st.just(SameTenant()),
    st.just(Never("never")),
    st.builds(Until, _TIMES, st.just("contract"), since=st.none() | _TIMES),
    st.builds(Empty, _NAMES),
    st.builds(Flag, _NAMES, _LEVELS, st.booleans()),
    st.builds(Between, _NAMES, _LEVELS, st.none() | st.integers(-3, 9), st.none() | st.integers(-3, 9)),
    st.builds(Elapsed, _NAMES, _LEVELS, _SPANS, st.booleans()),
    st.builds(Passed, _NAMES, _LEVELS, st.booleans()),
    st.builds(
        _one_of,
        st.lists(_WORDS, min_size=1).map(tuple)
        | st.lists(st.integers(0, 2) | st.booleans(), min_size=1).map(tuple),
        _NAMES,
        _LEVELS,
        st.booleans(),
    ),
)
_KNOWN = st.dictionaries(_NAMES, _VALUES)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(_CONDITIONS, st.booleans()), max_size=12),
    _KNOWN,
    _KNOWN,
    st.dictionaries(st.sampled_from(("ann", "bob")), _KNOWN),
    st.lists(st.sampled_from(("ann", "bob", "cyd", None)), max_size=3).map(tuple),
    st.sampled_from((None, "main", "other")),
    st.sampled_from((None, "ann", "bob")),
)
def test_every_bit_is_the_answer_of_its_condition(
    questions: list[tuple[Condition, bool]],
    known: dict[str, Value],
    values: dict[str, Value],
    people: dict[str, dict[str, Value]],
    subjects: tuple[str | None, ...],
    tenant: str | None,
    actor: str | None,
) -> None:
    """INVARIANT (unknown-denies, no-foreign-source): set for a permit unless the condition is known to hold,
    for a forbid where it is known not to; whatever the facts are called."""
    row = RowFacts(tenant, subjects, people, values)
    who = Actor("subject", actor)
    persons = [people.get(each, {}) for each in subjects if each is not None]
    mask = asking(tuple(questions))(known, row, who, NOW)
    for number, (condition, permits) in enumerate(questions):
        found = answer(condition)(known, row, persons, who, NOW)
        wanted = found is not True if permits else found is False
        assert bool(mask >> number & 1) is wanted, (condition, permits, found)
    assert mask >> len(questions) == 0
