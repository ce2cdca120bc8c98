"""Piccolo's queries for `guard.stream`: their text, and their rows as Piccolo makes them, page by page."""

from __future__ import annotations

from itertools import chain
from typing import Any

from piccolo.engine.base import Engine
from piccolo.query.base import FrozenQuery, Query
from piccolo.query.methods.objects import Objects
from piccolo.query.methods.raw import Raw
from piccolo.query.methods.select import Select, SelectList
from piccolo.query.mixins import CallbackType

from gptimage_core.errors import GuardError
from gptimage_core.guard.streaming import Written

__all__ = ["written"]


def written(query: object, engine: Engine[Any]) -> Written:
    """The query as the guard streams it: `select`, `objects`, `raw`, a list of one column, or one of them
    frozen. A callback is called with the rows of each page."""
    as_list = isinstance(query, SelectList)
    inner: Any = query.query if isinstance(query, SelectList | FrozenQuery) else query
    if not isinstance(inner, Select | Objects | Raw):
        raise GuardError(
            f"`{type(query).__name__}` cannot be streamed; stream `select()`, `objects()`, `Table.raw(…)` or "
            "a text, and await what gives one value"
        )
    if inner.table._meta.db is not engine:
        raise GuardError(f"`{inner.table.__name__}` is on another engine; stream it with that one's guard")
    querystrings = inner.querystrings
    if len(querystrings) != 1:
        raise GuardError("a query of several statements cannot be streamed; stream them one by one")
    sql, args = querystrings[0].compile_string("sqlite")

    async def finish(rows: list[dict[str, Any]]) -> Any:
        return await _finished(inner, rows, as_list)

    return Written(sql, tuple(args), finish)


async def _finished(query: Query[Any, Any], rows: list[dict[str, Any]], as_list: bool) -> Any:
    found: Any = await query._process_results(rows)
    if as_list:
        if len(rows[0]) != 1:
            raise GuardError("`output(as_list=True)` takes one column; select one, or leave it out")
        found = list(chain.from_iterable(row.values() for row in found))
    if isinstance(query, Select | Objects):
        return await query.callback_delegate.invoke(found, kind=CallbackType.success)
    return found
