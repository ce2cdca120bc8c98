"""Facts about people: what a decision may know of those whose data it is about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Protocol

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Value

__all__ = ["SubjectFacts"]


class SubjectFacts(Protocol):
    """Contract: read in the statement's own transaction, so that a withdrawal binds the next statement.

    What is not known is missing, never guessed: a missing fact denies. `store.facts.facts_for` is built in;
    the SQL reading asks the same tables by the same rule (INVARIANT (state-facts)).
    """

    def __call__(
        self, connection: sqlite3.Connection, tenant: str, subjects: Iterable[str], now: Instant, /
    ) -> Mapping[str, Mapping[str, Value]]:
        """Per known person the facts, by the names of `decision.conditions`. Unknown people are left out."""
        ...
