"""ON CONFLICT: an upsert is an UPDATE of the row that is there, or else an INSERT.

 1. the row that collides is sought by the target's columns among the rows that the access may change
 2. it is there: it is updated as any UPDATE does it (permitted, sealed, decided anew); DO UPDATE's own WHERE
    may leave it as it is
 3. it is not: the new row is decided, and inserted; what collides now is hidden, or collides otherwise: one
    `Conflict`, whatever the row holds. DO NOTHING and OR IGNORE say nothing: no row, no key, no error
With a partial target (`ON CONFLICT (…) WHERE …`) 3 comes before 1: only the database knows whether the new
row stands in that index. Nobody else writes in between: the transaction holds the only writer.

What remains: that a value is taken can be seen from a `Conflict`, or from a row that does not come to be.
This is what UNIQUE is; a unique column holds the subject as well, or a random value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from gptimage_core.guard.params import Binder
from gptimage_core.guard.sqlite.ring import Grant
from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.values import FILLED, WITHHELD

if TYPE_CHECKING:
    from gptimage_core.guard.plan import Plan

__all__ = ["Signature", "Upserts", "is_taken"]

Signature: TypeAlias = tuple[tuple[int, ...], bool]
"""What changes the UPDATE: the arguments that SET leaves out, and whether it clears `keep_ended`."""

_TAKEN = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"})
_IGNORED = _TAKEN | {"SQLITE_CONSTRAINT_NOTNULL", "SQLITE_CONSTRAINT_CHECK"}


class Upserts:
    """The DO UPDATE of one INSERT under one view. `plans` are its UPDATEs; they are made where statements are
    planned, not where they run."""

    def __init__(
        self, tree: n.Upsert, found: Binder, reads: Grant, columns: Sequence[str], placeholders: int
    ) -> None:
        assert tree.update is not None
        body = tree.update.body
        assert isinstance(body, n.Update)
        self.target = tuple(tree.target)
        self.partial = tree.partial
        self.found = found
        self.reads = reads
        self.plans: dict[Signature, Plan] = {}
        self._columns = tuple(columns)
        self._placeholders = placeholders
        values = [(column, value) for column, value in body.sets if isinstance(value, n.Parameter)]
        self._assigned = tuple(value.index for _, value in values)
        self._ending = next((value.index for column, value in values if column.role == "keep_ended"), None)

    def arguments(self, args: Sequence[Any], given: Sequence[Any], filled: dict[str, Any]) -> list[Any]:
        """The UPDATE's arguments: the user's, the new row as given, and of it as filled in the target."""
        out = [*args[: self._placeholders]]
        out += [None] * (self._placeholders - len(out))
        return [*out, *given, *(filled.get(name) for name in self._columns)]

    def signature(self, arguments: Sequence[Any]) -> Signature:
        """Which UPDATE these arguments take."""
        dropped = tuple(at for at in self._assigned if arguments[at] is WITHHELD or arguments[at] is FILLED)
        ending = self._ending
        return dropped, ending is not None and ending not in dropped and arguments[ending] is None

    def signatures(self, args: Sequence[Any], rows: Iterable[Sequence[Any]]) -> set[Signature]:
        """Those that may come: what a SELECT gives is `None` here, so both ways of `keep_ended` are made."""
        found: set[Signature] = set()
        for given in rows:
            dropped, _ = self.signature(self.arguments(args, given, {}))
            found |= {(dropped, False)} | ({(dropped, True)} if self._ending is not None else set())
        return found


def is_taken(error: sqlite3.IntegrityError, table: str, target: Sequence[str], *, ignore: bool) -> bool:
    """Whether a new row is left out for this: what ON CONFLICT names is taken, or OR IGNORE leaves it out."""
    if ignore:
        return error.sqlite_errorname in _IGNORED
    if error.sqlite_errorname not in _TAKEN:
        return False
    if not target:
        return True
    _, _, named = str(error).partition(": ")
    return {name.strip().lower() for name in named.split(", ")} == {f"{table}.{c}".lower() for c in target}
