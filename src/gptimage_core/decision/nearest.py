"""Why an access was decided as it was, and the nearest change that would allow it.

The nearest change is searched for by cost: a condition to satisfy (or a forbid's to exclude) costs 1, another
purpose or recipient 2; one slot changes at most. Ties go by name. Another actor or operation is another
question, not a change: what is forbidden always, nothing allows.

INVARIANT (nearest-allows): a change is offered only after `decide` has been asked with it applied.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count

import msgspec
from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.decision.answers import answer
from gptimage_core.decision.change import Change, applied, fact_of, opposite
from gptimage_core.decision.compile import CompiledTimeline, Era, Plan, Step, Term
from gptimage_core.decision.conditions import Condition, Own
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Decision, Effect, Facts, RowFacts
from gptimage_core.policy.document import Condition as Written
from gptimage_core.policy.document import Rule
from gptimage_core.policy.source import Position
from gptimage_core.policy.vocabulary import ANYTHING, SHARING

__all__ = ["Explanation", "Nearest", "Permission", "apply", "explain", "who_may"]

_MOST_TRIED = 400
_SLOT_COST = 2


class Nearest(Struct, frozen=True):
    """The nearest change that would allow: one slot of the access, conditions to satisfy and to exclude.

    `rule` is a permit that would then hold. `slots` has pairs like `("purpose", "secure_service")`. What a
    forbid needs excluded stands in `satisfy` as its opposite wherever that is one condition.
    """

    slots: tuple[tuple[str, str], ...]
    satisfy: tuple[Condition, ...]
    exclude: tuple[Condition, ...]
    rule: str


class Explanation(Struct, frozen=True):
    """A decision and its reasons.

    On a denial `rule` is the forbid that fired, with the conditions that it needed not to hold in `failing`,
    or the permit that came nearest with the conditions that failed; `None` where no rule speaks of such an
    access. `nearest` is `None` when no change of circumstances allows it. Otherwise `rule` is the first that
    permits.
    """

    decision: Decision
    rule: str | None
    clauses: tuple[str, ...]
    where: Position | None
    failing: tuple[Condition, ...]
    nearest: Nearest | None


class Permission(Struct, frozen=True):
    """One line of "who may do what with which category": a rule in force that speaks of it."""

    rule: str
    who: tuple[str, ...]
    may: tuple[str, ...]
    purposes: tuple[str, ...]
    to: tuple[str, ...]
    when: tuple[str | Written, ...]


def explain(compiled: CompiledTimeline, access: Access, facts: Facts, now: Instant) -> Explanation:
    """Decide, and say why. A few milliseconds for a denial; never raises for what `decide` takes."""
    decision = decide(compiled, access, facts, now)
    if decision.effect is not Effect.DENY:
        return _explained(compiled, decision, next(iter(decision.rules), None), (), None, now)
    rule: str | None = None
    failing: tuple[Condition, ...] = ()
    if decision.rules:
        rule = decision.rules[0]
        failing = _kept_by(compiled, rule, access, facts, now)
    elif decision.missing:
        rule = min(name for name, _ in decision.missing) or None
        failing = tuple(dict.fromkeys(c for name, c in decision.missing if name == (rule or "")))
    return _explained(compiled, decision, rule, failing, _search(compiled, access, facts, now), now)


def apply(nearest: Nearest, access: Access, facts: Facts, now: Instant) -> tuple[Access, Facts]:
    """The access and the facts with the change made."""
    access = _with_slots(access, nearest.slots)
    changes = [(c, True) for c in nearest.satisfy] + [(c, False) for c in nearest.exclude]
    for change in changes:
        facts = applied(change, facts, now) or facts
    return access, facts


def who_may(compiled: CompiledTimeline, category: str, now: Instant) -> list[Permission]:
    """Every rule in force about `category`, permits first, each in the document's order."""
    era = compiled.era(now)
    version = compiled.timeline.version(era.version) if era else None
    if version is None:
        return []
    named = [("permit", version.document.permit), ("forbid", version.document.forbid)]
    return [
        Permission(f"{kind}.{name}", tuple(r.who), tuple(r.may), tuple(r.for_), tuple(r.to), tuple(r.when))
        for kind, rules in named
        for name, r in rules.items()
        if category in r.what or (kind == "forbid" and ANYTHING in r.what)
    ]


def _explained(
    compiled: CompiledTimeline,
    decision: Decision,
    rule: str | None,
    failing: tuple[Condition, ...],
    nearest: Nearest | None,
    now: Instant,
) -> Explanation:
    clauses: tuple[str, ...] = ()
    where: Position | None = None
    if rule is not None:
        kind, _, name = rule.partition(".")
        for version in reversed(compiled.timeline.versions):
            rules: dict[str, Rule] = version.document.permit if kind == "permit" else version.document.forbid
            if version.effective <= now and name in rules:
                clauses, where = tuple(rules[name].clauses), version.source.locate((kind, name))
                break
    return Explanation(decision, rule, clauses, where, failing, nearest)


def _kept_by(
    compiled: CompiledTimeline, rule: str, access: Access, facts: Facts, now: Instant
) -> tuple[Condition, ...]:
    """The conditions of the forbid that fired; `()` when it always does."""
    for step in _steps(compiled, access, facts, now):
        for term in step.forbids:
            if term.rule == rule and not _excluded(term, access, facts, now):
                return term.conditions
    return ()


# the search


