"""Where people's data stands, and what is derived from what: one registry for export and for erasure.

INVARIANT (one-registry): export and erasure walk the same places. What an export finds, an erasure finds;
a copy that nobody declared cannot exist in one and not in the other (S15, S32, S36).
Tables come from the data map by themselves; blobs and derived copies (thumbnail, archive) are declared by the
application, once, and a wrong declaration stops the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from msgspec import Struct

from gptimage_core.errors import PolicyError
from gptimage_core.policy.binding import DataMap, Table

__all__ = ["EVERYTHING", "Place", "Registry"]

EVERYTHING = "everything"
"""As a source: a copy of all of a person's places, such as an export archive."""


class Place(Struct, frozen=True):
    """A place where data of people stands.

    `kind` is `row` (a table; one per table of people, made by the registry) or `blob`: `column` of `table`
    holds the names of blobs. `of` are the names of the places it is derived from; empty for what people gave
    or were given: that is exported, derived copies are not. Erasure takes all of them. `category` is what a
    blob holds: whoever exports asks the policy about it, since the column holds its name alone.
    """

    name: str
    table: str
    kind: Literal["row", "blob"] = "blob"
    column: str | None = None
    of: tuple[str, ...] = ()
    category: str = ""


class Registry:
    """The registry of one application. Raises `PolicyError` with every wrong declaration at once."""

    def __init__(self, datamap: DataMap, declared: Iterable[Place] = ()) -> None:
        self._tables = {table.name: table for table in datamap.tables if _is_of_people(datamap, table)}
        self._places = {name: Place(name, name, "row") for name in self._tables}
        problems = list(self._declare(datamap, tuple(declared)))
        if problems:
            raise PolicyError("; ".join(sorted(problems)))
        self._order = self._sorted()

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place, by name."""
        return tuple(self._places[name] for name in sorted(self._places))

    def table(self, place: Place) -> Table:
        """The table that a place is in."""
        return self._tables[place.table]

    def owner_of(self, table: Table) -> Table | None:
        """The table of people whose rows this table's rows hang on, if they do."""
        return None if table.via is None else self._tables.get(table.via.table)

    def holds(self, table: str) -> bool:
        """Whether this is a table of people."""
        return table in self._tables

    def erasure_order(self) -> tuple[Place, ...]:
        """Every place, so that nothing loses the way to what is still to be erased: derived copies before
        their sources, blobs before the rows that name them, rows before the rows they hang on or reference
        (S32).
        """
        return self._order

    def export_order(self) -> tuple[Place, ...]:
        """What a person gets (S36): every place that is not derived; owners before what hangs on them."""
        return tuple(place for place in reversed(self._order) if not place.of)

    def derived_from(self, name: str) -> tuple[Place, ...]:
        """What must go, or be made anew, when something of this place goes: all copies, copies of copies too.

        In the order of erasure. Raises `PolicyError` for a name that is not a place.
        """
        if name not in self._places:
            raise PolicyError(f"`{name}` is not a place of the registry")
        reached, grown = {name}, True
        while grown:
            more = {p.name for p in self._order if p.name not in reached and self._hangs_on(p, reached)}
            reached, grown = reached | more, bool(more)
        return tuple(place for place in self._order if place.name in reached and place.name != name)

    def _hangs_on(self, place: Place, reached: set[str]) -> bool:
        via = self._tables[place.table].via
        if place.kind == "row" and via is not None and via.table in reached:
            return True
        in_reached_row = place.kind == "blob" and place.table in reached
        return in_reached_row or EVERYTHING in place.of or not reached.isdisjoint(place.of)

    def _declare(self, datamap: DataMap, declared: tuple[Place, ...]) -> Iterator[str]:
        names = {place.name for place in declared} | set(self._places)
        for place in declared:
            table = datamap.table(place.table)
            if place.name in self._places or place.name == EVERYTHING:
                yield f"the place `{place.name}` is declared twice or has the name of a table"
            if table is None:
                yield f"the place `{place.name}` names `{place.table}`, which is not a governed table"
            elif place.table not in self._tables:
                yield f"the place `{place.name}` is in `{place.table}`, a table that belongs to nobody"
            elif place.kind != "blob" or place.column is None:
                yield f"the place `{place.name}` must be a blob and name the column with the blob's name"
            elif (column := table.column(place.column)) is None:
                yield f"the place `{place.name}` names `{place.column}`, which `{place.table}` does not have"
            elif column.type != "text" or column.sealed:
                yield f"the column `{place.table}.{place.column}` cannot name a blob; it takes plain text"
            for source in place.of:
                if source != EVERYTHING and source not in names:
                    yield f"the place `{place.name}` is derived from `{source}`, which is not a place"
            self._places[place.name] = place

    def _sorted(self) -> tuple[Place, ...]:
        """Topologically: an edge says what must be gone before."""
        before: dict[str, set[str]] = {name: set() for name in self._places}
        everything = {name for name, place in self._places.items() if EVERYTHING in place.of}
        for name, place in self._places.items():
            sources = set(place.of) - {EVERYTHING}
            if EVERYTHING in place.of:
                # Its own row names it, so that row goes after it and is none of its sources.
                sources |= set(self._places) - everything - {place.table}
            for source in sources:
                before[source].add(name)
            if place.kind == "blob":
                before[place.table].add(name)
        for name, table in self._tables.items():
            if table.via is not None and table.via.table in before:
                before[table.via.table].add(name)
        try:
            # A row that another one references goes after it, so that no foreign key takes rows along; but
            # tables may reference each other in a circle where ownership does not: then keys come second.
            order = _order(self._with_references(before))
        except CycleError:
            try:
                order = _order(before)
            except CycleError as error:
                circle = " → ".join(error.args[1])
                raise PolicyError(f"places hang on each other in a circle: {circle}") from None
        return tuple(self._places[name] for name in order)

    def _with_references(self, before: Mapping[str, set[str]]) -> dict[str, set[str]]:
        grown = {name: set(names) for name, names in before.items()}
        for name, table in self._tables.items():
            for column in table.columns:
                if column.references in self._tables and column.references != name:
                    grown[column.references].add(name)
        return grown


def _order(before: Mapping[str, set[str]]) -> tuple[str, ...]:
    return tuple(TopologicalSorter({name: sorted(before[name]) for name in sorted(before)}).static_order())


def _is_of_people(datamap: DataMap, table: Table, depth: int = 0) -> bool:
    """Whether rows of the table name people, in a column or through the rows they hang on."""
    if table.subjects:
        return True
    if table.via is None:
        return False
    parent = datamap.table(table.via.table)
    if parent is None or depth > len(datamap.tables):
        raise PolicyError(f"the ownership of `{table.name}` leads nowhere: `{table.via.table}`")
    return _is_of_people(datamap, parent, depth + 1)
