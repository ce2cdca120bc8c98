"""What holds of every decision: fail closed, monotone, total; and the nearest change is a real one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gptimage_core.clock import DAY
from gptimage_core.decision.answers import answer
from gptimage_core.decision.change import opposite
from gptimage_core.decision.compile import compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Effect, Facts, RowFacts
from gptimage_core.decision.nearest import apply, explain, who_may
from gptimage_core.decision.terms import written
from gptimage_core.policy.document import Document
from gptimage_core.policy.timeline import Timeline
from gptimage_core.testing import strategies as some

_CASES = some.timelines().flatmap(
    lambda timeline: st.tuples(st.just(timeline), some.accesses(timeline), some.facts())
)
_Case = tuple[Timeline, Access, Facts]
_FAST = settings(max_examples=80, deadline=None)


@_FAST
@given(_CASES, st.booleans())
def test_the_nearest_change_allows(case: _Case, with_row: bool) -> None:
    """INVARIANT (nearest-allows): making the change that `explain` names makes `decide` allow."""
    timeline, access, facts = case
    compiled = compile_timeline(timeline)
    facts = facts if with_row else Facts(facts.access)
    explanation = explain(compiled, access, facts, some.NOW)
    assert explanation.decision == decide(compiled, access, facts, some.NOW)
    if explanation.nearest is None:
        return
    assert explanation.decision.effect is Effect.DENY
    after = apply(explanation.nearest, access, facts, some.NOW)
    decision = decide(compiled, *after, some.NOW)
    assert decision.effect is not Effect.DENY
    assert explanation.nearest.rule in decision.rules


@_FAST
@given(_CASES, st.data())
def test_removing_a_fact_never_allows_more(case: _Case, data: st.DataObject) -> None:
    """INVARIANT (unknown-denies, X6): what is allowed with less known is allowed with more known."""
    timeline, access, facts = case
    compiled = compile_timeline(timeline)
    row = facts.row
    assert row is not None
    known = [("access", fact) for fact in facts.access] + [("row", fact) for fact in row.values]
    known += [(person, fact) for person, about in row.people.items() for fact in about]
    assume(known)
    place, fact = data.draw(st.sampled_from(known))
    without = _without(facts, row, place, fact)
    if decide(compiled, access, without, some.NOW).effect is Effect.ALLOW:
        assert decide(compiled, access, facts, some.NOW).effect is Effect.ALLOW


def _without(facts: Facts, row: RowFacts, place: str, fact: str) -> Facts:
    def less(known: Any) -> dict[str, Any]:
        return {name: value for name, value in known.items() if name != fact}

    if place == "access":
        return Facts(less(facts.access), row)
    if place == "row":
        return Facts(facts.access, msgspec.structs.replace(row, values=less(row.values)))
    people = {**row.people, place: less(row.people[place])}
    return Facts(facts.access, msgspec.structs.replace(row, people=people))


@_FAST
@given(_CASES, some.documents(6), st.booleans())
def test_another_forbid_never_allows_more(case: _Case, other: Document, with_row: bool) -> None:
    """More prohibitions in every version allow nothing that was not allowed, with a row and without."""
    timeline, access, facts = case
    facts = facts if with_row else Facts(facts.access)
    more = {f"more_{name}": rule for name, rule in other.forbid.items()}
    stricter = Timeline(
        tuple(
            msgspec.structs.replace(
                v,
                document=msgspec.structs.replace(
                    v.document, forbid={**v.document.forbid, **more}, fact={**other.fact, **v.document.fact}
                ),
            )
            for v in timeline.versions
        )
    )
    if decide(compile_timeline(stricter), access, facts, some.NOW).effect is not Effect.DENY:
        assert decide(compile_timeline(timeline), access, facts, some.NOW).effect is not Effect.DENY


@_FAST
@given(some.documents(3), st.data())
def test_nothing_known_keeps_no_forbid_from_firing(document: Document, data: st.DataObject) -> None:
    """With no fact known every condition is unknown: a forbid that matches fires, a permit does not."""
    rules = {**document.forbid, **document.permit}
    rule = rules[data.draw(st.sampled_from(sorted(rules)))]
    actor = Actor("subject", None)
    for condition in written(rule, document):
        assert answer(condition)({}, RowFacts(), (), actor, some.NOW) is None


_ANY_VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_ANY_FACTS = st.dictionaries(
    st.sampled_from(("collected_under", "recorded", "keep_ended", "deleted", *some.FACTS)),
    _ANY_VALUE,
    max_size=6,
)


@_FAST
@given(
    some.timelines(),
    st.lists(
        st.text(max_size=8) | st.sampled_from(("subject", "read", "letter", "serve")), min_size=6, max_size=6
    ),
    _ANY_FACTS,
    _ANY_FACTS,
    _ANY_FACTS,
    st.integers(),
)
def test_decide_never_raises(
    timeline: Timeline,
    words: list[str],
    access: dict[str, Any],
    person: dict[str, Any],
    values: dict[str, Any],
    now: int,
) -> None:
    """INVARIANT (total): any strings and any values are decided, and only known words can be allowed."""
    compiled = compile_timeline(timeline)
    kind, id, operation, category, purpose, recipient = words
    row = RowFacts("main", (id, None), {id: person}, {"collected_under": 1, **values})
    asked = Access(Actor(kind, id), purpose, operation, category, recipient)
    for facts in (Facts(access), Facts(access, row)):
        decision = decide(compiled, asked, facts, now)
        if decision.effect is not Effect.DENY:
            assert category in timeline.versions[0].document.category
    era = compiled.era(some.NOW)
    assert era is not None
    assert len(era.plans) <= 2


def test_a_decision_has_no_truth_value() -> None:
    """`if decide(…)` is a mistake that must not read as yes."""
    decision = decide(_compiled_example(), Access(Actor.guest(), "x", "read", "y"), Facts(), some.NOW)
    with pytest.raises(TypeError, match="no truth value"):
        bool(decision)


def test_before_the_first_version_everything_is_denied() -> None:
    """S44: a version that is not in effect decides nothing."""
    compiled = _compiled_example()
    start = compiled.timeline.versions[0].effective
    decision = decide(compiled, Access(Actor.subject("ann"), "serve", "read", "letter"), Facts(), start - 1)
    assert (decision.effect, decision.version) == (Effect.DENY, 0)


def test_who_may_lists_permits_and_forbids() -> None:
    """Every rule about a category is named, those about anything included."""
    compiled = _compiled_example()
    assert [each.rule for each in who_may(compiled, "letter", some.NOW)] == ["permit.p0", "forbid.f0"]
    assert [each.rule for each in who_may(compiled, "number", some.NOW)] == ["forbid.f0"]
    assert who_may(compiled, "letter", some.NOW - 900 * DAY) == []


def _compiled_example() -> Any:
    rule = {"who": ["subject"], "may": ["read"], "what": ["letter"], "for": ["serve"], "when": ["row_is_own"]}
    sale = {
        "who": ["anyone"],
        "may": ["sell"],
        "what": ["anything"],
        "for": ["any_purpose"],
        "when": ["always"],
    }
    document = msgspec.convert(
        {
            "language": 1,
            "id": "example",
            "title": "example",
            "controller": {"name": "X", "country": "NL", "contact": "x@example.org"},
            "purpose": {"serve": {"says": "serve", "basis": "contract"}},
            "category": {"letter": {"says": "letters"}, "number": {"says": "numbers"}},
            "permit": {"p0": {**rule, "clauses": ["S7"]}},
            "forbid": {"f0": {**sale, "clauses": ["S28"]}},
        },
        Document,
    )
    return compile_timeline(Timeline((some.version(1, some.NOW - 300 * DAY, document),)))


@_FAST
@given(some.documents(3), some.facts(), st.data())
def test_the_opposite_holds_exactly_when_the_condition_does_not(
    document: Document, facts: Facts, data: st.DataObject
) -> None:
    """To exclude a condition and to satisfy its opposite are the same."""
    rules = {**document.forbid, **document.permit}
    row, actor = facts.row, Actor.subject("ann")
    assert row is not None
    people = [row.people.get(subject, {}) for subject in row.subjects if subject is not None]
    for condition in written(rules[data.draw(st.sampled_from(sorted(rules)))], document):
        other = opposite(condition)
        if other is None:
            continue
        said = answer(condition)(facts.access, row, people, actor, some.NOW)
        turned = answer(other)(facts.access, row, people, actor, some.NOW)
        assert turned is (None if said is None else not said)
