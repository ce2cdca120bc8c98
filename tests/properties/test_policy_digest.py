"""The digest is the document's meaning, and overlays only narrow."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gptimage_core.clock import Span
from gptimage_core.policy.canonical import canonical, digest
from gptimage_core.policy.loader import load_document, parse_document, parse_overlay
from gptimage_core.policy.overlays import never_later

SAMPLES = Path(__file__).resolve().parents[2] / "policies" / "samples" / "language"
POLICY = (SAMPLES / "policy.toml").read_text(encoding="utf-8")
OVERLAY = (SAMPLES / "young_readers.toml").read_text(encoding="utf-8")
LOADED = parse_document(POLICY)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_layout_comments_and_order_do_not_change_the_digest(random: object, as_crlf: bool) -> None:
    """INVARIANT (digest-is-meaning): the same tables in another order, with other comments, same digest."""
    head, *tables = POLICY.split("\n[")
    tables = [f"[{table}" for table in tables]
    random.shuffle(tables)  # type: ignore[attr-defined]
    text = "\n\n# another comment\n".join([head.replace(" = ", "="), *tables])
    if as_crlf:
        text = text.replace("\n", "\r\n")
    assert parse_document(text).digest == LOADED.digest


def test_a_default_written_out_does_not_change_the_digest() -> None:
    """What is said by leaving it out is said by writing it, too."""
    text = POLICY.replace(
        'says = "what you borrowed and when"', 'says = "what you borrowed and when"\nabout = "subject"'
    )
    assert text != POLICY
    assert parse_document(text).digest == LOADED.digest


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_the_canonical_form_is_plain_sorted_json(words: str) -> None:
    """RFC 8785 for these documents: what the standard library writes with sorted keys and no space."""
    document = msgspec.structs.replace(LOADED.document, title=words)
    plain = json.dumps(
        json.loads(canonical(document)), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    assert canonical(document) == plain
    assert (digest(document) == LOADED.digest) == (words == LOADED.document.title)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_change_of_a_rule_changes_the_digest(data: st.DataObject) -> None:
    """No slot of a rule is left out of the digest."""
    name = data.draw(st.sampled_from(sorted(LOADED.document.permit)))
    rule = LOADED.document.permit[name]
    slot = data.draw(
        st.sampled_from([f for f in rule.__struct_fields__ if isinstance(getattr(rule, f), list)])
    )
    changed = msgspec.structs.replace(rule, **{slot: [*getattr(rule, slot), "S99"]})
    document = msgspec.structs.replace(LOADED.document, permit={**LOADED.document.permit, name: changed})
    assert digest(document) != LOADED.digest


def test_overlays_are_part_of_the_digest() -> None:
    """The digest names what was resolved with which overlays, even where an overlay changes no rule."""
    laid = load_document(SAMPLES / "policy.toml", [SAMPLES / "young_readers.toml"])
    assert laid.digest != LOADED.digest
    idle = parse_overlay('language = 1\noverlay = "idle"\nsays = "nothing"\n')
    assert parse_document(POLICY, overlays=[idle]).digest != LOADED.digest
    assert parse_document(POLICY, overlays=[parse_overlay(OVERLAY)]).digest == laid.digest


SPANS = st.one_of(
    st.builds(Span, days=st.integers(0, 800), hours=st.integers(0, 50)),
    st.builds(
        Span,
        months=st.integers(0, 30),
        years=st.integers(0, 3),
        end_of=st.sampled_from([None, "month", "year"]),
    ),
)
INSTANTS = st.integers(0, 4_000_000_000_000_000)


@settings(max_examples=500, deadline=None)
@given(SPANS, SPANS, INSTANTS)
def test_a_span_that_is_never_later_is_never_later(new: Span, old: Span, start: int) -> None:
    """INVARIANT (overlay-narrows): what counts as a shortened ceiling ends no later, from any instant."""
    if never_later(new, old):
        assert new.after(start) <= old.after(start)
