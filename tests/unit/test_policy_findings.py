"""Every refusal of the language, as a named table: an edit of a good policy, and the findings it must give.

A finding's place is checked against the place of a piece of text, found without the scanner.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from gptimage_core.errors import PolicyError
from gptimage_core.policy.loader import load_document, parse_document

BASE = """\
language = 1
id = "small"
title = "Small"
controller = { name = "Small", country = "NL", contact = "privacy@small.example" }

[purpose.serve]
says = "serve you"
basis = "contract"

[purpose.learn]
says = "learn"
basis = "consent"

[consent.learning]
says = "learn from me"
purposes = ["learn"]

[category.note]
says = "your notes"
keep_until = ["item_deleted"]
gone_after = { days = 30, from = "keep_ended" }
exactly = ["text", "at"]

[category.log]
says = "a log"
gone_after = { days = 90, from = "recorded" }
fields.ip = { coarsen_after = { days = 14 } }

[fact.plan]
says = "the plan"
type = "text"
of = "access"
values = ["free", "team"]

[fact.size]
says = "the size"
type = "integer"
of = "row"

[recipient.host]
says = "the host"
role = "processor"
countries = ["NL"]
purposes = ["serve"]
contract = { signed = 2026-01-01, until = 2030-01-01 }

[permit.own]
who = ["subject"]
may = ["read", "delete"]
what = ["note"]
for = ["serve"]
when = ["row_is_own", { fact = "plan", is = ["team"] }]
clauses = ["S7"]

[permit.learn]
who = ["service"]
may = ["train"]
what = ["note"]
for = ["learn"]
when = [{ fact = "size", at_least = 1 }]
clauses = ["S17"]

[permit.host]
who = ["service"]
may = ["share"]
to = ["host"]
what = ["log"]
for = ["serve"]
when = ["job_is_live"]
clauses = ["S20"]

[forbid.sale]
who = ["anyone"]
may = ["sell"]
what = ["anything"]
for = ["any_purpose"]
when = ["always"]
clauses = ["S28"]

[setting.undo]
says = "undo"
span = { seconds = 10 }
"""


class Case(NamedTuple):
    """`new` replaces the first `old`; each expectation is a code and the text at which it is reported."""

    old: str
    new: str
    expected: list[tuple[str, str]]


TWO_PROHIBITIONS = """\
[forbid.a]
who = ["subject"]
may = ["read"]
what = ["note"]
for = ["any_purpose"]
when = ["always"]
clauses = []

[forbid.b]
who = ["anyone"]
may = ["delete"]
what = ["anything"]
for = ["serve"]
when = ["always"]
clauses = []

