"""What the reference policy promises, for all accesses and facts that Hypothesis can think of.

Accesses are drawn from its own rules (so that many are permitted) and then bent; every fact may be unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from gptimage_core.clock import DAY, SECOND, Instant, from_datetime, from_iso
from gptimage_core.decision.compile import compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Decision, Effect, Facts, RowFacts, Value
from gptimage_core.policy.document import Rule
from gptimage_core.policy.timeline import load_timeline
from gptimage_core.policy.vocabulary import ACTORS, ANY_PURPOSE, ANYONE, ANYTHING, OPERATIONS, SHARING

_COMPILED = compile_timeline(load_timeline(Path(__file__).parents[2] / "policies" / "gptimage"))
_DOCUMENT = _COMPILED.timeline.versions[-1].document
_RULES = [*_DOCUMENT.permit.values(), *_DOCUMENT.permit.values(), *_DOCUMENT.forbid.values()]
_NOW = from_iso("2026-06-01T12:00:00Z")
_CONTENT = {"prompt", "reference_image", "generation_parameters", "generated_image"}
_FACTS = {
    "deleted": False,
    "restricted": False,
    "age_floor_is_met": True,
    "account_is_active": True,
    "notice_was_given": True,
    "consent:model_training": True,
    "consent:product_updates": True,
    "objection:secure_service": False,
    "objection:improve_service": False,
}
"""Facts of a person, each with the value under which most is permitted."""
_KNOWN: dict[str, list[Value]] = {
    "job_is_live": [True, False],
    "second_person_approved": [True, False],
    "instrument_covers_it": [True, False],
    "ticket_until": [_NOW + DAY, _NOW, _NOW - 1],
    "signed_in_at": [_NOW - 60 * SECOND, _NOW - 600 * SECOND],
}
"""Facts of an access, each with the value under which most is permitted first."""
_AGES = [
    0,
    SECOND,
    10 * SECOND,
    DAY,
    8 * DAY,
    40 * DAY,
    89 * DAY,
    91 * DAY,
    400 * DAY,
    1200 * DAY,
    4500 * DAY,
]


class Question(Struct, frozen=True):
    """An access with what is known when it is asked."""

    access: Access
    facts: Facts


def _fitting(rule: Rule) -> tuple[dict[str, Value], dict[str, Value]]:
    """Facts of the person and values of the row under which the rule's own conditions hold."""
    person: dict[str, Value] = dict(_FACTS)
    values: dict[str, Value] = {
        "collected_under": 1,
        "recorded": _NOW - SECOND,
        "keep_ended": None,
        "made_from_upload": False,
    }
    for condition in rule.when:
        if condition == "account_is_deleted":
            person["deleted"] = True
        if isinstance(condition, str):
            continue
        if condition.not_ == "age_floor_is_met":
            person["age_floor_is_met"] = False
        if condition.older_than:
            values["recorded"] = condition.older_than.cutoff(_NOW)
        if condition.ended_for:
            values["keep_ended"] = condition.ended_for.cutoff(_NOW)
        if condition.deleted_within:
            values["keep_ended"] = _NOW - 5 * SECOND
    return person, values


_PLACES = {
    "row_is_own": ("actor", ""),
    "ticket_is_open": ("access", "ticket_until"),
    "job_is_live": ("access", "job_is_live"),
    "second_person_approved": ("access", "second_person_approved"),
    "instrument_covers_it": ("access", "instrument_covers_it"),
    "age_floor_is_met": ("person", "age_floor_is_met"),
    "account_is_active": ("person", "account_is_active"),
    "account_is_deleted": ("person", "deleted"),
    "notice_was_given": ("person", "notice_was_given"),
    "processing_is_restricted": ("person", "restricted"),
}


def _asked(rule: Rule) -> list[tuple[str, str]]:
    """Where the rule's own conditions look: bending there is what shows a missing condition."""
    places = []
    for condition in rule.when:
        if isinstance(condition, str):
            places += [_PLACES[condition]] if condition != "always" else []
        elif condition.not_:
            places.append(_PLACES[condition.not_])
        elif condition.consent:
            places.append(("person", f"consent:{condition.consent}"))
        elif condition.fact:
            places.append(("row", condition.fact))
        elif condition.signed_in_within:
            places.append(("access", "signed_in_at"))
        elif condition.ended_for or condition.deleted_within:
            places.append(("row", "keep_ended"))
        else:
            places.append(("row", "recorded"))
    return places


