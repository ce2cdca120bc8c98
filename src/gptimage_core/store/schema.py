"""The core's own tables: their migrations, and what they hold in the words of a policy.

One dialect exists, SQLite's (`_sqlite`); another one is another tuple of migrations with the same numbers.
The tables are personal data like any other (S6, X9): `own_tables` gives them to `bind`, so that they stand
in the data map, the notice and the registry under categories of their own.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from typing import Literal

from gptimage_core.errors import StoreError
from gptimage_core.policy.binding import Column, Role, Table
from gptimage_core.policy.vocabulary import IDENTIFIER
from gptimage_core.store._sqlite import MIGRATIONS, Migration

__all__ = ["CATEGORIES", "VERSION", "checksum", "current_version", "migrate", "own_tables"]

VERSION = MIGRATIONS[-1].number
"""The version this code works with."""

_HISTORY = """CREATE TABLE IF NOT EXISTS gp_migration (
    number INT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT, WITHOUT ROWID"""


def checksum(migration: Migration) -> str:
    """SHA-256 over number, name and statements; a released migration's never changes (a test holds it)."""
    text = "\x00".join((str(migration.number), migration.name, *migration.statements))
    return hashlib.sha256(text.encode()).hexdigest()


def current_version(connection: sqlite3.Connection) -> int:
    """The newest migration that was applied to this database; 0 before the first."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'gp_migration'").fetchone()
    if known is None:
        return 0
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM gp_migration").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the tables to `VERSION`; returns how many migrations ran (0: nothing to do).

    Runs inside the caller's transaction (`await db.write(migrate)`): all of it, or nothing. Raises
    `StoreError` for a database that is newer than this code or whose history differs from it: serving it
    could ignore a column that carries somebody's refusal.
    """
    if not connection.in_transaction:
        raise StoreError("migrations need a transaction; use `db.write(migrate)`")
    connection.execute(_HISTORY)
    rows = connection.execute("SELECT number, checksum FROM gp_migration ORDER BY number").fetchall()
    applied = {int(number): str(digest) for number, digest in rows}
    newest = max(applied, default=0)
    if newest > VERSION:
        raise StoreError(
            f"the core's tables are at version {newest}, this code knows {VERSION}; install a newer gptimage"
        )
    ran = 0
    for migration in MIGRATIONS:
        known = applied.get(migration.number)
        if known is None:
            _apply(connection, migration, newest)
            ran += 1
        elif known != checksum(migration):
            raise StoreError(
                f"migration {migration.number} of the core's tables is not the one that was applied"
            )
    return ran


def _apply(connection: sqlite3.Connection, migration: Migration, newest: int) -> None:
    if migration.number <= newest:
        raise StoreError(f"migration {migration.number} is missing below version {newest}")
    for statement in migration.statements:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO gp_migration (number, name, checksum) VALUES (?, ?, ?)",
        (migration.number, migration.name, checksum(migration)),
    )


_Kind = Literal["text", "integer", "real", "boolean", "instant", "bytes", "json", "array"]
_Shape = tuple[str, _Kind, "str | Role | None"]

