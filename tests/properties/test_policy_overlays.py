"""Overlays against decisions: random documents, overlays, accesses and facts."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from gptimage_core.clock import DAY
from gptimage_core.decision import Effect, compile_timeline, decide
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.policy import overlays
from gptimage_core.policy.document import Document, Overlay, Shortening
from gptimage_core.policy.timeline import Timeline
from gptimage_core.testing import strategies as random


@st.composite
def laid(draw: st.DrawFn) -> tuple[Document, Document]:
    """A base document, and the same with a random overlay that is not refused."""
    base = draw(random.documents())
    other = draw(random.documents())
    conditions = st.lists(random.conditions(), min_size=1, max_size=2)
    names = st.lists(st.sampled_from(sorted(base.permit)), unique=True)
    overlay: dict[str, Any] = {
        "language": 1,
        "overlay": "random",
        "says": "random",
        "narrow": {name: {"when": draw(conditions)} for name in draw(names)},
        "forbid": {f"added_{name}": rule for name, rule in msgspec.to_builtins(other.forbid).items()},
    }
    built = msgspec.convert(overlay, Overlay)
    for name, category in other.category.items():
        if category.gone_after is None:
            continue
        attempt = msgspec.structs.replace(
            built, shorten={**built.shorten, name: Shortening(gone_after=category.gone_after)}
        )
        if not list(overlays.problems(base, attempt)):
            built = attempt
    assume(not list(overlays.problems(base, built)))
    event(f"{len(built.shorten)} shortened, {len(built.narrow)} narrowed, {len(built.forbid)} forbidden")
    return base, overlays.apply(base, built)


def narrows(base: Document, resolved: Document) -> None:
    """Rule by rule: conditions and prohibitions are only added, ceilings only end earlier."""
    assert resolved.permit.keys() == base.permit.keys()
    for name, rule in resolved.permit.items():
        before = base.permit[name]
        assert [each for each in before.when if each != "always" and each not in rule.when] == []
        assert rule.when
        assert [each for each in before.then if each not in rule.then] == []
        same = ("who", "may", "what", "for_", "to", "even_when", "may_release_before_record")
        assert [getattr(rule, slot) for slot in same] == [getattr(before, slot) for slot in same]
    for name, prohibition in base.forbid.items():
        assert resolved.forbid[name] == prohibition
    for name, category in base.category.items():
        after = resolved.category[name]
        assert msgspec.structs.replace(after, gone_after=category.gone_after) == category
        if category.gone_after is not None:
            assert after.gone_after is not None
            assert overlays.never_later(after.gone_after, category.gone_after)


@settings(max_examples=50, deadline=None)
@given(laid(), st.data())
def test_an_overlay_permits_nothing_that_the_base_does_not(
    documents: tuple[Document, Document], data: st.DataObject
) -> None:
    """INVARIANT (overlay-narrows): allowed with the overlay ⇒ allowed without it, in both interpreters."""
    narrows(*documents)
    base, narrowed = (
        Timeline((random.version(1, random.NOW - 300 * DAY, document),)) for document in documents
    )
    for _ in range(6):
        access, facts = data.draw(random.accesses(narrowed)), data.draw(random.facts())
        narrowed_effect, _rules = decide_slowly(narrowed, access, facts, random.NOW)
        base_effect, _rules = decide_slowly(base, access, facts, random.NOW)
        if narrowed_effect is Effect.ALLOW:
            event("allowed with the overlay")
            assert base_effect is Effect.ALLOW
            assert decide(compile_timeline(base), access, facts, random.NOW).effect is Effect.ALLOW
