"""gptimage_core: one privacy policy document decides every data access.

    from gptimage_core import Access, Actor, Facts, compile_timeline, explain, load_timeline

`policy`    the document: language, loader, linter, timeline, data map
`decision`  the decision, pure: access and facts in, decision out
`readings`  the same document as SQL, as English, as a reference page
`guard`     the join: no statement without an open access; `adapters` put it under an ORM
`vault`     keys per person and item; destroying a key is deletion
`store`     the core's own tables, and the ledger of negative decisions
"""

from __future__ import annotations

from gptimage_core.decision import (
    Access,
    Actor,
    Decision,
    Effect,
    Facts,
    RowFacts,
    compile_timeline,
    decide,
    explain,
)
from gptimage_core.errors import AccessDenied, GptimageError, GuardError, PolicyError
from gptimage_core.policy.timeline import load_timeline

__all__ = [
    "Access",
    "AccessDenied",
    "Actor",
    "Decision",
    "Effect",
    "Facts",
    "GptimageError",
    "GuardError",
    "PolicyError",
    "RowFacts",
    "compile_timeline",
    "decide",
    "explain",
    "load_timeline",
]
