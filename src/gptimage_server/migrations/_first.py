"""The first migration's text, made from `tables`; beside it what Piccolo cannot say."""

from __future__ import annotations

from pathlib import Path

from piccolo.engine.sqlite import SQLiteEngine

from gptimage_server.tables import TABLES

__all__ = ["FILE", "text"]

FILE = Path(__file__).parent / "0001_first.sql"

_ALSO = (
    "-- One address, one account, among the accounts that are kept.",
    "CREATE UNIQUE INDEX accounts_one_address ON accounts (tenant, email_hash) WHERE keep_ended IS NULL;",
    "-- One account of each kind in a person's books.",
    "CREATE UNIQUE INDEX credit_accounts_one_kind ON credit_accounts (tenant, owner, kind);",
)


def text() -> str:
    """Tables in the order of `TABLES`, each with its indexes."""
    lines = ["-- Made from gptimage_server.tables; see migrations/__init__.py."]
    for table in TABLES:
        before = table._meta._db
        table._meta._db = _DIALECT  # Piccolo asks the engine for the dialect only
        try:
            lines += [f"{_spread(statement)};" for statement in table.create_table().default_ddl]
        finally:
            table._meta._db = before
    return "\n".join([*lines, *_ALSO]) + "\n"


def _spread(statement: str) -> str:
    """One column a line, so that a change can be read in a diff."""
    head, paren, rest = statement.partition(" (")
    if not statement.startswith("CREATE TABLE"):
        return statement
    columns = rest.removesuffix(")").split(', "')
    return f"{head}{paren}\n  " + ',\n  "'.join(columns) + "\n)"


_DIALECT = SQLiteEngine(path=":memory:")
