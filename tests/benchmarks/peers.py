"""The twenty rules in other engines' languages, so that they can be asked what `decide` is asked.

Each `peer_*.py` writes the rules of `twenty_rules` as well as its language lets them be written: prepared
once, shared conditions said once, and safe where a fact is not known (`missing_facts` shows what happens to
the plain form). All take the facts of `flat`; making a request of them is not timed, as making `Access` and
`Facts` is not. An answer is the effect, and the rules that decided where the engine can name them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.twenty_rules import NOW

from gptimage_core.clock import DAY
from gptimage_core.decision.model import Access, Facts

__all__ = ["ENDED", "KEPT", "OLD", "Answer", "Flat", "Peer", "flat"]

Flat = dict[str, Any]
Answer = tuple[bool, frozenset[str]]
KEPT, OLD, ENDED = 1500 * DAY, 1000 * DAY, 30 * DAY


@dataclass(frozen=True)
class Peer:
    """An engine: `prepare` makes a request of flat facts, `ask` is what is timed, `answer` reads its result.

    `names`: how much of the reasons it gives, "rules" (as `decide` does, less the nearest conditions),
    "some" (of those that decided) or "none".
    """

    name: str
    prepare: Callable[[Flat], Any]
    ask: Callable[[Any], Any]
    answer: Callable[[Any], Answer]
    names: str
    limit: float | None = None


def flat(access: Access, facts: Facts) -> Flat:
    """All that is asked and known as one flat dict; what is not known is `None`, a kept row's end too."""
    row = facts.row
    assert row is not None
    (owner,) = row.subjects
    assert owner is not None
    return {
        "kind": access.actor.kind,
        "actor": access.actor.id,
        "tenant": access.actor.tenant,
        "operation": access.operation,
        "category": access.category.removesuffix("0"),
        "purpose": access.purpose,
        "recipient": access.recipient,
        "now": NOW,
        "row_tenant": row.tenant,
        "owner": owner,
        **{name.replace(":", "_"): value for name, value in row.people[owner].items()},
        **row.values,
        **facts.access,
    }
