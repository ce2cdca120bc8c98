"""The sample of docs/language.md runs: what it says is what is decided, in both interpreters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from gptimage_core.clock import SECOND, from_iso
from gptimage_core.decision import Access, Actor, Effect, Facts, RowFacts, compile_timeline, decide
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.policy.timeline import load_timeline

TIMELINE = load_timeline(Path(__file__).resolve().parents[2] / "policies" / "samples" / "language")
COMPILED = compile_timeline(TIMELINE)
MARCH, JULY = from_iso("2026-03-01T12:00:00Z"), from_iso("2026-07-01T12:00:00Z")
READER = {
    "deleted": False,
    "restricted": False,
    "account_is_active": True,
    "plan": "member",
    "consent:suggestions": True,
    "objection:keep_order": False,
}
LOAN = {"recorded": from_iso("2026-02-10T00:00:00Z"), "keep_ended": None, "collected_under": 1, "lost": False}
SUBJECT, STAFF, SERVICE = Actor.subject("ann"), Actor.staff("sam"), Actor.service("jobs")


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Case(NamedTuple):
    actor: Actor
    operation: str
    category: str
    purpose: str
    effect: Effect
    now: int = MARCH
    to: str | None = None
    access: Mapping[str, Any] = _NOTHING
    person: Mapping[str, Any] = _NOTHING
    row: Mapping[str, Any] = _NOTHING


CASES = {
    "a reader sees her loans": Case(SUBJECT, "read", "loan", "lend", Effect.ALLOW),
    "nobody else's": Case(Actor.subject("bob"), "read", "loan", "lend", Effect.DENY),
    "also under restriction": Case(
        SUBJECT, "export", "loan", "lend", Effect.ALLOW, person={"restricted": True}
    ),
    "a deleted one is gone at once": Case(
        SUBJECT, "read", "loan", "lend", Effect.DENY, row={"keep_ended": MARCH}
    ),
    "an undo in time": Case(
        SUBJECT, "update", "loan", "lend", Effect.ALLOW, row={"keep_ended": MARCH - 9 * SECOND}
    ),
    "an undo too late": Case(
        SUBJECT, "update", "loan", "lend", Effect.DENY, row={"keep_ended": MARCH - 10 * SECOND}
    ),
    "hints with consent": Case(SERVICE, "train", "loan", "suggest", Effect.ALLOW),
    "no hints without": Case(
        SERVICE, "train", "loan", "suggest", Effect.DENY, person={"consent:suggestions": False}
    ),
    "no hints when it is unknown": Case(
        SERVICE, "train", "loan", "suggest", Effect.DENY, person={"consent:suggestions": None}
    ),
    "under the overlay a guardian agrees": Case(
        SERVICE, "train", "loan", "suggest", Effect.ALLOW, now=JULY, person={"guardian_agreed": True}
    ),
    "the overlay binds older loans, too": Case(SERVICE, "train", "loan", "suggest", Effect.DENY, now=JULY),
    "nothing is sold": Case(STAFF, "sell", "usage", "lend", Effect.DENY),
    "reminders go to the mail house": Case(
        SERVICE,
        "share",
        "card",
        "lend",
        Effect.ALLOW,
        to="mail_house",
        access={"job_is_live": True, "second_person_approved": False},
    ),
    "until the contract ends": Case(
        SERVICE,
        "share",
        "card",
        "lend",
        Effect.DENY,
        now=from_iso("2031-01-01T00:00:00Z"),
        to="mail_house",
        access={"job_is_live": True, "second_person_approved": False},
    ),
    "staff look with a ticket": Case(
        STAFF,
        "read",
        "loan",
        "keep_order",
        Effect.ALLOW,
        access={"ticket_until": MARCH + SECOND},
        row={"overdue_days": 30},
    ),
    "not after it expired": Case(
        STAFF,
        "read",
        "loan",
        "keep_order",
        Effect.DENY,
        access={"ticket_until": MARCH},
        row={"overdue_days": 30},
    ),
    "not after an objection": Case(
        STAFF,
        "read",
        "loan",
        "keep_order",
        Effect.DENY,
        access={"ticket_until": MARCH + SECOND},
        person={"objection:keep_order": True},
        row={"overdue_days": 30},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_sample_decides_as_it_reads(name: str) -> None:
    """The whole way from the text on the page to a decision."""
    case = CASES[name]
    access = Access(case.actor, case.purpose, case.operation, case.category, case.to)
    row = RowFacts("main", ("ann",), {"ann": {**READER, **case.person}}, {**LOAN, **case.row})
    facts = Facts(case.access, row)
    assert decide(COMPILED, access, facts, case.now).effect is case.effect
    assert decide_slowly(TIMELINE, access, facts, case.now)[0] is case.effect
