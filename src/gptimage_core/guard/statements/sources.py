"""What stands behind WITH and under FROM: governed tables, WITH tables, subqueries, functions that give rows.

A WITH table hides a governed one of its name, as in SQLite. In what runs it has a name of the guard's own, so
neither it nor the shadow of the governed table can be taken for the other.
"""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Catalog, Entry, Origin, Provided, fold
from gptimage_core.guard.statements.lexer import refused
from gptimage_core.guard.statements.references import Clause, Scope
from gptimage_core.guard.statements.walk import Walker

__all__ = ["Sources"]

_RESERVED_PREFIXES = ("gp_", "gp:", "sqlite_", "pragma_")
_OF_JSON = ("key", "value", "type", "atom", "id", "parent", "fullkey", "path")
_MOST_TABLES = 64
_OUTWARD = ("RIGHT JOIN", "FULL JOIN")


class Sources(Walker):
    """WITH and FROM; queries are the resolver's (`query`)."""

    def __init__(self, statement: n.Statement, catalog: Catalog) -> None:
        super().__init__(statement)
        self.catalog = catalog
        self.frames: list[dict[str, n.Cte]] = []
        """The tables of each WITH around what is resolved now, the innermost last."""

    # WITH

    def open_with(self, ctes: list[n.Cte]) -> None:
        """From here on until `close_with`, these can be named; each is resolved once."""
        frame: dict[str, n.Cte] = {}
        self.frames.append(frame)
        for cte in ctes:
            folded = fold(cte.name)
            if folded.startswith(_RESERVED_PREFIXES) or folded in frame:
                raise refused(f"`{cte.name}` is taken; give the WITH table another name", self.sql, cte.at)
            frame[folded] = cte
        for cte in ctes:
            self._cte(cte)

    def close_with(self) -> None:
        self.frames.pop()

    def _cte(self, cte: n.Cte) -> None:
        cte.state = "open"
        cte.initial = self._initial(cte)
        self.query(cte.query, None, derived=True, cte=cte)
        self._offer(cte, cte.query.provides)
        if cte.initial:
            self._close_recursion(cte)
        self._add(cte)

    def _offer(self, cte: n.Cte, provides: list[Provided]) -> None:
        if cte.columns and len(cte.columns) != len(provides):
            named = f"`{cte.name}` names {len(cte.columns)} of {len(provides)} columns"
            raise refused(f"{named}; name all or none", self.sql, cte.at)
        if not cte.columns:
            cte.columns = [provided.name for provided in provides]
        cte.provides = provides

    def _add(self, cte: n.Cte) -> None:
        cte.state = "done"
        cte.label = f"gp:c{len(self.statement.ctes)}"
        self.statement.ctes.append(cte)

    def _find_cte(self, source: n.Source, scope: Scope) -> n.Cte | None:
        folded = fold(source.name)
        for frame in reversed(self.frames):
            cte = frame.get(folded)
            if cte is None:
                continue
            if cte.state == "later":
                message = f"`{source.name}` stands later in this WITH"
                raise refused(f"{message}; put it in front of what reads it", self.sql, source.at)
            if cte.state == "open" and all(scope.core is not core for core in _recursive(cte)):
                message = f"`{source.name}` can read itself in a part after UNION only, once and under FROM"
                raise refused(f"{message}; join it there", self.sql, source.at)
            return cte
        return None

    # recursion

    def _initial(self, cte: n.Cte) -> int:
        """How many cores come before those that name the table itself; 0: none does."""
        folded, query = fold(cte.name), cte.query
        if any(fold(inner.name) == folded for inner in query.ctes):
            return 0
        counts = [_names(core.sources, folded) for core in query.cores]
        if not any(counts):
            return 0
        first = next(i for i, count in enumerate(counts) if count)
        ops = set(query.ops[first - 1 :])
        if first == 0 or len(ops) > 1 or not ops <= {"UNION", "UNION ALL"} or set(counts[first:]) != {1}:
            message = (
                f"`{cte.name}` reads itself: parts that do come last, each once, after UNION or UNION ALL"
            )
            raise refused(f"{message}; put a part in front that does not", self.sql, cte.at)
        return first

    def begin_recursion(self, cte: n.Cte, provides: list[Provided]) -> None:
        """What the table offers to its own later parts: what its first parts give, and what is not known yet.

        The unknown stands among the origins as a mark for the column, until `_close_recursion`.
        """
        marked = [
            Provided(p.name, p.origins | {_mark(cte, i)}, p.bare, p.sealed) for i, p in enumerate(provides)
        ]
        self._offer(cte, marked)

    def _close_recursion(self, cte: n.Cte) -> None:
        """Put for each mark the governed columns that reach it, by whatever way."""
        for core in _recursive(cte):
            if core.aggregate or core.windowed:
                message = "a part that reads its own table takes no aggregate and no window"
                raise refused(f"{message}; sum up in the query after WITH", self.sql, core.at)
            for before, after in zip(cte.query.cores[0].provides, core.provides, strict=True):
                if after.sealed and not before.sealed:
                    message = f"`{after.name}` is sealed here and not in the first part"
                    raise refused(f"{message}; select it in the query after WITH", self.sql, core.at)
        marks = {_mark(cte, i): set(p.origins) for i, p in enumerate(cte.provides)}
        for _ in marks:
            for reached in marks.values():
                for other in [o for o in reached if o in marks]:
                    reached |= marks[other]
        known = {mark: frozenset(o for o in reached if o not in marks) for mark, reached in marks.items()}

        def settled(origins: frozenset[Origin]) -> frozenset[Origin]:
            return frozenset[Origin]().union(*(known.get(o, frozenset({o})) for o in origins))

        for provided in cte.provides:
            for each in (provided, *provided.arms):
                each.origins = settled(each.origins)
        uses, self.statement.uses = self.statement.uses, []
        for use in uses:
            origins = known.get(use.origin, (use.origin,))
            self.statement.uses.extend(n.Use(origin, use.clause) for origin in origins)

    # FROM

    def sources(self, core: n.Core, scope: Scope) -> None:
        outward = any(source.join in _OUTWARD for source in core.sources)
        if _count(core.sources) > _MOST_TABLES:
            raise refused(f"one FROM joins at most {_MOST_TABLES} tables, as in SQLite", self.sql, core.at)
        self._joined(core.sources, scope, core, outward=outward, grouped=False)
        core.leaves = [source for _, source in scope.sources]

    def _joined(
        self, sources: list[n.Source], scope: Scope, core: n.Core, *, outward: bool, grouped: bool
    ) -> None:
        """First what the tables are, then how they are joined: a name in ON is looked for in all of them."""
        ends: list[int] = []
        for source in sources:
            if source.group:
                inner = Scope(scope.outer, core)
                inner.derived = scope.derived
                self._joined(source.group, inner, core, outward=outward, grouped=True)
                for alias, each in inner.sources:
                    self._add_source(alias, each, scope)
                scope.raises |= inner.raises
            else:
                self._source(source, scope)
                self._add_source(fold(source.alias), source, scope)
            ends.append(len(scope.sources))
        every = [each for _, each in scope.sources]
        start = 0
        for source, end in zip(sources, ends, strict=True):
            if source.call is not None:
                scope.later = every[start:]
                self._arguments(source, source.call, scope, outward=outward)
            if source.using or source.natural:
                if grouped or any(each.group for each in core.sources):
                    message = "USING and NATURAL are not read beside a join in parentheses"
                    raise refused(f"{message}; write `ON a.x = b.x`", self.sql, source.at)
                self._same_columns(source, every[:start], outward)
            if source.on is not None:  # it may name what stands to its left, and itself
                scope.later = every[end:]
                name = "USING" if source.using else "ON"
                self.clause(source.on, scope, name, filters=True, aggregates=False)
            start = end
        scope.later = []

    def _add_source(self, alias: str, source: n.Source, scope: Scope) -> None:
        if any(alias == other for other, _ in scope.sources):
            message = f"two tables are called `{source.alias}`"
            raise refused(f"{message}; give one another alias", self.sql, source.at)
        scope.sources.append((alias, source))

    def _same_columns(self, source: n.Source, left: list[n.Source], outward: bool) -> None:
        """USING as the ON that it stands for; which of the two a bare name means is `Walker`'s to say."""
        if source.natural:
            source.using = [name for name in source.provides if any(name in each.provides for each in left)]
        source.using = [fold(name) for name in source.using]
        terms: list[n.Expr] = []
        for name in source.using:
            found = [each for each in left if name in each.provides]
            if not found or name not in source.provides:
                raise refused(f"`{name}` of USING is no column of both sides", self.sql, source.at)
            if any(name not in each.using for each in found[1:]):
                message = f"`{name}` of USING stands in several tables on the left"
                raise refused(f"{message}; write `ON a.{name} = b.{name}`", self.sql, source.at)
            refs: list[n.Expr] = [n.ColumnRef(each.alias, name, source.at) for each in found]
            one = refs[0]
            if outward and len(refs) > 1:
                one = n.Call("coalesce", "total", refs, False, False, None, source.at)
            terms.append(n.Binary("=", one, n.ColumnRef(source.alias, name, source.at), source.at))
        if terms:
            source.on = terms[0] if len(terms) == 1 else n.Logic("AND", terms)

    def _source(self, source: n.Source, scope: Scope) -> None:
        if source.query is not None:
            self.query(source.query, None, derived=True)
            self._provide(source, [p.name for p in source.query.provides], source.query.provides)
            return
        if source.call is not None:
            nothing = frozenset[Origin]()
            self._provide(source, list(_OF_JSON), [Provided(name, nothing) for name in _OF_JSON])
            return
        cte = self._find_cte(source, scope)
        if cte is not None:
            source.cte = cte
            self._provide(source, cte.columns, cte.provides)
            return
        entry = self.catalog.entry(source.name)
        if entry is None:
            message = f"`{source.name}` is not a governed table"
            raise refused(f"{message} nor a WITH table before this point", self.sql, source.at)
        self.bind(source, entry)

    def _arguments(self, source: n.Source, call: n.Call, scope: Scope, *, outward: bool) -> None:
        """A function that gives rows; its arguments may name what stands to its left, or around."""
        if outward:
            message = f"`{source.name}` does not stand beside RIGHT or FULL JOIN"
            raise refused(f"{message}; use LEFT JOIN, or a subquery", self.sql, source.at)
        clause = Clause(scope, call.name, guarded=True, aggregates=False, subqueries=True)
        clause.json = True
        for arg in call.args:
            self._walk(arg, clause)
        call.guards = self._raises(clause, call.at)
        for provided in source.provides.values():
            provided.origins = frozenset(clause.origins)

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

    def fence(self, source: n.Source) -> None:
        """What might fail on a row is about to be asked of this one: its rows are made before
        (no-errors-from-hidden-rows). SQLite merges no filter into a WITH table that is MATERIALIZED."""
        if source.query is not None:
            if not any(core.sources for core in source.query.cores):
                return
            provides = source.query.provides
            columns = [provided.name for provided in provides]
            source.cte = n.Cte(source.alias, columns, source.query, source.at, provides=provides)
            source.query = None
            self._add(source.cte)
        if source.cte is not None and source.cte.state == "done":
            source.cte.fenced = True


def _recursive(cte: n.Cte) -> list[n.Core]:
    return cte.query.cores[cte.initial :] if cte.initial else []


def _names(sources: list[n.Source], folded: str) -> int:
    """How often a table is named under FROM, whatever the parentheses."""
    return sum(
        _names(source.group, folded) if source.group else fold(source.name) == folded and source.call is None
        for source in sources
    )


def _mark(cte: n.Cte, column: int) -> Origin:
    return (f"\0{id(cte)}", str(column))


def _count(sources: list[n.Source]) -> int:
    return sum(_count(source.group) if source.group else 1 for source in sources)
