"""SELECT: queries, WITH, FROM and what follows (https://www.sqlite.org/lang_select.html)."""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.expressions import Expressions

__all__ = ["Queries"]

_COMPOUND = ("UNION", "EXCEPT", "INTERSECT")


class Queries(Expressions):
    """The query half of the grammar."""

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
