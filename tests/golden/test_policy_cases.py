"""Golden triples: a policy, an access with its facts, and what must come of it. The data is in `policies/`.

A case has `says` (what it shows), `clauses` (whose promise it is), `access` (`who[:id[@tenant]] operation
category for purpose [to recipient]`), the `row` of `world.toml` it is about, and what differs from the world:
`now`, `known` (facts of the access), `people`, `values` (of the row), `unknown` (`person.fact` or `row.fact`,
taken away). `expect` is the effect, `rules` the rules that determined it, `obliges` what the permits demand,
`lacks` what the nearest permit misses where nothing forbids (empty: no rule permits this at all), so that a
case cannot be denied for a reason it does not mean.

Both interpreters are held against every case: the compiled one and the slow reference.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gptimage_core.clock import Instant, from_datetime
from gptimage_core.decision.compile import CompiledTimeline, compile_timeline
from gptimage_core.decision.conditions import Condition, Never, Own, SameTenant, Until
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Decision, Effect, Facts, RowFacts
from gptimage_core.decision.reference import decide_slowly
from gptimage_core.policy.timeline import Timeline, load_timeline

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_FOLDERS = {"policies": "policies/gptimage", "library": "policies/samples/library.toml"}


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One triple; a key that is not here does not parse."""

    says: str
    access: str
    row: str
    expect: str
    rules: list[str]
    clauses: list[str]
    now: dt.datetime | None = None
    known: dict[str, Any] = {}
    people: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    unknown: list[str] = []
    obliges: list[dict[str, Any]] | None = None
    lacks: list[str] = []


class World(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The people and rows that cases are about."""

    now: dt.datetime
    collected_under: int
    person: dict[str, dict[str, Any]]
    row: dict[str, dict[str, Any]]


def _read(folder: str) -> tuple[World, list[tuple[str, Case]]]:
    world = msgspec.convert(tomllib.loads((_HERE / folder / "world.toml").read_text()), World)
    cases = [
        (path.stem, msgspec.convert(each, Case))
        for path in sorted((_HERE / folder).glob("*.toml"))
        if path.stem != "world"
        for each in tomllib.loads(path.read_text())["case"]
    ]
    return world, cases


_WORLDS = {folder: _read(folder) for folder in _FOLDERS}
_CASES = [
    pytest.param(folder, case, id=f"{folder}: {file}: {case.says}")
    for folder, (_, cases) in _WORLDS.items()
    for file, case in cases
]


@pytest.fixture(scope="module")
def compiled() -> dict[str, CompiledTimeline]:
    return {folder: compile_timeline(load_timeline(_ROOT / path)) for folder, path in _FOLDERS.items()}


def _plain(value: Any) -> Any:
    return from_datetime(value) if isinstance(value, dt.datetime) else value


def _access(text: str) -> Access:
    who, operation, category, _, purpose, *rest = text.split()
    kind, _, name = who.partition(":")
    identity, _, tenant = name.partition("@")
    actor = Actor(kind, identity or None, tenant or "main")
    return Access(actor, purpose, operation, category, rest[1] if rest else None)


def _facts(world: World, case: Case) -> Facts:
    row = world.row[case.row]
    gone = [tuple(each.split(".", 1)) for each in case.unknown]
    values = {"collected_under": world.collected_under, "keep_ended": None, **row["values"], **case.values}
    people = {
        name: {
            fact: _plain(value)
            for fact, value in {**facts, **case.people.get(name, {})}.items()
            if (name, fact) not in gone
        }
        for name, facts in world.person.items()
    }
    return Facts(
        access={fact: _plain(value) for fact, value in case.known.items()},
        row=RowFacts(
            tenant=row.get("tenant", "main"),
            subjects=tuple(row["subjects"]),
            people=people,
            values={fact: _plain(value) for fact, value in values.items() if ("row", fact) not in gone},
        ),
    )


def _lacking(decision: Decision) -> set[str]:
    """The facts that the nearest permits miss."""
    return {_name(condition) for _, condition in decision.missing}


def _name(condition: Condition) -> str:
    match condition:
        case Own():
            return "row_is_own"
        case SameTenant():
            return "same_tenant"
        case Until():
            return condition.what
        case Never():
            return condition.why
        case _:
            return condition.fact


def _decide(compiled: CompiledTimeline, folder: str, case: Case) -> tuple[Decision, Timeline, Facts, Instant]:
    world = _WORLDS[folder][0]
    now = from_datetime(case.now or world.now)
    facts = _facts(world, case)
    return decide(compiled, _access(case.access), facts, now), compiled.timeline, facts, now


@pytest.mark.parametrize(("folder", "case"), _CASES)
def test_a_case_comes_out_as_written(compiled: dict[str, CompiledTimeline], folder: str, case: Case) -> None:
    """The effect and the rules that determined it are those of the case, in both interpreters."""
    decision, timeline, facts, now = _decide(compiled[folder], folder, case)
    assert (decision.effect.value, sorted(decision.rules)) == (case.expect, sorted(case.rules)), (
        decision.missing
    )
    lacking = _lacking(decision)
    assert set(case.lacks) <= lacking
    assert bool(case.lacks) == bool(lacking)
    if case.obliges is not None:
        assert [msgspec.to_builtins(each) for each in decision.obligations] == case.obliges
    effect, rules = decide_slowly(timeline, _access(case.access), facts, now)
    assert (effect.value, sorted(rules)) == (case.expect, sorted(case.rules))


@pytest.mark.parametrize(("folder", "case"), _CASES)
def test_without_its_row_a_permitted_case_is_left_open(
    compiled: dict[str, CompiledTimeline], folder: str, case: Case
) -> None:
    """What some row is permitted, a statement over all rows is not denied beforehand: it is filtered."""
    decision, _, facts, now = _decide(compiled[folder], folder, case)
    beforehand = decide(compiled[folder], _access(case.access), Facts(access=facts.access), now)
    if decision.effect is Effect.ALLOW:
        assert beforehand.effect is not Effect.DENY
    if beforehand.effect is Effect.ALLOW:
        assert decision.effect is Effect.ALLOW


@pytest.mark.parametrize("folder", list(_FOLDERS))
def test_every_rule_is_shown_at_work(compiled: dict[str, CompiledTimeline], folder: str) -> None:
    """Each permit is reachable and each forbid fires: a rule that no case shows could be dead text."""
    document = compiled[folder].timeline.versions[-1].document
    rules = {f"permit.{name}" for name in document.permit} | {f"forbid.{name}" for name in document.forbid}
    shown = {rule for _, case in _WORLDS[folder][1] for rule in case.rules}
    assert rules - shown == set()
    assert shown - rules == set()


@pytest.mark.parametrize("folder", list(_FOLDERS))
def test_cases_cite_clauses_that_the_policy_carries(
    compiled: dict[str, CompiledTimeline], folder: str
) -> None:
    """A case is evidence for a clause, so the clause must stand in the policy."""
    document = compiled[folder].timeline.versions[-1].document
    carried = {
        clause
        for part in (
            "purpose",
            "category",
            "consent",
            "fact",
            "recipient",
            "permit",
            "forbid",
            "right",
            "setting",
        )
        for construct in getattr(document, part).values()
        for clause in construct.clauses
    } | {clause for statement in document.statement.values() for clause in statement.clauses}
    assert {clause for _, case in _WORLDS[folder][1] for clause in case.clauses} <= carried
