"""The reference policy carries every clause, and says it in words of its own."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from gptimage_core.clock import Span
from gptimage_core.policy.document import Document, Rule
from gptimage_core.policy.loader import load_document
from gptimage_core.policy.timeline import load_timeline

_POLICIES = Path(__file__).parent.parent.parent / "policies"
_FILE = _POLICIES / "gptimage" / "policy-1.toml"
_CLAUSES = [f"S{number}" for number in range(1, 47)] + [f"X{number}" for number in range(1, 14)]
_PARTS = (
    "purpose", "category", "consent", "fact", "recipient",
    "permit", "forbid", "right", "setting", "statement",
)  # fmt: skip


@pytest.fixture(scope="module")
def document() -> Document:
    return load_document(_FILE).document


@pytest.fixture(scope="module")
def carried(document: Document) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for part in _PARTS:
        for name, construct in getattr(document, part).items():
            for clause in construct.clauses:
                found[clause].add(f"{part}.{name}")
    return found


@pytest.mark.parametrize("clause", _CLAUSES)
def test_the_clause_is_carried_by_a_construct(carried: dict[str, set[str]], clause: str) -> None:
    """Each clause S1–S46 and X1–X13 stands in at least one construct of the policy (X9)."""
    assert carried[clause]


def test_no_construct_cites_a_clause_that_does_not_exist(carried: dict[str, set[str]]) -> None:
    """A mistyped id would be a trace that leads nowhere (X9)."""
    assert set(carried) == set(_CLAUSES)


def test_every_construct_says_whose_promise_it_is(document: Document) -> None:
    """No construct of the reference policy stands without a clause (X9)."""
    bare = [
        f"{part}.{name}"
        for part in _PARTS
        for name, construct in getattr(document, part).items()
        if not construct.clauses
    ]
    assert bare == []


def test_what_the_first_text_does_not_name_says_that_it_was_added(document: Document) -> None:
    """Categories under X9 were added, for counsel; each says why (X9)."""
    for name, category in document.category.items():
        if "X9" in category.clauses and name != "payment":
            assert category.added, name


@pytest.mark.parametrize(
    ("category", "floor", "ceiling"),
    [
        ("account_email", True, ("days", 30, "keep_ended")),
        ("account_profile", True, ("days", 30, "keep_ended")),
        ("prompt", True, ("days", 30, "keep_ended")),
        ("generated_image", True, ("days", 30, "keep_ended")),
        ("reference_image", True, ("days", 30, "keep_ended")),
        ("request_log", False, ("days", 90, "recorded")),
        ("security_event", False, ("months", 12, "recorded")),
        ("payment", False, ("years", 10, "recorded")),
        ("consent_record", True, ("months", 36, "keep_ended")),
        ("request_record", False, ("months", 36, "recorded")),
        ("access_record", False, ("months", 36, "recorded")),
        ("own_access_record", False, ("months", 12, "recorded")),
        ("disclosure_record", False, ("months", 36, "recorded")),
        ("export_archive", False, ("days", 7, "recorded")),
        ("sign_in_link", False, ("hours", 24, "recorded")),
        ("age_block", False, ("months", 12, "recorded")),
    ],
)
def test_a_settled_value_stands_as_settled(
    document: Document, category: str, floor: bool, ceiling: tuple[str, int, str]
) -> None:
    """What the first text leaves open has one number (S30, S32, S34, S36, S40); changing it is a decision."""
    kind = document.category[category]
    unit, number, start = ceiling
    assert bool(kind.keep_until) is floor
    assert kind.gone_after is not None
    assert (getattr(kind.gone_after, unit), kind.gone_after.from_) == (number, start)


def test_everything_about_people_has_an_end(document: Document) -> None:
    """No category but figures about many is kept without a ceiling (S30, S34)."""
    endless = [name for name, category in document.category.items() if category.gone_after is None]
    assert endless == ["usage_aggregate"]


def test_the_content_of_people_is_sealed(document: Document) -> None:
    """Whatever somebody writes, uploads or gets back, and their address, is sealed (S32)."""
    sealed = {name for name, category in document.category.items() if category.protection == "sealed"}
    assert {"account_email", "account_profile", "prompt", "reference_image", "generated_image"} <= sealed


def test_the_request_log_has_five_fields_and_an_id(document: Document) -> None:
    """The log holds exactly these and a request id, and its address is coarsened first (S8, S34)."""
    log = document.category["request_log"]
    assert set(log.exactly) == {
        "timestamp", "ip_address", "user_agent", "route", "response_status", "request_id",
    }  # fmt: skip
    assert log.gone_after is not None
    assert log.gone_after.margin_days == 1
    assert log.fields["ip_address"].coarsen_after.days == 14


def test_sale_is_forbidden_to_everyone_for_everything(document: Document) -> None:
    """No condition stands beside the prohibition of sale, so no consent can lift it (S28)."""
    sale = document.forbid["sale"]
    assert (sale.who, sale.may, sale.what, sale.for_, sale.when) == (
        ["anyone"], ["sell"], ["anything"], ["any_purpose"], ["always"],
    )  # fmt: skip


def test_own_rights_hold_whatever_is_paused(document: Document) -> None:
    """Own rights lift restriction and ask nothing of the account or its credits (X1, X10)."""
    for name, rule in document.permit.items():
        if rule.who == ["subject"] and set(rule.may) <= {"read", "correct", "export", "delete"}:
            assert "restricted" in rule.even_when, name
            assert "account_is_active" not in rule.when, name


def test_staff_never_reach_anything_without_a_ticket(document: Document) -> None:
    """Every permit of staff asks for an open ticket, and every read has a cap (X3, X4)."""
    for name, rule in document.permit.items():
        if "staff" in rule.who:
            assert "ticket_is_open" in rule.when, name
            if "read" in rule.may:
                assert any(duty.max_rows for duty in rule.then), name


def test_the_sweeps_of_the_policy_aim_at_its_own_ceilings(document: Document) -> None:
    """A sweep may begin no later than its category's ceiling less the margin (S34)."""
    for name, rule in document.permit.items():
        if not name.startswith("sweep_"):
            continue
        for category in rule.what:
            ceiling = document.category[category].gone_after
            assert ceiling is not None
            span = _span(rule)
            assert span is not None, name
            assert span.longest_days() <= ceiling.longest_days() - ceiling.margin_days, (name, category)


