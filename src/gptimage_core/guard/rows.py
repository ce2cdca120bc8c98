"""From fetched tuples to rows: names, withheld fields, sealed values opened, and what was touched.

INVARIANT (opened-in-place): a sealed value opens only with the context of the row it came from, which the
statement wrote in front of it (`statements.tagged`); a ciphertext moved to another row does not open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from gptimage_core.errors import GuardError, KeyErased
from gptimage_core.guard.sealer import Sealer
from gptimage_core.guard.statements import tagged
from gptimage_core.guard.statements.catalog import Catalog
from gptimage_core.guard.statements.shaped import Shaped, Touch
from gptimage_core.guard.values import WITHHELD
from gptimage_core.ports.records import Touched

__all__ = ["Reader"]

_Fix: TypeAlias = Callable[[Any, str], Any]
_Pairs: TypeAlias = Callable[[list[tuple[Any, ...]]], tuple[tuple[str, str | None], ...]]


class Reader:
    """Reads the answer of one shaped statement. Made once per statement text and profile."""

    __slots__ = (
        "_at_once",
        "_catalog",
        "_first",
        "_fixes",
        "_hidden",
        "_names",
        "_sealer",
        "_tag",
        "_target",
        "_touching",
        "only",
    )

    def __init__(self, shaped: Shaped, tag: str, catalog: Catalog, sealer: Sealer) -> None:
        self._catalog = catalog
        self._sealer = sealer
        self._tag = tag
        self._hidden = shaped.hidden
        self._touching = [(touch.table, _pairing(touch)) for touch in shaped.touches]
        self.only = self._touching[0] if len(self._touching) == 1 else None
        self._target = shaped.target or ""
        people = len(entry.subjects) if (entry := catalog.entry(self._target)) is not None else 0
        self._at_once = _pairing(Touch(self._target, 0, tuple(range(1, people + 1))))
        self._names: tuple[str, ...] | None = None
        self._first = shaped.outputs[0].name if shaped.outputs else ""
        self._fixes: list[tuple[int, _Fix, int]] = []
        for index, output in enumerate(shaped.outputs):
            key = output.key
            if output.withheld == "always":
                self._fixes.append((index, _withheld, key))
            elif output.sealed:
                _refuse_converter(output.name)
                self._fixes.append(
                    (index, self._open_or_withhold if output.withheld == "if_null" else self._open, key)
                )
            elif output.withheld == "if_null":
                self._fixes.append((index, _withheld_if_null, key))

    def rows(
        self, fetched: list[tuple[Any, ...]], tenant: str, cursor: sqlite3.Cursor
    ) -> list[dict[str, Any]]:
        """The answer as Piccolo has it: a list of dicts. Hidden columns are dropped."""
        names = self._names
        if names is None:
            every = [column[0] for column in cursor.description]
            self._names = names = tuple(every[: len(every) - self._hidden] if self._hidden else every)
        if not self._fixes:
            # `zip` stops at the shorter one: that drops the hidden columns at the end.
            return [dict(zip(names, row)) for row in fetched]  # noqa: B905
        return [dict(zip(names, self._fixed(row, tenant))) for row in fetched]  # noqa: B905  # as above

    def _fixed(self, row: tuple[Any, ...], tenant: str) -> list[Any]:
        values = list(row)
        for index, fix, key in self._fixes:
            if key < 0 or row[key] is not None:
                values[index] = fix(values[index], tenant)
            else:  # an outer join found no row: there is nothing that could be withheld
                values[index] = None
        return values

    def values(self, fetched: list[tuple[Any, ...]], tenant: str) -> list[list[Any]]:
        """The answer by position, for a write that takes its values from it."""
        return [self._fixed(row, tenant)[: len(row) - self._hidden] for row in fetched]

    def keys(self, keys: list[Any]) -> list[dict[str, Any]]:
        """The answer of a write that returns its keys."""
        return [{self._first: key} for key in keys]

    def touched(self, fetched: list[tuple[Any, ...]]) -> Touched:
        """Which rows of which people stand in the answer; a row that is there twice counts once."""
        touched: dict[str, tuple[tuple[str, str | None], ...]] = {}
        for table, pairs in self._touching:
            found = pairs(fetched)
            before = touched.get(table)
            touched[table] = found if before is None else tuple(dict.fromkeys((*before, *found)))
        return touched

    def touched_at_once(self, found: list[tuple[Any, ...]]) -> Touched:
        """The same from a write's RETURNING: (key, subject, …)."""
        return {self._target: self._at_once(found)} if found else {}

    def touched_by(self, found: Sequence[tuple[Any, ...]]) -> Touched:
        """The same from a touch statement's rows: (table number, key, subject, …)."""
        entries = self._catalog.entries
        seen: dict[str, dict[tuple[str, str | None], None]] = {}
        for number, key, *people in found:
            if key is not None:
                rows = seen.setdefault(entries[number].name, {})
                for pair in _pairs_of(key, people):
                    rows[pair] = None
        return {table: tuple(rows) for table, rows in seen.items()}

    def _open(self, value: Any, tenant: str) -> Any:
        return None if value is None else self._opened(value, tenant)

    def _open_or_withhold(self, value: Any, tenant: str) -> Any:
        return WITHHELD if value is None else self._opened(value, tenant)

    def _opened(self, value: Any, tenant: str) -> Any:
        found = tagged.split(value, self._tag)
        table, column = self._catalog.columns[found.column]
        try:
            return self._sealer.open(
                table, column, tenant, found.key, found.subject, found.link, found.sealed
            )
        except KeyErased:
            # Its key is destroyed: the value is gone, whatever still stands in the row.
            return WITHHELD


def _refuse_converter(name: str) -> None:
    """sqlite3 hands a column called `x [DATE]` to a converter, whose error would show the sealed value and
    its tag before they are opened here."""
    if "[" in name:
        raise GuardError(
            f"`{name}` asks for a converter, and the field is sealed: leave the brackets out and convert the "
            "value in Python"
        )


def _pairs_of(key: Any, people: Sequence[Any]) -> list[tuple[str, str | None]]:
    known = [str(person) for person in people if person is not None]
    return [(str(key), person) for person in known] or [(str(key), None)]


def _pairing(touch: Touch) -> _Pairs:
    """Collects a touch's pairs of key and subject. The usual case, one subject and text keys, runs in C."""
    get = itemgetter(touch.key, touch.subjects[0]) if len(touch.subjects) == 1 else None

    def quick(rows: list[tuple[Any, ...]]) -> tuple[tuple[str, str | None], ...]:
        if get is None or not rows or type(rows[0][touch.key]) is not str:
            return careful(rows)
        if len(rows) == 1:
            return (get(rows[0]),)
        seen = dict.fromkeys(map(get, rows))
        seen.pop((None, None), None)  # an outer join that found no row
        return tuple(seen)

    def careful(rows: list[tuple[Any, ...]]) -> tuple[tuple[str, str | None], ...]:
        seen: dict[tuple[str, str | None], None] = {}
        for row in rows:
            if row[touch.key] is not None:
                for pair in _pairs_of(row[touch.key], [row[n] for n in touch.subjects]):
                    seen[pair] = None
        return tuple(seen)

    return quick


def _withheld(value: Any, tenant: str) -> Any:
    return WITHHELD


def _withheld_if_null(value: Any, tenant: str) -> Any:
    return WITHHELD if value is None else value
