"""Resolving column references: which table a name belongs to, and what it is made of."""

from __future__ import annotations

from typing import Literal

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Origin, Provided, fold
from gptimage_core.guard.statements.lexer import refused

__all__ = ["Clause", "References", "Scope"]


class Scope:
    """The tables that an expression may name, innermost first; after them, where allowed, the `outputs`.

    `later`: those that stand behind the ON (or the argument of a function that gives rows) that is resolved
    now. SQLite finds them, so they are found, and refused; never is another taken instead.
    """

    __slots__ = ("core", "derived", "later", "outer", "outputs", "raises", "sources")

    def __init__(self, outer: Scope | None, core: n.Core | None = None) -> None:
        self.outer = outer
        self.core = core
        self.sources: list[tuple[str, n.Source]] = []
        self.outputs: dict[str, n.Item] = {}
        self.later: list[n.Source] = []
        self.raises = False
        self.derived = False


class Clause:
    """Where an expression stands, and what was found in it."""

    __slots__ = (
        "aggregates",
        "guarded",
        "inside",
        "json",
        "name",
        "origins",
        "over_rows",
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
        self.json = False
        self.raises = False
        self.over_rows: Literal["", "aggregate", "window"] = ""
        self.origins: set[Origin] = set()

    def within(self, name: str, *, aggregates: bool) -> Clause:
        """A part of the clause in which what stands decides something, `name`; `take` brings it back."""
        part = Clause(
            self.scope, name, guarded=self.guarded, aggregates=aggregates, subqueries=self.subqueries
        )
        part.inside = self.inside
        return part

    def take(self, part: Clause) -> None:
        self.raises |= part.raises
        self.over_rows = self.over_rows or part.over_rows
        self.origins |= part.origins


class References:
    """Columns of one statement."""

    def __init__(self, statement: n.Statement) -> None:
        self.statement = statement
        self.sql = statement.sql
        self.idle = False
        """Whether what is resolved now is never read (the list under EXISTS)."""

    def _walk(self, expr: n.Expr, clause: Clause) -> None:
        raise AssertionError("the walker gives it")

    def _reference(self, ref: n.ColumnRef, scope: Scope, clause: Clause | None = None) -> Provided:
        """Which column is meant; innermost scope first, then (where the clause may) an output so named."""
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
            several = any(name not in source.using for source in found[1:])
            if not several and any(source in here.later for source in found):
                message = f"`{_full(ref)}` is no column of the tables named before this point"
                raise refused(f"{message}; put its table in front", self.sql, ref.at)
            if found:
                for scope_between in passed:
                    if scope_between.core is not None:
                        scope_between.core.correlated = True
                return self._bound(ref, found, name)
            if qualifier is None and here is scope and clause is not None and name in here.outputs:
                return self._named_output(ref, here, here.outputs[name], clause)
            if qualifier is None and here.core is not None and name in _aliases(here.core):
                message = f"`{ref.name}` is an output here, which SQLite takes before a table further out"
                raise refused(f"{message}; write which table", self.sql, ref.at)
            passed.append(here)
            here = here.outer
        raise self._unknown(ref)

    def _named_output(self, ref: n.ColumnRef, scope: Scope, item: n.Item, clause: Clause) -> Provided:
        if item.raises and clause.guarded:
            message = f"`{ref.name}` might fail on a row"
            raise refused(f"{message}; write the expression out instead of its name", self.sql, ref.at)
        if item.over_rows and (
            clause.inside
            or clause.name == "GROUP BY"
            or (item.over_rows == "window" and clause.name != "ORDER BY")
        ):
            message = f"`{ref.name}` is made of several rows and cannot stand in {clause.name}"
            raise refused(f"{message}; use a subquery around", self.sql, ref.at)
        ref.output = item.expr
        assert scope.core is not None
        return scope.core.provides[[i is item for i in scope.core.items].index(True)]

    def _bound(self, ref: n.ColumnRef, found: list[n.Source], name: str) -> Provided:
        """Of several tables joined by USING, the one that SQLite takes: the left one, of a RIGHT JOIN the
        right one, of a FULL JOIN whichever is there."""
        meant = found[:1]
        for source in found[1:]:
            if name not in source.using:
                raise refused(f"`{ref.name}` stands in several tables; write which", self.sql, ref.at)
            if source.join == "RIGHT JOIN":
                meant = [source]
            elif source.join == "FULL JOIN":
                meant.append(source)
        if len(meant) == 1:
            return self._bind(ref, meant[0], name)
        ref.merged = [n.ColumnRef(source.alias, ref.name, ref.at) for source in meant]
        parts = [self._bind(part, source, name) for part, source in zip(ref.merged, meant, strict=True)]
        origins = frozenset[Origin]().union(*(part.origins for part in parts))
        ref.provided = Provided(ref.name, origins, None, any(part.sealed for part in parts))
        return ref.provided

    def _unknown(self, ref: n.ColumnRef) -> GuardError:
        full = _full(ref)
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

    def sealed_use(self, provided: Provided, clause: str, at: int, *, json: bool = False) -> GuardError:
        """Say what to do instead (`sealed-is-only-shown`)."""
        named = ", ".join(f"`{table}.{column}`" for table, column in sorted(provided.origins))
        if json:
            message = f"{named} is sealed: the database cannot look into its JSON"
            return refused(f"{message}; select it as it is and take it apart in Python", self.sql, at)
        message = f"{named} is sealed: it can be selected as it is, not used in {clause} or computed with"
        return refused(f"{message}; look rows up by another column and compare in Python", self.sql, at)

    def _provided(self, expr: n.ColumnRef, clause: Clause) -> Provided:
        outputs = clause.name in ("GROUP BY", "HAVING", "ORDER BY")
        provided = self._reference(expr, clause.scope, clause if outputs else None)
        self._used(provided, clause)
        return provided

    def _used(self, provided: Provided, clause: Clause) -> None:
        clause.origins.update(provided.origins)
        if not clause.shown:
            self.statement.uses.extend(n.Use(origin, clause.name) for origin in provided.origins)


def _full(ref: n.ColumnRef) -> str:
    return f"{ref.qualifier}.{ref.name}" if ref.qualifier else ref.name


def _aliases(core: n.Core) -> set[str]:
    return {fold(item.alias) for item in core.select if isinstance(item, n.Item) and item.alias}
