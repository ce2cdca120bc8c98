"""The data map: which column of which table holds which category, and what it is in the row.

Adapters turn an ORM's tags into `Table`s; `bind` holds them against the policy and refuses a column with
none or two categories (S6), a ceiling whose start no column records, sealed data in a column that cannot
hold it. What it returns is committed as `datamap.lock` for counsel to read.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Role: TypeAlias = Literal["key", "subject", "tenant", "recorded", "keep_ended", "collected_under", "link"]
"""What a technical column is. `link` is a foreign key that is neither key nor subject."""


class Column(Struct, frozen=True):
    """One column. `fact` names the row-level fact of the policy that the column supplies, if any.

    `opaque`: its values are random, so that nobody guesses one and a UNIQUE over them tells nothing.
    `references`: the table that a foreign key names; `referenced`: the column in it, where it is not the key.
    """

    name: str
    category: str
    type: Literal["text", "integer", "real", "boolean", "instant", "bytes", "json", "array"]
    role: Role | None = None
    fact: str | None = None
    sealed: bool = False
    references: str | None = None
    unique: bool = False
    opaque: bool = False
    referenced: str | None = None


class Via(Struct, frozen=True):
    """Ownership through a join: this table's `column` references `table`, whose subjects are this row's."""

    column: str
    table: str


class Table(Struct, frozen=True):
    """One governed table. `subjects` are columns that name people; `via` where a join reaches them."""

    name: str
    columns: tuple[Column, ...]
    via: Via | None = None

    def column(self, name: str) -> Column | None:
        for column in self.columns:
            if column.name == name:
                return column
        return None

    def with_role(self, role: Role) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.role == role)

    @property
    def key(self) -> str:
        """The primary key's column; ids are random and opaque."""
        return self.with_role("key")[0].name

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.with_role("subject"))

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories the table holds, without `identifier`, in column order."""
        return tuple(dict.fromkeys(c.category for c in self.columns if c.category != "identifier"))


class Accepted(Struct, frozen=True):
    """A finding about the schema that somebody answers for: `what` is its `code:place`, `reason` says why."""

    what: str
    reason: str


class DataMap(Struct, frozen=True):
    """All governed tables, bound to a policy; `accepted` are the findings that do not stop a start."""

    tables: tuple[Table, ...]
    digest: str
    accepted: tuple[Accepted, ...] = ()

    def table(self, name: str) -> Table | None:
        for table in self.tables:
            if table.name == name:
                return table
        return None