def _span(rule: Rule) -> Span | None:
    for condition in rule.when:
        if not isinstance(condition, str) and (condition.older_than or condition.ended_for):
            return condition.older_than or condition.ended_for
    return None


def test_the_numbers_in_the_sentences_are_the_numbers_of_the_rules(document: Document) -> None:
    """Where a statement names a number that a setting settles, it names the same one (S32, S40, S44, X2)."""
    said = {name: statement.says for name, statement in document.statement.items()}
    number = {
        name: setting.count or max(setting.span.days, setting.span.seconds)
        for name, setting in document.setting.items()
        if setting.count or setting.span
    }
    assert f"You must be {number['minimum_age']} or older" in said["age"]
    assert f"{number['material_change_notice']} days before" in said["changes"]
    assert f"every {number['hold_review']} days" in said["holds"]
    assert number["undo_window"] == 10
    assert "ten seconds" in said["deletion"]
    undo = document.permit["undo_a_deletion"].when[1]
    assert not isinstance(undo, str)
    assert undo.deleted_within == document.setting["undo_window"].span
    export = document.permit["export_your_data"].when[1]
    assert not isinstance(export, str)
    assert export.signed_in_within == document.setting["export_sign_in"].span


def test_words_compose(document: Document) -> None:
    """Fragments carry no full stop and no capital into a sentence; statements are sentences."""
    for part in ("purpose", "category", "consent", "recipient", "fact", "right", "setting"):
        for name, construct in getattr(document, part).items():
            assert not construct.says.endswith((".", " ")), f"{part}.{name}"
            assert re.match(r"[a-z]", construct.says), f"{part}.{name}"
    for name, statement in document.statement.items():
        assert statement.says[0].isupper(), name
        assert statement.says.endswith("."), name


def test_the_timeline_announces_before_it_takes_effect() -> None:
    """Every version is announced at least as long before its effect as the policy says (S44)."""
    timeline = load_timeline(_POLICIES / "gptimage")
    raw = tomllib.loads((_POLICIES / "gptimage" / "timeline.toml").read_text())["version"]
    assert [each["number"] for each in raw] == [version.number for version in timeline.versions]
    for each in raw:
        assert (each["effective"] - each["announced"]).days >= 30


@pytest.mark.parametrize("name", ["notes", "library"])
def test_the_language_is_not_about_images(name: str) -> None:
    """Policies of products that make no images load as well."""
    loaded = load_document(_POLICIES / "samples" / f"{name}.toml")
    assert loaded.document.id == name
