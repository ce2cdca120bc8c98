"""What an overlay may not do, as a named table."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptimage_core.errors import PolicyError
from gptimage_core.policy.loader import load_document, parse_document, parse_overlay

SAMPLES = Path(__file__).resolve().parents[2] / "policies" / "samples" / "language"
POLICY = (SAMPLES / "policy.toml").read_text(encoding="utf-8")
HEAD = 'language = 1\noverlay = "test"\nsays = "a test"\n'

REFUSED: dict[str, tuple[str, str]] = {
    "a permit": ('[permit.all]\nwho = ["staff"]\n', "unknown-key"),
    "a purpose": ('[purpose.ads]\nsays = "ads"\nbasis = "contract"\n', "unknown-key"),
    "a recipient": ("[recipient.x]\n", "unknown-key"),
    "a condition taken away": ('[narrow.remind]\nwhen = ["always"]\n', "never-narrows"),
    "a narrowing of nothing": ('[narrow.remind]\nclauses = ["Y1"]\n', "empty"),
    "a narrowing of no permit": ('[narrow.remindd]\nwhen = ["ticket_is_open"]\n', "unknown-name"),
    "a longer ceiling": (
        '[shorten.door_log]\ngone_after = { days = 31, from = "recorded" }\n',
        "overlay-widens",
    ),
    "a later start": (
        '[shorten.door_log]\ngone_after = { days = 1, from = "keep_ended" }\n',
        "overlay-widens",
    ),
    "fewer stores": (
        '[shorten.door_log]\ngone_after = { days = 1, from = "recorded", stores = ["live"] }\n',
        "overlay-widens",
    ),
    "days for the calendar, perhaps longer": (
        '[shorten.loan]\ngone_after = { days = 366, from = "keep_ended" }\n',
        "overlay-widens",
    ),
    "not at once any more": (
        '[shorten.reading_hint]\ngone_after = { days = 5, from = "keep_ended" }\n',
        "overlay-widens",
    ),
    "an earlier start": (
        '[shorten.card]\ngone_after = { days = 5, from = "recorded" }\n',
        "overlay-widens",
    ),
    "a floor that outlasts a new ceiling": (
        '[shorten.usage]\ngone_after = { days = 5, from = "keep_ended" }\n',
        "ceiling-never-starts",
    ),
    "a ceiling of no category": (
        '[shorten.cards]\ngone_after = { days = 5, from = "recorded" }\n',
        "unknown-name",
    ),
    "a slower answer": ("[hasten.see]\nanswer_within = { days = 30 }\n", "overlay-widens"),
    "a right that is there": (
        '[right.see]\nright = "access"\nsays = "x"\nanswer_within = { days = 1 }\n',
        "overlay-replaces",
    ),
    "a prohibition that is there": (
        '[forbid.sale]\nwho = ["guest"]\nmay = ["sell"]\nwhat = ["loan"]\nfor = ["lend"]\nwhen = ["always"]\n'
        "clauses = []\n",
        "overlay-replaces",
    ),
    "a contradiction": ('[narrow.remind]\nwhen = [{ not = "job_is_live" }]\n', "never-applies"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_overlay_cannot_widen(name: str) -> None:
    """INVARIANT (overlay-narrows): whatever could widen is refused, with a finding."""
    text, code = REFUSED[name]
    with pytest.raises(PolicyError) as caught:
        parse_document(POLICY, "base.toml", [parse_overlay(HEAD + text, "overlay.toml")])
    assert code in [each.code for each in caught.value.findings], str(caught.value)


def test_a_finding_about_an_overlay_is_placed_in_its_text() -> None:
    """Errors of form and of fit name the overlay's file and line; a new rule is cited there too."""
    with pytest.raises(PolicyError, match=r"overlay\.toml:4:1: unknown permit `remindd`"):
        parse_document(
            POLICY,
            "base.toml",
            [parse_overlay(HEAD + '[narrow.remindd]\nwhen = ["ticket_is_open"]\n', "overlay.toml")],
        )
    laid = load_document(SAMPLES / "policy.toml", [SAMPLES / "young_readers.toml"])
    assert laid.source.locate(("forbid", "count_children")).file.endswith("young_readers.toml")
    assert laid.source.locate(("forbid", "sale")).file.endswith("policy.toml")


def test_the_sample_overlay_narrows_as_it_says() -> None:
    """Conditions and obligations are added, ceilings shortened, rights hastened; nothing is taken away."""
    base = load_document(SAMPLES / "policy.toml").document
    laid = load_document(SAMPLES / "policy.toml", [SAMPLES / "young_readers.toml"]).document
    assert laid.permit.keys() == base.permit.keys()
    for name, rule in base.permit.items():
        assert set(map(repr, rule.when)) <= set(map(repr, laid.permit[name].when))
        assert all(each in laid.permit[name].then for each in rule.then)
        assert laid.permit[name].even_when == rule.even_when
    assert laid.forbid.keys() > base.forbid.keys()
    assert laid.category["door_log"].gone_after is not None
    assert laid.category["door_log"].gone_after.days == 10
    assert laid.right["see"].answer_within.days == 14
