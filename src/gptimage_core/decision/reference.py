"""The slow, obvious interpreter: reads the documents as a person would, and decides about one row.

It shares no code with `compile`, `decide` or `terms`, only the data types, so that the property tests hold
two readings of the language against each other. Nothing is cached, nothing is clever, nobody calls it in
production. Answers are `"yes"`, `"no"` and `"unknown"`.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal, TypeAlias

from msgspec import Struct

from gptimage_core.clock import Instant, Span, from_datetime
from gptimage_core.decision.model import Access, Effect, Facts, RowFacts, Value
from gptimage_core.policy.document import Condition, Document, Recipient, Rule
from gptimage_core.policy.timeline import Timeline

__all__ = ["decide_slowly"]

_Said: TypeAlias = Literal["yes", "no", "unknown"]


class _Question(Struct):
    """What is asked of one document: may this operation be done, of this row?"""

    document: Document
    access: Access
    operation: str
    facts: Facts
    row: RowFacts
    now: Instant


def decide_slowly(
    timeline: Timeline, access: Access, facts: Facts, now: Instant
) -> tuple[Effect, frozenset[str]]:
    """The effect and the rules that determined it. `facts.row` is needed: `ValueError` without one."""
    if facts.row is None:
        raise ValueError("the reference decides about a row; give `facts.row`")
    in_effect = [version for version in timeline.versions if version.effective <= now]
    collected_under = facts.row.values.get("collected_under")
    if type(collected_under) is not int or collected_under not in [v.number for v in in_effect]:
        return Effect.DENY, frozenset()
    newest = max(version.number for version in in_effect)
    allowed_by: set[str] = set()
    for version in sorted(in_effect, key=lambda each: each.number, reverse=True):
        if version.number < collected_under:
            continue
        for operation in _operations(version.document, access):
            question = _Question(version.document, access, operation, facts, facts.row, now)
            fired = {f"forbid.{name}" for name, r in version.document.forbid.items() if _fires(r, question)}
            if fired:
                return Effect.DENY, frozenset(fired)
            held = {f"permit.{name}" for name, r in version.document.permit.items() if _holds(r, question)}
            if not held:
                return Effect.DENY, frozenset()
            if version.number == newest:
                allowed_by |= held
    return Effect.ALLOW, frozenset(allowed_by)


def _operations(document: Document, access: Access) -> list[str]:
    """Sharing with somebody who may use the data as their own is a sale as well (S28)."""
    recipient = document.recipient.get(access.recipient or "")
    contract = recipient.contract if recipient is not None else None
    if access.operation in ("share", "disclose") and contract is not None and contract.uses == "own":
        return [access.operation, "sell"]
    return [access.operation]


def _fires(rule: Rule, question: _Question) -> bool:
    access = question.access
    if access.actor.kind not in rule.who and "anyone" not in rule.who:
        return False
    if question.operation not in rule.may:
        return False
    if access.category not in rule.what and "anything" not in rule.what:
        return False
    if access.purpose not in rule.for_ and "any_purpose" not in rule.for_:
        return False
    if question.operation in ("share", "disclose", "sell"):
        spared = rule.to and access.recipient is not None and access.recipient not in rule.to
        if spared and "anyone" not in rule.to:
            return False
    return all(_written(item, question) != "no" for item in rule.when)


def _holds(rule: Rule, question: _Question) -> bool:
    access, document = question.access, question.document
    known_actor = access.actor.kind in ("subject", "guest", "staff", "service", "processor", "authority")
    if not known_actor or access.category not in document.category or access.purpose not in document.purpose:
        return False
    if access.actor.kind not in rule.who or question.operation not in rule.may:
        return False
    if access.category not in rule.what or access.purpose not in rule.for_:
        return False
    if question.operation in ("share", "disclose") and access.recipient not in rule.to:
        return False
    if question.operation == "sell" and rule.to and access.recipient not in rule.to:
        return False
    if not all(_written(item, question) == "yes" for item in rule.when):
        return False
    return (
        question.row.tenant == access.actor.tenant
        and _person_allows(rule, question)
        and _is_kept(rule, question)
        and _is_young_enough(question)
        and _recipient_is_bound(question)
    )


def _person_allows(rule: Rule, question: _Question) -> bool:
    """Implied: not deleted, not restricted, no objection to a legitimate interest, every consent given."""
    document, purpose = question.document, question.access.purpose
    basis = document.purpose[purpose].basis
    if document.category[question.access.category].about == "subject":
        if "deleted" not in rule.even_when and _flag(question, "deleted") != "no":
            return False
        if "restricted" not in rule.even_when and _flag(question, "restricted") != "no":
            return False
        may_object = basis == "legitimate_interest" and "objected" not in rule.even_when
        if may_object and _flag(question, f"objection:{purpose}") != "no":
            return False
    if basis == "consent":
        naming = [name for name, consent in document.consent.items() if purpose in consent.purposes]
        return bool(naming) and all(_flag(question, f"consent:{name}") == "yes" for name in naming)
    return True


def _is_kept(rule: Rule, question: _Question) -> bool:
    values = question.row.values
    return "deleted" in rule.even_when or ("keep_ended" in values and values["keep_ended"] is None)


def _is_young_enough(question: _Question) -> bool:
    """Implied: the ceiling is not over, except for deleting what is too old."""
    ceiling = question.document.category[question.access.category].gone_after
    if question.operation == "delete" or ceiling is None:
        return True
    if ceiling.stores != "all" and "live" not in ceiling.stores:
        return True
    values = question.row.values
    if ceiling.from_ == "keep_ended" and "keep_ended" in values and values["keep_ended"] is None:
        return True
    return _since(ceiling, values.get(ceiling.from_), question.now) == "within"


def _recipient_is_bound(question: _Question) -> bool:
    """Implied: a recipient is registered for the purpose, under contract, and may receive the data there."""
    name = question.access.recipient
    if name is None or question.operation not in ("share", "disclose", "sell"):
        return True
    recipient: Recipient | None = question.document.recipient.get(name)
    if recipient is None or question.access.purpose not in recipient.purposes:
        return False
    if recipient.contract is None:
        if recipient.role != "authority":
            return False
    elif not _day(recipient.contract.signed) <= question.now < _day(recipient.contract.until):
        return False
    if recipient.transfer is None:
        return all(country == question.document.controller.country for country in recipient.countries)
    return recipient.transfer.until is None or question.now < _day(recipient.transfer.until)


def _day(day: dt.date) -> Instant:
    return from_datetime(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC))


def _since(span: Span, start: Value, now: Instant) -> Literal["within", "over", "unknown"]:
    """Whether the span from `start` is over; the future is a skewed clock's (X5)."""
    if type(start) is not int or start > now:
        return "unknown"
    return "over" if start <= span.cutoff(now) else "within"


