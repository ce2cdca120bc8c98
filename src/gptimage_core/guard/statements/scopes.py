"""Name resolution: every column reference becomes a governed column or the output of a subquery.

Innermost scope first, as SQLite does it; what is ambiguous or unknown is refused (so `"x"` never falls back
to a text, and no hidden column such as rowid is reachable). On the way it is settled, once per statement:

 - INVARIANT (sealed-is-only-shown): a sealed column stands nowhere but as a bare output, through subqueries
   and WITH tables, up to the top: it is never compared, sorted, grouped, counted or computed with.
 - what a policy might withhold and the statement uses to decide something (`uses`), for `shape` to refuse.
 - INVARIANT (no-errors-from-hidden-rows): whatever can raise and stands where the planner might evaluate it
   before the guard's predicate (WHERE, ON, HAVING, the list of a subquery in FROM) gets `guards`: the sources
   whose membership flag is asked first.
"""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog, Entry, Origin, Provided, fold
from gptimage_core.guard.statements.lexer import refused
from gptimage_core.guard.statements.scope_writes import resolve_write
from gptimage_core.guard.statements.walk import Scope, Walker

__all__ = ["Resolver", "resolve"]

_RESERVED_PREFIXES = ("gp_", "gp:", "sqlite_", "pragma_")


def resolve(statement: n.Statement, catalog: Catalog) -> None:
    """Complete the tree of `statement` in place. Raises `GuardError`."""
    resolver = Resolver(statement, catalog)
    for cte in statement.ctes:
        resolver.cte(cte)
    body = statement.body
    if isinstance(body, n.Query):
        resolver.query(body, None, derived=False)
    else:
        resolve_write(resolver, body)