"""

CASES: dict[str, Case] = {
    "a scalar for a list": Case(
        'who = ["subject"]', 'who = "subject"', [("scalar-for-list", 'who = "subject"')]
    ),
    "a table for a list": Case(
        "countries = ",
        "countries = {}\nx = ",
        [("scalar-for-list", "countries = {}"), ("unknown-key", "x = ")],
    ),
    "an empty list": Case('who = ["subject"]', "who = []", [("empty", "who = []")]),
    "an unknown key": Case('clauses = ["S7"]', 'clauses = ["S7"]\nwhy = 1', [("unknown-key", "why")]),
    "an unknown table": Case("[setting.undo]", "[settings.undo]", [("unknown-key", "[settings.undo]")]),
    "a missing slot": Case(
        'for = ["serve"]\nwhen = ["row_is', 'when = ["row_is', [("missing-key", "[permit.own]")]
    ),
    "an unknown word": Case('"row_is_own"', '"row_is_ours"', [("unknown-word", '"row_is_ours"')]),
    "an unknown operation": Case('"delete"]', '"deletes"]', [("unknown-word", '"deletes"')]),
    "a wrong type": Case("at_least = 1", 'at_least = "1"', [("type", "at_least")]),
    "a float": Case("days = 30", "days = 30.5", [("type", "days = 30.5")]),
    "a date that is text": Case("until = 2030-01-01", 'until = "2030"', [("type", 'until = "2030"')]),
    "a name that is no id": Case("[permit.own]", "[permit.Own]", [("form", "[permit.Own]")]),
    "a country in small letters": Case('country = "NL"', 'country = "nl"', [("form", "country")]),
    "a contact that is no address": Case('"privacy@small.example"', '"desk"', [("form", 'contact = "desk"')]),
    "another language": Case("language = 1", "language = 2", [("type", "language")]),
    "a boolean for a word": Case('"contract"', "true", [("type", "basis = true")]),
    "too small": Case("days = 90,", "days = 90, margin_days = -1,", [("too-small", "margin_days")]),
    "no permit": Case(
        BASE[BASE.index("[permit.own]") : BASE.index("[forbid.sale]")],
        "",
        [
            ("empty-policy", "language"),
            ("unused", "[purpose.serve]"),
            ("unused", "[purpose.learn]"),
            ("unused", "[consent.learning]"),
            ("unused", "[fact.plan]"),
            ("unused", "[fact.size]"),
            ("unused", "[recipient.host]"),
        ],
    ),
    "an unknown country": Case(
        'country = "NL"',
        'country = "UK"',
        [
            ("unknown-country", "country"),
            ("never-applies", '"host"]\nwhat'),
        ],
    ),
    "an unknown category": Case('what = ["note"]', 'what = ["notes"]', [("unknown-name", '"notes"')]),
    "an unknown purpose": Case('for = ["serve"]', 'for = ["server"]', [("unknown-name", '"server"')]),
    "an unknown recipient": Case(
        'to = ["host"]',
        'to = ["hosts"]',
        [
            ("unknown-name", '"hosts"'),
            ("unused", "[recipient.host]"),
        ],
    ),
    "an unknown fact": Case(
        'fact = "size"',
        'fact = "sizes"',
        [
            ("unknown-name", 'fact = "sizes"'),
            ("unused", "[fact.size]"),
        ],
    ),
    "an unknown consent": Case(
        '{ fact = "plan", is = ["team"] }',
        '{ consent = "all" }',
        [
            ("unknown-name", 'consent = "all"'),
            ("unused", "[fact.plan]"),
        ],
    ),
    "a consent for an unknown purpose": Case(
        'purposes = ["learn"]',
        'purposes = ["learn", "lern"]',
        [
            ("unknown-name", '"lern"'),
        ],
    ),
    "an unknown field": Case("fields.ip =", 'exactly = ["at"]\nfields.ip =', [("unknown-name", "fields.ip")]),
    "the built-in category in a rule": Case(
        'what = ["note"]',
        'what = ["identifier"]',
        [
            ("unknown-name", '"identifier"'),
        ],
    ),
    "the built-in category declared": Case(
        "[category.log]",
        '[category.identifier]\nsays = "keys"\n\n[category.log]',
        [
            ("name-clash", "[category.identifier]"),
        ],
    ),
    "a fact by the name of a built-in one": Case(
        "[fact.size]",
        "[fact.restricted]",
        [
            ("name-clash", "[fact.restricted]"),
            ("unused", "[fact.restricted]"),
            ("unknown-name", 'fact = "size"'),
        ],
    ),
    "one name for a permit and a forbid": Case(
        "[forbid.sale]", "[forbid.own]", [("name-clash", "[forbid.own]")]
    ),
    "a category of ages": Case(
        "[category.log]",
        '[category.age]\nsays = "age"\n\n[category.log]',
        [
            ("age", "[category.age]"),
        ],
    ),
    "a word listed twice": Case(
        '["read", "delete"]', '["read", "delete", "read"]', [("duplicate", '"read"]')]
    ),
    "a clause listed twice": Case('["S7"]', '["S7", "S7"]', [("duplicate", '"S7"]')]),
    "a purpose that stands on consent alone": Case(
        'basis = "contract"',
        'basis = "consent"',
        [
            ("basis-without-consent", "[purpose.serve]"),
        ],
    ),
    "a consent that switches nothing": Case(
        'purposes = ["learn"]',
        'purposes = ["learn", "serve"]',
        [
            ("consent-without-basis", '"serve"]'),
        ],
    ),
    "an unused purpose": Case(
        "[purpose.learn]",
        '[purpose.idle]\nsays = "x"\nbasis = "contract"\n\n[purpose.learn]',
        [
            ("unused", "[purpose.idle]"),
        ],
    ),
    "mixed units": Case("days = 30", "days = 30, months = 1", [("mixed-units", "gone_after")]),
    "an empty span": Case("days = 30", "days = 0", [("empty-span", "gone_after")]),
    "a span without units": Case("span = { seconds = 10 }", "span = {}", [("empty-span", "span = {}")]),
    "a negative span": Case("days = 30", "days = -30", [("negative-span", "days = -30")]),
    "a floor that outlasts its ceiling": Case(
        'from = "keep_ended"',
        'from = "recorded"',
        [
            ("floor-outlasts-ceiling", "gone_after"),
        ],
    ),
    "a ceiling that never starts": Case(
        'keep_until = ["item_deleted"]\n',
        "",
        [
            ("ceiling-never-starts", "gone_after = { days = 30"),
        ],
    ),
    "a margin as long as the span": Case(
        "days = 90,", "days = 90, margin_days = 90,", [("margin", "margin_days")]
    ),
    "a field that coarsens too late": Case(
        "coarsen_after = { days = 14 }",
        "coarsen_after = { days = 90 }",
        [
            ("never-applies", "coarsen_after"),
        ],
    ),
    "at once without an end of keeping": Case(
        "days = 90,", "days = 90, at_once = true,", [("no-meaning", "at_once")]
    ),
    "sharing without a recipient": Case(
        'to = ["host"]\n',
        "",
        [
            ("share-without-to", 'may = ["share"]'),
            ("unused", "[recipient.host]"),
        ],
    ),
    "a recipient without sharing": Case(
        'clauses = ["S7"]',
        'clauses = ["S7"]\nto = ["host"]',
        [
            ("to-without-share", 'to = ["host"]'),
        ],
    ),
    "sharing beside reading": Case('["share"]', '["share", "read"]', [("mixed-sharing", 'may = ["share"')]),
    "anyone in a permit": Case('who = ["subject"]', 'who = ["anyone"]', [("forbid-only", '"anyone"')]),
    "anything in a permit": Case(
        'what = ["note"]', 'what = ["anything"]', [("forbid-only", '"anything"]\nfor = ["serve"]')]
    ),
    "any purpose in a permit": Case(
        'for = ["serve"]', 'for = ["any_purpose"]', [("forbid-only", '"any_purpose"]\nwhen = ["row')]
    ),
    "anyone and others in a forbid": Case(
        'who = ["anyone"]',
        'who = ["anyone", "staff"]',
        [
            ("duplicate", 'who = ["anyone", "staff"]'),
        ],
    ),
    "a lift for staff": Case(
        'may = ["train"]', 'may = ["train"]\neven_when = ["restricted"]', [("lift", "even_when")]
    ),
    "a lift in a forbid": Case(
        'clauses = ["S28"]',
        'clauses = ["S28"]\neven_when = ["restricted"]',
        [
            ("permit-only", "even_when"),
        ],
    ),
    "an obligation in a forbid": Case(
        'clauses = ["S28"]',
        'clauses = ["S28"]\nthen = [{ max_rows = 1 }]',
        [
            ("permit-only", "then"),
        ],
    ),
    "release before the record by a service": Case(
        'may = ["train"]',
        'may = ["train"]\nmay_release_before_record = true',
        [
            ("release", "may_release"),
        ],
    ),
    "release before the record when deleting": Case(
        'clauses = ["S7"]',
        'clauses = ["S7"]\nmay_release_before_record = true',
        [
            ("release", "may_release"),
        ],
    ),
    "an obligation of two keys": Case(
        'clauses = ["S7"]',
        'clauses = ["S7"]\nthen = [{ max_rows = 1, tell_subject = true }]',
        [
            ("exactly-one", "{ max_rows"),
        ],
    ),
    "an obligation that does not fit": Case(
        'clauses = ["S7"]',
        'clauses = ["S7"]\nthen = [{ min_persons = 5 }]',
        [
            ("no-meaning", "min_persons"),
        ],
    ),
    "a setting of nothing": Case("span = { seconds = 10 }\n", "", [("exactly-one", "[setting.undo]")]),
    "a condition of nothing": Case(
        '{ fact = "plan", is = ["team"] }',
        "{}",
        [
            ("exactly-one", "{}]"),
            ("unused", "[fact.plan]"),
        ],
    ),
    "a condition of two things": Case(
        "at_least = 1 }",
        'at_least = 1, consent = "learning" }',
        [
            ("exactly-one", '{ fact = "size"'),
        ],
    ),
    "a fact with no test": Case(", at_least = 1", "", [("exactly-one", '{ fact = "size" }')]),
    "a fact with two tests": Case(
        "at_least = 1", "at_least = 1, at_most = 2", [("exactly-one", '{ fact = "size"')]
    ),
    "a test that does not fit the fact": Case("at_least = 1", "passed = true", [("fact-type", "passed")]),
    "a value of the wrong type": Case('is = ["team"]', "is = [1]", [("fact-type", "1] }]\n")]),
    "a value the fact never has": Case('is = ["team"]', 'is = ["pro"]', [("unknown-word", '"pro"')]),
    "given without a consent": Case("at_least = 1", "at_least = 1, given = true", [("no-meaning", "given")]),
    "always and something": Case(
        'when = ["job_is_live"]',
        'when = ["always", "job_is_live"]',
        [
            ("always-and", '"always", '),
        ],
    ),
    "a condition listed twice": Case(
        'when = ["job_is_live"]',
        'when = ["job_is_live", "job_is_live"]',
        [
            ("duplicate", '"job_is_live"]'),
        ],
    ),
    "a condition and its opposite": Case(
        'when = ["job_is_live"]',
        'when = ["job_is_live", { not = "job_is_live" }]',
        [
            ("never-applies", "{ not"),
        ],
    ),
    "a fact that is two things": Case(
        'is = ["team"] }',
        'is = ["team"] }, { fact = "plan", is = ["free"] }',
        [
            ("never-applies", '{ fact = "plan", is = ["free"]'),
        ],
    ),
    "younger and older at once": Case(
        '"job_is_live"',
        "{ recorded_within = { days = 5 } }, { older_than = { days = 6 } }",
        [
            ("never-applies", "{ older_than"),
        ],
    ),
    "a restricted person without the lift": Case(
        '"job_is_live"',
        '"processing_is_restricted"',
        [
            ("never-applies", '"processing_is_restricted"'),
        ],
    ),
    "an ended row without the lift": Case(
        '"job_is_live"',
        "{ deleted_within = { seconds = 10 } }",
        [
            ("never-applies", "{ deleted_within"),
        ],
    ),
    "a guest who owns": Case('who = ["subject"]', 'who = ["guest"]', [("never-applies", '"row_is_own"')]),
    "a permit that a prohibition covers": Case(
        'may = ["train"]', 'may = ["sell"]', [("never-applies", "[permit.learn]")]
    ),
    "a permit that two prohibitions cover": Case(
        "[setting.undo]",
        TWO_PROHIBITIONS + "[setting.undo]",
        [("never-applies", "[permit.own]")],
    ),
    "sharing that is a sale": Case(
        "until = 2030-01-01 }",
        'until = 2030-01-01, uses = "own" }',
        [
            ("never-applies", "[permit.host]"),
        ],
    ),
    "sharing without a contract": Case(
        "contract = { signed = 2026-01-01, until = 2030-01-01 }\n",
        "",
        [
            ("never-applies", '"host"]\nwhat'),
        ],
    ),
    "sharing abroad without a mechanism": Case(
        'countries = ["NL"]',
        'countries = ["US"]',
        [
            ("never-applies", '"host"]\nwhat'),
        ],
    ),
    "sharing for a purpose the recipient has not": Case(
        'what = ["log"]\nfor = ["serve"]',
        'what = ["log"]\nfor = ["learn"]',
        [
            ("never-applies", '"host"]\nwhat'),
        ],
    ),
    "a contract that ends before it begins": Case(
        "until = 2030-01-01",
        "until = 2025-01-01",
        [
            ("never-applies", "contract = {"),
        ],
    ),
    "text that is no TOML": Case("[permit.own]", "[permit.own", [("syntax", '\nwho = ["subject"]')]),
    "a turn of direction in words": Case('"your notes"', '"your \u202e notes"', [("unseen", "\u202e")]),
    "a turn of direction, escaped": Case('"your notes"', '"your \\u202E notes"', [("unseen", "\\u202E")]),
    "a turn of direction in a comment": Case(
        "[permit.own]", "# \u2066\n[permit.own]", [("unseen", "\u2066")]
    ),
    "a letter without width": Case('"note"', '"no\u200bte"', [("unseen", "\u200b")]),
    "a terminal's escape": Case(
        '"your notes"', '"your \\u001b[31m notes\\b"', [("unseen", "\\u001b"), ("unseen", "\\b")]
    ),
    "a key of too many parts": Case(
        "\n[setting.undo]", "\n" + "a." * 200 + "a = 1\n[setting.undo]", [("syntax", "a.a.")]
    ),
    "a span beyond all instants": Case(
        "days = 90,", "days = 99999999999,", [("too-big", "gone_after = { days = 999")]
    ),
    "a number beyond the database's": Case("at_least = 1", f"at_least = {2**63}", [("too-big", "at_least")]),
    "a key twice": Case('id = "small"', 'id = "small"\nid = "big"', [("syntax", '\ntitle = "Small"')]),
}


def place_of(text: str, needle: str) -> tuple[int, int]:
    offset = text.index(needle)
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def test_the_base_is_a_good_policy() -> None:
    """The table's edits start from a document without findings."""
    assert parse_document(BASE).document.id == "small"


