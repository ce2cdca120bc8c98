"""A decision explained in words: the verdict, the rule with its clauses and place, the nearest change."""

from __future__ import annotations

from collections.abc import Sequence

from gptimage_core.decision.conditions import Condition
from gptimage_core.decision.model import Effect
from gptimage_core.decision.nearest import Explanation, Nearest
from gptimage_core.policy.document import Document
from gptimage_core.readings.prose.words import condition_words, join

_VERDICTS = {
    Effect.ALLOW: "allowed",
    Effect.DENY: "denied",
    Effect.CONDITIONAL: "depends on the row",
}


def explanation_text(explanation: Explanation, document: Document) -> str:
    """The explanation as lines for a terminal: verdict, rule, clause, file:line, nearest change."""
    decision = explanation.decision
    lines = [f"{_VERDICTS[decision.effect]}: {reason_words(explanation, document)}"]
    if explanation.rule is not None:
        lines.append(f"  rule     {explanation.rule}")
        lines.append(f"  clause   {' '.join(explanation.clauses) or '-'}")
        lines.append(f"  stands   {explanation.where}")
    if decision.effect is Effect.DENY:
        nearest = explanation.nearest
        words = nearest_words(nearest, document) if nearest is not None else "no change of circumstances"
        lines.append(f"  allowed  {words}")
    return "\n".join(lines)


def explanation_data(explanation: Explanation, document: Document) -> dict[str, object]:
    """The same as one JSON-able value."""
    decision, where = explanation.decision, explanation.where
    return {
        "effect": decision.effect.value,
        "reason": reason_words(explanation, document),
        "rule": explanation.rule,
        "rules": list(decision.rules),
        "clauses": list(explanation.clauses),
        "where": None if where is None else str(where),
        "nearest": None if explanation.nearest is None else nearest_words(explanation.nearest, document),
        "version": decision.version,
        "digest": decision.digest,
    }


def reason_words(explanation: Explanation, document: Document) -> str:
    """Why, in one clause, as operators read it."""
    effect, rule = explanation.decision.effect, explanation.rule
    if effect is Effect.ALLOW:
        return f"`{rule}` permits it"
    if effect is Effect.CONDITIONAL:
        return f"`{rule}` permits it for the rows that fit"
    if rule is None:
        return "no rule permits this"
    words = _all(explanation.failing, document)
    if rule.startswith("forbid."):
        return f"`{rule}` forbids it" + (f", unless it is known not to be so that {words}" if words else "")
    return f"`{rule}` would permit it, but it is not known that {words or 'everything is met'}"


def nearest_words(nearest: Nearest, document: Document) -> str:
    """The nearest change that would allow, as a clause that follows "allowed"."""
    parts = [f"with {slot} `{word}`" for slot, word in nearest.slots]
    if nearest.satisfy:
        parts.append(f"if {_all(nearest.satisfy, document)}")
    if nearest.exclude:
        parts.append(f"if it were known not to be so that {_all(nearest.exclude, document)}")
    words = ", ".join(parts) or "as it is"
    return f"{words} (`{nearest.rule}`)" if nearest.rule else words


def _all(conditions: Sequence[Condition], document: Document) -> str:
    return join([condition_words(condition, document) for condition in conditions])
