"""Everything held about a person, read under their own access with `operation="export"` (S36).

INVARIANT (whole-set): what is read here are all rows of the registry's tables and of the core's own that are
the person's, and nobody else's: the guard narrows every statement to them, and the tables come from the data
map, not from a list that somebody keeps. What the policy does not let them take is named, not dropped
silently: `withheld`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from gptimage_core.clock import Instant
from gptimage_core.decision.decide import decide
from gptimage_core.decision.model import Access, Actor, Effect, Facts, Value
from gptimage_core.guard.guard import Guard
from gptimage_core.guard.values import WITHHELD
from gptimage_core.policy.binding import Table
from gptimage_core.policy.vocabulary import IDENTIFIER
from gptimage_core.registry import Place, Registry
from gptimage_core.subjects.held import Row, Section, read, sections
from gptimage_core.vault.blobs import SealedBlobs

__all__ = ["Page", "Source"]

T = TypeVar("T")
_PAGE = 200


class Page:
    """Rows of one table or section. `blobs` are, per row, the original blobs: place, name."""

    def __init__(self, name: str, categories: tuple[str, ...], rows: list[Row]) -> None:
        self.name = name
        self.categories = categories
        self.rows = rows
        self.blobs: list[list[tuple[Place, str]]] = [[] for _ in rows]


class Source:
    """One person's data. The caller has opened the access and keeps it open; `wait` runs a coroutine of the
    event loop to its end from the thread that packs.

    Raises `AccessDenied` where the policy lets the person take nothing (a sign-in that is too old).
    """

    def __init__(
        self,
        guard: Guard,
        registry: Registry,
        blobs: SealedBlobs,
        actor: Actor,
        *,
        purpose: str,
        facts: dict[str, Value],
        wait: Callable[[Coroutine[Any, Any, Any]], Any],
        page: int = _PAGE,
    ) -> None:
        assert actor.id is not None
        self.person: str = actor.id
        self.withheld: set[str] = set()
        self._guard, self._registry, self._sealed = guard, registry, blobs
        self._actor, self._purpose, self._facts = actor, purpose, facts
        self._wait, self._page = wait, page

    def pages(self, now: Instant) -> Iterator[Page]:
        """Every page of every table, owners before what hangs on them; then the core's own sections."""
        order = self._registry.export_order()
        tables = [self._registry.table(place) for place in order if place.kind == "row"]
        may = {c: self._may(c, now) for table in tables for c in table.categories}
        if not any(may.values()):
            self._ask(next(iter(may)))  # raises, with a denial that says why
        self.withheld.update(name for name, permitted in may.items() if not permitted)
        for table in tables:
            if any(may[category] for category in table.categories):
                yield from self._table(table, [p for p in order if p.table == table.name and p.column], now)
        for section in sections():
            yield from self._section(section, now)

    def blob(self, table: str, row: Row, place: Place, name: str) -> Iterator[bytes]:
        """The blob's bytes in pieces, opened in its place."""
        found = self._registry.table(place)
        owner = next((row[c] for c in found.subjects if row[c] is not None), self.person)
        link = "" if found.via is None else str(row[found.via.column])
        assert place.column is not None
        context = self._guard.blob_context(
            table,
            place.column,
            place.category,
            tenant=self._actor.tenant,
            subject=owner,
            key=str(row[found.key]),
            link=link,
        )
        return self._sealed.open(context, name)

    def _table(self, table: Table, blobs: list[Place], now: Instant) -> Iterator[Page]:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        text = f'SELECT {names} FROM "{table.name}"'  # noqa: S608 - names of the data map
        tail = f'ORDER BY "{table.key}" LIMIT {self._page}'
        hidden = {p.column for p in self._registry.places if p.table == table.name and p.of and p.column}
        last: Any = None
        while True:
            if last is None:
                rows = self._wait(self._guard.run(f"{text} {tail}", []))
            else:
                rows = self._wait(self._guard.run(f'{text} WHERE "{table.key}" > ? {tail}', [last]))
            if rows:
                last = rows[-1][table.key]
                page = Page(table.name, table.categories, [self._shown(table, row, hidden) for row in rows])
                for place in blobs:
                    if place.kind == "blob" and not place.of and self._may(place.category, now):
                        for index, row in enumerate(rows):
                            if isinstance(row[place.column], str) and row[place.column]:
                                page.blobs[index].append((place, row[place.column]))
                yield page
            if len(rows) < self._page:
                return

    def _shown(self, table: Table, row: Row, hidden: set[str]) -> Row:
        """The row as it is given: withheld fields named and left out, names of derived copies left out."""
        shown: Row = {}
        for column in table.columns:
            value = row[column.name]
            if value is WITHHELD:
                self.withheld.add(column.category)
            elif column.name not in hidden:
                shown[column.name] = bool(value) if column.type == "boolean" and value is not None else value
        return shown

    def _section(self, section: Section, now: Instant) -> Iterator[Page]:
        permitted = frozenset(category for category in section.categories if self._may(category, now))
        self.withheld.update(set(section.categories) - permitted)
        if not permitted:
            return
        for category in sorted(permitted):
            self._ask(category)
        after: int | None = 0
        while after is not None:
            start = after

            def work(connection: sqlite3.Connection, start: int = start) -> tuple[list[Row], int | None]:
                return read(
                    connection, section, permitted, self._actor.tenant, self.person, start, self._page
                )

            rows, after = self._wait(self._guard._database.read(work))
            if rows:
                yield Page(section.name, tuple(sorted(permitted)), rows)

    def _may(self, category: str, now: Instant) -> bool:
        """Whether some rule may let the person take this category at all."""
        if category in ("", IDENTIFIER):
            return False
        asked = Access(self._actor, self._purpose, "export", category, None)
        facts = Facts(access=self._facts)
        return decide(self._guard.compiled, asked, facts, now).effect is not Effect.DENY

    def _ask(self, category: str) -> None:
        """Decide for the person as they stand now, and record it; raises `AccessDenied`."""
        self._wait(self._guard.decide_and_record(category, operation="export", subjects=[self.person]))