def _search(compiled: CompiledTimeline, access: Access, facts: Facts, now: Instant) -> Nearest | None:
    """Cheapest first: what is allowed when it is taken from the heap is the nearest."""
    order = count()
    heap: list[
        tuple[int, tuple[str, ...], int, Access, Facts, tuple[tuple[str, str], ...], tuple[Change, ...]]
    ]
    heap = []
    for cost, slots in _slots(compiled, access, now):
        heap.append(
            (cost, tuple(v for _, v in slots), next(order), _with_slots(access, slots), facts, slots, ())
        )
    heapq.heapify(heap)
    for _ in range(_MOST_TRIED):
        if not heap:
            return None
        cost, names, _, asked, known, slots, made = heapq.heappop(heap)
        decision = decide(compiled, asked, known, now)
        if decision.effect is not Effect.DENY:
            turned = [(c, holds) if holds else _turned(c) for c, holds in made]
            satisfy = tuple(c for c, holds in turned if holds)
            exclude = tuple(c for c, holds in turned if not holds)
            return Nearest(slots, satisfy, exclude, decision.rules[0] if decision.rules else "")
        for rule, changes in _repairs(compiled, asked, known, now):
            after = _all_applied(changes, made, known, now)
            if after is not None:
                entry = (
                    cost + len(changes),
                    (*names, rule),
                    next(order),
                    asked,
                    after,
                    slots,
                    made + changes,
                )
                heapq.heappush(heap, entry)
    return None


def _turned(condition: Condition) -> Change:
    """To exclude a condition is to satisfy its opposite, where it has one."""
    other = opposite(condition)
    return (condition, False) if other is None else (other, True)


def _slots(
    compiled: CompiledTimeline, access: Access, now: Instant
) -> Iterator[tuple[int, tuple[tuple[str, str], ...]]]:
    yield 0, ()
    era = compiled.era(now)
    version = compiled.timeline.version(era.version) if era else None
    if version is None:
        return
    document = version.document
    words: dict[str, tuple[str | None, list[str]]] = {
        "purpose": (access.purpose, list(document.purpose)),
        "recipient": (access.recipient, list(document.recipient) if access.operation in SHARING else []),
    }
    for slot, (now_there, others) in words.items():
        for word in others:
            if word != now_there:
                yield _SLOT_COST, ((slot, word),)


def _with_slots(access: Access, slots: tuple[tuple[str, str], ...]) -> Access:
    return msgspec.structs.replace(access, **dict(slots)) if slots else access


def _repairs(
    compiled: CompiledTimeline, access: Access, facts: Facts, now: Instant
) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Ways to get past the step that denies: exclude its first forbid, or satisfy one of its permits."""
    for step in _steps(compiled, access, facts, now):
        fired = [term for term in step.forbids if not _excluded(term, access, facts, now)]
        if fired:
            for condition in fired[0].conditions:
                yield fired[0].rule, ((condition, False),)
            return
        failing = [(term.rule, _failing(term, access, facts, now)) for term in step.whole]
        if all(conditions for _, conditions in failing):
            for rule, conditions in sorted(failing, key=lambda each: (len(each[1]), each[0])):
                yield rule, tuple((condition, True) for condition in conditions)
            return


def _all_applied(
    changes: tuple[Change, ...], made: tuple[Change, ...], facts: Facts, now: Instant
) -> Facts | None:
    """The facts with all changes, unless one is impossible or undoes another."""
    about = [fact_of(condition) for condition, _ in (*made, *changes)]
    if not changes or len(set(about)) != len(about):
        return None
    after: Facts | None = facts
    for change in changes:
        after = applied(change, after, now) if after is not None else None
    return after


def _steps(compiled: CompiledTimeline, access: Access, facts: Facts, now: Instant) -> tuple[Step, ...]:
    """The steps that test this access, newest first."""
    era: Era | None = compiled.era(now)
    if era is None:
        return ()
    key = (access.actor.kind, access.operation, access.category, access.purpose, access.recipient)
    plan: Plan = era.plans.get(key) or era.plan(key)
    if facts.row is None:
        return tuple(step for step in plan.steps if step.version == plan.newest)
    version = facts.row.values.get("collected_under")
    test = plan.tests.get(version) if type(version) is int else None
    return () if test is None else test.steps


_NO_ROW = RowFacts()


def _answered(condition: Condition, access: Access, facts: Facts, now: Instant) -> bool | None:
    row = facts.row or _NO_ROW
    people = [row.people.get(subject, {}) for subject in row.subjects if subject is not None]
    return answer(condition)(facts.access, row, people, access.actor, now)


def _is_asked(condition: Condition, access: Access, facts: Facts) -> bool:
    """Without a row only what is known before one is asked."""
    if facts.row is not None or condition.level == "access":
        return True
    return isinstance(condition, Own) and access.actor.id is None


def _failing(term: Term, access: Access, facts: Facts, now: Instant) -> list[Condition]:
    return [
        c
        for c in term.conditions
        if _is_asked(c, access, facts) and _answered(c, access, facts, now) is not True
    ]


def _excluded(term: Term, access: Access, facts: Facts, now: Instant) -> bool:
    """The forbid does not fire; without a row, also when a row could still keep it from firing."""
    for condition in term.conditions:
        if _is_asked(condition, access, facts):
            if _answered(condition, access, facts, now) is False:
                return True
        elif facts.row is None:
            return True
    return False
