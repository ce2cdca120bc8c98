"""A timeline as a table that `decide` looks things up in.

Two stages. `compile_timeline` sorts the rules of every version by category, so that loading a thousand rules
costs one pass over them. A `Plan` is made for a key (who, operation, category, purpose, recipient) on its
first use and kept: it holds the permits and forbids that can matter for that key, their conditions as
questions, each asked once.

INVARIANT (plans-are-finite): plans are kept for known words only, so strings from outside cannot fill memory.
INVARIANT (every-version-since): a plan has a step per version up to the one in force; a row is tested by the
steps of the version it was collected under and of every later one (X11, S44). Sharing with a recipient that
uses data as its own gives two steps a version: one as sharing, one as `sell` (S28).
"""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from typing import TYPE_CHECKING

from gptimage_core.clock import Instant
from gptimage_core.decision.answers import Known, answer
from gptimage_core.decision.asking import Ask, Question, asking
from gptimage_core.decision.conditions import Condition, Flag, Own, SameTenant
from gptimage_core.decision.model import Actor, Conjunction, Decision, RowFacts
from gptimage_core.decision.terms import implied, subject_fact_names, written
from gptimage_core.policy.document import Document, Obligation, Rule
from gptimage_core.policy.vocabulary import ACTORS, ANY_PURPOSE, ANYONE, ANYTHING, OPERATIONS, SHARING

if TYPE_CHECKING:
    from gptimage_core.policy.timeline import Timeline, Version

__all__ = ["CompiledTimeline", "Era", "Key", "Plan", "Settled", "Step", "Term", "Test", "compile_timeline"]

Key = tuple[str, str, str, str, str | None]
"""Actor's kind, operation, category, purpose, recipient."""
Settled = partial[Decision]
"""A decision but for its instant."""


class Term:
    """One conjunction of one rule. What all permits of a step ask is in its `common`, not in each.

    `reasons` are the conditions in the order in which a denial names them: the tenant, own rows, yes/no facts
    about people and about the access, then the rest.
    """

    __slots__ = ("conditions", "obligations", "reasons", "release", "rule", "rules")

    def __init__(self, rule: str, conditions: Conjunction, source: Rule | None = None) -> None:
        self.rule = rule
        self.rules = (rule,)
        self.conditions = conditions
        self.reasons = sorted(conditions, key=_order)
        self.obligations: tuple[Obligation, ...] = tuple(source.then) if source else ()
        self.release = source.may_release_before_record if source else False


def _order(condition: Condition) -> int:
    match condition:
        case SameTenant():
            return 0
        case Own():
            return 1
        case Flag(level="subject"):
            return 2
        case Flag(level="access"):
            return 3
        case _:
            return 4


class Step:
    """What one version asks for one key. `permits` without what is in `common`; `whole` with it."""

    __slots__ = ("common", "forbids", "permits", "signature", "version", "whole")

    def __init__(self, version: int, permits: list[Term], forbids: list[Term]) -> None:
        self.version = version
        self.whole = tuple(permits)
        shared: Conjunction = ()
        if permits:
            first, *others = permits
            shared = tuple(c for c in first.conditions if all(c in other.conditions for other in others))
        self.common = Term("", shared)
        self.permits = tuple(_without(term, shared) for term in permits)
        self.forbids = tuple(forbids)
        self.signature = (
            tuple((t.rule, t.conditions, repr(t.obligations), t.release) for t in permits),
            tuple((t.rule, t.conditions) for t in forbids),
        )


def _without(term: Term, shared: Conjunction) -> Term:
    left = Term(term.rule, tuple(c for c in term.conditions if c not in shared))
    left.obligations, left.release = term.obligations, term.release
    return left


class Test:
    """What tests the rows of one version: `steps`, newest first, equal ones once.

    `questions` are all that the steps ask, each once; `ask` answers them, with a function that is made on the
    first use; `settled` keeps what followed from an answer.
    """

    __slots__ = ("ask", "questions", "settled", "steps")

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps
        asked: list[Question] = []
        for step in steps:
            asked += [(c, False) for term in step.forbids for c in term.conditions]
            asked += [(c, True) for term in (step.common, *step.permits) for c in term.conditions]
        self.questions = tuple(dict.fromkeys(asked))
        self.settled: dict[int, Settled] = {}
        self.ask: Ask = self._ask_first

    def _ask_first(self, known: Known, row: RowFacts, actor: Actor, now: Instant) -> int:
        self.ask = asking(self.questions)
        return self.ask(known, row, actor, now)


class Plan:
    """Everything that decides one key in one era.

    `steps` from the version in force back to the first. `tests` gives, per version that a row may carry, what
    tests it. `questions` are the access-level conditions whose
    answers (and whether the actor has an id) determine a residual; `residuals` keeps those by the answers.
    """

    __slots__ = ("newest", "questions", "residuals", "steps", "tests")

    def __init__(self, steps: list[Step]) -> None:
        self.steps = tuple(steps)
        self.newest = steps[0].version if steps else 0
        self.tests: dict[int, Test] = {}
        distinct: list[Step] = []
        for step in steps:
            if all(step.signature != other.signature for other in distinct):
                distinct.append(step)
            self.tests[step.version] = Test(tuple(distinct))
        asked = (
            c for s in steps for t in (*s.whole, *s.forbids) for c in t.conditions if c.level == "access"
        )
        self.questions = tuple((c, answer(c)) for c in dict.fromkeys(asked))
        self.residuals: dict[tuple[bool | None, ...], object] = {}


