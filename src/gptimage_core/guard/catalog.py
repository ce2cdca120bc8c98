"""The governed tables as the guard's grammar sees them: names folded as SQLite does, columns numbered."""

from __future__ import annotations

from collections.abc import Iterable

from gptimage_core.errors import GuardError
from gptimage_core.policy.binding import Column, DataMap, Table

__all__ = ["Catalog", "Entry", "fold"]


def fold(name: str) -> str:
    """SQLite folds ASCII letters only when it compares names; so do we, or `"İmage"` would be two things."""
    return name if name.isascii() and name.islower() else "".join(_fold_letter(c) for c in name)


def _fold_letter(letter: str) -> str:
    return letter.lower() if "A" <= letter <= "Z" else letter


class Entry:
    """One governed table. `columns` by folded name; `first` is the number of its first column."""

    __slots__ = ("columns", "first", "key", "name", "number", "order", "subjects", "table")

    def __init__(self, table: Table, number: int, first: int) -> None:
        self.table = table
        self.name = table.name
        self.number = number
        self.first = first
        self.key = table.key
        self.subjects = table.subjects
        self.order = {column.name: n for n, column in enumerate(table.columns)}
        self.columns: dict[str, Column] = {}
        for column in table.columns:
            if fold(column.name) in self.columns:
                raise GuardError(
                    f"table `{table.name}` has two columns that SQLite takes for `{column.name}`"
                )
            self.columns[fold(column.name)] = column

    def column_number(self, name: str) -> int:
        """The column's number over the whole catalog; it stands in the tag of a sealed value."""
        return self.first + self.order[name]


class Catalog:
    """All governed tables, by folded name, and their columns numbered through (for sealed values)."""

    __slots__ = ("_by_name", "columns", "entries")

    def __init__(self, tables: Iterable[Table]) -> None:
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
    def of(cls, datamap: DataMap) -> Catalog:
        return cls(datamap.tables)

    def entry(self, name: str) -> Entry | None:
        """The governed table of that name, as SQLite would find it; `None` if none is."""
        return self._by_name.get(fold(name))
