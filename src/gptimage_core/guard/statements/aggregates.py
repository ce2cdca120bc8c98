"""What counts as a figure about many (S16): one cell, counted, summed or averaged, and nothing finer.

A rule with `min_persons` releases figures only. Anything that could single somebody out inside a figure (a
group, a filter, an expression in the aggregate, the smallest or largest value) is refused rather than judged.
So is a table that stands twice: people are counted per table, and one person's rows joined to everybody's
would be a figure about one that counts as many.
"""

from __future__ import annotations

from typing import NoReturn

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements import nodes

__all__ = ["refuse_other_than_figures"]

_FIGURES = frozenset({"COUNT", "SUM", "AVG", "TOTAL"})


def refuse_other_than_figures(tree: nodes.Statement) -> None:
    """Raises `GuardError` unless the statement is `SELECT count(*), sum(t.c), avg(t.c) … FROM … WHERE …`."""
    body = tree.body
    if not isinstance(body, nodes.Query) or tree.ctes or len(body.cores) != 1 or len(tree.cores) != 1:
        _refuse()
    core = body.cores[0]
    if core.group or core.having is not None or core.distinct or core.values is not None:
        _refuse()
    tables = [source.entry.name for source in core.sources if source.entry is not None]
    if len(tables) < len(core.sources) or len(set(tables)) < len(tables):
        _refuse()
    for item in core.items:
        call = item.expr
        if (
            not isinstance(call, nodes.Call)
            or call.kind != "aggregate"
            or call.name.upper() not in _FIGURES
            or call.filter is not None
            or not all(isinstance(argument, nodes.ColumnRef) for argument in call.args)
        ):
            _refuse()


def _refuse() -> NoReturn:
    raise GuardError(
        "the rule releases figures about many people only: select count, sum, avg or total of whole columns, "
        "each table once, without GROUP BY, HAVING, FILTER, DISTINCT or subqueries; ask one figure at a time"
    )
