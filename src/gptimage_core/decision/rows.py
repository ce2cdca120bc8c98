"""From a stored row to the facts a decision knows about it: the same reading of columns as the SQL has."""

from __future__ import annotations

from collections.abc import Mapping

from gptimage_core.decision.model import RowFacts, Value
from gptimage_core.policy.binding import Column, Table

__all__ = ["row_facts"]


def row_facts(
    table: Table,
    row: Mapping[str, object],
    people: Mapping[str, Mapping[str, Value]],
    parent: RowFacts | None = None,
) -> RowFacts:
    """The facts of `row` (column name → value). Columns that are not in `row` are unknown.

    `parent` is the row that the table's `via` leads to: its people are this row's, and so is the end of its
    keeping where this table has no `keep_ended` of its own (a thumbnail ends with its image, S32). A table
    that nowhere records the end of keeping holds rows that are kept (ended-is-known).
    """
    tenants = [_value(column, row) for column in table.with_role("tenant") if column.name in row]
    values: dict[str, Value] = {}
    for column in table.columns:
        if column.name not in row:
            continue
        if column.role in ("recorded", "keep_ended", "collected_under"):
            values[column.role] = _value(column, row)
        if column.fact is not None:
            values[column.fact] = _value(column, row)
    if not table.with_role("keep_ended"):
        if table.via is None:
            values["keep_ended"] = None
        elif parent is not None and "keep_ended" in parent.values:
            values["keep_ended"] = parent.values["keep_ended"]
    subjects: tuple[str | None, ...]
    if table.subjects or table.via is None:
        subjects = tuple(_text(row.get(name)) for name in table.subjects)
    else:
        subjects = parent.subjects if parent is not None else (None,)
    return RowFacts(_text(tenants[0]) if tenants else None, subjects, people, values)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _value(column: Column, row: Mapping[str, object]) -> Value:
    value = row[column.name]
    if column.type == "boolean" and isinstance(value, int):
        return {0: False, 1: True}.get(value)
    return value if isinstance(value, str | int) else None
