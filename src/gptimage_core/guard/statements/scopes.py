"""Name resolution: every column reference becomes a governed column or the output of a subquery.

Innermost scope first, as SQLite does it; what is ambiguous or unknown is refused (so `"x"` never falls back
to a text, and no hidden column such as rowid is reachable). On the way it is settled, once per statement:

 - INVARIANT (sealed-is-only-shown): a sealed column stands nowhere but as a bare output, through subqueries
   and WITH tables, up to the top: it is never compared, sorted, grouped or computed with. Whether it is
   there may be asked (IS NULL, count): that is not its content.
 - what a policy might withhold and the statement uses to decide something (`uses`), for `shape` to refuse.
 - INVARIANT (no-errors-from-hidden-rows): whatever can raise and stands where the planner might evaluate it
   before the guard's predicate (WHERE, ON, HAVING, the list of a subquery in FROM, arguments of a function
   that gives rows) gets `guards`: the sources whose membership flag is asked first. A subquery or WITH table
   that it stands over is `fenced`: its rows are made before anything is asked of them.
"""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog, Origin, Provided, fold
from gptimage_core.guard.statements.lexer import refused
from gptimage_core.guard.statements.references import Clause, Scope
from gptimage_core.guard.statements.scope_writes import resolve_write
from gptimage_core.guard.statements.sources import Sources

__all__ = ["Resolver", "resolve"]


def resolve(statement: n.Statement, catalog: Catalog) -> None:
    """Complete the tree of `statement` in place. Raises `GuardError`."""
    resolver = Resolver(statement, catalog)
    resolver.open_with(statement.front)
    body = statement.body
    if isinstance(body, n.Query):
        resolver.query(body, None, derived=False)
    else:
        resolve_write(resolver, body)


