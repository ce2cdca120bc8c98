"""What is written down of a statement: who, for what, under which rules, and which rows of which people.

No content and no address: ids, names of tables and categories, counts (design, section 4).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.decision.model import Decision, Effect
from gptimage_core.guard.handles import Handle
from gptimage_core.guard.profiles import View
from gptimage_core.policy.binding import Table
from gptimage_core.policy.document import Obligation
from gptimage_core.ports.records import AccessRecord, Touched

__all__ = ["Basis", "basis_of", "record_of"]


class Basis(Struct, frozen=True):
    """What a statement stands on: fixed for one statement text under one view.

    `max_rows` and `min_persons` are the strictest of all obligations, `tell` whether people are told;
    `release` whether the answer may precede its record.
    """

    statement: str
    operation: str
    categories: tuple[str, ...]
    rules: tuple[str, ...]
    digest: str
    version: int
    max_rows: int | None
    min_persons: int | None
    tell: bool
    release: bool


def basis_of(
    view: View,
    verb: str,
    operation: str,
    tables: Iterable[Table],
    named: Iterable[str],
    decided: Iterable[Decision],
) -> Basis:
    """The basis of a statement over `tables`. `named` are the categories it names; without any, all that
    are permitted count, since each of them can make a row visible. Obligations of all of them add up."""
    permitted = [d for d in decided if d.effect is not Effect.DENY]
    all_named = tuple(dict.fromkeys(named))
    if not all_named:
        all_named = tuple(
            dict.fromkeys(
                c
                for t in tables
                for c in t.categories
                if view.decision(operation, c).effect is not Effect.DENY
            )
        )
    duties: list[Obligation] = [o for d in permitted for o in d.obligations]
    caps = [o.max_rows for o in duties if o.max_rows is not None]
    floors = [o.min_persons for o in duties if o.min_persons is not None]
    first = permitted[0] if permitted else None
    return Basis(
        statement=verb,
        operation=operation,
        categories=all_named,
        rules=tuple(dict.fromkeys(rule for d in permitted for rule in d.rules)),
        digest="" if first is None else first.digest,
        version=0 if first is None else first.version,
        max_rows=min(caps, default=None),
        min_persons=max(floors, default=None),
        tell=any(o.tell_subject for o in duties),
        release=bool(permitted) and all(d.may_release_before_record for d in permitted),
    )


class _Ids:
    """Ids as opaque as `new_id`, made many at a time: a system call for each is felt on every statement.

    Taking one is atomic. A forked process makes its own, or two records would have one id.
    """

    def __init__(self) -> None:
        self._made: list[str] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._made.clear)

    def take(self) -> str:
        try:
            return self._made.pop()
        except IndexError:
            text = os.urandom(16 * 256).hex()
            self._made += [text[at : at + 32] for at in range(32, len(text), 32)]
            return text[:32]


_ids = _Ids()


def record_of(handle: Handle, basis: Basis, now: Instant, touched: Touched) -> AccessRecord:
    """The access record of one run of a statement."""
    actor = handle.actor
    counts = {}
    for table, rows in touched.items():  # no comprehension: its frame would cost every statement
        counts[table] = len(rows)
    return AccessRecord(
        id=_ids.take(),
        at=now,
        tenant=actor.tenant,
        actor_kind=actor.kind,
        actor=actor.id,
        purpose=handle.purpose,
        operation=basis.operation,
        categories=basis.categories,
        rules=basis.rules,
        digest=basis.digest,
        version=basis.version,
        statement=basis.statement,
        counts=counts,
        touched=touched,
    )