@pytest.mark.parametrize("name", CASES)
def test_each_refusal_names_its_place(name: str) -> None:
    """Exactly the expected findings, at the expected line and column."""
    case = CASES[name]
    assert case.old in BASE
    text = BASE.replace(case.old, case.new, 1)
    with pytest.raises(PolicyError) as caught:
        parse_document(text, "policy.toml")
    expected = sorted((*place_of(text, needle), code) for code, needle in case.expected)
    assert [(each.line, each.column, each.code) for each in caught.value.findings] == expected


def test_all_findings_come_at_once_and_sorted() -> None:
    """Many mistakes, one error: sorted by file, line and column, each with what to do."""
    text = BASE.replace('"row_is_own"', '"row_is_owned"').replace('who = ["service"]', 'who = "service"')
    text = text.replace('basis = "consent"', 'bases = "consent"')
    with pytest.raises(PolicyError) as caught:
        parse_document(text, "policy.toml")
    found = caught.value.findings
    assert [each.code for each in found] == [
        "missing-key",
        "unknown-key",
        "unknown-word",
        "scalar-for-list",
        "scalar-for-list",
    ]
    assert [each.line for each in found] == sorted(each.line for each in found)
    assert "did you mean `row_is_own`?" in str(caught.value)
    assert "policy.toml:12:1: unknown key `bases` in `purpose.learn` [unknown-key]" in str(caught.value)


