"""Lints of the table classes themselves, before anything is bound: all at once.

A qualifier that the guard would not know, a table that two classes speak of, a class on another engine: each
would be a second way to the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from piccolo.table import Table

from gptimage_core.errors import PolicyError
from gptimage_core.guard.lints.described import Fault

__all__ = ["CODES", "check_classes"]

CODES = {
    "class-schema": "a table class with `schema=`: SQLite has none, and the guard would not know the name",
    "class-twice": "two table classes for one table: two tags for one column, two ways to a row",
    "class-engine": "a table class on another engine, or on none: its statements would pass no guard",
}
"""What each means; `docs/lints.md` shows them."""


def check_classes(tables: Sequence[type[Table]], engine: Any) -> None:
    """Raises `PolicyError` with every finding about how the classes are declared on this engine."""
    faults = tuple(_faults(tables, engine))
    if faults:
        raise PolicyError(findings=faults)


def _faults(tables: Sequence[type[Table]], engine: Any) -> Iterator[Fault]:
    seen: dict[str, type[Table]] = {}
    for table in tables:
        meta, name = table._meta, table.__name__
        other = seen.setdefault(meta.tablename.lower(), table)
        if meta.schema:
            message = f"`{name}` has schema `{meta.schema}`, and SQLite has none"
            yield Fault(meta.tablename, "class-schema", message, "leave `schema=` out")
        if other is not table or tables.count(table) > 1:
            message = f"`{other.__name__}` and `{name}` are both the table `{meta.tablename}`"
            yield Fault(meta.tablename, "class-twice", message, "keep one class, and list it once")
        if meta._db is not engine:
            message = f"`{name}` is on another engine"
            yield Fault(meta.tablename, "class-engine", message, "declare it with this one: `db=…`")