# Per table: column, type, and either a role or the category it holds; `None` is a technical column.
_ROLES: frozenset[str] = frozenset(
    {"key", "subject", "tenant", "recorded", "keep_ended", "collected_under", "link"}
)
_COLUMNS: Mapping[str, tuple[_Shape, ...]] = {
    "gp_subject_state": (
        ("tenant", "text", "tenant"),
        ("subject", "text", "subject"),
        ("created_at", "instant", "recorded"),
        ("deleted", "boolean", "tombstone"),
        ("deleted_at", "instant", "tombstone"),
        ("restricted", "boolean", "account_record"),
        ("age_floor_is_met", "boolean", "age_outcome"),
        ("account_is_active", "boolean", "account_record"),
        ("notice_was_given", "boolean", "account_record"),
        ("jurisdiction", "text", "country"),
        ("ledger_seq", "integer", None),
    ),
    "gp_subject_fact": (
        ("tenant", "text", "tenant"),
        ("subject", "text", "subject"),
        ("fact", "text", "account_record"),
        ("type", "text", None),
        ("text_value", "text", "account_record"),
        ("int_value", "integer", "account_record"),
        ("fresh_until", "instant", None),
    ),
    "gp_consent_state": (
        ("tenant", "text", "tenant"),
        ("subject", "text", "subject"),
        ("consent", "text", "consent_record"),
        ("given", "boolean", "consent_record"),
        ("at", "instant", "recorded"),
        ("policy_version", "integer", "collected_under"),
        ("ledger_seq", "integer", None),
    ),
    "gp_consent_event": (
        ("id", "text", "key"),
        ("tenant", "text", "tenant"),
        ("subject", "text", "subject"),
        ("consent", "text", "consent_record"),
        ("given", "boolean", "consent_record"),
        ("at", "instant", "recorded"),
        ("policy_version", "integer", "collected_under"),
        ("digest", "text", None),
        ("how", "text", "consent_record"),
        ("ledger_seq", "integer", None),
    ),
    "gp_objection_state": (
        ("tenant", "text", "tenant"),
        ("subject", "text", "subject"),
        ("purpose", "text", "consent_record"),
        ("objected", "boolean", "consent_record"),
        ("at", "instant", "recorded"),
        ("ledger_seq", "integer", None),
    ),
    "gp_access_record": (
        ("seq", "integer", "key"),
        ("id", "text", None),
        ("at", "instant", "recorded"),
        ("tenant", "text", "tenant"),
        ("actor_kind", "text", "access_record"),
        ("actor", "text", "access_record"),
        ("purpose", "text", "access_record"),
        ("operation", "text", "access_record"),
        ("categories", "json", "access_record"),
        ("rules", "json", "access_record"),
        ("digest", "text", None),
        ("version", "integer", "collected_under"),
        ("statement", "text", "access_record"),
        ("counts", "json", "access_record"),
        ("touched", "json", "access_record"),
    ),
    "gp_access_touch": (
        ("tenant", "text", "tenant"),
        ("subject", "text", "subject"),
        ("record", "integer", "access_record"),
    ),
    "gp_denial": (
        ("id", "text", "key"),
        ("at", "instant", "recorded"),
        ("tenant", "text", "tenant"),
        ("actor_kind", "text", "denial_record"),
        ("actor", "text", "denial_record"),
        ("purpose", "text", "denial_record"),
        ("operation", "text", "denial_record"),
        ("category", "text", "denial_record"),
        ("recipient", "text", "denial_record"),
        ("rule", "text", "denial_record"),
        ("clauses", "json", "denial_record"),
        ("file", "text", None),
        ("line", "integer", None),
        ("column_", "integer", None),
        ("nearest", "text", "denial_record"),
        ("reason", "text", "denial_record"),
        ("digest", "text", None),
        ("version", "integer", "collected_under"),
    ),
}

CATEGORIES: Mapping[str, tuple[str, ...]] = {
    table: tuple(dict.fromkeys(what for _, _, what in shapes if what is not None and what not in _ROLES))
    for table, shapes in _COLUMNS.items()
}
"""The categories each own table holds. Tables that are not here (meta, leases, position) hold none."""


def own_tables(rename: Mapping[str, str] | None = None) -> tuple[Table, ...]:
    """The own tables as `bind` takes them. `rename` maps our categories to those of a product's policy."""
    names = dict(rename or {})
    return tuple(
        Table(table, tuple(_column(shape, names) for shape in shapes)) for table, shapes in _COLUMNS.items()
    )


def _column(shape: _Shape, names: Mapping[str, str]) -> Column:
    name, type_, what = shape
    if what is None:
        return Column(name, IDENTIFIER, type_)
    for role in _ROLES:
        if what == role:
            return Column(name, IDENTIFIER, type_, role=what)  # type: ignore[arg-type]  # it is a Role: see `_ROLES`
    return Column(name, names.get(what, what), type_)
