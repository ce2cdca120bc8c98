"""Lints of uniqueness: what collides tells that a row is there, whoever may see it.

A UNIQUE tells nothing of others if every collision is with a row of one's own: it holds all columns that name
the row's people (with the tenant, since two tenants may know people by the same name), or the column by which
the row is owned. And it tells nothing at all if nobody guesses its values: the key, which is random, or a
column that is declared `opaque`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gptimage_core.guard.lints.columns import pairs
from gptimage_core.guard.lints.described import Fault, Index, Schema
from gptimage_core.policy.binding import DataMap, Table
from gptimage_core.policy.vocabulary import IDENTIFIER

__all__ = ["faults", "notes"]


def faults(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    """Every UNIQUE that tells of somebody else's rows, or of another tenant's."""
    for table, found in pairs(schema, datamap):
        for index in found.indexes:
            if index.unique:
                yield from _unique(table, index)


def notes(schema: Schema, datamap: DataMap) -> Iterator[Fault]:
    """Keys that count up."""
    for table, _ in pairs(schema, datamap):
        for column in table.with_role("key"):
            if column.type == "integer":
                message = f"`{column.name}` is a number: one that is taken tells that a row exists"
                yield Fault(f"{table.name}.{column.name}", "numbered-key", message)


def _unique(table: Table, index: Index) -> Iterator[Fault]:
    columns = [column for column in table.columns if column.name in index.columns]
    if any(c.opaque or (c.role == "key" and c.category == IDENTIFIER) for c in columns):
        return
    if table.via is not None and not table.subjects and table.via.column in index.columns:
        return
    place = _place(table, index)
    said = ", ".join(f"`{name}`" for name in (*index.columns, *index.loose)) or "an expression"
    people = set(table.subjects)
    if not people or not people <= set(index.columns):
        lacks = " and ".join(f"`{name}`" for name in sorted(people - set(index.columns)))
        hint = (
            f"add {lacks}"
            if lacks
            else f"add `{table.via.column}`, which says whose the row is"
            if table.via is not None
            else "tag a column of random values with `opaque`"
        )
        yield Fault(place, "unique", f"a UNIQUE over {said} tells which values others have", hint)
    elif not {column.name for column in table.with_role("tenant")} & set(index.columns):
        yield Fault(place, "unique-tenant", f"a UNIQUE over {said} tells across tenants")


def _place(table: Table, index: Index) -> str:
    """A constraint, and an index of columns over every row, by its columns; any other index by its name."""
    if index.name and (index.computed is not None or index.loose or not index.total):
        return f"{table.name}.{index.name}"
    return f"{table.name}.{'+'.join((*index.columns, *index.loose))}"
