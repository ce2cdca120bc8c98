"""What stands in the database besides its governed tables: the authorizer must know names from columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from msgspec import Struct, structs

from gptimage_core.guard.statements.catalog import fold

__all__ = ["Schema", "read_schema"]

_OBJECTS = "SELECT type, name FROM main.sqlite_master"
_LINKS = """SELECT m.name, f."table", f."from", f."to"
    FROM main.sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
    WHERE m.type = 'table'"""


class Schema(Struct, frozen=True):
    """Names are folded. `hanging`: per table, the tables that a foreign key lets its rows reach, over any
    number of links, with the columns of those links; `above`: the tables that its own foreign keys name, with
    the columns that they name ("" for the primary key)."""

    tables: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()
    hanging: Mapping[str, Mapping[str, frozenset[str]]] = {}
    above: Mapping[str, Mapping[str, frozenset[str]]] = {}

    def after(self, before: Schema) -> Schema:
        """With the names that were there before: a change of the schema may be rolled back, and then they are
        there again."""
        return structs.replace(
            self, tables=self.tables | before.tables, triggers=self.triggers | before.triggers
        )


def read_schema(connection: sqlite3.Connection) -> Schema:
    """The schema as it is now."""
    tables: set[str] = set()
    triggers: set[str] = set()
    for kind, name in connection.execute(_OBJECTS).fetchall():
        (triggers if kind == "trigger" else tables).add(fold(str(name)))
    links: dict[str, dict[str, set[str]]] = {}
    above: dict[str, dict[str, set[str]]] = {}
    for child, parent, column, key in connection.execute(_LINKS).fetchall():
        links.setdefault(fold(parent), {}).setdefault(fold(child), set()).add(fold(column))
        above.setdefault(fold(child), {}).setdefault(fold(parent), set()).add(fold(key or ""))
    return Schema(
        frozenset(tables),
        frozenset(triggers),
        {name: _reached(links, name) for name in links},
        {name: {parent: frozenset(keys) for parent, keys in found.items()} for name, found in above.items()},
    )


def _reached(links: Mapping[str, Mapping[str, set[str]]], name: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    waiting, seen = [name], set()
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        for child, columns in links.get(here, {}).items():
            found.setdefault(child, set()).update(columns)
            waiting.append(child)
    return {child: frozenset(columns) for child, columns in found.items()}
