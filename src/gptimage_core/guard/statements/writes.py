"""The half of ring two that reads INSERT, UPDATE and DELETE."""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog, Entry, fold
from gptimage_core.guard.statements.queries import Queries
from gptimage_core.guard.statements.shaped import Cell
from gptimage_core.policy.binding import Column

__all__ = ["Writes"]

_FILLED = ("tenant", "recorded", "collected_under", "keep_ended")
"""Roles that the guard fills into an INSERT that does not name them."""

_INSTEAD_OF_REPLACE = (
    "REPLACE deletes whole rows unseen; write `INSERT … ON CONFLICT (key) DO UPDATE SET a = excluded.a`"
)


class Writes(Queries):
    """The statements that write."""

    def __init__(self, sql: str, catalog: Catalog) -> None:
        super().__init__(sql, catalog)
        self.parts: list[n.Statement] = []
        """Statements inside this one, which are resolved and run by themselves."""
        self.added: list[n.Parameter] = []
        """Arguments behind the user's own, numbered from there when all of those are counted."""
        self.excluded: n.Insert | None = None
        """The INSERT whose DO UPDATE is read: `excluded` is its row."""

    def name(self, what: str) -> str:
        at = self.token.at
        name = super().name(what)
        if self.excluded is not None and what == "a table" and fold(name) == "excluded":
            raise self.refused("`excluded` is the row that was to be inserted; take another name", at)
        return name

    def _target(self, *, columns_follow: bool = False) -> tuple[Entry, str]:
        """The table and the name that it goes by."""
        at = self.token.at
        name = self._table_name(columns_follow=columns_follow)
        entry = self.catalog.entry(name)
        if entry is None:
            raise self.refused(f"`{name}` is not a governed table", at)
        alias = self.name("a table") if self.take_word("AS") else entry.name
        if self.token.kind == "name":
            raise self.refused("write `AS` before the table's other name")
        self._no_index_hint()
        return entry, alias

    # INSERT

    def _insert(self, ctes: list[n.Cte]) -> n.Insert:
        ignore = False
        if self.take_word("OR"):
            if self.is_word("REPLACE"):
                raise self.refused(_INSTEAD_OF_REPLACE)
            ignore = self.take_word("IGNORE")
            if not ignore:
                raise self.refused(
                    "write INSERT or INSERT OR IGNORE; a failing statement is undone as a whole"
                )
        self.expect_word("INTO")
        entry, alias = self._target(columns_follow=True)
        insert = n.Insert(entry, self._column_list(entry), [], None, ignore=ignore)
        self._values(insert, ctes)
        missing = [c.name for c in entry.table.columns if c.role in _FILLED and c.name not in insert.columns]
        insert.columns += missing
        insert.rows = [(*row, *(Cell(fill=True) for _ in missing)) for row in insert.rows]
        if self.is_word("ON"):
            if ignore:
                raise self.refused("write OR IGNORE or ON CONFLICT, not both")
            insert.upsert = self._upsert(insert, alias)
        insert.returning = self._returning(entry, alias)
        return insert

    def _column_list(self, entry: Entry) -> list[str]:
        columns: list[str] = []
        if self.take_op("("):
            at = self.token.at
            for name in self._names("a column"):
                column = self._column(entry, name, at)
                if column in columns:
                    raise self.refused(f"the column `{name}` stands twice", at)
                columns.append(column)
            self.expect_op(")")
        return columns

    def _column(self, entry: Entry, name: str, at: int) -> str:
        column = entry.find(name)
        if column is None:
            raise self.refused(f"`{entry.name}` has no column `{name}`", at)
        return column.name

    def _values(self, insert: n.Insert, ctes: list[n.Cte]) -> None:
        if not insert.columns and self.take_word("DEFAULT"):
            self.expect_word("VALUES")
            insert.rows = [()]
            return
        if not insert.columns:
            insert.columns = [column.name for column in insert.entry.table.columns]
        if not self.take_word("VALUES"):
            if not self.is_word("SELECT") and not self.is_word("WITH"):
                raise self.refused("expected VALUES or SELECT")
            at = self.token.at
            query = self.query()
            query.ctes = [*ctes, *query.ctes]
            insert.source, insert.each = self._part(n.Statement("SELECT", self.sql, query, 0)), True
            insert.rows = [tuple(Cell(output=i) for i in range(len(insert.columns)))]
            if self.is_word("ON") and query.cores[-1].sources and not query.cores[-1].where:
                raise self.refused("write `WHERE TRUE` before ON CONFLICT: it might be the ON of a join", at)
            return
        computed: list[n.Item | n.Star] = []
        while True:
            at = self.token.at
            self.expect_op("(")
            cells = [self._cell(computed)]
            while self.take_op(","):
                cells.append(self._cell(computed))
            self.expect_op(")")
            if len(cells) != len(insert.columns):
                message = f"{len(insert.columns)} columns are named and {len(cells)} values given"
                raise self.refused(message, at)
            insert.rows.append(tuple(cells))
            if not self.take_op(","):
                break
        if computed:
            query = n.Query([n.Core(False, computed, [], None, [], None, None, at)], [], [], None, None, at)
            query.ctes = ctes
            insert.source = self._part(n.Statement("SELECT", self.sql, query, 0))

    def _cell(self, computed: list[n.Item | n.Star]) -> Cell:
        value = self.expression()
        if isinstance(value, n.Parameter):
            return Cell(placeholder=value.index)
        if isinstance(value, n.Literal):
            return Cell(value=value.value)
        computed.append(n.Item(value, None, f"c{len(computed)}"))
        return Cell(output=len(computed) - 1)

    def _part(self, statement: n.Statement) -> n.Statement:
        statement.part = True
        self.parts.append(statement)
        return statement

    def _beyond(self, position: int) -> n.Parameter:
        """An argument that the guard adds behind the user's own, when all of those are counted."""
        added = n.Parameter(position)
        self.added.append(added)
        return added

    # ON CONFLICT

    def _upsert(self, insert: n.Insert, alias: str) -> n.Upsert:
        entry = insert.entry
        self.expect_word("ON")
        self.expect_word("CONFLICT")
        target: list[str] = []
        partial: n.Expr | None = None
        found = n.Source(alias, self.token.at)
        if self.take_op("("):
            while True:
                at = self.token.at
                name = self.name("a column")
                if not (self.is_op(",") or self.is_op(")")):
                    raise self.refused("ON CONFLICT takes the names of columns", at)
                target.append(self._column(entry, name, at))
                if not self.take_op(","):
                    break
            self.expect_op(")")
            if self.is_word("WHERE"):
                before, count = self.i, self.parameters
                self.i += 1
                partial = self.expression()
                again, counted = self.i, self.parameters
                self.i, self.parameters = before + 1, count
                twin = self.expression()  # each part has a tree of its own
                self.i, self.parameters = again, counted
        self.expect_word("DO")
        upsert = n.Upsert(target, partial is not None)
        if self.take_word("NOTHING"):
            return upsert
        self.expect_word("UPDATE")
        if not target:
            raise self.refused("say what collides: `ON CONFLICT (key) DO UPDATE`")
        self.expect_word("SET")
        self.excluded = insert
        sets = self._sets(entry)
        where = self.expression() if self.take_word("WHERE") else None
        self.excluded = None
        if self.is_word("ON"):
            raise self.refused("one ON CONFLICT in an INSERT; what collides otherwise is an error")
        columns = [(entry.columns_by_name[name], value) for name, value in sets]
        same = [self._same(insert, name, alias) for name in target]
        terms = [*same, *([partial] if partial else []), *([where] if where else [])]
        body = n.Update(entry, n.Source(alias, 0), columns, _both(terms), n.Returning(entry.key))
        upsert.update = self._part(n.Statement("UPDATE", self.sql, body, 0))
        nothing: list[tuple[Column, n.Expr]] = [
            (column, n.Literal("NULL", None, 0)) for column, _ in columns if not entry.is_pinned(column.name)
        ]
        terms = [*(self._same(insert, name, alias) for name in target), *([twin] if partial else [])]
        look = n.Update(entry, found, nothing, _both(terms), None)
        upsert.found = self._part(n.Statement("UPDATE", self.sql, look, 0))
        return upsert

    def _same(self, insert: n.Insert, name: str, alias: str) -> n.Expr:
        """The row has in a column of the target what the new one was to have."""
        if name not in insert.columns:
            message = f"ON CONFLICT names `{name}`, and the INSERT gives it no value"
            raise self.refused(f"{message}; name it among the columns")
        value = self._beyond(len(insert.columns) + insert.columns.index(name))
        return n.Binary("=", n.ColumnRef(alias, name, self.token.at), value, self.token.at)

    def qualified(self, qualifier: str, name: str, at: int) -> n.Expr:
        """After DO UPDATE `excluded.x` is the value that the new row was to have."""
        insert = self.excluded
        if insert is None or fold(qualifier) != "excluded":
            return n.ColumnRef(qualifier, name, at)
        column = self._column(insert.entry, name, at)
        if column not in insert.columns:
            raise self.refused(f"the INSERT gives `{column}` no value; name it among the columns", at)
        return self._beyond(insert.columns.index(column))

    # UPDATE, DELETE

    def _update(self) -> n.Update:
        if self.is_word("OR"):
            raise self.refused("`UPDATE OR …` is not governed; leave the `OR …` out")
        entry, alias = self._target()
        self.expect_word("SET")
        sets = self._sets(entry)
        sources = self._from() if self.take_word("FROM") else []
        where = self.expression() if self.take_word("WHERE") else None
        columns = [(entry.columns_by_name[name], value) for name, value in sets]
        update = n.Update(entry, n.Source(alias, 0), columns, where, None, sources)
        self._rest(update, alias)
        if sources and update.limit is not None:
            raise self.refused("LIMIT cannot stand in an UPDATE with FROM; choose the rows in WHERE")
        return update

    def _sets(self, entry: Entry) -> list[tuple[str, n.Expr]]:
        sets: list[tuple[str, n.Expr]] = []
        while True:
            at = self.token.at
            for name, value in self._assignments(entry, at):
                if any(name == other for other, _ in sets):
                    raise self.refused(f"the column `{name}` is set twice", at)
                sets.append((name, value))
            if not self.take_op(","):
                return sets

    def _assignments(self, entry: Entry, at: int) -> list[tuple[str, n.Expr]]:
        if not self.is_op("("):
            column = self._column(entry, self.name("a column"), at)
            self.expect_op("=")
            return [(column, self.expression())]
        columns = self._column_list(entry)
        self.expect_op("=")
        at = self.token.at
        self.expect_op("(")
        if not self.is_word("SELECT"):
            values = self.list_of(self.expression)
            self.expect_op(")")
            if len(values) != len(columns):
                raise self.refused(f"{len(columns)} columns are set to {len(values)} values", at)
            return list(zip(columns, values, strict=True))
        before, count = self.i, self.parameters
        out: list[tuple[str, n.Expr]] = []
        for position, column in enumerate(columns):  # each column has a subquery of its own, read anew
            self.i, self.parameters = before, count
            out.append((column, n.Scalar(self._only(self.query(), position, len(columns), at))))
        self.expect_op(")")
        return out

    def _only(self, query: n.Query, position: int, width: int, at: int) -> n.Query:
        """The query with one of its outputs."""
        for core in query.cores:
            if core.values is not None or core.distinct or any(isinstance(i, n.Star) for i in core.select):
                raise self.refused("set several columns from a plain SELECT of as many expressions", at)
            if len(core.select) != width:
                raise self.refused(f"{width} columns are set to {len(core.select)} values", at)
            core.select = [core.select[position]]
        ordered = [term.expr for term in query.order]
        if any(
            isinstance(term, n.Literal) for term in (*ordered, *(t for c in query.cores for t in c.group))
        ):
            raise self.refused("write the expression out instead of its number", at)
        return query

    def _delete(self) -> n.Delete:
        self.expect_word("FROM")
        entry, alias = self._target()
        where = self.expression() if self.take_word("WHERE") else None
        delete = n.Delete(entry, n.Source(alias, 0), where, None)
        self._rest(delete, alias)
        return delete

    def _rest(self, body: n.Update | n.Delete, alias: str) -> None:
        """RETURNING, ORDER BY and LIMIT. The rows are chosen by a SELECT, so that every SQLite has them."""
        body.returning = self._returning(body.entry, alias)
        at = self.token.at
        if self.take_word("ORDER"):
            body.order = self.order()
        if self.take_word("LIMIT"):
            body.limit = self.expression()
            body.offset = self.expression() if self.take_word("OFFSET") else None
        if body.order and body.limit is None:
            raise self.refused("ORDER BY chooses nothing without a LIMIT; leave it out", at)
        if body.returning is None:
            body.returning = self._returning(body.entry, alias)

    # RETURNING

    def _returning(self, entry: Entry, alias: str) -> n.Returning | None:
        if not self.take_word("RETURNING"):
            return None
        at = self.token.at
        items = [self._item()]
        while self.take_op(","):
            items.append(self._item())
        only = items[0]
        if len(items) == 1 and isinstance(only, n.Item) and isinstance(only.expr, n.ColumnRef):
            found = entry.find(only.expr.name)
            ours = only.expr.qualifier is None or fold(only.expr.qualifier) == fold(alias)
            if ours and found is not None and found.name == entry.key:
                return n.Returning(only.label)
        keys = self._beyond(0)
        listed = n.Listed(n.ColumnRef(alias, entry.key, at), keys)
        source = n.Source(alias, at, name=entry.name)
        core = n.Core(False, items, [source], listed, [], None, None, at)
        query = n.Query([core], [], [], None, None, at)
        return n.Returning(None, self._part(n.Statement("SELECT", self.sql, query, 0)), keys)


def _both(terms: list[n.Expr]) -> n.Expr:
    return terms[0] if len(terms) == 1 else n.Logic("AND", terms)
