"""Ring one for what writes: INSERT, UPDATE and DELETE (`shape` has the theorem).

An UPDATE or DELETE takes its rows, and what SET computes, from a SELECT over the rows that may be written.
Rows in which SET reads a field that P withholds are left as they are. Where FROM gives a row several times,
which of them counts is the database's choice; where LIMIT leaves several orders, the key decides.

An INSERT changes what the same INSERT of the values that its SELECT gives over the restriction would, if each
of these rows may be created; else nothing. An upsert is an UPDATE of the row that collides, if P lets it be
written, and else an INSERT (`guard.upserts`); RETURNING is the SELECT of its list over the rows that were
written, as they were before a DELETE and are after all else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Entry
from gptimage_core.guard.statements.profile import WITHHELD, Template
from gptimage_core.guard.statements.render import Renderer, quote
from gptimage_core.guard.statements.shadow import subject_columns
from gptimage_core.guard.statements.shaped import (
    Assignment,
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


def insertion(statement: n.Statement, insert: n.Insert) -> Shaped:
    """Bind every cell; the guard decides and fills. Whether the rows may be created is not asked here."""
    entry, width = insert.entry, len(insert.columns)
    label = None if insert.returning is None else insert.returning.label or entry.key
    front = f"INSERT INTO main.{quote(entry.name)}"
    if insert.columns:
        front += f" ({', '.join(quote(c) for c in insert.columns)}) VALUES "
        rows = [
            "(" + ", ".join(f"?{at * width + i + 1}" for i in range(width)) + ")"
            for at in range(len(insert.rows))
        ]
        values, one = front + ", ".join(rows), front + rows[0]
    else:
        values = one = f"{front} DEFAULT VALUES"
    return Shaped(
        "INSERT",
        Text(values + _returning(entry, label), (), tuple(range(statement.placeholders))),
        (entry.name,),
        outputs=_key_output(entry, insert.returning),
        target=entry.name,
        returning=label is not None,
        insertion=Insertion(
            tuple(insert.columns),
            tuple(insert.rows),
            insert.each,
            insert.ignore,
            one + _returning(entry, entry.key),
        ),
    )


def _returning(entry: Entry, label: str | None) -> str:
    return "" if label is None else f" RETURNING {quote(entry.key)} AS {quote(label)}"


def _key_output(entry: Entry, returning: n.Returning | None) -> tuple[Output, ...]:
    if returning is None or returning.label is None:
        return ()
    return (Output(returning.label, entry.name, entry.key, "no", False),)


def written(shaping: Shaping, body: n.Update | n.Delete) -> Shaped:
    """An UPDATE or DELETE of the rows that the profile lets be written."""
    return _Writing(shaping, body).shaped()


class _Writing:
    """One UPDATE or DELETE on its way. `secret` names the CTE of the rows that it may write."""

    def __init__(self, shaping: Shaping, body: n.Update | n.Delete) -> None:
        self.shaping, self.body, self.entry = shaping, body, body.entry
        sets = body.sets if isinstance(body, n.Update) else []
        self.pinned = [(c, v) for c, v in sets if self.entry.is_pinned(c.name)]
        self.sets = [(c, v) for c, v in sets if not self.entry.is_pinned(c.name)]
        self.sources = body.sources if isinstance(body, n.Update) else []
        self.alias = quote(body.source.alias)
        self.key = quote(self.entry.key)
        statement, shadows = shaping.statement, shaping.shadows
        rows = _target_rows(shaping, body, [column.name for column, _ in self.sets])
        needs = statement.target_needs | statement.set_reads | {column.name for column, _ in self.pinned}
        access = shadows.access(self.entry)
        chosen = shadows.select(self.entry, access, needs, rows, flagged=statement.target_guarded)
        self.secret = shadows.secret(self.entry, "w")
        shaping.prefixed = len(shadows.params)
        self.extra = f"{self.secret} AS ({chosen})"

    def shaped(self) -> Shaped:
        shaping, body = self.shaping, self.body
        renderer, text = shaping.main()
        returning = ""
        if body.returning is not None:
            returning = _returning(self.entry, body.returning.label or self.entry.key)
        where = self._delete(renderer) if isinstance(body, n.Delete) else self._update(renderer)
        last = shaping.prefixed + len(text.placeholders) + 1
        sealed = any(column.sealed for column, _ in self.sets)
        return Shaped(
            "UPDATE" if isinstance(body, n.Update) else "DELETE",
            text(where + returning),
            tuple(shaping.statement.tables),
            outputs=_key_output(self.entry, body.returning),
            touch=self._touch(),
            target=self.entry.name,
            returning=bool(returning),
            assignments=tuple(_assignment(column, value) for column, value in self.sets),
            row=text(f"{where} AND {self._own_key()} = ?{last}{returning}") if sealed else None,
        )

    def _own_key(self) -> str:
        return f"{quote(self.entry.name)}.{self.key}"

    def _delete(self, renderer: Renderer) -> str:
        return f"DELETE FROM main.{quote(self.entry.name)} WHERE {self._keys(renderer)}"  # noqa: S608  # names are quoted, values bound

    def _keys(self, renderer: Renderer) -> str:
        inner = f"SELECT {self.alias}.{self.key}{self._choice(renderer)}"
        return f"{self.key} IN ({self.shaping.front(renderer, self.extra)}{inner})"

    def _update(self, renderer: Renderer) -> str:
        """What SET computes is computed where the rows are chosen, so that it is read there and nowhere else;
        where it takes arguments only, the keys are enough."""
        front = f"UPDATE main.{quote(self.entry.name)} SET "  # noqa: S608  # names are quoted, values bound
        computed = [v for _, v in self.sets if not isinstance(v, n.Parameter | n.Literal)]
        if not computed and not self.sources:
            sets = ", ".join(f"{quote(c.name)} = {renderer.expr(v)}" for c, v in self.sets)
            return f"{front}{sets or f'{self.key} = {self.key}'} WHERE {self._keys(renderer)}"
        sets = ", ".join(
            f'{quote(c.name)} = "gp:new"."gp:{computed.index(v)}"'
            if v in computed
            else f"{quote(c.name)} = {renderer.expr(v)}"
            for c, v in self.sets
        )
        listed = [f'{self.alias}.{self.key} AS "gp:k"']
        listed += [f'{renderer.expr(value)} AS "gp:{i}"' for i, value in enumerate(computed)]
        inner = f"SELECT {', '.join(listed)}{self._choice(renderer)}"
        inner = f'({self.shaping.front(renderer, self.extra)}{inner}) AS "gp:new"'
        sets = sets or f'{self.key} = "gp:new"."gp:k"'
        return f'{front}{sets} FROM {inner} WHERE {self._own_key()} = "gp:new"."gp:k"'

    def _choice(self, renderer: Renderer) -> str:
        """FROM, WHERE, ORDER BY and LIMIT over the rows that may be written."""
        body = self.body
        out = f" FROM {self.secret} AS {self.alias}"
        if self.sources:
            out += ", " + renderer.sources(self.sources)
        conditions = [f"{self.alias}.{quote(c.name)} IS {renderer.expr(v)}" for c, v in self.pinned]
        if body.where is not None:
            conditions.append(renderer.expr(body.where))
        if conditions:
            out += f" WHERE {' AND '.join(conditions)}"
        if body.limit is not None:
            terms = [renderer.expr(term.expr) + term.suffix for term in body.order]
            # Two statements make this choice, so it must be the same one: at the end the key decides.
            out += f" ORDER BY {', '.join([*terms, f'{self.alias}.{self.key}'])}"
            out += f" LIMIT {renderer.expr(body.limit)}"
            out += "" if body.offset is None else f" OFFSET {renderer.expr(body.offset)}"
        return out

    def _touch(self) -> Text | None:
        shaping = self.shaping
        picked, text = shaping.picking()
        rest = self._choice(picked)
        arms = [shaping.arm(self.entry, self.alias, subject_columns(self.entry, shaping.catalog), rest)]
        leaves = self.body.leaves if isinstance(self.body, n.Update) else []
        for source in leaves:
            if source.entry is not None:
                people = subject_columns(source.entry, shaping.catalog)
                arms.append(shaping.arm(source.entry, quote(source.alias), people, rest))
        if self.body.limit is not None:
            arms = [f"SELECT * FROM ({arm})" for arm in arms]  # noqa: S608  # names are quoted, values bound
        return shaping.touch_text(picked, text, arms, self.extra)


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