def _written(item: str | Condition, question: _Question) -> _Said:
    access, row, now = question.access, question.row, question.now
    if isinstance(item, Condition):
        return _parametrised(item, question)
    if item == "always":
        return "yes"
    if item == "row_is_own":
        if access.actor.id is None or not _people(row):
            return "unknown"
        return "yes" if access.actor.id in row.subjects else "no"
    if item == "ticket_is_open":
        until = question.facts.access.get("ticket_until")
        return _said(now < until) if type(until) is int else "unknown"
    if item == "actor_is_signed_in":
        return _boolean(question.facts.access.get("signed_in"))
    if item in ("job_is_live", "second_person_approved", "instrument_covers_it"):
        return _boolean(question.facts.access.get(item))
    if item == "account_is_deleted":
        return _flag(question, "deleted")
    if item == "processing_is_restricted":
        return _flag(question, "restricted")
    return _flag(question, item)


def _parametrised(item: Condition, question: _Question) -> _Said:
    known, values, now = question.facts.access, question.row.values, question.now
    if item.fact is not None:
        return _fact(item, question)
    if item.consent is not None:
        given = _flag(question, f"consent:{item.consent}")
        return _opposite(given) if item.given is False else given
    if item.not_ is not None:
        return _opposite(_written(item.not_, question))
    asked: tuple[tuple[Span | None, Value, str], ...] = (
        (item.signed_in_within, known.get("signed_in_at"), "within"),
        (item.recorded_within, values.get("recorded"), "within"),
        (item.older_than, values.get("recorded"), "over"),
        (item.deleted_within, values.get("keep_ended"), "within"),
        (item.ended_for, values.get("keep_ended"), "over"),
    )
    for span, start, wanted in asked:
        if span is not None:
            found = _since(span, start, now)
            return "unknown" if found == "unknown" else _said(found == wanted)
    return "no"


def _fact(item: Condition, question: _Question) -> _Said:
    assert item.fact is not None
    declared = question.document.fact.get(item.fact)
    if declared is None:
        return "no"
    if declared.of == "access":
        return _tested(item, question.facts.access.get(item.fact), question.now)
    if declared.of == "row":
        return _tested(item, question.row.values.get(item.fact), question.now)
    said = [
        _tested(item, question.row.people.get(person, {}).get(item.fact), question.now)
        for person in _people(question.row)
    ]
    return _of_everybody(said)


def _tested(item: Condition, value: Value, now: Instant) -> _Said:
    if value is None:
        return "unknown"
    for values, wanted in ((item.is_, True), (item.is_not, False)):
        if values is not None:
            if type(value) not in [type(each) for each in values]:
                return "unknown"
            return _said(any(type(each) is type(value) and each == value for each in values) == wanted)
    if type(value) is not int:
        return "unknown"
    if item.passed is not None:
        return _said((value <= now) == item.passed)
    if item.at_least is None and item.at_most is None:
        return "no"
    low = item.at_least is None or item.at_least <= value
    high = item.at_most is None or value <= item.at_most
    return _said(low and high)


def _flag(question: _Question, fact: str) -> _Said:
    """A yes/no fact about the row's people."""
    row = question.row
    return _of_everybody([_boolean(row.people.get(person, {}).get(fact)) for person in _people(row)])


def _people(row: RowFacts) -> list[str]:
    return [subject for subject in row.subjects if subject is not None]


def _of_everybody(said: list[_Said]) -> _Said:
    """Yes when it is yes of every known person, no when it is no of every one; of nobody it is unknown."""
    if said and all(each == "yes" for each in said):
        return "yes"
    if said and all(each == "no" for each in said):
        return "no"
    return "unknown"


def _boolean(value: Value) -> _Said:
    return _said(value) if isinstance(value, bool) else "unknown"


def _said(value: bool) -> _Said:
    return "yes" if value else "no"


def _opposite(said: _Said) -> _Said:
    return {"yes": "no", "no": "yes"}.get(said, "unknown")  # type: ignore[return-value]  # values are the same words
