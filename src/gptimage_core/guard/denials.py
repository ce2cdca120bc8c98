"""A denial: recorded in a transaction of its own, with rule, clauses, file and line, and what would allow it.

People are told a neutral sentence with the denial's id; the words here are for operators
(`gptimage access explain ID`). Nothing of the row or the statement is kept.
"""

from __future__ import annotations

from gptimage_core.clock import Instant
from gptimage_core.decision.compile import CompiledTimeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Facts
from gptimage_core.store.denials import Denial
from gptimage_core.store.state import new_id

__all__ = ["denial_of"]


def denial_of(
    compiled: CompiledTimeline, access: Access, facts: Facts, now: Instant, reason: str = ""
) -> Denial:
    """The record of a refusal. `reason` says what the guard found where no rule alone decided."""
    decision = decide(compiled, access, facts, now)
    rule = decision.rules[0] if decision.rules else None
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
        rule=rule,
        reason=reason or "no rule permits this",
        digest=decision.digest,
        version=decision.version,
    )
