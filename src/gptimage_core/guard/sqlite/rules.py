"""What a write may do to a row, as TEMP triggers: made from the view's decisions, not from the statement.

A row that may not be written is passed over (RAISE(IGNORE)), as if it were missing; a row that may not come
to be ends the statement (RAISE(ABORT)) and undoes it. INVARIANT (decided-twice): these predicates are read
from the policy for one row at a time (`OLD`, `NEW`), apart from those that shape statements.

What the triggers of one set hold:

 1. UPDATE: the row as it is may have these columns set, per template of predicate
 2. UPDATE of a fact: the row that it becomes may still (INVARIANT (new-row-decided))
 3. UPDATE of `keep_ended`: to an instant that has passed; it is cleared under `restore` only
 4. DELETE: the row may be deleted, every category of it
 5. INSERT: each category that the new row gives a value of may be created
And per table, whatever the rules: nothing where no context is open for it, and no row is moved (its key, its
people, tenant, instant and version stay).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from gptimage_core.clock import Span
from gptimage_core.errors import GuardError
from gptimage_core.guard.profiles import TableMaker, View
from gptimage_core.guard.sqlite.context import ANY, CUTS, NONE, Context
from gptimage_core.guard.statements.catalog import Entry
from gptimage_core.guard.statements.profile import ALWAYS, ColumnAccess, Template
from gptimage_core.guard.statements.render import quote
from gptimage_core.readings.sql import Param

__all__ = ["ABORTED", "CLOSED", "Kind", "RuleSet", "base"]

Kind: TypeAlias = Literal["INSERT", "UPDATE", "RESTORE", "DELETE"]
Trigger: TypeAlias = tuple[str, str]
"""Its name and its text."""

ABORTED = "gp: not permitted"
"""A row would come to be that may not."""
CLOSED = "gp: closed"
"""A row would be written that no open context names."""
_NUMBERS = itertools.count(1)


def base(context: Context, secret: str, entry: Entry) -> list[Trigger]:
    """The triggers that every governed table has, whoever acts."""
    table, number = f"main.{quote(entry.name)}", entry.number
    pinned = [name for name in entry.columns_by_name if entry.is_pinned(name)]
    moved = " OR ".join(f"NEW.{quote(name)} IS NOT OLD.{quote(name)}" for name in pinned)
    made: list[Trigger] = []
    for when, verb, column, more in (
        ("AFTER", "INSERT", "inserts", ""),
        ("BEFORE", "UPDATE", "updates", f"(c.updates <> {ANY} AND ({moved}))"),
        ("BEFORE", "DELETE", "deletes", ""),
    ):
        name = f'"{secret}b{number}{verb[0]}"'
        row = f"FROM temp.{context.row} AS c WHERE"
        open_one = f"EXISTS (SELECT 1 {row} c.{column} IN ({number}, {ANY}))"
        body = f"SELECT RAISE(ABORT, '{CLOSED}') WHERE NOT {open_one};"
        if more:
            body += f" SELECT RAISE(ABORT, '{ABORTED}') {row} {more};"
        made.append((name, f"CREATE TEMP TRIGGER {name} {when} {verb} ON {table} BEGIN {body} END"))
    return made


class RuleSet:
    """The rules of one view for one kind of write to one table. `number` names it in the context."""

    __slots__ = ("_defaults", "_made", "context", "cuts", "entry", "kind", "number", "row", "secret", "view")

    def __init__(self, context: Context, secret: str, view: View, entry: Entry, kind: Kind) -> None:
        self.number = next(_NUMBERS)
        self.context, self.secret, self.view, self.entry, self.kind = context, secret, view, entry, kind
        self.cuts: list[object] = []
        self._made: list[Trigger] = []
        self._defaults: Mapping[str, str] = {}
        table = entry.number
        inserts = table if kind == "INSERT" else NONE
        updates = NONE if kind == "DELETE" else table
        self.row = (self.number, inserts, updates, table if kind == "DELETE" else NONE)
        """How the context begins under these rules."""

    def triggers(self, defaults: Mapping[str, str]) -> list[Trigger]:
        """The triggers. `defaults`: what the database gives a column that an INSERT does not name, as SQL."""
        self._made, self._defaults = [], defaults
        if self.kind == "DELETE":
            self._delete()
        else:
            self._update("restore" if self.kind == "RESTORE" else "update")
        if self.kind == "INSERT":
            self._insert()
        if len(self.cuts) > CUTS:
            raise GuardError(
                f"the rules for `{self.entry.name}` count {len(self.cuts)} different calendar spans; "
                f"{CUTS} are supported"
            )
        return self._made

    def spans(self) -> list[Span]:
        """The spans whose cut-offs at `now` stand in the context, in order."""
        return [span for span in self.cuts if isinstance(span, Span)]

    # parts

    def _delete(self) -> None:
        delete = TableMaker(self.view, self.entry.table, "OLD").make("delete").delete
        self._add("BEFORE DELETE", f"RAISE(IGNORE) {self._unless(delete)}")

    def _update(self, variant: Literal["update", "restore"]) -> None:
        old = TableMaker(self.view, self.entry.table, "OLD").make(variant).columns
        new = TableMaker(self.view, self.entry.table, "NEW").make(variant).columns
        ended = next((c.name for c in self.entry.table.with_role("keep_ended")), None)
        for names in self._groups(old):
            columns = ", ".join(quote(name) for name in names)
            template = old[names[0]].update
            if template != ALWAYS:
                self._add(f"BEFORE UPDATE OF {columns}", f"RAISE(IGNORE) {self._unless(template)}")
            facts = self._facts(old)
            becomes = new[names[0]].update
            if facts and names != [ended] and becomes != ALWAYS:
                changed = " OR ".join(f"NEW.{quote(f)} IS NOT OLD.{quote(f)}" for f in facts)
                unless = self._unless(becomes)
                if ended is not None:  # what ends, or goes on, is asked about as what is kept
                    kept, was = f'"NEW".{quote(ended)}', f'"OLD".{quote(ended)}'
                    unless = unless.replace(kept, f"(CASE WHEN {was} IS {kept} THEN {kept} END)")
                self._add(f"AFTER UPDATE OF {columns}", f"RAISE(ABORT, '{ABORTED}') {unless} AND ({changed})")
        if ended is not None:
            self._ending(ended, variant)

    def _ending(self, ended: str, variant: str) -> None:
        new, old = f"NEW.{quote(ended)}", f"OLD.{quote(ended)}"
        if variant == "restore":
            wrong = f"{new} IS NOT NULL"
        else:
            wrong = f"({new} IS NULL AND {old} IS NOT NULL)"
        row = self.context.row
        wrong += f" OR ({new} IS NOT {old} AND {new} IS NOT NULL AND NOT ({new} > 0 AND {new} <= {row}.now))"
        self._add(
            f"AFTER UPDATE OF {quote(ended)}",
            f"RAISE(ABORT, '{ABORTED}') {self._under()} AND ({wrong})",
        )

    def _groups(self, columns: Mapping[str, ColumnAccess]) -> Iterable[list[str]]:
        """Columns that may be set under the same template; `keep_ended` by itself."""
        groups: dict[tuple[Template, bool], list[str]] = {}
        for column in self.entry.table.columns:
            template = columns[column.name].update
            if template is not None and not self.entry.is_pinned(column.name):
                groups.setdefault((template, column.role == "keep_ended"), []).append(column.name)
        return groups.values()

    def _facts(self, columns: Mapping[str, ColumnAccess]) -> list[str]:
        return [
            c.name
            for c in self.entry.table.columns
            if c.fact is not None and columns[c.name].update is not None and not self.entry.is_pinned(c.name)
        ]

    def _insert(self) -> None:
        """A category is given where one of its columns holds what the database did not fill in by itself."""
        wrong: list[str] = []
        given_at_all: list[str] = []
        some: list[str] = []
        for category, template in TableMaker(self.view, self.entry.table, "NEW").creates().items():
            names = [c.name for c in self.entry.table.columns if c.category == category]
            given = " OR ".join(self._given(name) for name in names)
            holds = "0" if template is None else f"(({self._render(template)}) IS TRUE)"
            given_at_all.append(f"({given})")
            some.append(holds)
            wrong.append(f"(({given}) AND NOT {holds})")
        nothing = f"(NOT ({' OR '.join(given_at_all) or '0'}) AND NOT ({' OR '.join(some) or '0'}))"
        self._add(
            "AFTER INSERT",
            f"RAISE(ABORT, '{ABORTED}') {self._under()} AND ({' OR '.join([*wrong, nothing])})",
        )

    def _given(self, name: str) -> str:
        column = f"NEW.{quote(name)}"
        default = self._defaults.get(name)
        return f"{column} IS NOT NULL" + ("" if default is None else f" AND {column} IS NOT ({default})")

    # texts

    def _unless(self, template: Template | None) -> str:
        holds = "0" if template is None else self._render(template)
        return f"{self._under()} AND ({holds}) IS NOT TRUE"

    def _under(self) -> str:
        """Where these rules are the ones that are open."""
        row = self.context.row
        return f"FROM temp.{row} WHERE {row}.n = {self.number}"

    def _render(self, template: Template) -> str:
        def value(param: object) -> str:
            if not isinstance(param, Param):
                raise GuardError(f"`{param!r}` is no parameter of a predicate; nothing is written")
            return self.context.value(param, self.cuts)

        return template.render(value)

    def _add(self, when: str, select: str) -> None:
        name = f'"{self.secret}{self.number}_{len(self._made)}"'
        on = f"ON main.{quote(self.entry.name)}"
        self._made.append((name, f"CREATE TEMP TRIGGER {name} {when} {on} BEGIN SELECT {select}; END"))
