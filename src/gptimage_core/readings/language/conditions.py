"""The tables of conditions: each named and parametrised one with its shape, its words and its SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

import msgspec

from gptimage_core.clock import Span
from gptimage_core.decision.conditions import Condition as Shape
from gptimage_core.decision.conditions import Empty, Flag, Own, SameTenant, Until
from gptimage_core.decision.model import Residual, ResidualStep
from gptimage_core.decision.terms import written
from gptimage_core.policy.binding import Column, DataMap, Table
from gptimage_core.policy.document import Condition, Document, Rule
from gptimage_core.policy.vocabulary import NamedCondition
from gptimage_core.readings.dialects import SQLITE
from gptimage_core.readings.language.markdown import table
from gptimage_core.readings.prose import condition_words
from gptimage_core.readings.sql import Param, predicate

__all__ = ["EXAMPLES", "implied_table", "named_table", "parametrised_table"]

EXAMPLES: dict[str, Condition] = {
    "is": Condition(fact="plan", is_=["member"]),
    "is_not": Condition(fact="plan", is_not=["free"]),
    "at_least": Condition(fact="overdue_days", at_least=30),
    "at_most": Condition(fact="overdue_days", at_most=365),
    "passed": Condition(fact="embargo_ends", passed=True),
    "consent": Condition(consent="suggestions"),
    "given": Condition(consent="suggestions", given=False),
    "not": Condition(not_="age_floor_is_met"),
    "signed_in_within": Condition(signed_in_within=Span(minutes=10)),
    "recorded_within": Condition(recorded_within=Span(days=30)),
    "older_than": Condition(older_than=Span(months=6)),
    "deleted_within": Condition(deleted_within=Span(seconds=10)),
    "ended_for": Condition(ended_for=Span(seconds=10)),
}
"""One example for each parametrised condition; the key is the key that asks."""

_ROW = Table(
    "row",
    (
        Column("id", "identifier", "text", role="key"),
        Column("owner", "identifier", "text", role="subject"),
        Column("tenant", "identifier", "text", role="tenant"),
        Column("recorded", "identifier", "instant", role="recorded"),
        Column("keep_ended", "identifier", "instant", role="keep_ended"),
        Column("collected_under", "identifier", "integer", role="collected_under"),
        Column("overdue_days", "identifier", "integer", fact="overdue_days"),
    ),
)


def named_table(document: Document) -> str:
    """`NamedCondition`, each with what it becomes."""
    return table(
        ("condition", "level", "fact", "in a sentence", "SQL when it must hold"),
        (_row(f"`{name}`", cast(NamedCondition, name), document) for name in get_args(NamedCondition)),
    )


def parametrised_table(document: Document) -> str:
    """The parametrised ones, by example."""
    return table(
        ("example", "level", "fact", "in a sentence", "SQL when it must hold"),
        (_row(f"`{_spelled(each)}`", each, document) for each in EXAMPLES.values()),
    )


_IMPLIED: tuple[tuple[str, str, str, Shape | str, str], ...] = (
    ("the row is of the actor's tenant", "always", "nothing", SameTenant(), "tenants never mix"),
    (
        "the person is not deleted",
        "data about people",
        "`deleted`",
        Flag("deleted", "subject", False),
        "S32, S33",
    ),
    ("the row's keeping has not ended", "always", "`deleted`", Empty("keep_ended"), "S32"),
    (
        "processing is not restricted",
        "data about people",
        "`restricted`",
        Flag("restricted", "subject", False),
        "S37, X10, GDPR 18",
    ),
    (
        "there is no objection",
        "basis `legitimate_interest`, data about people",
        "`objected`",
        Flag("objection:keep_order", "subject", False),
        "S37, GDPR 21",
    ),
    (
        "every consent that names the purpose is given",
        "basis `consent`",
        "nothing",
        Flag("consent:suggestions", "subject"),
        "S17, S19, GDPR 7",
    ),
    (
        "the ceiling is not over",
        "every operation but `delete`",
        "nothing",
        "`recorded` or `keep_ended` against `:cutoff`",
        "S34",
    ),
    ("the contract is in force", "sharing", "nothing", Until(0, ""), "S21, S22, GDPR 28"),
    (
        "the recipient is registered for the purpose",
        "sharing",
        "nothing",
        "none: settled when compiling",
        "S20",
    ),
    ("a transfer mechanism is valid", "sharing abroad", "nothing", Until(0, ""), "S42, S43, GDPR 44-49"),
    (
        "every version since the row was collected permits it",
        "always",
        "nothing",
        "`collected_under` selects the tests",
        "X11",
    ),
)


def implied_table() -> str:
    """The implied conditions; `decision.terms.implied` is the code that adds them."""
    return table(
        ("known", "asked", "lifted by", "SQL", "why"),
        (
            (known, asked, lifted, sql if isinstance(sql, str) else _sql(sql), why)
            for known, asked, lifted, sql, why in _IMPLIED
        ),
    )


def _row(spelled: str, condition: NamedCondition | Condition, document: Document) -> Sequence[str]:
    rule = Rule(who=["subject"], may=["read"], what=["loan"], for_=["lend"], when=[condition], clauses=[])
    shapes = written(rule, document)
    if not shapes:
        return (spelled, "none", "none: it always holds", "none: nothing is asked", "none: nothing is asked")
    (shape,) = shapes
    fact = "the row's subjects" if isinstance(shape, Own) else f"`{getattr(shape, 'fact', '')}`"
    return (spelled, shape.level, fact, f"when {condition_words(shape, document)}", _sql(shape))


def _sql(shape: Shape) -> str:
    if shape.level == "access":
        return "none: settled before the statement"
    residual = Residual((ResidualStep(1, ((shape,),), ()),))
    text = predicate(residual, _ROW, DataMap((_ROW,), ""), SQLITE, _placeholder)
    return f"`{text.removesuffix(' AND ' + _COLLECTED)}`"


_COLLECTED = '"row"."collected_under" = :value'


def _placeholder(param: Param) -> str:
    return f":{param.kind}"


def _spelled(condition: Condition) -> str:
    """The condition as TOML."""
    return _toml(msgspec.to_builtins(condition))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
