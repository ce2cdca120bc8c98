"""Resolving what goes over rows: aggregates, and windows."""

from __future__ import annotations

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import fold
from gptimage_core.guard.statements.functions import RANKS
from gptimage_core.guard.statements.lexer import refused
from gptimage_core.guard.statements.references import Clause, References

__all__ = ["OverRows"]

_RAISING = frozenset({"sum", "group_concat", "json_group_array", "json_group_object"})


class OverRows(References):
    """Aggregates and windows of one statement."""

    def presence(self, expr: n.Expr, clause: Clause) -> None:
        """Whether a value is there is not its content: a sealed one may be asked, where it may be read."""
        if isinstance(expr, n.ColumnRef):
            self._provided(expr, clause)
        else:
            self._walk(expr, clause)

    def aggregate(self, expr: n.Call, clause: Clause) -> None:
        if not clause.aggregates or clause.inside:
            message = f"`{expr.name}` over rows cannot stand in {clause.name} or in another aggregate"
            raise refused(f"{message}; use HAVING or a subquery", self.sql, expr.at)
        core = clause.scope.core
        assert core is not None
        core.aggregate = True
        clause.over_rows = clause.over_rows or "aggregate"
        clause.inside = True
        was = core.correlated
        core.correlated = False
        self._of_rows(expr, clause)
        if core.correlated:
            message = "an aggregate over the columns of an outer query is not read"
            raise refused(f"{message}; compute it in the outer query", self.sql, expr.at)
        core.correlated = was
        clause.inside = False
        if expr.name in _RAISING:
            clause.scope.raises = True

    def _of_rows(self, expr: n.Call, clause: Clause) -> None:
        """The arguments and the FILTER of a function over rows."""
        for arg in expr.args:
            if expr.name == "count" and not expr.distinct:
                self.presence(arg, clause)
            else:
                self._walk(arg, clause)
        if expr.filter is not None:
            part = clause.within("FILTER", aggregates=expr.kind == "window" and clause.aggregates)
            self._walk(expr.filter, part)
            clause.take(part)

    # windows

    def window_call(self, expr: n.Call, clause: Clause) -> None:
        core = clause.scope.core
        if clause.inside or core is None or clause.name not in ("SELECT", "ORDER BY"):
            message = f"`{expr.name}` with OVER stands in a select list or in ORDER BY"
            raise refused(
                f"{message}; filter by it in a query around: `FROM (SELECT …) AS s`", self.sql, expr.at
            )
        core.windowed = True
        if expr.name not in RANKS:
            clause.scope.raises = True
        self._of_rows(expr, clause)
        assert expr.over is not None
        self.window(expr.over, clause)
        clause.over_rows = "window"

    def window(self, window: n.Window, clause: Clause) -> None:
        """Resolve a window: what it is made of decides which rows are together and in which order."""
        core = clause.scope.core
        assert core is not None
        if window.base is not None:
            base = core.windows.get(fold(window.base))
            if base is None:
                raise refused(
                    f"`{window.base}` is no window of this SELECT; name it in WINDOW", self.sql, window.at
                )
            if not window.whole and (window.partition or base.frame or (base.order and window.order)):
                message = f"`{window.base}` has that already, or a frame"
                raise refused(f"{message}; write the window out", self.sql, window.at)
        part = clause.within("OVER", aggregates=clause.aggregates)
        for expr in (*window.partition, *(term.expr for term in window.order)):
            self._walk(expr, part)
        if window.frame is not None:
            clause.scope.raises = True
        clause.take(part)
