"""Name resolution for INSERT, UPDATE and DELETE: what they may read, and what they write (`scopes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import fold
from gptimage_core.guard.statements.lexer import refused
from gptimage_core.guard.statements.references import Scope
from gptimage_core.policy.binding import Column

if TYPE_CHECKING:
    from gptimage_core.guard.statements.scopes import Resolver

__all__ = ["check_parts", "resolve_write"]


def resolve_write(resolver: Resolver, body: n.Insert | n.Update | n.Delete) -> None:
    """Complete the tree of a statement that writes. Raises `GuardError`."""
    if isinstance(body, n.Insert):
        _insertion(resolver, body)
    else:
        _change(resolver, body)


def check_parts(statement: n.Statement) -> None:
    """What can be said when the parts of a write are resolved too. Raises `GuardError`."""
    body = statement.body
    if isinstance(body, n.Query):
        return
    if body.returning is not None and body.returning.read is not None:
        for core in body.returning.read.cores[:1]:
            if core.aggregate:
                raise refused("RETURNING gives values of each row; count in Python", statement.sql, core.at)
    if isinstance(body, n.Insert) and body.source is not None:
        query = body.source.body
        assert isinstance(query, n.Query)
        if not body.each:
            if query.cores[0].aggregate:
                message = "a sum over rows is no value by itself; compute it in a SELECT, in parentheses"
                raise refused(message, statement.sql, query.at)
            return
        given = sum(1 for cell in body.rows[0] if not cell.fill)
        if len(query.provides) != given:
            message = f"{given} columns are named and {len(query.provides)} values selected"
            raise refused(message, statement.sql, query.at)


def _insertion(resolver: Resolver, insert: n.Insert) -> None:
    resolver.statement.tables[insert.entry.name] = insert.entry
    for position, name in enumerate(insert.columns):
        if insert.entry.columns_by_name[name].sealed:
            for row in insert.rows:
                cell = row[position] if row else None
                if cell is not None and cell.value is not None:
                    raise refused(f"`{name}` is sealed: insert it as a parameter", resolver.sql, 0)


def _change(resolver: Resolver, body: n.Update | n.Delete) -> None:
    entry, source = body.entry, body.source
    resolver.statement.tables[entry.name] = entry
    source.target = "rows"
    resolver.bind(source, entry)
    scope = Scope(None)
    scope.sources.append((fold(source.alias), source))
    if isinstance(body, n.Update) and body.sources:
        core, joined = n.Core(False, [], body.sources, None, [], None, None, 0), Scope(None)
        resolver.sources(core, joined)
        body.leaves = core.leaves
        if any(alias == fold(source.alias) for alias, _ in joined.sources):
            message = f"two tables are called `{source.alias}`; give one another alias"
            raise refused(message, resolver.sql, body.sources[0].at)
        scope.sources += joined.sources
    if body.where is not None:
        resolver.clause(body.where, scope, "WHERE", filters=True, aggregates=False)
    _limited(resolver, body, scope)
    if isinstance(body, n.Update):
        _sets(resolver, body, scope)


def _limited(resolver: Resolver, body: n.Update | n.Delete, scope: Scope) -> None:
    for term in body.order:
        inner = term.expr
        while isinstance(inner, n.Collate | n.Unary):
            inner = inner.operand
        if isinstance(inner, n.Literal):
            raise refused("order the rows by a column; a number names nothing here", resolver.sql, inner.at)
        resolver.clause(term.expr, scope, "ORDER BY", aggregates=False)
    for bound in (body.limit, body.offset):
        number = isinstance(bound, n.Literal) and type(bound.value) is int
        if bound is not None and not number and not isinstance(bound, n.Parameter):
            raise refused("LIMIT and OFFSET take a number or a parameter", resolver.sql, 0)


def _sets(resolver: Resolver, update: n.Update, scope: Scope) -> None:
    base = n.Source(update.source.alias, 0, target="base")
    resolver.bind(base, update.entry)
    seen = Scope(None)
    seen.sources = [(fold(base.alias), base), *scope.sources[1:]]
    for column, value in update.sets:
        _check_settable(resolver, update, column, value)
        resolver.clause(value, seen, "SET", aggregates=False)


def _check_settable(resolver: Resolver, update: n.Update, column: Column, value: n.Expr) -> None:
    literal_null = isinstance(value, n.Literal) and value.value is None
    if column.sealed and not literal_null and not isinstance(value, n.Parameter):
        raise refused(f"`{column.name}` is sealed: set it to a parameter", resolver.sql, 0)
    if update.entry.is_pinned(column.name) and not isinstance(value, n.Literal | n.Parameter):
        message = f"`{column.name}` says whose row it is and when it came, and does not change"
        raise refused(f"{message}; leave it out of SET", resolver.sql, 0)
