"""Name resolution for INSERT, UPDATE and DELETE: what they may read, and what they write (`scopes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Entry, fold
from gptimage_core.guard.statements.lexer import refused
from gptimage_core.guard.statements.references import Scope

if TYPE_CHECKING:
    from gptimage_core.guard.statements.scopes import Resolver

__all__ = ["resolve_write"]


def resolve_write(resolver: Resolver, body: n.Insert | n.Update | n.Delete) -> None:
    """Complete the tree of a statement that writes. Raises `GuardError`."""
    if isinstance(body, n.Insert):
        resolver.statement.tables[body.entry.name] = body.entry
        _insertion(resolver, body)
    elif isinstance(body, n.Update):
        _update(resolver, body)
    else:
        _target(resolver, body.entry, body.source, body.where)


def _insertion(resolver: Resolver, insert: n.Insert) -> None:
    for position, name in enumerate(insert.columns):
        if insert.entry.columns_by_name[name].sealed:
            for row in insert.rows:
                if row[position].placeholder is None and row[position].value is not None:
                    raise refused(f"`{name}` is sealed: insert it as a parameter", resolver.sql, 0)


def _target(resolver: Resolver, entry: Entry, source: n.Source, where: n.Expr | None) -> Scope:
    resolver.statement.tables[entry.name] = entry
    source.target = "rows"
    resolver.bind(source, entry)
    scope = Scope(None)
    scope.sources.append((fold(source.alias), source))
    if where is not None:
        resolver.clause(where, scope, "WHERE", filters=True, aggregates=False)
    return scope


def _update(resolver: Resolver, update: n.Update) -> None:
    _target(resolver, update.entry, update.source, update.where)
    base = n.Source(update.entry.name, 0, target="base")
    resolver.bind(base, update.entry)
    scope = Scope(None)
    scope.sources.append((fold(base.alias), base))
    for column, value in update.sets:
        if column.sealed and not isinstance(value, n.Parameter):
            literal_null = isinstance(value, n.Literal) and value.value is None
            if not literal_null:
                raise refused(f"`{column.name}` is sealed: set it to a parameter", resolver.sql, 0)
        if update.entry.is_pinned(column.name) and not isinstance(value, n.Literal | n.Parameter):
            message = f"`{column.name}` says whose row it is and when it came, and does not change"
            raise refused(f"{message}; leave it out of SET", resolver.sql, 0)
        resolver.clause(value, scope, "SET", aggregates=False, subqueries=False)
