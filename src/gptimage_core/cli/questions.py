"""A question to the policy, as JSON, and its answer as words and data."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import cast

import msgspec
from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.decision import Access, Actor, CompiledTimeline, Effect, Facts, RowFacts, decide, explain
from gptimage_core.errors import PolicyError
from gptimage_core.policy.document import Rule
from gptimage_core.readings.prose import explanation_data, explanation_text, written_words
from gptimage_core.readings.prose.words import join

Scalar = str | int | bool | None


class _Row(Struct, forbid_unknown_fields=True):
    tenant: str | None = None
    subjects: list[str | None] = []
    people: dict[str, dict[str, Scalar]] = {}
    values: dict[str, Scalar] = {}


class _Facts(Struct, forbid_unknown_fields=True):
    access: dict[str, Scalar] = {}
    row: _Row | None = None


class _Actor(Struct, forbid_unknown_fields=True):
    kind: str
    id: str | None = None
    tenant: str = "main"


class Question(Struct, forbid_unknown_fields=True):
    """One access with its facts. Without `facts.row` the answer may be `conditional`."""

    actor: _Actor
    purpose: str
    operation: str
    category: str
    recipient: str | None = None
    facts: _Facts = msgspec.field(default_factory=_Facts)


class Answer(Struct, frozen=True):
    """The effect, one JSON-able value, and words."""

    effect: Effect
    data: dict[str, object]
    text: str


def parse_question(value: object) -> Question:
    """Convert JSON data. Raises `PolicyError` naming the field that does not fit."""
    try:
        return msgspec.convert(value, Question)
    except msgspec.ValidationError as error:
        raise PolicyError(
            f"the question does not fit: {error}; it takes actor {{kind, id, tenant}}, purpose, operation, "
            "category, recipient and facts {access, row {tenant, subjects, people, values}}"
        ) from error


def ask(compiled: CompiledTimeline, question: Question, now: Instant) -> Answer:
    """Decide the question at `now` and explain the answer. Unknown words are refused, with what is known."""
    _known_words(compiled, question, now)
    row = question.facts.row
    facts = Facts(
        access=question.facts.access,
        row=None
        if row is None
        else RowFacts(tenant=row.tenant, subjects=tuple(row.subjects), people=row.people, values=row.values),
    )
    access = Access(
        Actor(question.actor.kind, question.actor.id, question.actor.tenant),
        question.purpose,
        question.operation,
        question.category,
        question.recipient,
    )
    decision = decide(compiled, access, facts, now)
    document = compiled.timeline.at(now).document
    explanation = explain(compiled, access, facts, now)
    return Answer(
        decision.effect, explanation_data(explanation, document), explanation_text(explanation, document)
    )


def _known_words(compiled: CompiledTimeline, question: Question, now: Instant) -> None:
    """`decide` denies an unknown word; a person who mistyped one is better served by hearing it."""
    document = compiled.timeline.at(now).document
    known: Mapping[str, tuple[str | None, Mapping[str, object]]] = {
        "purpose": (question.purpose, document.purpose),
        "category": (question.category, document.category),
        "recipient": (question.recipient, document.recipient),
    }
    for slot, (word, words) in known.items():
        if word is not None and word not in words:
            raise PolicyError(f"`{word}` is no {slot} of this policy; it has {join(sorted(words))}")


def rules_about(
    compiled: CompiledTimeline, args: argparse.Namespace, now: Instant
) -> list[dict[str, object]]:
    """Every rule in force that fits the given slots, permits and then forbids, a row a rule."""
    version = compiled.timeline.at(now)
    rows: list[dict[str, object]] = []
    for kind, rules in (("permit", version.document.permit), ("forbid", version.document.forbid)):
        for name, rule in rules.items():
            if _fits(rule, args):
                rows.append(
                    {
                        "who": " ".join(rule.who) if kind == "permit" else f"NOT {' '.join(rule.who)}",
                        "may": " ".join(rule.may),
                        "what": " ".join(rule.what),
                        "for": " ".join(rule.for_),
                        "when": written_words(rule, version.document),
                        "rule": f"{kind}.{name}",
                        "where": str(version.source.locate((kind, name))),
                        "clauses": list(rule.clauses),
                    }
                )
    return rows


def rule_lines(row: dict[str, object]) -> str:
    """A rule for a terminal: its name, place and clauses, and under it who may do what, for what, when."""
    clauses = " ".join(str(clause) for clause in cast(list[object], row["clauses"]))
    verb = "may" if str(row["rule"]).startswith("permit.") else "must not"
    who = str(row["who"]).removeprefix("NOT ")
    return (
        f"{row['rule']}  {row['where']}  {clauses}\n"
        f"    {who} {verb}: {row['may']}\n"
        f"    what: {row['what']}\n"
        f"    for:  {row['for']}\n"
        f"    when: {row['when']}"
    )


def _fits(rule: Rule, args: argparse.Namespace) -> bool:
    wanted = (
        (args.who, rule.who, "anyone"),
        (args.operation, rule.may, ""),
        (args.category, rule.what, "anything"),
        (args.purpose, rule.for_, "any_purpose"),
    )
    return all(word is None or word in words or every in words for word, words, every in wanted) and (
        args.to is None or not rule.to or args.to in rule.to
    )
