"""The decision: pure functions from a compiled timeline, an access, facts and an instant to data.

`model`       the data of a decision: access, facts, decision, residual
`conditions`  the shapes that every condition has, in every reading
`terms`       a document's words, written and implied, as shapes
`answers`     each shape as a function: yes, no or unknown
`asking`      all that a plan asks as one function
`compile`     a timeline as a table of plans, made on first use
`decide`      the decision itself
`rows`        from a stored row to the facts a decision knows about it
`reference`   the slow interpreter that the tests hold everything against
`nearest`     why, and the nearest change that would allow; `change` is what circumstances can change
"""

from __future__ import annotations

from gptimage_core.decision.compile import CompiledTimeline, compile_timeline
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Decision, Effect, Facts, Residual, RowFacts
from gptimage_core.decision.nearest import Explanation, Nearest, explain, who_may

__all__ = [
    "Access",
    "Actor",
    "CompiledTimeline",
    "Decision",
    "Effect",
    "Explanation",
    "Facts",
    "Nearest",
    "Residual",
    "RowFacts",
    "compile_timeline",
    "decide",
    "explain",
    "who_may",
]