class Resolver(Walker):
    """Queries and sources; `Walker` does expressions, `scope_writes` the statements that write."""

    def __init__(self, statement: n.Statement, catalog: Catalog) -> None:
        super().__init__(statement)
        self.catalog = catalog
        self.ctes: dict[str, n.Cte] = {}

    # WITH and FROM

    def cte(self, cte: n.Cte) -> None:
        folded = fold(cte.name)
        if self.catalog.entry(cte.name) is not None:
            raise refused(
                f"`{cte.name}` is a governed table; give the WITH table another name", self.sql, cte.at
            )
        if folded.startswith(_RESERVED_PREFIXES) or folded in self.ctes:
            raise refused(f"`{cte.name}` is taken; give the WITH table another name", self.sql, cte.at)
        self.query(cte.query, None, derived=True)
        provides = cte.query.provides
        if cte.columns and len(cte.columns) != len(provides):
            raise refused(
                f"`{cte.name}` names {len(cte.columns)} of {len(provides)} columns", self.sql, cte.at
            )
        if not cte.columns:
            cte.columns = [provided.name for provided in provides]
        self.ctes[folded] = cte

    def sources(self, core: n.Core, scope: Scope) -> None:
        taken: set[str] = set()
        for source in core.sources:
            alias = fold(source.alias)
            if alias in taken:
                raise refused(
                    f"two tables are called `{source.alias}`; give one another alias", self.sql, source.at
                )
            taken.add(alias)
            self._source(source)
            scope.sources.append((alias, source))
        for number, source in enumerate(core.sources, 1):
            if source.on is not None:  # it may name what stands to its left, and itself; but a name that the
                scope.unseen = core.sources[number:]  # tables to its right have too is ambiguous to SQLite
                self.clause(source.on, scope, "ON", filters=True, aggregates=False)
        scope.unseen = []

    def _source(self, source: n.Source) -> None:
        if source.query is not None:
            self.query(source.query, None, derived=True)
            self._provide(source, [p.name for p in source.query.provides], source.query.provides)
            return
        cte = self.ctes.get(fold(source.name))
        if cte is not None:
            source.cte = cte
            self._provide(source, cte.columns, cte.query.provides)
            return
        entry = self.catalog.entry(source.name)
        if entry is None:
            message = f"`{source.name}` is not a governed table"
            raise refused(f"{message} nor a WITH table before this point", self.sql, source.at)
        self.bind(source, entry)

    def bind(self, source: n.Source, entry: Entry) -> None:
        """`source` is this governed table."""
        source.entry = entry
        source.provides = entry.provides
        if not source.target:
            self.statement.tables[entry.name] = entry
            self.statement.needs.setdefault(entry.name, set())

    def _provide(self, source: n.Source, names: list[str], provides: list[Provided]) -> None:
        source.provides = {}
        for name, provided in zip(names, provides, strict=True):
            folded = fold(name)
            if folded in source.provides:
                message = f"`{source.alias}` has two columns called `{name}`"
                raise refused(f"{message}; name them apart with AS", self.sql, source.at)
            source.provides[folded] = Provided(name, provided.origins, provided.bare, provided.sealed)

    # SELECT

    def query(self, query: n.Query, outer: Scope | None, *, derived: bool) -> None:
        scope = Scope(None)
        for core in query.cores:
            scope = self._core(core, outer, derived=derived)
            query.raises |= scope.raises
        self._combine(query)
        self._order(query, scope)
        query.raises |= scope.raises
        for bound in (query.limit, query.offset):
            if bound is not None:
                number = isinstance(bound, n.Literal) and type(bound.value) is int
                if not number and not isinstance(bound, n.Parameter):
                    raise refused("LIMIT and OFFSET take a number or a parameter", self.sql, query.at)
                query.raises |= not number

    def _core(self, core: n.Core, outer: Scope | None, *, derived: bool) -> Scope:
        scope = Scope(outer, core)
        scope.derived = derived
        self.statement.cores.append(core)
        if core.values is not None:
            self._values(core, scope)
            return scope
        self.sources(core, scope)
        for source in core.sources:
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
        core.aggregate |= bool(core.group)
        if core.having is not None and not core.aggregate:
            message = "HAVING needs GROUP BY, or an aggregate in this SELECT; use WHERE"
            raise refused(message, self.sql, core.at)
        return scope

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
        out: list[n.Item] = []
        for alias, source in scope.sources:
            if star.qualifier is None or fold(star.qualifier) == alias:
                for provided in source.provides.values():
                    ref = n.ColumnRef(source.alias, provided.name, star.at)
                    out.append(n.Item(ref, None, provided.name))
        if not out:
            raise refused("`*` names no table of this FROM", self.sql, star.at)
        return out

    def _grouping(self, core: n.Core, scope: Scope, term: n.Expr) -> n.Expr:
        ordinal = self._ordinal(term, len(core.items), core.at)
        if ordinal is not None:
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

    def _combine(self, query: n.Query) -> None:
        arms = [core.provides for core in query.cores]
        if len(arms) == 1:
            query.provides = arms[0]
            return
        if any(len(arm) != len(arms[0]) for arm in arms):
            raise refused("the SELECTs of a UNION give equally many columns", self.sql, query.at)
        if any(op != "UNION ALL" for op in query.ops):
            named = "/".join(sorted(set(query.ops) - {"UNION ALL"}))
            for arm in arms:
                self._compared(arm, named, query.at, withheld=False)
        for column in zip(*arms, strict=True):
            origins = frozenset[Origin]().union(*(provided.origins for provided in column))
            bare = column[0].bare if all(p.bare == column[0].bare for p in column) else None
            sealed = any(provided.sealed for provided in column)
            query.provides.append(Provided(column[0].name, origins, bare, sealed, column))

    def _compared(self, outputs: list[Provided], clause: str, at: int, *, withheld: bool = True) -> None:
        for provided in outputs:
            if provided.sealed:
                raise self.sealed_use(provided, clause, at)
            if withheld and clause != "DISTINCT":
                self.statement.uses.extend(n.Use(origin, clause) for origin in provided.origins)
