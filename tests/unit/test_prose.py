"""The English reading: the notice names exactly the rules that exist, and says what they mean."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gptimage_core.clock import FixedClock, Span, from_iso
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.timeline import Timeline, load_timeline, single
from gptimage_core.readings.prose import build_notice, notice_html, notice_markdown, rule_sentence, span_words
from gptimage_core.readings.prose.words import join, ordinal

POLICIES = Path(__file__).resolve().parents[2] / "policies"
NOW = FixedClock(from_iso("2026-12-01T12:00:00Z")).now()
EVERY = [POLICIES / "gptimage", *sorted((POLICIES / "samples").glob("*.toml"))]


@pytest.fixture(params=EVERY, ids=lambda path: path.stem)
def timeline(request: pytest.FixtureRequest) -> Timeline:
    return load_timeline(request.param)


def test_the_notice_names_exactly_the_rules(timeline: Timeline) -> None:
    """INVARIANT (notice-names-rules): no rule is left out, none is invented (S45)."""
    document = timeline.at(NOW).document
    rules = {f"permit.{name}" for name in document.permit} | {f"forbid.{name}" for name in document.forbid}
    named = {s for s in build_notice(timeline, NOW).sources() if s.startswith(("permit.", "forbid."))}
    assert named == rules


def test_every_declared_part_is_named(timeline: Timeline) -> None:
    """Each purpose, category, consent, recipient, right, setting and statement stands in the notice (X9)."""
    document = timeline.at(NOW).document
    parts = {
        f"{kind}.{name}"
        for kind in ("purpose", "category", "consent", "recipient", "right", "setting", "statement")
        for name in getattr(document, kind)
    }
    assert parts <= build_notice(timeline, NOW).sources()


class _Sources(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: set[str] = set()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.sources |= set((values.get("data-source") or "").split())
        if values.get("id"):
            self.ids.append(values["id"] or "")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_carries_every_source_and_is_well_formed(timeline: Timeline) -> None:
    """The page is a rendering of the same value: same sources, every tag closed, ids unique."""
    parser = _Sources()
    parser.feed(notice_html(timeline, NOW))
    parser.close()
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert parser.sources == build_notice(timeline, NOW).sources()


def test_the_notice_shows_its_date_draft_and_contact(timeline: Timeline) -> None:
    """The date is the version's effect (S45), unsigned is a draft (S2), the contact the policy's (S46)."""
    version = timeline.at(NOW)
    notice = build_notice(timeline, NOW)
    text = notice_markdown(timeline, NOW)
    assert notice.draft is (version.sign_off is None)
    assert ("draft, not legal advice" in text) is notice.draft
    assert f"Updated {notice.updated}" in text
    assert version.document.controller.contact in text.replace("\\", "")


def test_sentences_are_whole(timeline: Timeline) -> None:
    """A sentence starts with a capital, ends with a full stop, and shows no word of the language raw."""
    document = timeline.at(NOW).document
    for kind, rules in (("permit", document.permit), ("forbid", document.forbid)):
        for rule in rules.values():
            sentence = rule_sentence(kind, rule, document)
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert not re.search(r"\b\w+_\w+\b", sentence), sentence
            assert "  " not in sentence


def test_markup_in_words_stays_text() -> None:
    """Words of a policy are text: neither Markdown nor HTML is made of them."""
    loaded = (POLICIES / "samples" / "notes.toml").read_text(encoding="utf-8")
    timeline = single(parse_document(loaded.replace("the notes you write", "<b>the</b> *notes* [x](y)")))
    assert "<b>" not in notice_html(timeline, NOW)
    assert r"\*notes\*" in notice_markdown(timeline, NOW)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Span(days=30), "30 days"),
        (Span(days=1, hours=2), "1 day and 2 hours"),
        (Span(months=12), "12 months"),
        (Span(years=10, end_of="year"), "to the end of the 10th year"),
    ],
)
def test_spans_in_words(span: Span, words: str) -> None:
    """Spans read as people say them."""
    assert span_words(span) == words


def test_lists_and_ordinals() -> None:
    """Lists take `and` before the last, semicolons where a part has commas; ordinals know the teens."""
    assert join(["a", "b", "c"]) == "a, b and c"
    assert join(["a, or a", "b"]) == "a, or a; and b"
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "ending"),
    [
        ("training_without_consent", "unless we know that you have agreed: “"),
        ("collecting_from_children", "unless we know that you are old enough."),
        ("browsing", "unless we know that a ticket for it is open."),
        ("use_while_restricted", "when processing for you is restricted."),
        ("sale", "Nobody may sell anything, for any purpose."),
    ],
)
def test_a_prohibition_says_that_not_knowing_is_not_enough(rule: str, ending: str) -> None:
    """A forbid with a denied condition fires when it is unknown, and its sentence says so (X6)."""
    document = load_timeline(POLICIES / "gptimage").at(NOW).document
    assert ending in rule_sentence("forbid", document.forbid[rule], document)