class Together(NamedTuple):
    """Edits of the base, each of which is one mistake, and what they give together."""

    edits: list[tuple[str, str]]
    expected: list[tuple[str, str]]


TOGETHER: dict[str, Together] = {
    "form, name, units and an unused consent": Together(
        [
            ('who = ["subject"]', 'who = "subject"'),
            ('what = ["log"]', 'what = ["logs"]'),
            ("{ days = 90, from", "{ days = 90, months = 1, from"),
            ("[category.note]", '[consent.spare]\nsays = "spare"\npurposes = ["learn2"]\n\n[category.note]'),
        ],
        [
            ("scalar-for-list", 'who = "subject"'),
            ("unknown-name", '"logs"'),
            ("mixed-units", "gone_after = { days = 90, months"),
            ("unused", "[consent.spare]"),
            ("unknown-name", '"learn2"'),
        ],
    ),
    "four mistakes in one rule": Together(
        [
            ('who = ["service"]\nmay = ["train"]', 'who = "service"\nmay = ["training"]'),
            ('for = ["learn"]', 'for = ["learning"]'),
            ("at_least = 1 }", "at_least = 1 }, { older_than = { days = 1, years = 1 } }"),
        ],
        [
            ("scalar-for-list", 'who = "service"'),
            ("unknown-word", '"training"'),
            ("unknown-name", '"learning"]\nwhen'),
            ("mixed-units", "older_than"),
            ("unused", "[purpose.learn]"),
        ],
    ),
    "a broken purpose is declared": Together(
        [('basis = "contract"', 'basis = "contrct"'), ("seconds = 10", "seconds = 0")],
        [("unknown-word", "basis ="), ("empty-span", "span =")],
    ),
    "a broken category is declared": Together(
        [('keep_until = ["item_deleted"]', "kept = 1"), ('for = ["learn"]', 'for = ["lern"]')],
        [("unknown-key", "kept"), ("unknown-name", '"lern"'), ("unused", "[purpose.learn]"),
         ("unused", "[consent.learning]")],
    ),
    "a broken consent may name the purpose": Together(
        [('purposes = ["learn"]', 'purpose = ["learn"]')],
        [("missing-key", "[consent.learning]"), ("unknown-key", 'purpose = ["learn"]')],
    ),
    "a broken recipient receives": Together(
        [('role = "processor"', 'role = "processors"')], [("unknown-word", "role =")]
    ),
    "a broken controller is nowhere": Together(
        [('country = "NL"', 'country = "Netherlands"')], [("form", "country =")]
    ),
    "a rule that lacks a slot may use anything": Together(
        [('for = ["learn"]\n', "")], [("missing-key", "[permit.learn]")]
    ),
    "a misspelt group": Together(
        [("[permit.own]", "[permits.own]"), ("[permit.learn]", "[permits.learn]"),
         ("[permit.host]", "[permits.host]")],
        [("unknown-key", "[permits.own]")],
    ),
    "no categories at all": Together(
        [("[category.note]", "[categories.note]"), ("[category.log]", "[categories.log]")],
        [("missing-key", "language"), ("unknown-key", "[categories.note]")],
    ),
    "another version of the language": Together(
        [("language = 1", "language = 2"), ('what = ["log"]', 'what = ["logs"]')], [("type", "language")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOGETHER)
def test_faults_of_form_and_of_meaning_come_at_once(name: str) -> None:
    """One error for all: what the linter finds beside faults of form, without an echo of these."""
    text = BASE
    for old, new in TOGETHER[name].edits:
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(PolicyError) as caught:
        parse_document(text, "policy.toml")
    expected = sorted((*place_of(text, needle), code) for code, needle in TOGETHER[name].expected)
    found = [(each.line, each.column, each.code) for each in caught.value.findings]
    assert found == expected, str(caught.value)


def test_a_policy_and_its_overlays_are_refused_at_once(tmp_path: Path) -> None:
    """Findings of the document and of each overlay come together; a fact only an overlay uses is no echo."""
    spare = '\n[fact.spare]\nsays = "a spare fact"\ntype = "boolean"\nof = "access"\n'
    head = 'language = 1\noverlay = "it"\nsays = "it"\n'
    (tmp_path / "policy.toml").write_text(BASE.replace('what = ["log"]', 'what = ["logs"]') + spare)
    (tmp_path / "form.toml").write_text(
        head + '[narrow.own]\nwhen = [{ fact = "spare", is = [true] }]\nthen = 1\n'
    )
    (tmp_path / "fit.toml").write_text(head + '[narrow.owm]\nwhen = ["ticket_is_open"]\n')
    (tmp_path / "text.toml").write_text("x")
    with pytest.raises(PolicyError) as caught:
        load_document(
            tmp_path / "policy.toml", [tmp_path / each for each in ("form.toml", "fit.toml", "text.toml")]
        )
    found = [(Path(each.file).name, each.code) for each in caught.value.findings]
    assert found == [
        ("fit.toml", "unknown-name"),
        ("form.toml", "scalar-for-list"),
        ("policy.toml", "unknown-name"),
        ("text.toml", "syntax"),
    ], str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "\n# nothing\n", "x", "[" * 5000, "a = " + "[" * 5000, "\x00", "language = 1"]
)
def test_whatever_is_no_policy_is_refused_with_findings(text: str) -> None:
    """Malformed and empty documents raise `PolicyError`, never anything else."""
    with pytest.raises(PolicyError) as caught:
        parse_document(text)
    assert caught.value.findings
