"""Writing a tree as SQL anew: every name quoted and qualified, every operator in parentheses.

Nothing of the user's text is copied but literals, so what runs is what was read. The guard's own columns are
called `gp:…`, which no governed column can be and no statement can name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gptimage_core.errors import GuardError
from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.catalog import Entry, fold

__all__ = ["MEMBER", "Renderer", "quote"]

MEMBER = "gp:ok"
"""The column of a table's CTE that says whether the row is permitted (in answers it is always 1)."""

_CHAINED = frozenset({"+", "-", "*", "/", "%", "&", "|", "<<", ">>", "||"})

_LONGEST_PATTERN = 50_000
"""SQLite's limit on patterns, in bytes: longer ones raise, so they are made NULL, which matches nothing."""


def quote(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _flags(guards: list[n.Source]) -> str:
    return " AND ".join(f"{quote(source.alias)}.{quote(MEMBER)} IS NOT 0" for source in guards)


class Renderer:
    """Renders parts of one statement. `parameter` gives the placeholder of the user's `?` by index, `shadow`
    the quoted name of the CTE that stands for a governed table.

    `length` is the statement's. What is written twice for once (the pattern of a LIKE, an output's name in
    GROUP BY) doubles with every level that it nests; a text that grows out of proportion is refused.
    """

    def __init__(
        self, parameter: Callable[[int], str], shadow: Callable[[Entry], str], length: int = 100_000
    ) -> None:
        self.parameter = parameter
        self.shadow = shadow
        self.left = 20_000 + 32 * length
        self.summed = False
        """Whether this is written over the one row that an aggregate without GROUP BY gives."""

    # queries

    def query(self, query: n.Query, hidden: str = "") -> str:
        """`hidden` is put at the end of the select list of the first core."""
        out = [self.core(query.cores[0], hidden)]
        for op, core in zip(query.ops, query.cores[1:], strict=True):
            out.append(f" {op} {self.core(core)}")
        if query.order:
            out.append(" ORDER BY " + ", ".join(self._order(term) for term in query.order))
        if query.limit is not None:
            out.append(f" LIMIT {self.expr(query.limit)}")
        if query.offset is not None:
            out.append(f" OFFSET {self.expr(query.offset)}")
        return "".join(out)

    def _order(self, term: n.Order) -> str:
        if term.ordinal is None:
            return self.expr(term.expr) + term.suffix
        collation = f" COLLATE {term.collation}" if term.collation else ""
        return f"{term.ordinal + 1}{collation}{term.suffix}"

    def core(self, core: n.Core, hidden: str = "") -> str:
        if core.values is not None:
            rows = ", ".join("(" + ", ".join(self.expr(v) for v in row) + ")" for row in core.values)
            return f"VALUES {rows}"
        was, self.summed = self.summed, core.aggregate and not core.group
        items = ", ".join(f"{self.expr(item.expr)} AS {quote(item.label)}" for item in core.items)
        after = self._grouped(core)
        self.summed = was
        select = "SELECT DISTINCT" if core.distinct else "SELECT"
        return f"{select} {items}{hidden}{self.rest(core)}{after}"

    def rest(self, core: n.Core) -> str:
        """FROM and WHERE of a core, with a space in front."""
        was, self.summed = self.summed, False
        where = "" if core.where is None else f" WHERE {self.expr(core.where)}"
        text = (f" FROM {self.sources(core.sources)}" if core.sources else "") + where
        self.summed = was
        return text

    def _grouped(self, core: n.Core) -> str:
        group = ""
        if core.group:
            # An output by its number: written out, a number in its place would name another one.
            places = {id(item.expr): str(place) for place, item in enumerate(core.items, 1)}
            terms = [
                places.get(id(getattr(term, "output", None) or term)) or self.expr(term)
                for term in core.group
            ]
            group = " GROUP BY " + ", ".join(terms)
        having = "" if core.having is None else f" HAVING {self.expr(core.having)}"
        return group + having + self._windows(core)

    def sources(self, sources: list[n.Source]) -> str:
        """What stands after FROM."""
        out: list[str] = []
        for source in sources:
            if source.join:
                out.append(", " if source.join == "," else f" {source.join} ")
            if source.group:
                out.append(f"({self.sources(source.group)})")
            else:
                out.append(self.source(source))
            if source.on is not None:
                out.append(f" ON {self.expr(source.on)}")
        return "".join(out)

    def source(self, source: n.Source) -> str:
        """One item of FROM, under its alias."""
        alias = quote(source.alias)
        if source.query is not None:
            return f"({self.query(source.query)}) AS {alias}"
        if source.call is not None:
            return f"{self._table_call(source.call)} AS {alias}"
        # The secret name itself: of a source of which no column is named SQLite tells the name alone, and
        # ring three must know the CTE from the table.
        quoted = self.shadow(source.entry) if source.entry else quote(source.cte.label if source.cte else "")
        return quoted if quoted == alias else f"{quoted} AS {alias}"

    def _table_call(self, call: n.Call) -> str:
        first, *rest = [self.expr(arg) for arg in call.args]
        return f"{call.name}({', '.join([self._guarded(first, call.guards), *rest])})"

    def cte(self, cte: n.Cte) -> str:
        """One table of WITH."""
        hint = "MATERIALIZED " if cte.fenced else cte.hint
        columns = ", ".join(quote(name) for name in cte.columns)
        return f"{quote(cte.label)}({columns}) AS {hint}({self.query(cte.query)})"

    def _windows(self, core: n.Core) -> str:
        if not core.windows:
            return ""
        named = [f"{quote(name)} AS {self._window(window)}" for name, window in core.windows.items()]
        return " WINDOW " + ", ".join(named)

    def _window(self, window: n.Window) -> str:
        if window.whole:
            return quote(fold(window.base or ""))
        out = [quote(fold(window.base))] if window.base is not None else []
        if window.partition:
            out.append("PARTITION BY " + ", ".join([self.expr(term) for term in window.partition]))
        if window.order:
            out.append("ORDER BY " + ", ".join([self._order(term) for term in window.order]))
        if window.frame is not None:
            out.append(self._frame(window.frame))
        return f"({' '.join(out)})"

    def _frame(self, frame: n.Frame) -> str:
        text = self._bound(frame.start)
        if frame.end is not None:
            text = f"BETWEEN {text} AND {self._bound(frame.end)}"
        return f"{frame.unit} {text}" + (f" EXCLUDE {frame.exclude}" if frame.exclude else "")

    def _bound(self, bound: n.Bound) -> str:
        return bound.text if bound.rows is None else bound.text.format(self.expr(bound.rows))

    # expressions

    def expr(self, expr: n.Expr) -> str:
        self._spend(1)
        return _RENDER[type(expr)](self, expr)

    def _spend(self, words: int) -> None:
        self.left -= words
        if self.left < 0:
            raise GuardError("the statement would be written out too often over; nest LIKE and names less")

    def _guarded(self, sql: str, guards: list[n.Source] | None) -> str:
        """INVARIANT (no-errors-from-hidden-rows): ask membership first, in the one form (CASE) that orders.

        `IS NOT 0`, since an outer join that found no row has no membership to ask. Nor has the one row of an
        aggregate without GROUP BY, which there is even where there was no row: it is made after WHERE.
        """
        if not guards or self.summed:
            return sql
        return f"CASE WHEN {_flags(guards)} THEN {sql} END"

    def _literal(self, expr: n.Literal) -> str:
        return expr.sql

    def _parameter(self, expr: n.Parameter) -> str:
        return self.parameter(expr.index)

    def _column(self, expr: n.ColumnRef) -> str:
        if expr.output is not None:
            return self.expr(expr.output)
        if expr.merged:
            return f"coalesce({', '.join([self._column(part) for part in expr.merged])})"
        source, provided = expr.source, expr.provided
        assert source is not None
        assert provided is not None
        return f"{quote(source.alias)}.{quote(provided.name)}"

    def _unary(self, expr: n.Unary) -> str:
        return f"({expr.op} {self.expr(expr.operand)})"

    def _binary(self, expr: n.Binary) -> str:
        parts, left = [self.expr(expr.right)], expr.left
        # A long chain `a || b || c …` stays flat: SQLite's parser takes some 90 parentheses in each other.
        while isinstance(left, n.Binary) and left.op == expr.op and expr.op in _CHAINED:
            if left.guards and not expr.guards:
                break
            parts.append(self.expr(left.right))
            left = left.left
        parts.append(self.expr(left))
        return self._guarded("(" + f" {expr.op} ".join(reversed(parts)) + ")", expr.guards)

    def _logic(self, expr: n.Logic) -> str:
        return "(" + f" {expr.op} ".join([self.expr(operand) for operand in expr.operands]) + ")"

    def _is_null(self, expr: n.IsNull) -> str:
        return f"({self.expr(expr.operand)} IS {'NOT ' if expr.negated else ''}NULL)"

    def _between(self, expr: n.Between) -> str:
        word = "NOT BETWEEN" if expr.negated else "BETWEEN"
        low, high = self.expr(expr.low), self.expr(expr.high)
        return self._guarded(f"({self.expr(expr.operand)} {word} {low} AND {high})", expr.guards)

    def _like(self, expr: n.Like) -> str:
        pattern = self.expr(expr.pattern)
        if not isinstance(expr.pattern, n.Literal):
            self._spend(len(pattern) // 4)
            pattern = f"CASE WHEN length(CAST({pattern} AS BLOB)) <= {_LONGEST_PATTERN} THEN {pattern} END"
        word = f"NOT {expr.op}" if expr.negated else expr.op
        return f"({self.expr(expr.operand)} {word} {pattern}{self._escape(expr.escape)})"

    def _escape(self, escape: n.Expr | None) -> str:
        """What is not one character would raise; it is made NULL, which matches nothing."""
        if escape is None:
            return ""
        text = self.expr(escape)
        if not isinstance(escape, n.Literal):
            self._spend(len(text) // 4)
            text = f"CASE WHEN length(CAST({text} AS TEXT)) = 1 THEN {text} END"
        return f" ESCAPE {text}"

    def _in(self, expr: n.In) -> str:
        if isinstance(expr.items, list):
            inner = ", ".join([self.expr(item) for item in expr.items])
        else:
            inner = self.query(expr.items)
        word = "NOT IN" if expr.negated else "IN"
        return self._guarded(f"({self.expr(expr.operand)} {word} ({inner}))", expr.guards)

    def _listed(self, expr: n.Listed) -> str:
        array = self.expr(expr.array)
        return f"({self.expr(expr.operand)} IN (SELECT value FROM json_each({array})))"  # noqa: S608  # a placeholder

    def _exists(self, expr: n.Exists) -> str:
        core = expr.query.cores[0]
        inner = f"SELECT 1{self.rest(core)}" if core.exists else self.query(expr.query)
        return self._guarded(f"EXISTS ({inner})", expr.guards)

    def _scalar(self, expr: n.Scalar) -> str:
        inner = f"({self.query(expr.query)})"
        if (
            expr.guards and not self.summed
        ):  # not CASE, which would lose the affinity of the subquery's column
            return f"(SELECT {inner} WHERE {_flags(expr.guards)})"
        return inner

    def _case(self, expr: n.Case) -> str:
        out = ["CASE"]
        if expr.base is not None:
            out.append(self.expr(expr.base))
        for condition, value in expr.whens:
            out.append(f"WHEN {self.expr(condition)} THEN {self.expr(value)}")
        if expr.otherwise is not None:
            out.append(f"ELSE {self.expr(expr.otherwise)}")
        out.append("END")
        return " ".join(out)

    def _cast(self, expr: n.Cast) -> str:
        return f"CAST({self.expr(expr.operand)} AS {expr.type})"

    def _collate(self, expr: n.Collate) -> str:
        return f"({self.expr(expr.operand)} COLLATE {expr.collation})"

    def _call(self, expr: n.Call) -> str:
        if expr.kind != "aggregate":
            return self._called(expr)
        was, self.summed = self.summed, False  # what is summed up is computed of each row
        text = self._called(expr)
        self.summed = was
        return text

    def _called(self, expr: n.Call) -> str:
        written = [self.expr(arg) for arg in expr.args]
        if expr.clocked:
            written = [self._clocked(arg, text) for arg, text in zip(expr.args, written, strict=True)]
        args = ", ".join(written)
        if expr.star:
            args = "*"
        elif expr.distinct:
            args = f"DISTINCT {args}"
        out = f"{expr.name}({args})"
        if expr.filter is not None:
            out += f" FILTER (WHERE {self.expr(expr.filter)})"
        if expr.over is not None:
            out += f" OVER {self._window(expr.over)}"
        return self._guarded(out, expr.guards)

    def _clocked(self, arg: n.Expr, text: str) -> str:
        """An argument of a date function; a text that means the present instant is made NULL.

        Literals were looked at by the grammar, parameters are when they are bound. LIKE, since it ends at a
        NUL as date functions do.
        """
        if isinstance(arg, n.Literal | n.Parameter) or (isinstance(arg, n.Call) and arg.clocked):
            return text
        asked = " OR ".join(
            f"CAST({text} AS TEXT) LIKE '{word}'" for word in ("now", "subsec%", "localtime", "utc")
        )
        return f"CASE WHEN {asked} THEN NULL ELSE {text} END"

    def _row(self, expr: n.Row) -> str:
        return f"({', '.join([self.expr(item) for item in expr.items])})"


_RENDER: dict[type, Callable[[Renderer, Any], str]] = {
    n.Literal: Renderer._literal,
    n.Parameter: Renderer._parameter,
    n.ColumnRef: Renderer._column,
    n.Unary: Renderer._unary,
    n.Binary: Renderer._binary,
    n.Logic: Renderer._logic,
    n.IsNull: Renderer._is_null,
    n.Between: Renderer._between,
    n.Like: Renderer._like,
    n.In: Renderer._in,
    n.Listed: Renderer._listed,
    n.Exists: Renderer._exists,
    n.Scalar: Renderer._scalar,
    n.Case: Renderer._case,
    n.Cast: Renderer._cast,
    n.Collate: Renderer._collate,
    n.Row: Renderer._row,
    n.Call: Renderer._call,
}
