"""The governed tables as the guard's grammar sees them: names folded as SQLite does, columns numbered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from gptimage_core.errors import GuardError
from gptimage_core.policy.binding import Column, DataMap, Table

__all__ = ["Catalog", "Entry", "Origin", "Provided", "fold"]

Origin: TypeAlias = tuple[str, str]
"""A governed column: the table's name, the column's."""


_PINNED = ("key", "subject", "tenant", "recorded", "collected_under")


def fold(name: str) -> str:
    """SQLite folds ASCII letters only when it compares names; so do we, or `"İmage"` would be two things."""
    return name if name.isascii() and name.islower() else "".join(_fold_letter(c) for c in name)


def _fold_letter(letter: str) -> str:
    return letter.lower() if "A" <= letter <= "Z" else letter


class Provided(Struct, eq=False):
    """A column that a source or a query offers.

    `origins`: the governed columns it is made from; `bare`: it is one of them, unchanged; `sealed`: it
    carries a sealed value; `arms`: for a compound query, this column in each arm.
    """

    name: str
    origins: frozenset[Origin]
    bare: Origin | None = None
    sealed: bool = False
    arms: tuple[Provided, ...] = ()


class Entry:
    """One governed table. `columns` by folded name; `first` is the number of its first column."""

    __slots__ = (
        "columns",
        "columns_by_name",
        "first",
        "key",
        "name",
        "number",
        "order",
        "pinned",
        "provides",
        "subjects",
        "table",
    )

    def __init__(self, table: Table, number: int, first: int) -> None:
        self.table = table
        self.name = table.name
        self.number = number
        self.first = first
        self.key = table.key
        self.subjects = table.subjects
        self.order = {column.name: n for n, column in enumerate(table.columns)}
        self.pinned = {c.name for c in table.columns if c.role in _PINNED} | (
            {table.via.column} if table.via else set()
        )
        self.columns_by_name = {column.name: column for column in table.columns}
        self.columns: dict[str, Column] = {}
        for column in table.columns:
            if fold(column.name) in self.columns:
                raise GuardError(
                    f"table `{table.name}` has two columns that SQLite takes for `{column.name}`"
                )
            self.columns[fold(column.name)] = column
        self.provides = {folded: self._provided(column) for folded, column in self.columns.items()}

    def _provided(self, column: Column) -> Provided:
        origin = (self.name, column.name)
        return Provided(column.name, frozenset({origin}), origin, column.sealed)

    def find(self, name: str) -> Column | None:
        """The column of that name, as SQLite would find it."""
        return self.columns.get(fold(name))

    def is_pinned(self, name: str) -> bool:
        """Whether an UPDATE leaves this column as it is: it says whose row it is, and how it came."""
        return name in self.pinned

    def column_number(self, name: str) -> int:
        """The column's number over the whole catalog; it stands in the tag of a sealed value."""
        return self.first + self.order[name]


class Catalog:
    """All governed tables, by folded name, and their columns numbered through (for sealed values).

    `functions`: an embedder's own SQL functions that statements may call; they are taken to be able to raise.
    """

    __slots__ = ("_by_name", "columns", "entries", "functions")

    def __init__(self, tables: Iterable[Table], functions: Iterable[str] = ()) -> None:
        self.functions = frozenset(name.lower() for name in functions)
        self.entries: list[Entry] = []
        self.columns: list[tuple[Table, Column]] = []
        self._by_name: dict[str, Entry] = {}
        for table in tables:
            for name in (table.name, *(column.name for column in table.columns)):
                if not name or '"' in name or "\x00" in name or name.startswith("gp:"):
                    raise GuardError(f"`{name}` cannot be the name of a governed table or column; rename it")
            if fold(table.name) in self._by_name:
                raise GuardError(f"two governed tables are called `{table.name}`; rename one")
            entry = Entry(table, len(self.entries), len(self.columns))
            self.entries.append(entry)
            self._by_name[fold(table.name)] = entry
            self.columns.extend((table, column) for column in table.columns)

    @classmethod
    def of(cls, datamap: DataMap, functions: Iterable[str] = ()) -> Catalog:
        return cls(datamap.tables, functions)

    def entry(self, name: str) -> Entry | None:
        """The governed table of that name, as SQLite would find it; `None` if none is."""
        return self._by_name.get(fold(name))
