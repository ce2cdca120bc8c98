"""Ring two: the statements that the guard reads, and no others.

An allow-list. `parse` takes one SELECT, INSERT, UPDATE or DELETE of SQLite's dialect, resolves every name in
it against the governed tables, and raises `GuardError` (what, where, what to write instead) on everything
else: other statements, schemas, pragmas, table-valued functions, functions that are not listed, clocks.
Why an allow-list: lists of what is forbidden failed on quoted names, views, shadow tables and catalogues.
"""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog, Entry
from gptimage_core.guard.statements.expressions import Expressions
from gptimage_core.guard.statements.scopes import resolve
from gptimage_core.guard.statements.shaped import Cell, Verb
from gptimage_core.guard.statements.words import RESERVED

__all__ = ["parse"]

_COMPOUND = ("UNION", "EXCEPT", "INTERSECT")
_ELSEWHERE = {
    "PRAGMA": "ask pragmas outside the guard",
    "ATTACH": "a governed connection has one database",
    "DETACH": "a governed connection has one database",
    "EXPLAIN": "explain statements outside the guard",
    "REPLACE": "REPLACE deletes rows unseen; use UPDATE, and INSERT where it matched none",
    "BEGIN": "use the adapter's transaction",
    "COMMIT": "use the adapter's transaction",
    "ROLLBACK": "use the adapter's transaction",
    "SAVEPOINT": "use the adapter's transaction",
    "RELEASE": "use the adapter's transaction",
    "CREATE": "change tables under guard.maintenance",
    "ALTER": "change tables under guard.maintenance",
    "DROP": "change tables under guard.maintenance",
    "VACUUM": "run it under guard.maintenance",
    "REINDEX": "run it under guard.maintenance",
    "ANALYZE": "run it under guard.maintenance",
}


def parse(sql: str, catalog: Catalog) -> n.Statement:
    """The statement, resolved: pure, and dependent on nothing but its two arguments. Raises `GuardError`."""
    return _Statements(sql, catalog).statement()


