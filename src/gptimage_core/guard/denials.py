"""A denial: recorded in a transaction of its own, with rule, clauses, file and line, and what would allow it.

People are told a neutral sentence with the denial's id; the words here are for operators
(`gptimage access explain ID`). Nothing of the row or the statement is kept.
"""

from __future__ import annotations

from gptimage_core.clock import Instant
from gptimage_core.decision.compile import CompiledTimeline
from gptimage_core.decision.model import Access, Facts
from gptimage_core.decision.nearest import explain
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.inserting import Refused
from gptimage_core.guard.profiles import View
from gptimage_core.guard.statements.shaped import StaticDenial
from gptimage_core.policy.binding import DataMap
from gptimage_core.readings.prose import nearest_words, reason_words
from gptimage_core.store.denials import Denial
from gptimage_core.store.state import new_id

__all__ = ["denial_of", "refused_before_rows"]


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
        nearest=None if found.nearest is None or reason else nearest_words(found.nearest, document),
        reason=reason or reason_words(found, document),
        digest=found.decision.digest,
        version=found.decision.version,
    )


def refused_before_rows(datamap: DataMap, view: View, handle: Handle, denied: StaticDenial) -> Refused:
    """The refusal of a statement that the view denies whatever the row: of the first category that it may not
    touch, under the operation that would have permitted it."""
    table = datamap.table(denied.table)
    categories = () if table is None else table.categories
    operations = view.operations(denied.operation)
    if table is not None and denied.columns:
        named = [column.category for column in table.columns if column.name in denied.columns]
        categories = tuple(dict.fromkeys(c for c in named if c in categories)) or categories
    refused = [c for c in categories if not any(view.permits(o, [c]) for o in operations)]
    category = next(iter([*refused, *categories]), "")
    access = Access(handle.actor, handle.purpose, operations[0], category, view.recipient_for(operations[0]))
    return Refused(access, Facts(access=handle.facts))
