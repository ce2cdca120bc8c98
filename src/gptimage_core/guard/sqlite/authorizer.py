"""What a statement may name: asked of by SQLite, name by name, while it prepares the statement.

The fifth argument says where a name stands: within which CTE, view or trigger. INVARIANT (read-in-secret): an
application's statement reads a column of a governed table within a CTE whose name is the process's secret
(which filters rows), or within a trigger of this ring; and directly only, in a write, key and technical
columns of the table that it writes. What is not known here is denied: every action has a line, the others
none.
"""

from __future__ import annotations

import sqlite3 as s
from collections.abc import Callable, Mapping

from msgspec import Struct

from gptimage_core.guard.sqlite.schema import Schema
from gptimage_core.guard.statements.catalog import fold

__all__ = ["CORE", "Own", "Permitted", "may_core", "may_maintain", "may_statement"]

CORE = "gp_"
"""What the core's own tables begin with."""

_OF_PEOPLE = frozenset({"gp_subject_state", "gp_consent_state", "gp_objection_state", "gp_subject_fact"})
"""The core's tables that a predicate asks."""
_OVER_VALUES = frozenset({"json_each", "json_tree"})
_BUILT_IN = (
    "sqlite_",
    "pragma_",
    "json_",
    "dbstat",
    "bytecode",
    "tables_used",
    "fts",
    "generate_series",
    CORE,
)
"""What else is a table without standing in the schema."""
_HARMLESS = frozenset({s.SQLITE_SELECT, s.SQLITE_RECURSIVE})
_WRITES = frozenset({s.SQLITE_INSERT, s.SQLITE_UPDATE, s.SQLITE_DELETE})
_CONTROL = frozenset({s.SQLITE_TRANSACTION, s.SQLITE_SAVEPOINT})
_NEVER = frozenset({"load_extension", "fts3_tokenizer", "writefile", "readfile", "edit"})


class Permitted(Struct, frozen=True):
    """What a view permits one kind of statement. Names of tables and columns are folded.

    `cte`, `ring`: what the names of the secret CTEs, and of the ring's triggers, begin with. `readable`: per
    table, its columns within a secret CTE. `target`: the table that is written ("" for a SELECT), `keys` its
    key and technical columns, `sets` those that an UPDATE may set. `technical`: those of every table.
    """

    cte: str
    ring: str
    readable: Callable[[str], frozenset[str]]
    functions: frozenset[str]
    technical: Mapping[str, frozenset[str]]
    verb: str = "SELECT"
    target: str = ""
    sets: frozenset[str] = frozenset()


def may_statement(
    p: Permitted, schema: Schema, action: int, one: str, two: str, database: str | None, inner: str | None
) -> bool:
    """A statement of an application under a view."""
    if action in _HARMLESS:
        return True
    if action == s.SQLITE_FUNCTION:
        return two.lower() in p.functions or (inner is not None and inner.startswith(p.ring))
    if inner is not None and inner.startswith(p.ring):
        return action == s.SQLITE_READ
    if database not in (None, "main"):
        return False
    table = fold(one)
    if inner is not None and inner.startswith(p.cte):
        return action == s.SQLITE_READ and _reads_in_secret(p, table, fold(two), one)
    if inner is not None and fold(inner) in schema.triggers:
        return p.verb != "SELECT" and _in_a_trigger_of_theirs(p, action, table, fold(two))
    if action == s.SQLITE_READ:
        if table in _OVER_VALUES:
            return True
        if not two and database is None and one.startswith(p.cte):
            return True
        if not two and database is None and p.verb == "SELECT":
            return _is_of_the_statement(p, schema, table)
        return p.verb != "SELECT" and _reads_directly(p, schema, table, fold(two))
    return action in _WRITES and inner is None and _writes(p, schema, action, table, fold(two))


def _reads_in_secret(p: Permitted, table: str, column: str, written: str) -> bool:
    if table in p.technical:
        return column == "" or column in p.readable(table)
    return table in _OF_PEOPLE or table in _OVER_VALUES or (column == "" and written.startswith(p.cte))


def _is_of_the_statement(p: Permitted, schema: Schema, table: str) -> bool:
    """A source of which no column is named: SQLite gives its name alone. It is the statement's own WITH where
    nothing of the database is called so."""
    return table not in schema.tables and table not in p.technical and not table.startswith(_BUILT_IN)


def _reads_directly(p: Permitted, schema: Schema, table: str, column: str) -> bool:
    if table == p.target:
        return column in p.technical[table]
    # What hangs on the target by foreign keys: SQLite looks there by itself.
    hanging = schema.hanging.get(p.target, {})
    if table in hanging:
        return column in hanging[table] or column in p.technical.get(table, ())
    # And for the row that a foreign key names.
    if any(table in schema.above.get(name, ()) for name in (p.target, *hanging)):
        named = [schema.above.get(name, {}).get(table, frozenset()) for name in (p.target, *hanging)]
        return column in p.technical.get(table, ()) or any(column in columns for columns in named)
    return column == "" and _is_of_the_statement(p, schema, table)


def _writes(p: Permitted, schema: Schema, action: int, table: str, column: str) -> bool:
    if table == p.target and not (action == s.SQLITE_UPDATE and column not in p.sets):
        if action == s.SQLITE_INSERT:
            return p.verb == "INSERT"
        return p.verb in ("UPDATE", "INSERT") if action == s.SQLITE_UPDATE else p.verb == "DELETE"
    # What a foreign key's action would do; the triggers of the ring let it happen to nobody's row.
    links = schema.hanging.get(p.target, {}).get(table)
    return links is not None and (
        action == s.SQLITE_DELETE or (action == s.SQLITE_UPDATE and column in links)
    )


def _in_a_trigger_of_theirs(p: Permitted, action: int, table: str, column: str) -> bool:
    """A trigger of the application's is part of its schema: it writes tables that hold nobody's data, and of
    governed ones it sees keys and technical columns."""
    if action == s.SQLITE_READ:
        return column in p.technical[table] if table in p.technical else not table.startswith(_BUILT_IN)
    return action in _WRITES and table not in p.technical and not table.startswith(_BUILT_IN)


class Own(Struct, frozen=True):
    """What work of the core's own may reach of the application: `readable` columns per table; whether it
    `deletes` rows; whether it opens and ends transactions."""

    ring: str
    readable: Mapping[str, frozenset[str]]
    deletes: bool
    controls: bool


def may_core(own: Own, action: int, one: str, two: str, database: str | None, inner: str | None) -> bool:
    """Work of the core's own: its tables, and of the application's what it is given."""
    if action in _HARMLESS:
        return True
    if action == s.SQLITE_FUNCTION:
        return two.lower() not in _NEVER
    if action in _CONTROL:
        return own.controls
    if inner is not None and inner.startswith(own.ring):
        return action == s.SQLITE_READ
    if database not in (None, "main"):
        return False
    table = fold(one)
    columns = own.readable.get(table)
    if columns is None:
        is_own = table.startswith(CORE) and (action in _WRITES or action == s.SQLITE_READ)
        return is_own or (action == s.SQLITE_READ and table in _OVER_VALUES)
    if action == s.SQLITE_READ:
        return two == "" or fold(two) in columns
    return action == s.SQLITE_DELETE and own.deletes


def may_maintain(action: int, two: str) -> bool:
    """The declared trusted path, and the ring's own texts: everything but code from elsewhere."""
    return not (action == s.SQLITE_FUNCTION and two.lower() in _NEVER)