class _Statements(Expressions):
    """SELECT and the three that write."""

    def statement(self) -> n.Statement:
        try:
            return self._statement()
        except RecursionError:
            raise self.refused("the statement nests too deep; split it") from None

    def _statement(self) -> n.Statement:
        ctes: list[n.Cte] = []
        verb: Verb = "SELECT"
        body: n.Query | n.Insert | n.Update | n.Delete
        if self.take_word("WITH"):
            ctes = self._with()
        if self.is_word("SELECT") or self.is_word("VALUES"):
            body = self.query()
        elif ctes:
            raise self.refused("WITH goes in front of SELECT only; put the subquery into WHERE")
        elif self.take_word("INSERT"):
            verb, body = "INSERT", self._insert()
        elif self.take_word("UPDATE"):
            verb, body = "UPDATE", self._update()
        elif self.take_word("DELETE"):
            verb, body = "DELETE", self._delete()
        else:
            instead = _ELSEWHERE.get(self.token.upper, "write SELECT, INSERT, UPDATE or DELETE")
            raise self.refused(f"the guard does not read this statement; {instead}")
        self.end()
        statement = n.Statement(verb, self.sql, body, self.parameters, ctes)
        resolve(statement, self.catalog)
        return statement

    # SELECT

    def _with(self) -> list[n.Cte]:
        if self.is_word("RECURSIVE"):
            raise self.refused("recursive WITH is not governed yet; walk the rows in Python")
        ctes: list[n.Cte] = []
        while True:
            at = self.token.at
            name = self.name("a WITH table")
            columns: list[str] = []
            if self.take_op("("):
                columns = self._names("a column")
                self.expect_op(")")
            self.expect_word("AS")
            if not self.take_word("NOT", "MATERIALIZED"):
                self.take_word("MATERIALIZED")
            self.expect_op("(")
            ctes.append(n.Cte(name, columns, self.query(), at))
            self.expect_op(")")
            if not self.take_op(","):
                return ctes

    def _names(self, what: str) -> list[str]:
        out = [self.name(what)]
        while self.take_op(","):
            out.append(self.name(what))
        return out

    def query(self) -> n.Query:
        self.enter()
        at = self.token.at
        if self.is_word("WITH"):
            raise self.refused("put WITH at the beginning of the statement")
        cores, ops = [self._core()], list[str]()
        while self.token.upper in _COMPOUND:
            op = self.token.upper
            self.i += 1
            ops.append(f"{op} ALL" if op == "UNION" and self.take_word("ALL") else op)
            cores.append(self._core())
        order = self._order() if self.take_word("ORDER") else []
        limit = offset = None
        if self.take_word("LIMIT"):
            limit = self.expression()
            if self.take_word("OFFSET"):
                offset = self.expression()
            elif self.is_op(","):
                raise self.refused("write `LIMIT n OFFSET m`")
        self.leave()
        return n.Query(cores, ops, order, limit, offset, at)

    def _core(self) -> n.Core:
        at = self.token.at
        if self.take_word("VALUES"):
            rows: list[list[n.Expr]] = []
            while True:
                self.expect_op("(")
                rows.append(self.list_of(self.expression))
                self.expect_op(")")
                if len(rows[-1]) != len(rows[0]):
                    raise self.refused("every row of VALUES has as many values", at)
                if not self.take_op(","):
                    return n.Core(False, [], [], None, [], None, rows, at)
        self.expect_word("SELECT")
        distinct = self.take_word("DISTINCT")
        if not distinct:
            self.take_word("ALL")
        select = [self._item()]
        while self.take_op(","):
            select.append(self._item())
        sources = self._from() if self.take_word("FROM") else []
        where = self.expression() if self.take_word("WHERE") else None
        group: list[n.Expr] = []
        if self.take_word("GROUP"):
            self.expect_word("BY")
            group = self.list_of(self.expression)
        having = self.expression() if self.take_word("HAVING") else None
        if self.is_word("WINDOW"):
            raise self.refused("window functions are not governed yet; compute over the rows in Python")
        return n.Core(distinct, select, sources, where, group, having, None, at)

    def _item(self) -> n.Item | n.Star:
        at = self.token.at
        if self.take_op("*"):
            return n.Star(None, at)
        following = self.tokens[self.i + 1 : self.i + 3]
        if self.token.kind in ("word", "name") and [t.value for t in following if t.kind == "op"] == [
            ".",
            "*",
        ]:
            qualifier = self.name("a table")
            self.i += 2
            return n.Star(qualifier, at)
        expression = self.expression()
        end = self.tokens[self.i].at
        alias = self._alias("a column", after_as_text=True)
        return n.Item(expression, alias, alias or self._label(expression, at, end))

    def _label(self, expression: n.Expr, at: int, end: int) -> str:
        """The name SQLite gives an output without AS: the column's, else the text as written."""
        if isinstance(expression, n.ColumnRef):
            return expression.name
        return self.sql[at:end].rstrip(" \t\n\f\r")

    def _alias(self, what: str, *, after_as_text: bool = False) -> str | None:
        if self.take_word("AS"):
            return self.name(what)
        token = self.token
        if token.kind == "name" or (token.kind == "word" and token.upper not in RESERVED):
            return self.name(what)
        if token.kind == "text" and after_as_text:
            raise self.refused("`'…'` is a text and not a name; write \"…\"")
        return None

    def _from(self) -> list[n.Source]:
        sources = [self._source("")]
        while True:
            join = self._join()
            if join is None:
                return sources
            source = self._source(join)
            if self.take_word("ON"):
                source.on = self.expression()
            elif self.is_word("USING"):
                raise self.refused("write `ON a.x = b.x` instead of USING")
            elif join not in (",", "JOIN", "CROSS JOIN"):
                raise self.refused(f"`{join}` needs an ON")
            sources.append(source)

    def _join(self) -> str | None:
        if self.take_op(","):
            return ","
        if self.is_word("NATURAL"):
            raise self.refused("write `JOIN … ON a.x = b.x` instead of NATURAL JOIN")
        for side in ("LEFT", "RIGHT", "FULL"):
            if self.take_word(side):
                self.take_word("OUTER")
                self.expect_word("JOIN")
                return f"{side} JOIN"
        if self.take_word("CROSS"):
            self.expect_word("JOIN")
            return "CROSS JOIN"
        if self.take_word("INNER"):
            self.expect_word("JOIN")
            return "JOIN"
        return "JOIN" if self.take_word("JOIN") else None

    def _source(self, join: str) -> n.Source:
        at = self.token.at
        if self.take_op("("):
            if self.token.upper not in ("SELECT", "VALUES", "WITH"):
                raise self.refused("write joins without parentheses, or a subquery in them")
            query = self.query()
            self.expect_op(")")
            alias = self._alias("a subquery")
            if alias is None:
                raise self.refused("name the subquery: `(SELECT …) AS x`")
            return n.Source(alias, at, join, query=query)
        name = self._table_name()
        alias = self._alias("a table")
        self._no_index_hint()
        return n.Source(alias or name, at, join, name=name)

    def _table_name(self, *, columns_follow: bool = False) -> str:
        at = self.token.at
        name = self.name("a table")
        if self.is_op("."):
            raise self.refused("name a table without its schema; the guard knows where it is", at)
        if self.is_op("(") and not columns_follow:
            raise self.refused(
                f"`{name}(…)` is a table-valued function; read the column, take it apart in Python", at
            )
        return name

    def _no_index_hint(self) -> None:
        if self.is_word("INDEXED") or self.is_word("NOT", "INDEXED"):
            raise self.refused("index hints are not read; let the planner choose")

    def _order(self) -> list[n.Order]:
        self.expect_word("BY")
        out: list[n.Order] = []
        while True:
            expression = self.expression()
            suffix = " DESC" if self.take_word("DESC") else ""
            if not suffix:
                self.take_word("ASC")
            if self.take_word("NULLS", "FIRST"):
                suffix += " NULLS FIRST"
            elif self.take_word("NULLS", "LAST"):
                suffix += " NULLS LAST"
            out.append(n.Order(expression, None, suffix))
            if not self.take_op(","):
                return out

    # INSERT, UPDATE, DELETE

    def _target(self, *, columns_follow: bool = False) -> Entry:
        at = self.token.at
        name = self._table_name(columns_follow=columns_follow)
        entry = self.catalog.entry(name)
        if entry is None:
            raise self.refused(f"`{name}` is not a governed table", at)
        if self.is_word("AS") or self.token.kind == "name":
            raise self.refused("write the table without an alias here")
        self._no_index_hint()
        return entry

    def _insert(self) -> n.Insert:
        if self.is_word("OR"):
            raise self.refused("`INSERT OR …` is not governed yet; INSERT, and UPDATE where the key is taken")
        self.expect_word("INTO")
        entry = self._target(columns_follow=True)
        columns: list[str] = []
        if self.take_op("("):
            at = self.token.at
            for name in self._names("a column"):
                column = self._column(entry, name, at)
                if column in columns:
                    raise self.refused(f"the column `{name}` stands twice", at)
                columns.append(column)
            self.expect_op(")")
        rows = self._rows(entry, columns)
        if self.is_word("ON"):
            raise self.refused(
                "ON CONFLICT is not governed yet; UPDATE first, and INSERT where it matched no row"
            )
        return n.Insert(entry, columns, rows, self._returning(entry))

    def _column(self, entry: Entry, name: str, at: int) -> str:
        column = entry.find(name)
        if column is None:
            raise self.refused(f"`{entry.name}` has no column `{name}`", at)
        return column.name

    def _rows(self, entry: Entry, columns: list[str]) -> list[tuple[Cell, ...]]:
        if not columns and self.take_word("DEFAULT"):
            self.expect_word("VALUES")
            return [()]
        if self.is_word("SELECT") or self.is_word("WITH"):
            raise self.refused(
                "INSERT … SELECT is not governed yet; read the rows, then insert them with VALUES"
            )
        if not columns:
            columns.extend(column.name for column in entry.table.columns)
        self.expect_word("VALUES")
        rows: list[tuple[Cell, ...]] = []
        while True:
            at = self.token.at
            self.expect_op("(")
            cells = [self._cell()]
            while self.take_op(","):
                cells.append(self._cell())
            self.expect_op(")")
            if len(cells) != len(columns):
                raise self.refused(f"{len(columns)} columns are named and {len(cells)} values given", at)
            rows.append(tuple(cells))
            if not self.take_op(","):
                return rows

    def _cell(self) -> Cell:
        at = self.token.at
        value = self._unary()
        if isinstance(value, n.Parameter):
            return Cell(placeholder=value.index)
        if isinstance(value, n.Literal):
            return Cell(value=value.value)
        raise self.refused("an inserted value is a parameter or a literal; compute it in Python", at)

    def _update(self) -> n.Update:
        if self.is_word("OR"):
            raise self.refused("`UPDATE OR …` is not governed yet; leave the `OR …` out")
        entry = self._target()
        self.expect_word("SET")
        sets: list[tuple[str, n.Expr]] = []
        while True:
            at = self.token.at
            if self.is_op("("):
                raise self.refused("set the columns one by one: `a = ?, b = ?`")
            column = self._column(entry, self.name("a column"), at)
            if any(column == other for other, _ in sets):
                raise self.refused(f"the column `{column}` is set twice", at)
            self.expect_op("=")
            sets.append((column, self.expression()))
            if not self.take_op(","):
                break
        if self.is_word("FROM"):
            raise self.refused(
                "UPDATE … FROM is not governed yet; read the values, then set them as parameters"
            )
        where = self.expression() if self.take_word("WHERE") else None
        columns = [(entry.columns_by_name[name], value) for name, value in sets]
        return n.Update(entry, n.Source(entry.name, 0), columns, where, self._returning(entry))

    def _delete(self) -> n.Delete:
        self.expect_word("FROM")
        entry = self._target()
        where = self.expression() if self.take_word("WHERE") else None
        return n.Delete(entry, n.Source(entry.name, 0), where, self._returning(entry))

    def _returning(self, entry: Entry) -> str | None:
        """The name of the one output, the key; `None` without RETURNING."""
        if self.is_word("ORDER") or self.is_word("LIMIT"):
            raise self.refused("read the keys first, then write the rows with `IN (…)`")
        if not self.take_word("RETURNING"):
            return None
        at = self.token.at
        instead = f'write `RETURNING "{entry.key}"`, then read the row'
        if self.is_op("*"):
            raise self.refused(f"RETURNING gives the key only; {instead}", at)
        value = self.expression()
        if not isinstance(value, n.ColumnRef) or (
            value.qualifier and self.catalog.entry(value.qualifier) is not entry
        ):
            raise self.refused(f"RETURNING gives the key only; {instead}", at)
        if self._column(entry, value.name, at) != entry.key:
            raise self.refused(f"RETURNING gives the key only; {instead}", at)
        return self._alias("a column") or value.name
