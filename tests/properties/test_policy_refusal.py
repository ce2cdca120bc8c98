"""Whatever is written, the loader answers with a document or with findings, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gptimage_core.errors import PolicyError
from gptimage_core.policy.loader import parse_document
from gptimage_core.policy.scanner import Place, scan

POLICY = (
    Path(__file__).resolve().parents[2] / "policies" / "samples" / "language" / "policy.toml"
).read_text(encoding="utf-8")
PLACES = sorted({place for place in scan(POLICY).values() if POLICY[place.start - 1] != "\n"})
VALUES = st.sampled_from(
    (
        '""', '"x"', "0", "-1", "9999999999999999999", "1.5", "true", "[]", "[[]]", "{}", "{ a = 1 }",
        '["a", 1]', "2026-01-01", "2026-01-01T00:00:00", '"anything"', '["anyone"]', '["always"]', '["sell"]',
        "{ days = 1, months = 1 }", '{ fact = "plan" }', '[{ not = "job_is_live" }]', "nan", "[{}]",
        '"identifier"', '["lend"]', '["share"]', '["suggest"]', '["staff"]', '["loan", "loan"]', '"recorded"',
    )
)  # fmt: skip


ALIKE: dict[str, list[Place]] = {}
for path, place in scan(POLICY).items():
    if POLICY[place.start - 1] != "\n":
        ALIKE.setdefault("item" if isinstance(path[-1], int) else path[-1], []).append(place)


def refusal(text: str) -> PolicyError | None:
    try:
        parse_document(text, "random.toml")
    except PolicyError as error:
        return error
    return None


def answered(text: str) -> None:
    error = refusal(text)
    event("a document" if error is None else error.findings[0].code)
    if error is None:
        return
    assert error.findings
    assert list(error.findings) == sorted(error.findings, key=lambda each: (each.line, each.column))
    for finding in error.findings:
        assert finding.file == "random.toml"
        assert 1 <= finding.line <= text.count("\n") + 1
        assert finding.column >= 1
        assert finding.message
        assert not finding.message[0].isupper()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=4))
def test_any_value_anywhere_is_answered(swaps: list[tuple[Place, str]]) -> None:
    """Values of a good policy, swapped for others: a document or findings, each with a place in the text."""
    text = POLICY
    last = len(text) + 1
    for (_, start, end), value in sorted(swaps, key=lambda swap: swap[0].start, reverse=True):
        if end <= last:
            text, last = text[:start] + value + text[end:], start
    answered(text)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(ALIKE)).flatmap(lambda key: st.tuples(*[st.sampled_from(ALIKE[key])] * 2)))
def test_a_value_of_another_rule_is_answered(pair: tuple[Place, Place]) -> None:
    """A value of the right form in the wrong place is what the linter is for."""
    (_, start, end), (_, other_start, other_end) = pair
    answered(POLICY[:start] + POLICY[other_start:other_end] + POLICY[end:])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(POLICY)), st.integers(0, 40), st.text(max_size=12))
def test_any_splice_is_answered(at: int, length: int, text: str) -> None:
    """Text cut out and put in anywhere: never an error of another kind."""
    answered(POLICY[:at] + text + POLICY[at + length :])


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("[]{}=\".'#\n\t 1aé,_-"), max_size=60))
def test_any_text_is_answered(text: str) -> None:
    """Also a text that never was a policy."""
    answered(text)


FORM = {
    "schema",
    "unknown-key",
    "missing-key",
    "scalar-for-list",
    "type",
    "empty",
    "unknown-word",
    "form",
    "too-small",
}
OUT_OF_FORM = (
    "1.5",
    "[1.5]",
    "[[]]",
    '["1 5"]',
    "{ a = 1.5 }",
    "{}",
    "[]",
    '""',
    "nan",
    "true",
    "-1",
    "2026-01-01",
)
KEYS = sorted(
    place.key
    for path, place in scan(POLICY).items()
    if len(path) > 2 and isinstance(path[-1], str) and POLICY[place.start - 1] != "\n"
)


def only_form(text: str) -> None:
    error = refusal(text)
    codes = set() if error is None else {each.code for each in error.findings}
    event("a document" if error is None else ", ".join(sorted(codes)))
    if codes & (FORM - {"empty", "unknown-word"}) and "syntax" not in codes:
        assert codes <= FORM, str(error)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(OUT_OF_FORM))
def test_a_fault_of_form_has_no_echo(place: Place, value: str) -> None:
    """INVARIANT (no-echo): in an otherwise good policy a value out of form gives faults of form only."""
    only_form(POLICY[: place.start] + value + POLICY[place.end :])


@pytest.mark.sweep
@settings(max_examples=len(OUT_OF_FORM), deadline=None)
@given(st.sampled_from(OUT_OF_FORM))
def test_no_fault_of_form_has_an_echo(value: str) -> None:
    """INVARIANT (no-echo), at every place of the policy."""
    for place in PLACES:
        only_form(POLICY[: place.start] + value + POLICY[place.end :])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KEYS))
def test_a_mistaken_key_has_no_echo(key: int) -> None:
    """INVARIANT (no-echo): a key that nobody knows, and the one it was meant to be, are all that is found."""
    only_form(POLICY[:key] + "zz" + POLICY[key:])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(("purpose", "category", "consent", "fact", "recipient", "permit", "forbid")))
def test_a_mistaken_group_has_no_echo(group: str) -> None:
    """INVARIANT (no-echo): tables under a name that nobody knows still declare and use what they say."""
    only_form(POLICY.replace(f"[{group}.", f"[{group}s."))
