"""Piccolo on SQLite under the guard.

`engine`        the engine: kept connections, one hop a statement, everything through the guard
`transactions`  transactions, savepoints, atomic blocks
`tags`          what a column holds, said where it is declared
`tables`        from a Piccolo table to the table that the policy is bound to
`classes`       what a table class must not be
`govern`        one call that puts it all together
"""

from __future__ import annotations

from gptimage_core.adapters.piccolo.engine import GovernedSQLite
from gptimage_core.adapters.piccolo.govern import govern
from gptimage_core.adapters.piccolo.tables import table_of
from gptimage_core.adapters.piccolo.tags import (
    category,
    collected_under,
    fact,
    keep_ended,
    opaque,
    recorded,
    subject,
    tenant,
    via,
)

__all__ = [
    "GovernedSQLite",
    "category",
    "collected_under",
    "fact",
    "govern",
    "keep_ended",
    "opaque",
    "recorded",
    "subject",
    "table_of",
    "tenant",
    "via",
]
