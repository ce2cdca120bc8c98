"""Words for the small parts: lists, spans, actors, operations, conditions.

Every shape of `decision.conditions` has its template here; a shape without one does not type-check
(`assert_never`), so no condition can be decided without being sayable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from gptimage_core.clock import Span, to_datetime
from gptimage_core.decision.conditions import (
    Between,
    Condition,
    Elapsed,
    Empty,
    Flag,
    Never,
    OneOf,
    Own,
    Passed,
    SameTenant,
    Until,
)
from gptimage_core.policy.document import Document

_ACTORS = {
    "subject": "you",
    "guest": "a visitor who is not signed in",
    "staff": "our staff",
    "service": "our software",
    "processor": "a company working for us",
    "authority": "an authority",
    "anyone": "anyone",
}

OPERATION_WORDS = {
    "read": "read",
    "create": "record",
    "update": "change",
    "correct": "correct",
    "delete": "delete",
    "export": "export",
    "share": "share",
    "disclose": "disclose",
    "train": "train models on",
    "aggregate": "count and average",
    "sell": "sell",
}

BASIS_WORDS = {
    "consent": "only if you agree",
    "contract": "because we need to, to give you the service",
    "legal_obligation": "because the law asks it of us",
    "legitimate_interest": "because we have a legitimate interest, and you may object",
    "vital_interest": "to protect somebody's life",
    "public_task": "as a task in the public interest",
}

_FLAGS: dict[str, tuple[str, str]] = {
    "signed_in": ("whoever asks is signed in", "whoever asks is not signed in"),
    "job_is_live": ("the job it belongs to is running", "the job it belongs to is no longer running"),
    "second_person_approved": ("a second person has approved it", "no second person has approved it"),
    "instrument_covers_it": ("a legal instrument covers it", "no legal instrument covers it"),
    "notice_was_given": ("the person was given notice before", "the person was not given notice"),
    "age_floor_is_met": ("the person is old enough", "the person is not old enough"),
    "account_is_active": ("the account is active", "the account is not active"),
    "restricted": ("processing for the person is restricted", "processing for the person is not restricted"),
    "deleted": ("the account has been deleted", "the account has not been deleted"),
}

_UNITS = ("years", "months", "days", "hours", "minutes", "seconds")


def join(parts: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; with semicolons where a part has commas of its own."""
    if len(parts) < 2:
        return "".join(parts)
    if any("," in part for part in parts):
        return f"{'; '.join(parts[:-1])}; {last} {parts[-1]}"
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


_YOU = (
    ("for the person", "for you"),
    ("the person's", "your"),
    ("the person is", "you are"),
    ("the person was", "you were"),
    ("the person has", "you have"),
    ("the account", "your account"),
)


def to_you(words: str) -> str:
    """The same words in a notice, where the reader is the person."""
    for person, you in _YOU:
        words = words.replace(person, you)
    return words


def span_words(span: Span) -> str:
    """`30 days`, `15 minutes`, `to the end of the 10th year`."""
    if span.end_of == "year":
        return f"to the end of the {ordinal(span.years)} year"
    if span.end_of == "month":
        return f"to the end of the {ordinal(span.months)} month"
    parts = [
        f"{number} {unit if number != 1 else unit[:-1]}" for unit in _UNITS if (number := getattr(span, unit))
    ]
    return join(parts) or "no time"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def actor_words(kinds: Sequence[str]) -> str:
    return join([_ACTORS[kind] for kind in kinds], "or")


def named(name: str, words: dict[str, str]) -> str:
    """The declared words of a name, or the name itself in spaces where there are none."""
    return words.get(name, name.replace("_", " "))


def condition_words(condition: Condition, document: Document) -> str:
    """The condition as a clause that follows "when": `it is the person's own`."""
    match condition:
        case Flag():
            return _flag_words(condition, document)
        case OneOf():
            if all(isinstance(value, bool) for value in condition.values):
                return _truth_words(condition, document)
            values = join([_value_words(value) for value in condition.values], "or")
            return f"{_fact_words(condition.fact, document)} is {'not ' if condition.negated else ''}{values}"
        case Between():
            return (
                f"{_fact_words(condition.fact, document)} is {_bounds_words(condition.low, condition.high)}"
            )
        case Elapsed():
            return _elapsed_words(condition, document)
        case Passed():
            return _passed_words(condition, document)
        case Empty():
            return (
                "it has not been deleted"
                if condition.fact == "keep_ended"
                else f"{condition.fact} is not set"
            )
        case Own():
            return "it is the person's own"
        case SameTenant():
            return "it belongs to the same organisation"
        case Until():
            return f"{condition.what} is valid (until {to_datetime(condition.until).date().isoformat()})"
        case Never():
            return condition.why
        case _:
            assert_never(condition)


def _flag_words(condition: Flag, document: Document) -> str:
    if condition.fact in _FLAGS:
        return _FLAGS[condition.fact][0 if condition.expected else 1]
    kind, _, name = condition.fact.partition(":")
    if kind == "consent":
        says = document.consent[name].says if name in document.consent else name
        return f"the person has {'' if condition.expected else 'not '}agreed: “{says}”"
    if kind == "objection":
        says = document.purpose[name].says if name in document.purpose else name
        return f"the person has {'' if condition.expected else 'not '}objected to our wish to {says}"
    words = _fact_words(condition.fact, document)
    return words if condition.expected else f"it is not so that {words}"


def _truth_words(condition: OneOf, document: Document) -> str:
    words = _fact_words(condition.fact, document)
    if len(set(condition.values)) > 1:
        return f"it is known whether {words}"
    is_so = bool(condition.values[0]) is not condition.negated
    return words if is_so else f"it is not so that {words}"


def _elapsed_words(condition: Elapsed, document: Document) -> str:
    words = _instant_words(condition.fact, document)
    if condition.span.end_of is not None:
        unit, number = (
            ("year", condition.span.years)
            if condition.span.end_of == "year"
            else ("month", condition.span.months)
        )
        return f"the {ordinal(number)} {unit} after {words} {'is over' if condition.over else 'is not over'}"
    return f"{words} {'more' if condition.over else 'less'} than {span_words(condition.span)} ago"


def _passed_words(condition: Passed, document: Document) -> str:
    if condition.fact == "ticket_until":
        return "its ticket has expired" if condition.expected else "a ticket for it is open"
    words = _fact_words(condition.fact, document)
    return f"{words} {'has passed' if condition.expected else 'lies ahead'}"


def _instant_words(fact: str, document: Document) -> str:
    known = {
        "signed_in_at": "the last sign-in was",
        "recorded": "it was recorded",
        "keep_ended": "it was deleted",
    }
    return known.get(fact) or f"{_fact_words(fact, document)} was"


def _fact_words(fact: str, document: Document) -> str:
    return document.fact[fact].says if fact in document.fact else fact.replace("_", " ")


def _bounds_words(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at least {low}" if low is not None else f"at most {high}"


def _value_words(value: str | int | bool) -> str:
    return str(value).replace("_", " ")
