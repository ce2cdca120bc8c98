"""Time: units never mix, no span is empty, and what must be kept is never due to be gone.

A "month" of law is a calendar month and a "day" of the policy is 86,400 s; a span of both would be neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from gptimage_core.clock import DAY, Span
from gptimage_core.policy.document import Category, Ceiling, Condition, Document
from gptimage_core.policy.findings import Path, Problem
from gptimage_core.policy.overlays import never_later
from gptimage_core.policy.remainder import LeftOut

__all__ = ["check"]

_LONGEST = 10_000 * 366 * DAY
"""Beyond it a cut-off does not fit a database, and the statement that asks for it would fail."""
_UNITS = ("seconds", "minutes", "hours", "days", "months", "years")
_IN_CONDITIONS = ("signed_in_within", "recorded_within", "older_than", "deleted_within", "ended_for")


def check(document: Document, left_out: LeftOut) -> Iterator[Problem]:
    for path, span in _spans(document, left_out):
        yield from _span(path, span)
    for name, category in document.category.items():
        if category.gone_after is not None:
            yield from _ceiling(("category", name), category, category.gone_after)


def _spans(document: Document, left_out: LeftOut) -> Iterator[tuple[Path, Span]]:
    for name, category in document.category.items():
        if category.gone_after is not None:
            yield ("category", name, "gone_after"), category.gone_after
        for field, rule in category.fields.items():
            yield ("category", name, "fields", field, "coarsen_after"), rule.coarsen_after
    for name, fact in document.fact.items():
        if fact.fresh_for is not None:
            yield ("fact", name, "fresh_for"), fact.fresh_for
    for name, right in document.right.items():
        yield ("right", name, "answer_within"), right.answer_within
    for name, setting in document.setting.items():
        if setting.span is not None:
            yield ("setting", name, "span"), setting.span
    for at, each in chain(
        ((("permit", name), each) for name, each in document.permit.items()),
        ((("forbid", name), each) for name, each in document.forbid.items()),
        left_out.rules.items(),
    ):
        for index, condition in enumerate(each.when):
            if isinstance(condition, Condition):
                for slot in _IN_CONDITIONS:
                    span = getattr(condition, slot)
                    if span is not None:
                        yield (*at, "when", index, slot), span


def _span(path: Path, span: Span) -> Iterator[Problem]:
    if span.is_calendar and span.is_fixed:
        yield Problem(
            path,
            "mixed-units",
            "the span mixes calendar units with fixed ones",
            "use months and years, or days and less; a day is 86,400 s and a month is the calendar's",
        )
    if span.microseconds + (span.years * 366 + span.months * 31) * DAY > _LONGEST:
        yield Problem(path, "too-big", "the span is longer than 10,000 years", "say a shorter one")
    for unit in _UNITS:
        if getattr(span, unit) < 0:
            yield Problem(
                (*path, unit), "negative-span", f"`{unit}` is negative", "a span goes forward in time"
            )
    if not span.is_calendar and not span.is_fixed:
        yield Problem(path, "empty-span", "the span is empty", "say how long, e.g. `days = 30`")


def _ceiling(at: Path, category: Category, ceiling: Ceiling) -> Iterator[Problem]:
    path = (*at, "gone_after")
    if ceiling.from_ == "recorded" and category.keep_until:
        yield Problem(
            path,
            "floor-outlasts-ceiling",
            f"`{at[-1]}` is kept until `{category.keep_until[0]}` and gone after a span from the record",
            'a floor can outlast such a ceiling: use `from = "keep_ended"`, or take `keep_until` out',
        )
    if ceiling.from_ == "keep_ended" and not category.keep_until:
        yield Problem(
            path,
            "ceiling-never-starts",
            f"nothing ends the keeping of `{at[-1]}`, so its ceiling never starts",
            'say what does with `keep_until = […]`, or use `from = "recorded"`',
        )
    if ceiling.at_once and ceiling.from_ != "keep_ended":
        yield Problem((*path, "at_once"), "no-meaning", '`at_once` stands with `from = "keep_ended"` only')
    if isinstance(ceiling.stores, list) and not ceiling.stores:
        yield Problem(
            (*path, "stores"), "empty", "the ceiling reaches no store", 'name stores, or write "all"'
        )
    if ceiling.margin_days and ceiling.margin_days >= ceiling.longest_days():
        yield Problem((*path, "margin_days"), "margin", "the margin is as long as the span itself")
    for field, rule in category.fields.items():
        if ceiling.from_ == "recorded" and never_later(ceiling, rule.coarsen_after):
            yield Problem(
                (*at, "fields", field, "coarsen_after"),
                "never-applies",
                f"`{field}` would coarsen when `{at[-1]}` is gone already",
                "coarsen sooner than the ceiling",
            )
