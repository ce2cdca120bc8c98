"""Resolving expressions: what each column reference means, what it is made of, what might raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Origin, Provided, fold
from gptimage_core.guard.statements.lexer import refused

__all__ = ["Scope", "Walker"]

_RAISING_OPERATORS = frozenset({"||", "->", "->>"})
_RAISING_AGGREGATES = frozenset({"sum", "group_concat", "json_group_array"})
_NOTHING: frozenset[Origin] = frozenset()


class Scope:
    """The tables that an expression may name, innermost first; after them, where allowed, the `outputs`."""

    __slots__ = ("core", "derived", "outer", "outputs", "raises", "sources", "unseen")

    def __init__(self, outer: Scope | None, core: n.Core | None = None) -> None:
        self.outer = outer
        self.core = core
        self.sources: list[tuple[str, n.Source]] = []
        self.unseen: list[n.Source] = []  # those to the right of the ON that is read now
        self.outputs: dict[str, n.Item] = {}
        self.raises = False
        self.derived = False


class _Clause:
    """Where an expression stands, and what was found in it."""

    __slots__ = (
        "aggregates",
        "guarded",
        "inside",
        "name",
        "origins",
        "raises",
        "scope",
        "shown",
        "subqueries",
    )

    def __init__(self, scope: Scope, name: str, *, guarded: bool, aggregates: bool, subqueries: bool) -> None:
        self.scope = scope
        self.name = name
        self.guarded = guarded
        self.aggregates = aggregates
        self.subqueries = subqueries
        self.shown = name == "SELECT"
        self.inside = False
        self.raises = False
        self.origins: set[Origin] = set()


class Walker:
    """Expressions of one statement. Queries are the resolver's (`query`)."""

    def __init__(self, statement: n.Statement) -> None:
        self.statement = statement
        self.sql = statement.sql
        self.idle = False
        """Whether what is resolved now is never read (the list under EXISTS)."""

    def query(self, query: n.Query, outer: Scope | None, *, derived: bool) -> None:
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
        clause = _Clause(scope, name, guarded=filters, aggregates=aggregates, subqueries=subqueries)
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
        clause = _Clause(scope, "SELECT", guarded=scope.derived, aggregates=True, subqueries=True)
        self._walk(expr, clause)
        item.raises = clause.raises
        return Provided(item.label, frozenset(clause.origins))

    # columns

    def _reference(
        self, ref: n.ColumnRef, scope: Scope, *, outputs: bool = False, guarded: bool = False
    ) -> Provided:
        """Which column is meant; innermost scope first, then (where allowed) an output of that name."""
        name = fold(ref.name)
        qualifier = None if ref.qualifier is None else fold(ref.qualifier)
        passed: list[Scope] = []
        here: Scope | None = scope
        while here is not None:
            found = [
                source
                for alias, source in here.sources
                if (qualifier is None or alias == qualifier) and name in source.provides
            ]
            if len(found) > 1:
                raise refused(f"`{ref.name}` stands in several tables; write which", self.sql, ref.at)
            if found and found[0] in here.unseen:
                full = f"{ref.qualifier}.{ref.name}" if ref.qualifier else ref.name
                message = f"`{full}` is no column of the tables to the left of this ON"
                raise refused(f"{message}; put the condition further right", self.sql, ref.at)
            if found:
                for scope_between in passed:
                    if scope_between.core is not None:
                        scope_between.core.correlated = True
                return self._bind(ref, found[0], name)
            if outputs and qualifier is None and here is scope and name in here.outputs:
                item = here.outputs[name]
                if item.raises and guarded:
                    message = f"`{ref.name}` might fail on a row"
                    raise refused(
                        f"{message}; write the expression out instead of its name", self.sql, ref.at
                    )
                ref.output = item.expr
                assert here.core is not None
                return here.core.provides[[i is item for i in here.core.items].index(True)]
            if qualifier is None and here.core is not None and name in _aliases(here.core):
                message = f"`{ref.name}` is an output here, which SQLite takes before a table further out"
                raise refused(f"{message}; write which table", self.sql, ref.at)
            passed.append(here)
            here = here.outer
        raise self._unknown(ref)

    def _unknown(self, ref: n.ColumnRef) -> GuardError:
        full = f"{ref.qualifier}.{ref.name}" if ref.qualifier else ref.name
        message = f"`{full}` is no column of the tables named here"
        if fold(ref.name) in ("rowid", "oid", "_rowid_"):
            message = f"`{full}` is a hidden number; use the key"
        return refused(message, self.sql, ref.at)

    def _bind(self, ref: n.ColumnRef, source: n.Source, name: str) -> Provided:
        provided = source.provides[name]
        ref.source, ref.provided = source, provided
        if source.entry is not None and not self.idle:
            if source.target == "base":
                self.statement.set_reads.add(provided.name)
            elif source.target == "rows":
                self.statement.target_needs.add(provided.name)
            else:
                self.statement.needs[source.entry.name].add(provided.name)
        return provided

    def sealed_use(self, provided: Provided, clause: str, at: int) -> GuardError:
        """Say what to do instead (`sealed-is-only-shown`)."""
        named = ", ".join(f"`{table}.{column}`" for table, column in sorted(provided.origins))
        message = f"{named} is sealed: it can be selected as it is, not used in {clause} or computed with"
        return refused(f"{message}; look rows up by another column and compare in Python", self.sql, at)

    # expressions

    def _walk(self, expr: n.Expr, clause: _Clause) -> None:
        _VISIT[type(expr)](self, expr, clause)

    def _literal(self, expr: n.Literal | n.Parameter, clause: _Clause) -> None:
        pass

    def _column(self, expr: n.ColumnRef, clause: _Clause) -> None:
        outputs = clause.name in ("GROUP BY", "HAVING", "ORDER BY")
        provided = self._reference(expr, clause.scope, outputs=outputs, guarded=clause.guarded)
        if provided.sealed:
            raise self.sealed_use(provided, "an expression" if clause.shown else clause.name, expr.at)
        clause.origins.update(provided.origins)
        if not clause.shown:
            self.statement.uses.extend(n.Use(origin, clause.name) for origin in provided.origins)

    def _unary(self, expr: n.Unary | n.Cast | n.Collate | n.IsNull, clause: _Clause) -> None:
        self._walk(expr.operand, clause)

    def _binary(self, expr: n.Binary, clause: _Clause) -> None:
        self._walk(expr.left, clause)
        self._walk(expr.right, clause)
        if expr.op in _RAISING_OPERATORS:
            expr.guards = self._raises(clause, expr.at)

    def _logic(self, expr: n.Logic, clause: _Clause) -> None:
        for operand in expr.operands:
            self._walk(operand, clause)

    def _between(self, expr: n.Between, clause: _Clause) -> None:
        for operand in (expr.operand, expr.low, expr.high):
            self._walk(operand, clause)

    def _like(self, expr: n.Like, clause: _Clause) -> None:
        self._walk(expr.operand, clause)
        self._walk(expr.pattern, clause)

    def _case(self, expr: n.Case, clause: _Clause) -> None:
        if expr.base is not None:
            self._walk(expr.base, clause)
        for condition, value in expr.whens:
            self._walk(condition, clause)
            self._walk(value, clause)
        if expr.otherwise is not None:
            self._walk(expr.otherwise, clause)

    def _call(self, expr: n.Call, clause: _Clause) -> None:
        if expr.kind == "aggregate":
            self._aggregate(expr, clause)
            return
        for arg in expr.args:
            self._walk(arg, clause)
        if expr.kind == "raising":
            expr.guards = self._raises(clause, expr.at)

    def _aggregate(self, expr: n.Call, clause: _Clause) -> None:
        if not clause.aggregates or clause.inside:
            message = f"`{expr.name}` over rows cannot stand in {clause.name} or in another aggregate"
            raise refused(f"{message}; use HAVING or a subquery", self.sql, expr.at)
        core = clause.scope.core
        assert core is not None
        core.aggregate = True
        clause.inside = True
        was = core.correlated
        core.correlated = False
        for arg in [*expr.args, *([expr.filter] if expr.filter is not None else [])]:
            self._walk(arg, clause)
        if core.correlated:
            raise refused("an aggregate over the columns of an outer query is not read", self.sql, expr.at)
        core.correlated = was
        clause.inside = False
        if expr.name in _RAISING_AGGREGATES:
            clause.scope.raises = True

    def _raises(self, clause: _Clause, at: int) -> list[n.Source] | None:
        """The guards of something that can raise (no-errors-from-hidden-rows); `None`: none are needed."""
        clause.scope.raises = clause.raises = True
        return self._guards(clause.scope, at) if clause.guarded else None

    def _guards(self, scope: Scope, at: int) -> list[n.Source]:
        guards: list[n.Source] = []
        for _, source in scope.sources:
            if source in scope.unseen:
                continue
            if source.entry is None:
                query = source.query or (source.cte.query if source.cte else None)
                if query is None or any(core.sources for core in query.cores):
                    message = "this might fail on a row, and stands in a filter over a subquery"
                    raise refused(f"{message}; compute it in the subquery's own select list", self.sql, at)
                continue
            guards.append(source)
            if source.target == "rows":
                self.statement.target_guarded = True
            else:
                self.statement.guarded.add(source.entry.name)
        return guards

    # subqueries

    def _subquery(self, query: n.Query, scope: Scope, columns: int) -> None:
        self.query(query, scope, derived=False)
        if columns and len(query.provides) != columns:
            raise refused("a subquery here gives one column", self.sql, query.at)

    def _nested(self, query: n.Query, clause: _Clause, columns: int) -> list[n.Source] | None:
        if not clause.subqueries:
            raise refused(
                f"a subquery in {clause.name} is not governed yet; read the value first", self.sql, query.at
            )
        was = clause.scope.core.correlated if clause.scope.core is not None else False
        self._subquery(query, clause.scope, columns)
        if clause.inside and clause.scope.core is not None and clause.scope.core.correlated and not was:
            raise refused("an aggregate over the columns of an outer query is not read", self.sql, query.at)
        return self._raises(clause, query.at) if query.raises else None

    def _in(self, expr: n.In, clause: _Clause) -> None:
        self._walk(expr.operand, clause)
        if isinstance(expr.items, list):
            for item in expr.items:
                self._walk(item, clause)
            return
        expr.guards = self._nested(expr.items, clause, 1)
        self._result(expr.items, clause)

    def _scalar(self, expr: n.Scalar, clause: _Clause) -> None:
        expr.guards = self._nested(expr.query, clause, 1)
        self._result(expr.query, clause)

    def _result(self, query: n.Query, clause: _Clause) -> None:
        provided = query.provides[0]
        if provided.sealed:
            raise self.sealed_use(provided, "an expression" if clause.shown else clause.name, query.at)
        clause.origins.update(provided.origins)
        if not clause.shown:
            self.statement.uses.extend(n.Use(origin, clause.name) for origin in provided.origins)

    def _exists(self, expr: n.Exists, clause: _Clause) -> None:
        query = expr.query
        core = query.cores[0]
        ends = bool(query.ops or query.order or query.limit or core.group or core.having or core.distinct)
        core.exists = not ends and all(_is_idle(item) for item in core.select)
        expr.guards = self._nested(expr.query, clause, 0)


def _aliases(core: n.Core) -> set[str]:
    return {fold(item.alias) for item in core.select if isinstance(item, n.Item) and item.alias}


def _is_idle(item: n.Item | n.Star) -> bool:
    """Whether an output under EXISTS can be left out without changing the answer."""
    return isinstance(item, n.Star) or isinstance(item.expr, n.ColumnRef | n.Literal)


_VISIT: dict[type, Callable[[Walker, Any, _Clause], None]] = {
    n.Literal: Walker._literal,
    n.Parameter: Walker._literal,
    n.ColumnRef: Walker._column,
    n.Unary: Walker._unary,
    n.Binary: Walker._binary,
    n.Logic: Walker._logic,
    n.IsNull: Walker._unary,
    n.Between: Walker._between,
    n.Like: Walker._like,
    n.In: Walker._in,
    n.Exists: Walker._exists,
    n.Scalar: Walker._scalar,
    n.Case: Walker._case,
    n.Cast: Walker._unary,
    n.Collate: Walker._unary,
    n.Call: Walker._call,
}