class Resolver(Sources):
    """Queries; `Sources` does WITH and FROM, `Walker` expressions, `scope_writes` what writes."""

    def query(self, query: n.Query, outer: Scope | None, *, derived: bool, cte: n.Cte | None = None) -> None:
        """Resolve a query; `cte` is the WITH table that it makes."""
        if query.ctes:
            self.open_with(query.ctes)
        scope = Scope(None)
        for number, core in enumerate(query.cores):
            if cte is not None and cte.initial and number == cte.initial:
                self.begin_recursion(cte, self._combined(query, query.cores[:number]))
            scope = self._core(core, outer, derived=derived)
            query.raises |= scope.raises
        query.provides = self._combined(query, query.cores)
        self._order(query, scope)
        query.raises |= scope.raises
        for bound in (query.limit, query.offset):
            if bound is not None:
                number = isinstance(bound, n.Literal) and type(bound.value) is int
                if not number and not isinstance(bound, n.Parameter):
                    raise refused("LIMIT and OFFSET take a number or a parameter", self.sql, query.at)
                query.raises |= not number
        if query.ctes:
            self.close_with()

    def _core(self, core: n.Core, outer: Scope | None, *, derived: bool) -> Scope:
        scope = Scope(outer, core)
        scope.derived = derived
        self.statement.cores.append(core)
        if core.values is not None:
            self._values(core, scope)
            return scope
        self.sources(core, scope)
        for source in core.leaves:
            inner = source.query or (source.cte.query if source.cte else None)
            scope.raises |= inner is not None and inner.raises
        if core.where is not None:
            self.clause(core.where, scope, "WHERE", filters=True, aggregates=False)
        self._items(core, scope)
        scope.outputs = {}
        for item in core.items:
            if item.alias:
                scope.outputs.setdefault(fold(item.alias), item)
        core.group = [self._grouping(core, scope, term) for term in core.group]
        if core.having is not None:
            self.clause(core.having, scope, "HAVING", filters=True)
        self._windows(core, scope)
        core.aggregate |= bool(core.group)
        if core.having is not None and not core.aggregate:
            message = "HAVING needs GROUP BY, or an aggregate in this SELECT; use WHERE"
            raise refused(message, self.sql, core.at)
        return scope

    def _windows(self, core: n.Core, scope: Scope) -> None:
        """Those that WINDOW names, each once, used or not."""
        clause = Clause(scope, "SELECT", guarded=scope.derived, aggregates=True, subqueries=True)
        for window in core.windows.values():
            if window.base is not None:
                message = f"a window of WINDOW does not add to another (`{window.base}`)"
                raise refused(f"{message}; write it out", self.sql, window.at)
            self.window(window, clause)

    def _values(self, core: n.Core, scope: Scope) -> None:
        assert core.values is not None
        names = [f"column{i + 1}" for i in range(len(core.values[0]))]
        origins: list[frozenset[Origin]] = [frozenset() for _ in names]
        for row in core.values:
            for i, value in enumerate(row):
                origins[i] |= self.clause(value, scope, "VALUES", filters=scope.derived, aggregates=False)
        core.provides = [Provided(name, origin) for name, origin in zip(names, origins, strict=True)]

    def _items(self, core: n.Core, scope: Scope) -> None:
        for chosen in core.select:
            if isinstance(chosen, n.Star):
                core.items.extend(self._expand(chosen, core, scope))
            else:
                core.items.append(chosen)
        was, self.idle = self.idle, self.idle or core.exists
        for item in core.items:
            core.provides.append(self.output(item, scope))
        self.idle = was
        if core.distinct:
            self._compared(core.provides, "DISTINCT", core.at)

    def _expand(self, star: n.Star, core: n.Core, scope: Scope) -> list[n.Item]:
        """`*` shows a column of USING once."""
        out: list[n.Item] = []
        shared = {name for source in core.leaves for name in source.using}
        outward = any(source.join in ("RIGHT JOIN", "FULL JOIN") for source in core.leaves)
        for alias, source in scope.sources:
            if star.qualifier is not None and fold(star.qualifier) != alias:
                continue
            for name, provided in source.provides.items():
                if star.qualifier is None and name in source.using:
                    continue
                if star.qualifier is not None and outward and name in shared:
                    message = (
                        f"`{star.qualifier}.*` beside USING and RIGHT or FULL JOIN shows other tables' values"
                    )
                    raise refused(f"{message}; name the columns", self.sql, star.at)
                qualifier = None if star.qualifier is None and name in shared else source.alias
                ref = n.ColumnRef(qualifier, provided.name, star.at)
                out.append(n.Item(ref, None, provided.name))
        if not out:
            raise refused("`*` names no table of this FROM", self.sql, star.at)
        return out

    def _grouping(self, core: n.Core, scope: Scope, term: n.Expr) -> n.Expr:
        ordinal = self._ordinal(term, len(core.items), core.at)
        if ordinal is not None:
            if core.items[ordinal].over_rows:
                message = f"output {ordinal + 1} is made of several rows and cannot stand in GROUP BY"
                raise refused(f"{message}; use a subquery around", self.sql, core.at)
            self._compared([core.provides[ordinal]], "GROUP BY", core.at)
            return core.items[ordinal].expr
        self.clause(term, scope, "GROUP BY", aggregates=False)
        return term

    def _ordinal(self, term: n.Expr, outputs: int, at: int) -> int | None:
        """An integer in ORDER BY or GROUP BY names an output; other constants there mean nothing."""
        inner = term
        while isinstance(inner, n.Collate) or (isinstance(inner, n.Unary) and inner.op in "+-"):
            inner = inner.operand
        if not isinstance(inner, n.Literal):
            return None
        truth = inner.sql in ("TRUE", "FALSE")  # to SQLite a value like any other, and no number here
        if inner is not term or truth or type(inner.value) is not int or not 1 <= inner.value <= outputs:
            raise refused(f"a number here names an output, 1 to {outputs}", self.sql, inner.at)
        return inner.value - 1

    def _order(self, query: n.Query, scope: Scope) -> None:
        core = query.cores[0]
        names = [fold(provided.name) for provided in query.provides]
        aliased = [fold(item.alias or "") for item in core.items] if len(query.cores) == 1 else names
        places = {name: place for place, name in reversed(list(enumerate(aliased)))}  # the first of that name
        for term in query.order:
            expr = term.expr
            if isinstance(expr, n.Collate) and not isinstance(expr.operand, n.Literal):
                term.collation, expr = expr.collation, expr.operand
            term.ordinal = self._ordinal(term.expr, len(names), query.at)
            if term.ordinal is None and isinstance(expr, n.ColumnRef) and expr.qualifier is None:
                term.ordinal = places.get(fold(expr.name))
            if term.ordinal is not None:
                self._compared([query.provides[term.ordinal]], "ORDER BY", query.at)
            elif len(query.cores) > 1:
                raise refused(
                    "ORDER BY after UNION takes the name or number of an output", self.sql, query.at
                )
            else:
                term.collation = None
                self.clause(term.expr, scope, "ORDER BY")

    def _combined(self, query: n.Query, cores: list[n.Core]) -> list[Provided]:
        """What these cores of a query give together."""
        arms = [core.provides for core in cores]
        if len(arms) == 1:
            return arms[0]
        if any(len(arm) != len(arms[0]) for arm in arms):
            raise refused("the SELECTs of a UNION give equally many columns", self.sql, query.at)
        if any(op != "UNION ALL" for op in query.ops):
            named = "/".join(sorted(set(query.ops) - {"UNION ALL"}))
            for arm in arms:
                self._compared(arm, named, query.at, withheld=False)
        out: list[Provided] = []
        for column in zip(*arms, strict=True):
            origins = frozenset[Origin]().union(*(provided.origins for provided in column))
            bare = column[0].bare if all(p.bare == column[0].bare for p in column) else None
            sealed = any(provided.sealed for provided in column)
            out.append(Provided(column[0].name, origins, bare, sealed, column))
        return out

    def _compared(self, outputs: list[Provided], clause: str, at: int, *, withheld: bool = True) -> None:
        for provided in outputs:
            if provided.sealed:
                raise self.sealed_use(provided, clause, at)
            if withheld and clause != "DISTINCT":
                self.statement.uses.extend(n.Use(origin, clause) for origin in provided.origins)
