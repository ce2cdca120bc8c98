"""SELECT: queries, WITH, FROM and what follows (https://www.sqlite.org/lang_select.html)."""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import fold
from gptimage_core.guard.statements.expressions import Expressions
from gptimage_core.guard.statements.functions import TABLES
from gptimage_core.guard.statements.lexer import without_comments

__all__ = ["Queries"]

_COMPOUND = ("UNION", "EXCEPT", "INTERSECT")


class Queries(Expressions):
    """The query half of the grammar."""

    def tables_with(self) -> list[n.Cte]:
        """What stands behind WITH. RECURSIVE says nothing to SQLite: a table that names itself is."""
        self.take_word("RECURSIVE")
        ctes: list[n.Cte] = []
        while True:
            at = self.token.at
            name = self.name("a WITH table")
            columns: list[str] = []
            if self.take_op("("):
                columns = self._names("a column")
                self.expect_op(")")
            self.expect_word("AS")
            hint = "NOT MATERIALIZED " if self.take_word("NOT", "MATERIALIZED") else ""
            if not hint and self.take_word("MATERIALIZED"):
                hint = "MATERIALIZED "
            self.expect_op("(")
            ctes.append(n.Cte(name, columns, self.query(), at, hint))
            self.expect_op(")")
            if not self.take_op(","):
                return ctes

    def query(self) -> n.Query:
        self.enter()
        at = self.token.at
        ctes = self.tables_with() if self.take_word("WITH") else []
        cores, ops = [self._core()], list[str]()
        while self.token.upper in _COMPOUND:
            op = self.token.upper
            self.i += 1
            ops.append(f"{op} ALL" if op == "UNION" and self.take_word("ALL") else op)
            cores.append(self._core())
        order = self.order() if self.take_word("ORDER") else []
        limit = offset = None
        if self.take_word("LIMIT"):
            limit = self.expression()
            if self.take_word("OFFSET"):
                offset = self.expression()
            elif self.take_op(","):
                limit, offset = self.expression(), limit
        self.leave()
        return n.Query(cores, ops, order, limit, offset, at, ctes)

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
        windows = self._windows() if self.take_word("WINDOW") else {}
        return n.Core(distinct, select, sources, where, group, having, None, at, windows)

    def _windows(self) -> dict[str, n.Window]:
        windows: dict[str, n.Window] = {}
        while True:
            at = self.token.at
            name = self.name("a window")
            if fold(name) in windows:
                raise self.refused(f"two windows are called `{name}`; rename one", at)
            self.expect_word("AS")
            windows[fold(name)] = self.window()
            if not self.take_op(","):
                return windows

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
        return without_comments(self.sql, at, end).strip(" \t\n\f\r")

    def _from(self) -> list[n.Source]:
        first = self._source("")
        sources = first.group or [first]  # parentheses around what stands first say nothing
        while True:
            natural = self.take_word("NATURAL")
            join = self._join(natural)
            if join is None:
                return sources
            source = self._source(join)
            source.natural = natural
            if self.take_word("ON"):
                source.on = self.expression()
            elif self.take_word("USING"):
                self.expect_op("(")
                source.using = self._names("a column")
                self.expect_op(")")
            elif join not in (",", "JOIN", "CROSS JOIN") and not natural:
                raise self.refused(f"`{join}` needs an ON")
            if (natural or join == ",") and (source.on is not None or source.using):
                raise self.refused("ON and USING go with JOIN, not with NATURAL or a comma", source.at)
            sources.append(source)

    def _join(self, natural: bool) -> str | None:
        if not natural and self.take_op(","):
            return ","
        for side in ("LEFT", "RIGHT", "FULL"):
            if self.take_word(side):
                self.take_word("OUTER")
                self.expect_word("JOIN")
                return f"{side} JOIN"
        if not natural and self.take_word("CROSS"):
            self.expect_word("JOIN")
            return "CROSS JOIN"
        if self.take_word("INNER") or natural:
            self.expect_word("JOIN")
            return "JOIN"
        return "JOIN" if self.take_word("JOIN") else None

    def _source(self, join: str) -> n.Source:
        at = self.token.at
        if self.take_op("("):
            return self._in_parentheses(join, at)
        name = self.token.value if self.token.kind in ("word", "name") else ""
        following = self.tokens[min(self.i + 1, len(self.tokens) - 1)]
        if name.lower() in TABLES and following.kind == "op" and following.value == "(":
            return self._table_call(join, at)
        name = self._table_name()
        alias = self._alias("a table")
        self._no_index_hint()
        return n.Source(alias or name, at, join, name=name)

    def _in_parentheses(self, join: str, at: int) -> n.Source:
        """A subquery or a join."""
        if self.token.upper not in ("SELECT", "VALUES", "WITH"):
            self.enter()
            group = self._from()
            self.leave()
            self.expect_op(")")
            if self._alias("a join") is not None:
                raise self.refused("a join in parentheses has no name of its own; name its tables", at)
            if len(group) == 1:
                group[0].join = join
                return group[0]
            return n.Source("", at, join, group=group)
        query = self.query()
        self.expect_op(")")
        alias = self._alias("a subquery")
        if alias is None:
            raise self.refused("name the subquery: `(SELECT …) AS x`")
        return n.Source(alias, at, join, query=query)

    def _table_call(self, join: str, at: int) -> n.Source:
        name = self.name("a table").lower()
        self.expect_op("(")
        args = self.list_of(self.expression)
        self.expect_op(")")
        low, high = TABLES[name]
        if not low <= len(args) <= high:
            raise self.refused(f"`{name}` takes {low} to {high} arguments, not {len(args)}", at)
        call = n.Call(name, "raising", args, False, False, None, at)
        return n.Source(self._alias("a table") or name, at, join, name=name, call=call)
