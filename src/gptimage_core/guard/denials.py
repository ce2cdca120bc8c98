"""A denial: recorded in a transaction of its own, with rule, clauses, file and line, and what would allow it.

People are told a neutral sentence with the denial's id; the words here are for operators
(`gptimage access explain ID`). Nothing of the row or the statement is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from gptimage_core.clock import Instant
from gptimage_core.decision.compile import CompiledTimeline
from gptimage_core.decision.conditions import Condition
from gptimage_core.decision.model import Access, Facts
from gptimage_core.decision.nearest import Explanation, Nearest, explain
from gptimage_core.policy.document import Document
from gptimage_core.readings.prose import condition_words
from gptimage_core.store.denials import Denial
from gptimage_core.store.state import new_id

__all__ = ["denial_of"]


def denial_of(
    compiled: CompiledTimeline, access: Access, facts: Facts, now: Instant, reason: str = ""
) -> Denial:
    """The record of a refusal. `reason` says what the guard found where no rule alone decided.

    `rule` is the forbid that fired or else the permit that came nearest; `None` where no rule speaks of it.
    """
    found = explain(compiled, access, facts, now)
    document = compiled.timeline.at(now).document
    where = found.where
    return Denial(
        id=new_id(),
        at=now,
        tenant=access.actor.tenant,
        actor_kind=access.actor.kind,
        actor=access.actor.id,
        purpose=access.purpose,
        operation=access.operation,
        category=access.category,
        recipient=access.recipient,
        rule=found.rule,
        clauses=found.clauses,
        file=None if where is None else where.file,
        line=None if where is None else where.line,
        column=None if where is None else where.column,
        nearest=None if found.nearest is None or reason else _nearest_words(found.nearest, document),
        reason=reason or _reason(found, document),
        digest=found.decision.digest,
        version=found.decision.version,
    )


def _reason(found: Explanation, document: Document) -> str:
    if found.rule is None:
        return "no rule permits this"
    if found.rule.startswith("forbid."):
        return f"`{found.rule}` forbids it" + (
            f", unless it is known not to be so that {_all(found.failing, document)}" if found.failing else ""
        )
    return f"`{found.rule}` would permit it, but it is not known that {_all(found.failing, document)}"


def _nearest_words(nearest: Nearest, document: Document) -> str:
    parts = [f"with {slot} `{word}`" for slot, word in nearest.slots]
    if nearest.satisfy:
        parts.append(f"if {_all(nearest.satisfy, document)}")
    if nearest.exclude:
        parts.append(f"if it were known not to be so that {_all(nearest.exclude, document)}")
    words = ", ".join(parts) or "as it is"
    return f"{words} (`{nearest.rule}`)" if nearest.rule else words


def _all(conditions: Sequence[Condition], document: Document) -> str:
    return (
        " and ".join(condition_words(condition, document) for condition in conditions) or "everything is met"
    )
