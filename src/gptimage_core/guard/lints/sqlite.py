"""SQLite's schema as plain values, read on a connection of its own that is closed again.

Tables, indexes and foreign keys come from the PRAGMA functions; what an index, a CHECK, a generated column, a
view or a trigger computes stands in its text only (`sqlite_schema.sql`). Raises `sqlite3.Error`.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from gptimage_core.guard.lints.described import (
    DbColumn,
    DbTable,
    Expression,
    ForeignKey,
    Index,
    Schema,
    Trigger,
    View,
)
from gptimage_core.guard.lints.sqltext import Definition, conflicts, definitions, expression, names, tokens
from gptimage_core.store.schema import migrate

__all__ = ["read", "read_file"]

_BINARY = "BINARY"
_OBJECTS = "SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema ORDER BY type, name"
_COLUMNS = "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid"
_INDEXES = "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?, 'main') ORDER BY seq DESC"
_PARTS = "SELECT cid, name, coll FROM pragma_index_xinfo(?, 'main') WHERE key ORDER BY seqno"
_LINKS = """SELECT id, "from", "table", "to", on_update, on_delete
    FROM pragma_foreign_key_list(?, 'main') ORDER BY id DESC, seq"""
_SHADOWS = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'"
_VIRTUAL = ("CREATE", "VIRTUAL")


def read_file(path: Path | str) -> Schema:
    """The schema of the database in this file, as it is committed now."""
    with contextlib.closing(sqlite3.connect(str(path), isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=1")
        connection.execute("BEGIN")  # one moment for all of it
        return read(connection)


def read(connection: sqlite3.Connection) -> Schema:
    """The schema of the connection's main database, without the core's own and its temporary objects."""
    objects = [row for row in connection.execute(_OBJECTS).fetchall() if row not in _core()]
    tables = {name: sql for kind, name, _, sql in objects if kind == "table" and not _is_sqlites(name)}
    virtual = {n for n, sql in tables.items() if tuple(t.upper() for t in tokens(sql)[:2]) == _VIRTUAL}
    shadows = _shadows(connection, tables, virtual)
    indexes = {name: sql for kind, name, _, sql in objects if kind == "index"}
    return Schema(
        tuple(
            _virtual(name, sql)
            if name in virtual
            else _table(connection, name, sql, indexes, name in shadows)
            for name, sql in tables.items()
        ),
        tuple(View(name, names(sql)) for kind, name, _, sql in objects if kind == "view"),
        tuple(Trigger(name, table, names(sql)) for kind, name, table, sql in objects if kind == "trigger"),
    )


@functools.cache
def _core() -> frozenset[tuple[str, str, str, str]]:
    """What the core's migrations make, to the letter: anything else of these names is somebody else's."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        migrate(connection)
        return frozenset(connection.execute(_OBJECTS).fetchall())


def _is_sqlites(name: str) -> bool:
    return name.lower().startswith("sqlite_")


def _shadows(connection: sqlite3.Connection, tables: Iterable[str], virtual: set[str]) -> set[str]:
    """The tables in which modules store. A SQLite before 3.37 does not tell: then all that bear the name of a
    virtual table and more."""
    if sqlite3.sqlite_version_info >= (3, 37):
        return {name for (name,) in connection.execute(_SHADOWS)}
    starts = tuple(f"{each.lower()}_" for each in virtual)
    return {name for name in tables if name.lower().startswith(starts)} if starts else set()


def _virtual(name: str, sql: str) -> DbTable:
    """Its columns are the module's to tell, which may not be there; the lints need what it names. The module
    reads its arguments itself, so no word is reserved."""
    found = tokens(sql)
    start = next((at for at, token in enumerate(found) if token.lower() == "using"), 0)
    return DbTable(name, kind="virtual", names=names(" ".join(found[start:]), frozenset()))


def _table(
    connection: sqlite3.Connection, name: str, sql: str, indexes: dict[str, str], is_shadow: bool
) -> DbTable:
    rows = connection.execute(_COLUMNS, (name,)).fetchall()
    known = [row[0] for row in rows]
    defined = list(definitions(sql))
    by_name = {each.name.lower(): each for each in defined if each.name}
    listed = connection.execute(_INDEXES, (name,)).fetchall()
    key = [row[0] for row in sorted(rows, key=lambda row: row[3]) if row[3]]
    found = [_index(connection, index, known, indexes) for index in listed]
    is_rowid = bool(key) and not any(index[2] == "pk" for index in listed)
    if is_rowid:  # INTEGER PRIMARY KEY: the row's own number, which needs no index and is never NULL
        found.insert(0, Index("", tuple(key)))
    return DbTable(
        name,
        tuple(_column(row, by_name.get(row[0].lower()), known, is_rowid) for row in rows),
        "shadow" if is_shadow else "table",
        tuple(found),
        _links(connection, name),
        tuple(expression(check, known) for each in defined for check in each.checks),
        conflicts(sql),
    )


def _column(
    row: tuple[str, str, int, int, int], defined: Definition | None, known: list[str], is_rowid: bool
) -> DbColumn:
    name, declared, not_null, key, hidden = row
    collation = None if defined is None else defined.collation
    generated = None
    if hidden in (2, 3):
        found = None if defined is None else defined.generated
        # Without its text nobody can say what it copies: then it names everything and calls what may raise.
        generated = Expression(tuple(known), ("->",)) if found is None else expression(found, known)
    return DbColumn(
        name,
        null=not not_null and not (is_rowid and key),
        exact=collation in (None, _BINARY) and not _is_number(declared),
        generated=generated,
    )


def _is_number(declared: str) -> bool:
    """Whether SQLite compares this column's values as numbers, where `05` is `5` (its rules of affinity).

    A `UUID` has that affinity by its name; with its hyphens it is never a number.
    """
    words = declared.upper()
    if "INT" in words:
        return True
    return bool(words) and words != "UUID" and not any(w in words for w in ("CHAR", "CLOB", "TEXT", "BLOB"))


def _index(
    connection: sqlite3.Connection,
    listed: tuple[str, int, str, int],
    known: list[str],
    indexes: dict[str, str],
) -> Index:
    name, unique, origin, partial = listed
    parts = connection.execute(_PARTS, (name,)).fetchall()
    is_computed = any(cid < 0 for cid, _, _ in parts) or bool(partial)
    computed = None
    if is_computed:
        found = tokens(indexes[name])
        computed = expression(found[found.index("(") :], known)
    return Index(
        name if origin == "c" else "",
        tuple(column for cid, column, collation in parts if cid >= 0 and collation == _BINARY),
        bool(unique),
        not partial,
        tuple(column for cid, column, collation in parts if cid >= 0 and collation != _BINARY),
        computed,
    )


def _links(connection: sqlite3.Connection, name: str) -> tuple[ForeignKey, ...]:
    grouped: dict[int, list[tuple[str, str, str | None, str, str]]] = {}
    for id_, *rest in connection.execute(_LINKS, (name,)):
        grouped.setdefault(id_, []).append(tuple(rest))
    links = []
    for rows in grouped.values():
        _, table, _, on_update, on_delete = rows[0]
        targets = tuple(to for _, _, to, _, _ in rows if to is not None)
        if not targets:  # it references the key, whatever that is
            key = connection.execute(_COLUMNS, (table,)).fetchall()
            targets = tuple(row[0] for row in sorted(key, key=lambda row: row[3]) if row[3])
        links.append(ForeignKey(tuple(row[0] for row in rows), table, targets, on_delete, on_update))
    return tuple(links)
