"""A schema as plain values. A reader per database fills them; the lints know nothing else of a database.

Names are as the database spells them. `names` of an object are all names that its text holds, so it reaches
at most these: a lint that is told too much refuses, one that is told too little would let through.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["DbColumn", "DbTable", "Expression", "Fault", "ForeignKey", "Index", "Schema", "Trigger", "View"]


class Expression(Struct, frozen=True):
    """What the database computes of a row: the columns it names, the functions and operators it calls."""

    columns: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


class DbColumn(Struct, frozen=True):
    """One stored or generated column. `exact`: two values are equal only if they are the same text."""

    name: str
    null: bool = True
    exact: bool = True
    generated: Expression | None = None


class Index(Struct, frozen=True):
    """An index, also one that a UNIQUE or a key made. `columns` are compared exactly; `computed` are its
    expressions, columns under a collation and a partial index's condition. `name` is empty where a constraint
    made it, `total` where every row is in it."""

    name: str
    columns: tuple[str, ...]
    unique: bool = True
    total: bool = True
    loose: tuple[str, ...] = ()
    computed: Expression | None = None


class ForeignKey(Struct, frozen=True):
    """`columns` reference `targets` of `table`; an action is in SQL's words (`NO ACTION`, `CASCADE`, …)."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"


class DbTable(Struct, frozen=True):
    """A table. A `virtual` one is kept by a module (full text, …), `shadow`s hold what the module stores;
    `names` is for a virtual one: what its declaration names. `conflicts` are what its constraints do instead
    of refusing (`REPLACE`, `IGNORE`, …)."""

    name: str
    columns: tuple[DbColumn, ...] = ()
    kind: Literal["table", "virtual", "shadow"] = "table"
    indexes: tuple[Index, ...] = ()
    links: tuple[ForeignKey, ...] = ()
    checks: tuple[Expression, ...] = ()
    conflicts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class View(Struct, frozen=True):
    """A view, also a materialised one."""

    name: str
    names: tuple[str, ...]


class Trigger(Struct, frozen=True):
    """A trigger or rule on `table`, which may be a view."""

    name: str
    table: str
    names: tuple[str, ...]


class Schema(Struct, frozen=True):
    """Everything in one database that belongs to no session and was not made by the core's own migrations."""

    tables: tuple[DbTable, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    def table(self, name: str) -> DbTable | None:
        for table in self.tables:
            if table.name == name:
                return table
        return None


class Fault(Struct, frozen=True, order=True):
    """What stops the start: `place` is a table, `table.column` or the object's name. `key` is what
    `accept={key: reason}` names. It is a `Reason` of a `PolicyError`."""

    place: str
    code: str
    message: str
    hint: str = ""

    @property
    def key(self) -> str:
        return f"{self.code}:{self.place}"

    @property
    def file(self) -> str:
        return f"database: `{self.place}`"

    @property
    def line(self) -> int:
        return 0

    @property
    def column(self) -> int:
        return 0

    def __str__(self) -> str:
        text = f"{self.file}: {self.message} [{self.code}]"
        return f"{text}\n    {self.hint}" if self.hint else text
