"""Ring one for what writes: INSERT, UPDATE and DELETE (`shape` has the theorem)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Entry
from gptimage_core.guard.statements.profile import WITHHELD, Template
from gptimage_core.guard.statements.render import Renderer, quote
from gptimage_core.guard.statements.shadow import subject_columns
from gptimage_core.guard.statements.shaped import (
    Assignment,
    Cell,
    Insertion,
    Output,
    Shaped,
    StaticDenial,
    Text,
)
from gptimage_core.policy.binding import Column

if TYPE_CHECKING:
    from gptimage_core.guard.statements.shape import Shaping

__all__ = ["insertion", "written"]

_FILLED = ("tenant", "recorded", "collected_under")
"""Roles that the guard fills into an INSERT that does not name them."""


def insertion(statement: n.Statement, insert: n.Insert) -> Shaped:
    """Bind every cell; the guard decides and fills. Whether the rows may be created is not asked here."""
    entry = insert.entry
    missing = [c.name for c in entry.table.columns if c.role in _FILLED and c.name not in insert.columns]
    columns = (*insert.columns, *missing)
    rows = tuple((*row, *(Cell(fill=True) for _ in missing)) for row in insert.rows)
    if columns:
        number, written = 0, []
        for row in rows:
            written.append("(" + ", ".join(f"?{number + i + 1}" for i in range(len(row))) + ")")
            number += len(row)
        values = f"({', '.join(quote(c) for c in columns)}) VALUES {', '.join(written)}"
    else:
        values = "DEFAULT VALUES"
    returning = _returning(entry, insert.returning)
    return Shaped(
        "INSERT",
        Text(
            f"INSERT INTO main.{quote(entry.name)} {values}{returning}",
            (),
            tuple(range(statement.placeholders)),
        ),
        (entry.name,),
        outputs=_key_output(entry, insert.returning),
        target=entry.name,
        returning=bool(returning),
        insertion=Insertion(columns, rows),
    )


def _returning(entry: Entry, label: str | None) -> str:
    return "" if label is None else f" RETURNING {quote(entry.key)} AS {quote(label)}"


def _key_output(entry: Entry, label: str | None) -> tuple[Output, ...]:
    return () if label is None else (Output(label, entry.name, entry.key, "no", False),)


def written(shaping: Shaping, body: n.Update | n.Delete) -> Shaped:
    """An UPDATE or DELETE of the rows that the profile lets be written."""
    entry, source = body.entry, body.source
    pinned = [(c, v) for c, v in body.sets if entry.is_pinned(c.name)] if isinstance(body, n.Update) else []
    sets = [(c, v) for c, v in body.sets if not entry.is_pinned(c.name)] if isinstance(body, n.Update) else []
    rows = _target_rows(shaping, body, [column.name for column, _ in sets])
    needs = shaping.statement.target_needs | {column.name for column, _ in pinned}
    access = shaping.shadows.access(entry)
    chosen = shaping.shadows.select(entry, access, needs, rows, flagged=shaping.statement.target_guarded)
    secret = shaping.shadows.secret(entry, "w")
    shaping.prefixed = len(shaping.shadows.params)
    extra = f"{secret} AS ({chosen})"
    alias = quote(source.alias)

    def choose(renderer: Renderer) -> str:
        """FROM and WHERE over the target's rows."""
        conditions = [f"{alias}.{quote(c.name)} IS {renderer.expr(v)}" for c, v in pinned]
        if body.where is not None:
            conditions.append(renderer.expr(body.where))
        return f" FROM {secret} AS {alias}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")

    renderer, text = shaping.main()
    key = quote(entry.key)
    keys = f"{key} IN ({shaping.front(renderer, extra)}SELECT {alias}.{key}{choose(renderer)})"
    if isinstance(body, n.Update):
        assigned = ", ".join(f"{quote(c.name)} = {renderer.expr(v)}" for c, v in sets) or f"{key} = {key}"
        front = f"UPDATE main.{quote(entry.name)} SET {assigned}"  # noqa: S608  # names are quoted, values bound
    else:
        front = f"DELETE FROM main.{quote(entry.name)}"  # noqa: S608  # names are quoted, values bound
    returning = _returning(entry, body.returning)
    last = shaping.prefixed + shaping.statement.placeholders + 1
    sealed = any(column.sealed for column, _ in sets)
    picked, touch_text = shaping.picking()
    people = subject_columns(entry, shaping.catalog)
    arm = shaping.arm(entry, alias, people, choose(picked))
    return Shaped(
        "UPDATE" if isinstance(body, n.Update) else "DELETE",
        text(f"{front} WHERE {keys}{returning}"),
        tuple(shaping.statement.tables),
        outputs=_key_output(entry, body.returning),
        touch=shaping.touch_text(picked, touch_text, [arm], extra),
        target=entry.name,
        returning=bool(returning),
        assignments=tuple(_assignment(column, value) for column, value in sets),
        row=text(f"{front} WHERE {keys} AND {key} = ?{last}{returning}") if sealed else None,
    )


def _target_rows(shaping: Shaping, body: n.Update | n.Delete, columns: list[str]) -> tuple[Template, ...]:
    """The predicates that a row must satisfy to be written, and to be read where the statement reads it.

    A statement that names the rows by identifiers only reads nothing that has a category.
    """
    entry = body.entry
    access = shaping.shadows.access(entry)
    rows: list[Template] = []
    read = shaping.statement.target_needs | shaping.statement.set_reads
    if any(entry.columns_by_name[name].category != "identifier" for name in read):
        if access.rows is None:
            raise StaticDenial(entry.name, "read")
        rows.append(access.rows)
    if isinstance(body, n.Delete):
        if access.delete is None:
            raise StaticDenial(entry.name, "delete")
        rows.append(access.delete)
        return tuple(rows)
    update = {name: access.columns.get(name, WITHHELD).update for name in columns}
    denied = tuple(name for name, template in update.items() if template is None)
    if denied:
        raise StaticDenial(entry.name, "update", denied)
    rows.extend(template for template in update.values() if template is not None)
    for name in sorted(shaping.statement.set_reads):
        when = access.columns.get(name, WITHHELD).when
        if when is not None:  # what SET may not read of a row would overwrite it with NULL: leave the row
            rows.append(when)
    return tuple(rows) if rows else (access.rows or Template.text("0"),)


def _assignment(column: Column, value: n.Expr) -> Assignment:
    return Assignment(column.name, value.index if isinstance(value, n.Parameter) else None, column.sealed)
