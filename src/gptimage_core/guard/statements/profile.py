"""What an open access permits, table by table and column by column, as SQL templates.

The guard makes one `Profile` per (version in force, actor's kind, purpose, operation, statically known
facts) and keeps it; values that differ between two statements (actor, tenant, now, cut-offs) stay symbolic
parameters. `shape` joins a profile with a parsed statement; nothing here reads a database.

How a profile is made from decisions (brief for the maker):
 - `rows`: the OR over the table's non-identifier categories of their read predicates; `None` when every one
   is denied outright.
 - a column of category c: `BARE` when c's residual equals the row predicate (or the table has one category,
   or c is `identifier`); `WITHHELD` when c is denied outright; else `CONDITIONAL` with c's predicate.
 - `update`: per column the predicate under which it may be set; `None` when denied outright.
 - `delete`: the AND over all non-identifier categories; `None` when one is denied outright.
Predicates qualify the table's own columns by the table's name, and **every other table they read by
`main.`**: inside the guard's WITH a bare name would find the shadow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from gptimage_core.errors import GuardError

__all__ = [
    "ALWAYS",
    "BARE",
    "WITHHELD",
    "ColumnAccess",
    "Param",
    "Profile",
    "TableAccess",
    "Template",
    "conditional",
]

Param: TypeAlias = Hashable
"""A symbolic parameter (`readings.sql.Param`); the guard's text functions only carry it about."""

_HOLE = re.compile("\x00(\\d+)\x00")


class Template(Struct, frozen=True):
    """SQL with holes: `texts[0] params[0] texts[1] …`; so `len(texts) == len(params) + 1`."""

    texts: tuple[str, ...]
    params: tuple[Param, ...] = ()

    @classmethod
    def collect(cls, write: Callable[[Callable[[Param], str]], str]) -> Template:
        """Make a template from a function that writes SQL given `bind`, e.g.

        `Template.collect(lambda bind: predicate(residual, table, datamap, "sqlite", bind))`.
        """
        seen: list[Param] = []

        def bind(param: Param) -> str:
            seen.append(param)
            return f"\x00{len(seen) - 1}\x00"

        pieces = _HOLE.split(write(bind))
        return cls(tuple(pieces[0::2]), tuple(seen[int(n)] for n in pieces[1::2]))

    @classmethod
    def text(cls, sql: str) -> Template:
        """A template without parameters."""
        return cls((sql,))

    def render(self, number: Callable[[Param], str]) -> str:
        """The SQL, each hole filled with the placeholder that `number` gives for its parameter."""
        if not self.params:
            return self.texts[0]
        out = [self.texts[0]]
        for param, text in zip(self.params, self.texts[1:], strict=True):
            out.append(number(param))
            out.append(text)
        return "".join(out)


ALWAYS = Template.text("1")
"""Every row."""


class ColumnAccess(Struct, frozen=True):
    """What the access may do with one column. `when` stands exactly with `conditional`."""

    read: Literal["bare", "withheld", "conditional"]
    when: Template | None = None
    update: Template | None = None


BARE = ColumnAccess("bare")
WITHHELD = ColumnAccess("withheld")


def conditional(when: Template, update: Template | None = None) -> ColumnAccess:
    """A column shown for the rows where `when` holds, NULL elsewhere."""
    return ColumnAccess("conditional", when, update)


class TableAccess(Struct, frozen=True):
    """What the access may do with one table. A column that `columns` does not name is withheld."""

    rows: Template | None
    columns: Mapping[str, ColumnAccess]
    delete: Template | None = None


class Profile(Struct, frozen=True):
    """Everything an open access permits by table name. A table that is not named is denied.

    `id` stands in the SQL text (the database's statement cache cannot mix profiles); `secret` names the CTEs
    and `tag` marks sealed values: both random per process (`secrets.token_hex(16)`), never shown to anybody.
    """

    id: str
    secret: str
    tag: str
    tables: Mapping[str, TableAccess]

    def __post_init__(self) -> None:
        for field in (self.id, self.secret, self.tag):
            if not re.fullmatch("[A-Za-z0-9_]{1,64}", field):
                raise GuardError(
                    f"`{field}` cannot stand in a statement; use 1 to 64 letters, digits and `_`"
                )
