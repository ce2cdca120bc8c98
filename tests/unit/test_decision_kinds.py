"""`1` is not `true`: Python thinks they are equal, and a policy must not."""

from __future__ import annotations

import msgspec

from gptimage_core.decision.compile import compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Effect, Facts
from gptimage_core.policy.document import Document
from gptimage_core.policy.timeline import Timeline
from gptimage_core.testing.strategies import NOW, version


def _document(kind: str, value: int) -> Document:
    return msgspec.convert(
        {
            "language": 1,
            "id": "kinds",
            "title": "kinds",
            "controller": {"name": "X", "country": "NL", "contact": "x@example.org"},
            "purpose": {"serve": {"says": "serve", "basis": "contract"}},
            "category": {"letter": {"says": "letters"}},
            "fact": {"paid": {"says": "paid", "type": kind, "of": "access"}},
            "permit": {
                "p": {
                    "who": ["subject"],
                    "may": ["read"],
                    "what": ["letter"],
                    "for": ["serve"],
                    "when": [{"fact": "paid", "is": [value]}],
                    "clauses": ["S7"],
                }
            },
        },
        Document,
    )


def test_a_fact_that_changes_its_type_between_versions_is_asked_twice() -> None:
    """X11: `true` satisfies the version that asks for true, and not the older one that asks for 1."""
    timeline = Timeline(
        (version(1, NOW - 9, _document("integer", 1)), version(2, NOW - 8, _document("boolean", True)))
    )
    access = Access(Actor.subject("ann"), "serve", "read", "letter")
    decision = decide(compile_timeline(timeline), access, Facts({"paid": True}), NOW)
    assert decision.effect is Effect.CONDITIONAL
    assert decision.residual is not None
    assert [(step.version, bool(step.permits)) for step in decision.residual.steps] == [(2, True), (1, False)]