_ELSEWHERE = [
    *(("person", name) for name in _FACTS),
    *(("row", name) for name in ("collected_under", "recorded", "keep_ended", "made_from_upload")),
    *(("access", name) for name in _KNOWN),
    *[("actor", ""), ("question", ""), ("nobody", "")] * 3,
]


@st.composite
def _questions(draw: st.DrawFn, rules: Sequence[Rule] = _RULES) -> Question:
    """A rule's own question, answered with yes where it is a permit; then bent in up to three places."""
    rule = draw(st.sampled_from(rules))
    person, values = _fitting(rule)
    known: dict[str, Value] = {name: options[0] for name, options in _KNOWN.items()}
    subjects: tuple[str, ...] = ("ada",)
    kind = draw(st.sampled_from([w for w in rule.who if w != ANYONE] or ACTORS))
    actor = Actor(kind, "ada")
    operation = draw(st.sampled_from(rule.may))
    category = draw(st.sampled_from([c for c in rule.what if c != ANYTHING] or list(_DOCUMENT.category)))
    purpose = draw(st.sampled_from([p for p in rule.for_ if p != ANY_PURPOSE] or list(_DOCUMENT.purpose)))
    recipients = rule.to or ["hosting_provider"]
    for _ in range(draw(st.integers(min_value=0, max_value=3))):
        places = draw(st.sampled_from([_ELSEWHERE, _asked(rule) or _ELSEWHERE]))
        place, name = draw(st.sampled_from(places))
        match place:
            case "person":
                person[name] = draw(st.sampled_from([True, False, None]))
            case "row":
                values[name] = draw(_BENT[name])
            case "access":
                known[name] = draw(st.sampled_from([*_KNOWN[name], None]))
            case "actor":
                actor = Actor(draw(st.sampled_from(ACTORS)), draw(st.sampled_from(["ada", "bob", None])))
                actor = structs.replace(actor, tenant=draw(st.sampled_from(["main", "main", "elsewhere"])))
            case "question":
                operation = draw(st.sampled_from(OPERATIONS))
                purpose = draw(st.sampled_from(sorted(_DOCUMENT.purpose)))
                recipients = [*_DOCUMENT.recipient, "somebody_else"]
            case _:
                subjects = ()
    shared = operation in SHARING or operation == "sell"
    recipient = draw(st.sampled_from(recipients)) if shared else None
    return Question(
        Access(actor, purpose, operation, category, recipient),
        Facts(
            access={name: value for name, value in known.items() if value is not None},
            row=RowFacts(
                tenant="main",
                subjects=subjects,
                people={"ada": {name: value for name, value in person.items() if value is not None}},
                values={name: value for name, value in values.items() if value != "unknown"},
            ),
        ),
    )


_BENT: dict[str, st.SearchStrategy[Value]] = {
    "collected_under": st.sampled_from([1, 2, "unknown"]),
    "recorded": st.sampled_from([*(_NOW - age for age in _AGES), "unknown"]),
    "keep_ended": st.sampled_from([None, *(_NOW - age for age in _AGES), "unknown"]),
    "made_from_upload": st.sampled_from([True, None, "unknown"]),
}


def _allowed(access: Access, facts: Facts, now: Instant = _NOW) -> Decision | None:
    decision = decide(_COMPILED, access, facts, now)
    event(f"{access.operation}: {decision.effect.value}")
    return decision if decision.effect is Effect.ALLOW else None


def _row(facts: Facts) -> RowFacts:
    assert facts.row is not None
    return facts.row


def _person(facts: Facts) -> dict[str, Value]:
    row = _row(facts)
    return dict(row.people["ada"]) if row.subjects else {}


