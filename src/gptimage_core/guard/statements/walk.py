"""Resolving expressions: what each column reference means, what it is made of, what might raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Origin, Provided
from gptimage_core.guard.statements.lexer import refused
from gptimage_core.guard.statements.over_rows import OverRows
from gptimage_core.guard.statements.references import Clause, Scope

__all__ = ["Walker"]

_RAISING_OPERATORS = frozenset({"||", "->", "->>"})
_JSON = frozenset({"->", "->>"})
_ROWS = frozenset({"=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT"})
_DEEPEST_CLOCK = 4
"""How deep functions of dates nest: each level writes its argument three times (see `render`)."""
_NOTHING: frozenset[Origin] = frozenset()


class Walker(OverRows):
    """Expressions of one statement. Queries are the resolver's (`query`)."""

    def __init__(self, statement: n.Statement) -> None:
        super().__init__(statement)
        self.clocks = 0
        """How deep in arguments of date functions we are."""

    def query(self, query: n.Query, outer: Scope | None, *, derived: bool, cte: n.Cte | None = None) -> None:
        raise AssertionError("the resolver gives it")

    def clause(
        self,
        expr: n.Expr,
        scope: Scope,
        name: str,
        *,
        filters: bool = False,
        aggregates: bool = True,
        subqueries: bool = True,
    ) -> frozenset[Origin]:
        """Resolve an expression whose value decides something; gives the governed columns it is made from."""
        clause = Clause(scope, name, guarded=filters, aggregates=aggregates, subqueries=subqueries)
        self._walk(expr, clause)
        return frozenset(clause.origins)

    def output(self, item: n.Item, scope: Scope) -> Provided:
        """Resolve one output of a select list; bare ones may be sealed."""
        expr = item.expr
        if isinstance(expr, n.ColumnRef):
            provided = self._reference(expr, scope)
            if item.alias is None:  # SQLite gives the name as it was declared, however it is written here
                item.label = provided.name
            return Provided(item.label, provided.origins, provided.bare, provided.sealed, provided.arms)
        if isinstance(expr, n.Scalar):
            self._subquery(expr.query, scope, 1)
            scope.raises |= expr.query.raises
            item.raises = expr.query.raises
            if scope.derived and expr.query.raises:
                expr.guards = self._guards(scope, expr.query.at)
            inner = expr.query.provides[0]
            return Provided(item.label, inner.origins, inner.bare, inner.sealed, inner.arms)
        clause = Clause(scope, "SELECT", guarded=scope.derived, aggregates=True, subqueries=True)
        self._walk(expr, clause)
        item.raises, item.over_rows = clause.raises, clause.over_rows
        return Provided(item.label, frozenset(clause.origins))

    # expressions

    def _walk(self, expr: n.Expr, clause: Clause) -> None:
        _VISIT[type(expr)](self, expr, clause)

    def _literal(self, expr: n.Literal, clause: Clause) -> None:
        pass

    def _parameter(self, expr: n.Parameter, clause: Clause) -> None:
        if self.clocks:
            self.statement.clocked.add(expr.index)

    def _column(self, expr: n.ColumnRef, clause: Clause) -> None:
        provided = self._provided(expr, clause)
        if provided.sealed:
            where = "an expression" if clause.shown else clause.name
            raise self.sealed_use(provided, where, expr.at, json=clause.json)

    def _is_null(self, expr: n.IsNull, clause: Clause) -> None:
        self.presence(expr.operand, clause)

    def _unary(self, expr: n.Unary | n.Cast | n.Collate | n.Listed, clause: Clause) -> None:
        self._walk(expr.operand, clause)

    def _binary(self, expr: n.Binary, clause: Clause) -> None:
        if isinstance(expr.left, n.Row) or isinstance(expr.right, n.Row):
            expr.guards = self._compare_rows([expr.left, expr.right], clause, comparable=expr.op in _ROWS)
            return
        was, clause.json = clause.json, clause.json or expr.op in _JSON
        self._walk(expr.left, clause)
        clause.json = was
        self._walk(expr.right, clause)
        if expr.op in _RAISING_OPERATORS:
            expr.guards = self._raises(clause, expr.at)

    # row values

    def _row(self, expr: n.Row, clause: Clause) -> None:
        message = "a row `(a, b)` stands beside =, <>, <, >, IS, BETWEEN, or IN with a subquery or VALUES"
        raise refused(f"{message}; elsewhere write its columns one by one", self.sql, expr.at)

    def _compare_rows(
        self, operands: list[n.Expr], clause: Clause, *, comparable: bool = True
    ) -> list[n.Source] | None:
        """Rows of one width beside each other; a subquery of that width is one, too. Gives the guards of the
        whole comparison: a subquery with guards of its own is a value, and no row any more."""
        guards: list[n.Source] | None = None
        width = max(len(operand.items) for operand in operands if isinstance(operand, n.Row))
        for operand in operands:
            if isinstance(operand, n.Scalar):
                guards = self._nested(operand.query, clause, width) or guards
                self._result(operand.query, clause)
            elif not isinstance(operand, n.Row) or not comparable:
                self._row(next(o for o in operands if isinstance(o, n.Row)), clause)
            elif len(operand.items) != width:
                raise refused("rows that are compared are of one width", self.sql, operand.at)
            else:
                for item in operand.items:
                    self._walk(item, clause)
        return guards

    def _logic(self, expr: n.Logic, clause: Clause) -> None:
        for operand in expr.operands:
            self._walk(operand, clause)

    def _between(self, expr: n.Between, clause: Clause) -> None:
        if any(isinstance(operand, n.Row) for operand in (expr.operand, expr.low, expr.high)):
            expr.guards = self._compare_rows([expr.operand, expr.low, expr.high], clause)
            return
        for operand in (expr.operand, expr.low, expr.high):
            self._walk(operand, clause)

    def _like(self, expr: n.Like, clause: Clause) -> None:
        self._walk(expr.operand, clause)
        self._walk(expr.pattern, clause)
        if expr.escape is not None:
            self._walk(expr.escape, clause)

    def _case(self, expr: n.Case, clause: Clause) -> None:
        if expr.base is not None:
            self._walk(expr.base, clause)
        for condition, value in expr.whens:
            self._walk(condition, clause)
            self._walk(value, clause)
        if expr.otherwise is not None:
            self._walk(expr.otherwise, clause)

    def _call(self, expr: n.Call, clause: Clause) -> None:
        if expr.kind == "aggregate":
            self.aggregate(expr, clause)
            return
        if expr.kind == "window":
            self.window_call(expr, clause)
            return
        was = clause.json, self.clocks
        clause.json = clause.json or expr.name.startswith("json")
        if expr.clocked:
            self.clocks += 1
            if self.clocks > _DEEPEST_CLOCK:
                raise refused(
                    "date functions nest too deep; compute the instant in Python", self.sql, expr.at
                )
        for arg in expr.args:
            self._walk(arg, clause)
        clause.json, self.clocks = was
        if expr.kind == "raising":
            expr.guards = self._raises(clause, expr.at)

    def _raises(self, clause: Clause, at: int) -> list[n.Source] | None:
        """The guards of something that can raise (no-errors-from-hidden-rows); `None`: none are needed."""
        clause.scope.raises = clause.raises = True
        return self._guards(clause.scope, at) if clause.guarded else None

    def _guards(self, scope: Scope, at: int) -> list[n.Source]:
        guards: list[n.Source] = []
        for _, source in scope.sources:
            if source in scope.later:
                continue
            if source.entry is None:
                self.fence(source)
                continue
            guards.append(source)
            if source.target == "rows":
                self.statement.target_guarded = True
            else:
                self.statement.guarded.add(source.entry.name)
        return guards

    def fence(self, source: n.Source) -> None:
        raise AssertionError("the resolver gives it")

    # subqueries

    def _subquery(self, query: n.Query, scope: Scope, columns: int) -> None:
        self.query(query, scope, derived=False)
        if columns and len(query.provides) != columns:
            many = "one column" if columns == 1 else f"{columns} columns"
            raise refused(f"a subquery here gives {many}", self.sql, query.at)

    def _nested(self, query: n.Query, clause: Clause, columns: int) -> list[n.Source] | None:
        if not clause.subqueries:
            raise refused(
                f"a subquery in {clause.name} is not governed yet; read the value first", self.sql, query.at
            )
        was = clause.scope.core.correlated if clause.scope.core is not None else False
        self._subquery(query, clause.scope, columns)
        if clause.inside and clause.scope.core is not None and clause.scope.core.correlated and not was:
            message = "an aggregate over the columns of an outer query is not read"
            raise refused(f"{message}; compute it in the outer query", self.sql, query.at)
        return self._raises(clause, query.at) if query.raises else None

    def _in(self, expr: n.In, clause: Clause) -> None:
        width = 1
        if isinstance(expr.operand, n.Row) and not isinstance(expr.items, list):
            width = len(expr.operand.items)
            self._compare_rows([expr.operand], clause)
        else:
            self._walk(expr.operand, clause)
        if isinstance(expr.items, list):
            for item in expr.items:
                self._walk(item, clause)
            return
        expr.guards = self._nested(expr.items, clause, width)
        self._result(expr.items, clause)

    def _scalar(self, expr: n.Scalar, clause: Clause) -> None:
        expr.guards = self._nested(expr.query, clause, 1)
        self._result(expr.query, clause)

    def _result(self, query: n.Query, clause: Clause) -> None:
        for provided in query.provides:
            if provided.sealed:
                raise self.sealed_use(provided, "an expression" if clause.shown else clause.name, query.at)
            self._used(provided, clause)

    def _exists(self, expr: n.Exists, clause: Clause) -> None:
        query = expr.query
        core = query.cores[0]
        ends = bool(query.ops or query.order or query.limit or core.group or core.having or core.distinct)
        core.exists = not ends and all(_is_idle(item) for item in core.select)
        expr.guards = self._nested(expr.query, clause, 0)


def _is_idle(item: n.Item | n.Star) -> bool:
    """Whether an output under EXISTS can be left out without changing the answer."""
    return isinstance(item, n.Star) or isinstance(item.expr, n.ColumnRef | n.Literal)


_VISIT: dict[type, Callable[[Walker, Any, Clause], None]] = {
    n.Literal: Walker._literal,
    n.Parameter: Walker._parameter,
    n.ColumnRef: Walker._column,
    n.Unary: Walker._unary,
    n.Binary: Walker._binary,
    n.Logic: Walker._logic,
    n.IsNull: Walker._is_null,
    n.Between: Walker._between,
    n.Like: Walker._like,
    n.In: Walker._in,
    n.Listed: Walker._unary,
    n.Exists: Walker._exists,
    n.Scalar: Walker._scalar,
    n.Case: Walker._case,
    n.Cast: Walker._unary,
    n.Collate: Walker._unary,
    n.Row: Walker._row,
    n.Call: Walker._call,
}
