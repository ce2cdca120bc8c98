"""Golden triples of the language, a construct a file: `decide/*.toml`.

A file has `says`, one or more `[[version]]` (`effective` and the `policy`, TOML without its head: language,
id, title and controller are the same everywhere) and `[[case]]`s. A case has `says`, `access` and `facts` as
JSON (`actor`, `purpose`, `operation`, `category`, `recipient`; `access`, `row` with `tenant`, `subjects`,
`people`, `values`), `expect` (the effect), `rules` (those that determined it, in any order), `now` where it
is not 2026-02-25T06:13:20Z, and `nearest`: the fact that the nearest change that would allow is about. Every
change that is offered is tried. Policies are taken past the linter: a construct is not a whole policy.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import msgspec
import pytest

from gptimage_core.clock import Instant, from_datetime
from gptimage_core.decision.change import fact_of
from gptimage_core.decision.compile import compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Effect, Facts, RowFacts
from gptimage_core.decision.nearest import apply, explain
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.policy.document import Document
from gptimage_core.policy.source import Source
from gptimage_core.policy.timeline import Timeline, Version

_HEAD = """language = 1
id = "golden"
title = "golden"
controller = { name = "X", country = "NL", contact = "x@example.org" }
"""
_NOW: Instant = 1_772_000_000_000_000


class _Version(msgspec.Struct, forbid_unknown_fields=True):
    effective: dt.datetime
    policy: str


class _Case(msgspec.Struct, forbid_unknown_fields=True):
    says: str
    expect: str
    rules: list[str]
    access: str
    facts: str
    now: dt.datetime | None = None
    nearest: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    says: str
    version: list[_Version]
    case: list[_Case]


def _timeline(versions: list[_Version]) -> Timeline:
    made = []
    for number, each in enumerate(versions, 1):
        document = msgspec.convert(tomllib.loads(_HEAD + each.policy), Document)
        effective = from_datetime(each.effective)
        source = Source("<golden>", _HEAD + each.policy)
        made.append(Version(number, effective - 1, effective, document, f"sha256:{number}", source))
    return Timeline(tuple(made))


def _files() -> dict[str, _File]:
    folder = Path(__file__).parent / "decide"
    return {
        p.stem: msgspec.toml.decode(p.read_text("utf-8"), type=_File) for p in sorted(folder.glob("*.toml"))
    }


_CASES = [(name, file, case) for name, file in _files().items() for case in file.case]


@pytest.mark.parametrize(("file", "case"), [pytest.param(f, c, id=f"{n}: {c.says}") for n, f, c in _CASES])
def test_a_golden_case(file: _File, case: _Case) -> None:
    """S7 S17 S20 S28 S32 S34 S37 S43 S44 X5 X6 X10 X11: each construct does what its file says."""
    timeline = _timeline(file.version)
    compiled = compile_timeline(timeline)
    access = msgspec.json.decode(case.access, type=Access)
    known = msgspec.json.decode(case.facts)
    row = msgspec.convert(known["row"], RowFacts) if "row" in known else None
    facts = Facts(known["access"], row)
    now = from_datetime(case.now) if case.now else _NOW
    explanation = explain(compiled, access, facts, now)
    decision = decide(compiled, access, facts, now)
    assert (decision.effect.value, sorted(decision.rules)) == (case.expect, sorted(case.rules))
    if row is not None:
        effect, rules = decide_slowly(timeline, access, facts, now)
        assert (effect.value, sorted(rules)) == (case.expect, sorted(case.rules))
    assert explanation.decision == decision
    nearest = explanation.nearest
    if nearest is not None:
        assert decide(compiled, *apply(nearest, access, facts, now), now).effect is not Effect.DENY
    if case.nearest is not None:
        assert nearest is not None
        about = {fact_of(condition) for condition in (*nearest.satisfy, *nearest.exclude)}
        assert case.nearest in {each[1] for each in about if each is not None}