_MANY = settings(max_examples=600, deadline=None)
_SOME = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("name", [*_DOCUMENT.permit])
@_SOME
@given(data=st.data())
def test_what_is_permitted_keeps_every_promise(name: str, data: st.DataObject) -> None:
    """S7, S17, S19, S23, S24, S27, S28, S30, S37, S40, S41, X3, X4, X11 hold of whatever is permitted."""
    question = data.draw(_questions([_DOCUMENT.permit[name]]))
    access, facts = question.access, question.facts
    decision = _allowed(access, facts)
    if decision is None:
        return
    person, row = _person(facts), _row(facts)
    about_people = _DOCUMENT.category[access.category].about == "subject"
    assert row.tenant == access.actor.tenant
    assert row.values.get("collected_under") == 1, "X11"
    assert access.operation != "sell", "S28"
    assert access.recipient != "successor", "S27"
    assert access.actor.kind != "guest", "S3"
    if access.actor.kind == "subject":
        assert access.actor.id in row.subjects, "S7"
    if access.operation == "train":
        assert person["consent:model_training"] is True, "S17"
        assert person["age_floor_is_met"] is True, "S41"
        assert row.values["made_from_upload"] is False, "S17"
        assert access.category in _CONTENT - {"reference_image"}, "S17"
    if access.purpose == "product_updates":
        assert person["consent:product_updates"] is True, "S19"
    if access.recipient in {"model_provider", "builtin_renderer"}:
        assert access.category in {"prompt", "reference_image", "generation_parameters"}, "S24"
        assert facts.access["job_is_live"] is True, "S23"
        assert any(duty.only_fields for duty in decision.obligations), "S24"
    if access.operation in {"create", "update"} and access.category in _CONTENT | {"account_email"}:
        assert person["age_floor_is_met"] is True, "S40"
    if access.actor.kind == "staff":
        until = facts.access["ticket_until"]
        assert isinstance(until, int), "X3"
        assert until > _NOW, "X3"
        assert access.operation != "read" or any(duty.max_rows for duty in decision.obligations), "X4"
    legal = _DOCUMENT.purpose[access.purpose].basis == "legal_obligation"
    if about_people and person.get("restricted") is not False:
        assert access.actor.kind == "subject" or legal, "S37"
    if about_people and person.get("deleted") is not False:
        assert legal or (access.actor.kind, access.operation) == ("subject", "update"), "S30"


@_MANY
@given(question=_questions([rule for rule in _RULES if "prompt" in rule.what]))
def test_nobody_deletes_what_its_owner_keeps(question: Question) -> None:
    """Content goes by its owner, after the owner's click, with the account, or as a child's (S31, S41)."""
    access, facts = structs.replace(question.access, operation="delete", recipient=None), question.facts
    if access.category not in _CONTENT or _allowed(access, facts) is None or access.actor.kind == "subject":
        return
    person, ended = _person(facts), _row(facts).values.get("keep_ended")
    assert (
        (isinstance(ended, int) and ended <= _NOW - 10 * SECOND)
        or person.get("deleted") is True
        or person.get("age_floor_is_met") is False
    )


@_MANY
@given(question=_questions(), data=st.data())
def test_knowing_less_never_permits_more(question: Question, data: st.DataObject) -> None:
    """X6: take any facts away, and nothing that was denied is permitted."""
    access, facts = question.access, question.facts
    if _allowed(access, facts) is not None:
        return
    row = _row(facts)
    names = [*row.people["ada"], *row.values, *facts.access]
    gone = data.draw(st.sets(st.sampled_from(names), max_size=4))
    kept = {name: value for name, value in row.people["ada"].items() if name not in gone}
    values = {name: value for name, value in row.values.items() if name not in gone}
    known = {name: value for name, value in facts.access.items() if name not in gone}
    less = Facts(access=known, row=structs.replace(row, people={"ada": kept}, values=values))
    assert decide(_COMPILED, access, less, _NOW).effect is Effect.DENY


@settings(max_examples=300, deadline=None)
@given(
    question=_questions([rule for rule in _RULES if rule.to]), years=st.integers(min_value=0, max_value=12)
)
def test_nothing_leaves_under_a_contract_that_is_over(question: Question, years: int) -> None:
    """Whenever something is shared with a company, its contract is in force on that day (S20, S21, S22)."""
    day = dt.datetime(2026 + years, 6, 1, 12, tzinfo=dt.UTC)
    now = from_datetime(day)
    access, facts = question.access, question.facts
    row = _row(facts)
    facts = Facts(
        access=facts.access, row=structs.replace(row, values={**row.values, "recorded": now - SECOND})
    )
    if access.recipient is None or _allowed(access, facts, now) is None:
        return
    recipient = _DOCUMENT.recipient[access.recipient]
    assert access.purpose in recipient.purposes
    if recipient.role != "authority":
        assert recipient.contract is not None
        assert recipient.contract.signed <= day.date() < recipient.contract.until