class _Rules:
    """The rules of one version, by category; forbids that name `anything` stand apart."""

    __slots__ = ("about_anything", "document", "forbids", "number", "order", "permits")

    def __init__(self, number: int, document: Document) -> None:
        self.number = number
        self.document = document
        self.permits: dict[str, list[tuple[str, Rule]]] = {}
        self.forbids: dict[str, list[tuple[str, Rule]]] = {}
        for table, rules in ((self.permits, document.permit), (self.forbids, document.forbid)):
            for name, rule in rules.items():
                for category in rule.what:
                    table.setdefault(category, []).append((name, rule))
        self.about_anything = self.forbids.pop(ANYTHING, [])

    def steps(self, key: Key) -> list[Step]:
        """One step, or two where sharing is also selling; none of the words unknown makes a permit."""
        kind, operation, category, purpose, recipient = key
        operations = [operation]
        if operation in SHARING and recipient is not None and self._uses_as_its_own(recipient):
            operations.append("sell")
        return [self._step(kind, each, category, purpose, recipient) for each in operations]

    def _uses_as_its_own(self, recipient: str) -> bool:
        found = self.document.recipient.get(recipient)
        return found is not None and found.contract is not None and found.contract.uses == "own"

    def _step(self, kind: str, operation: str, category: str, purpose: str, recipient: str | None) -> Step:
        document = self.document
        permits: list[Term] = []
        if category in document.category and purpose in document.purpose and kind in ACTORS:
            for name, rule in self.permits.get(category, ()):
                if (
                    kind in rule.who
                    and operation in rule.may
                    and purpose in rule.for_
                    and _permits_recipient(rule, operation, recipient)
                ):
                    said = written(rule, document)
                    for extra in implied(rule, document, category, purpose, operation, recipient):
                        conditions = tuple(dict.fromkeys((*said, *extra)))
                        permits.append(Term(f"permit.{name}", conditions, rule))
        forbids = [
            Term(f"forbid.{name}", tuple(dict.fromkeys(written(rule, document))))
            for name, rule in (*self.forbids.get(category, ()), *self.about_anything)
            if (kind in rule.who or ANYONE in rule.who)
            and operation in rule.may
            and (purpose in rule.for_ or ANY_PURPOSE in rule.for_)
            and _forbids_recipient(rule, operation, recipient)
        ]
        return Step(self.number, permits, forbids)


def _permits_recipient(rule: Rule, operation: str, recipient: str | None) -> bool:
    """A permit reaches the recipients it names; a sale that names none is not bound to one."""
    if operation in SHARING:
        return recipient in rule.to
    return operation != "sell" or not rule.to or recipient in rule.to


def _forbids_recipient(rule: Rule, operation: str, recipient: str | None) -> bool:
    """A forbid reaches the recipients it names, and every one that it cannot exclude (fail closed)."""
    if operation not in SHARING and operation != "sell":
        return True
    return not rule.to or recipient is None or recipient in rule.to or ANYONE in rule.to


class Era:
    """The time from one version's effect to the next one's: the plans that decide in it."""

    __slots__ = ("_rules", "digest", "known", "plans", "version")

    def __init__(self, rules: list[_Rules], version: int, digest: str) -> None:
        self._rules = rules
        """From the version in force back to the first."""
        self.version = version
        self.digest = digest
        self.plans: dict[Key, Plan] = {}

    def plan(self, key: Key) -> Plan:
        """Make the plan of `key`; keep it when all its words are known (plans-are-finite)."""
        made = Plan([step for rules in self._rules for step in rules.steps(key)])
        if self._is_known(key):
            self.plans[key] = made
        return made

    def _is_known(self, key: Key) -> bool:
        kind, operation, category, purpose, recipient = key
        document = self._rules[0].document
        return (
            kind in ACTORS
            and operation in OPERATIONS
            and category in document.category
            and purpose in document.purpose
            and (recipient is None or recipient in document.recipient)
        )


class CompiledTimeline:
    """The compiled timeline; `timeline` is what it was compiled from.

    `subject_facts` names every subject-level fact that a decision may ask for, in any version.
    """

    __slots__ = ("_eras", "_starts", "last", "last_start", "subject_facts", "timeline")

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        versions: list[Version] = sorted(timeline.versions, key=lambda version: version.number)
        rules = [_Rules(version.number, version.document) for version in versions]
        self._starts = [version.effective for version in versions]
        self._eras = [
            Era(rules[index::-1], version.number, version.digest) for index, version in enumerate(versions)
        ]
        self.last = self._eras[-1]
        self.last_start = self._starts[-1]
        names: set[str] = set()
        for version in versions:
            names |= subject_fact_names(version.document)
        self.subject_facts = frozenset(names)

    def era(self, now: Instant) -> Era | None:
        """The era that `now` is in; `None` before the first version takes effect (then everything denies)."""
        if now >= self.last_start:
            return self.last
        index = bisect_right(self._starts, now)
        return self._eras[index - 1] if index else None


def compile_timeline(timeline: Timeline) -> CompiledTimeline:
    """Compile every version; plans are made on first use. Versions are in the order of their effect."""
    return CompiledTimeline(timeline)
