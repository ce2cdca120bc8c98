"""`decide`: the pure function from an access, facts and an instant to a decision.

    1  the era: the version in force at `now` (S44); before the first version everything is denied
    2  the plan of (who, operation, category, purpose, recipient); unknown words have no permits,
       and without a rule there is no access (S14, S20)
    3  without a row: what is left to ask of rows, per version, or a denial where nothing could be left
    4  with a row: the version it was collected under; an unknown one denies (X11)
    5  for that version's step and every later one, newest first: a forbid that is not known not to apply
       denies; then some permit must be known to hold
    6  all steps permit: allowed; obligations of every permit that holds add up

What 5 and 6 ask of the facts is asked at once, as a mask; they are gone through once for each mask and then
kept, as a decision that only lacks its instant.

INVARIANT (total): `decide` raises for no string, number or missing key; what is unknown denies (X6).
INVARIANT (obligations-add-up): where several permits hold, all their obligations bind, and the release may
precede its record only if every one of them says so.
INVARIANT (newest-reason): a denial gives the reasons of the newest version that denies.
"""

from __future__ import annotations

from functools import partial
from typing import TypeAlias, cast

from gptimage_core.clock import Instant
from gptimage_core.decision.answers import Known
from gptimage_core.decision.asking import Question
from gptimage_core.decision.compile import CompiledTimeline, Era, Plan, Settled, Step, Term, Test
from gptimage_core.decision.conditions import Condition, Never, Own
from gptimage_core.decision.model import (
    Access,
    Actor,
    Conjunction,
    Decision,
    Effect,
    Facts,
    Residual,
    ResidualStep,
    RowFacts,
)
from gptimage_core.policy.document import Obligation

__all__ = ["decide"]

_ALLOW, _DENY, _CONDITIONAL = Effect.ALLOW, Effect.DENY, Effect.CONDITIONAL
_NO_POLICY: tuple[tuple[str, Condition], ...] = (("", Never("no policy version is in force yet")),)
_NO_VERSION: tuple[tuple[str, Condition], ...] = (
    ("", Never("the policy version that the row was collected under is not known")),
)
_Missing: TypeAlias = tuple[tuple[str, Condition], ...]
_Outcome: TypeAlias = tuple[Effect, tuple[str, ...], tuple[Obligation, ...], Residual | None, _Missing, bool]
_MOST_RESIDUALS = 256
_MOST_SETTLED = 256


def decide(compiled: CompiledTimeline, access: Access, facts: Facts, now: Instant) -> Decision:
    """Decide one access at `now` (UTC microseconds). Never raises; see the module for the steps."""
    era = compiled.last if now >= compiled.last_start else compiled.era(now)
    if era is None:
        return Decision(_DENY, (), (), None, "", 0, _NO_POLICY, False, now)
    actor = access.actor
    key = (actor.kind, access.operation, access.category, access.purpose, access.recipient)
    try:
        plan = era.plans[key]
    except KeyError:
        plan = era.plan(key)
    row = facts.row
    if row is None:
        effect, rules, duties, residual, missing, release = _without_row(plan, actor, facts.access, now)
        return Decision(effect, rules, duties, residual, era.digest, era.version, missing, release, now)
    version = row.values.get("collected_under")
    test = plan.tests.get(version) if type(version) is int else None
    if test is None:
        return Decision(_DENY, (), (), None, era.digest, era.version, _NO_VERSION, False, now)
    mask = test.ask(facts.access, row, actor, now)
    try:
        settled = test.settled[mask]
    except KeyError:
        settled = _settle(era, test, mask)
    return settled(now)


def _settle(era: Era, test: Test, mask: int) -> Settled:
    """What follows from the answers and from nothing else (`asking`); kept while they are not too many."""
    answered = {question for n, question in enumerate(test.questions) if mask >> n & 1}
    effect, rules, duties, missing, release = _outcome_of(test, answered, era.version)
    settled = partial(Decision, effect, rules, duties, None, era.digest, era.version, missing, release)
    if len(test.settled) < _MOST_SETTLED:
        test.settled[mask] = settled
    return settled


def _outcome_of(
    test: Test, answered: set[Question], newest: int
) -> tuple[Effect, tuple[str, ...], tuple[Obligation, ...], _Missing, bool]:
    held: list[Term] = []
    in_force = 0
    for step in test.steps:
        fired = [t.rule for t in step.forbids if not any((c, False) in answered for c in t.conditions)]
        if fired:
            return _DENY, tuple(dict.fromkeys(fired)), (), (), False
        shared = _failing(step.common, answered)
        failing = [(term, _failing(term, answered)) for term in step.permits]
        holding = [] if shared else [term for term, conditions in failing if not conditions]
        if not holding:
            return _DENY, (), (), _nearest(failing, shared), False
        held += holding
        if step.version == newest:
            in_force = len(held)
    rules, duties, release = _sum(held, in_force)
    return _ALLOW, rules, duties, (), release


def _failing(term: Term, answered: set[Question]) -> list[Condition]:
    """The conditions of the term that are not known to hold."""
    return [condition for condition in term.reasons if (condition, True) in answered]


def _sum(held: list[Term], in_force: int) -> tuple[tuple[str, ...], tuple[Obligation, ...], bool]:
    """The permits in force that hold, and what all that hold demand (obligations-add-up)."""
    if len(held) == 1:
        return held[0].rules, held[0].obligations, held[0].release
    rules = tuple(dict.fromkeys(term.rule for term in held[:in_force]))
    duties: list[Obligation] = []
    for term in held:
        duties += [duty for duty in term.obligations if duty not in duties]
    return rules, tuple(duties), all(term.release for term in held)


def _nearest(failing: list[tuple[Term, list[Condition]]], shared: list[Condition]) -> _Missing:
    """Of the permits that came nearest, the conditions that are not known to hold."""
    if not failing:
        return ()
    fewest = min([len(conditions) for _, conditions in failing])
    return tuple(
        [
            (term.rule, condition)
            for term, conditions in failing
            if len(conditions) == fewest
            for condition in (*shared, *conditions)
        ]
    )


_NO_ROW = RowFacts()


def _without_row(plan: Plan, actor: Actor, known: Known, now: Instant) -> _Outcome:
    """The outcome before a row is seen. Equal answers give the same residual object."""
    answers = [asked(known, _NO_ROW, (), actor, now) for _, asked in plan.questions]
    key = (actor.id is not None, *answers)
    found = plan.residuals.get(key)
    if found is None:
        found = _outcome(
            plan, dict(zip((c for c, _ in plan.questions), answers, strict=True)), key[0] is True
        )
        if len(plan.residuals) < _MOST_RESIDUALS:
            plan.residuals[key] = found
    return cast(_Outcome, found)


def _outcome(plan: Plan, answers: dict[Condition, bool | None], has_id: bool) -> _Outcome:
    steps: list[ResidualStep] = []
    possible: list[Term] = []
    for step in plan.steps:
        terms = [(t, left) for t in step.whole if (left := _left(t, answers, has_id)) is not None]
        forbids = [
            (t, left) for t in step.forbids if (left := _left_to_exclude(t, answers, has_id)) is not None
        ]
        if step.version == plan.newest:
            fired = tuple(dict.fromkeys(t.rule for t, left in forbids if not left))
            if fired:
                return _DENY, fired, (), None, (), False
            if not terms:
                return _DENY, (), (), None, _missing_before_rows(step, answers, has_id), False
        possible += [t for t, _ in terms]
        permits = () if any(not left for _, left in forbids) else tuple(dict.fromkeys(c for _, c in terms))
        steps.append(ResidualStep(step.version, permits, tuple(dict.fromkeys(c for _, c in forbids))))
    rules = tuple(
        dict.fromkeys(
            t.rule
            for s in plan.steps
            if s.version == plan.newest
            for t in s.whole
            if _left(t, answers, has_id) is not None
        )
    )
    _, duties, release = _sum(possible, 0)
    return _CONDITIONAL, rules, duties, Residual(tuple(steps)), (), release


def _is_settled(condition: Condition, answers: dict[Condition, bool | None], has_id: bool) -> bool | None:
    """Whether a condition is settled with yes or with no before a row is seen; `None`: ask the row."""
    if condition.level == "access":
        return answers[condition] is True
    return False if isinstance(condition, Own) and not has_id else None


def _left(term: Term, answers: dict[Condition, bool | None], has_id: bool) -> Conjunction | None:
    """What a permit still asks of a row; `None` when it cannot hold."""
    settled = [(c, _is_settled(c, answers, has_id)) for c in term.conditions]
    if any(each is False for _, each in settled):
        return None
    return tuple(c for c, each in settled if each is None)


def _left_to_exclude(forbid: Term, answers: dict[Condition, bool | None], has_id: bool) -> Conjunction | None:
    """What of a row could still keep a forbid from firing; `None` when it does not fire at all."""
    if any(c.level == "access" and answers[c] is False for c in forbid.conditions):
        return None
    return tuple(c for c in forbid.conditions if _is_settled(c, answers, has_id) is None)


def _missing_before_rows(step: Step, answers: dict[Condition, bool | None], has_id: bool) -> _Missing:
    failing = [(t, [c for c in t.conditions if _is_settled(c, answers, has_id) is False]) for t in step.whole]
    return _nearest(failing, [])
