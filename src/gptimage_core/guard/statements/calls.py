"""Calls of functions: the listed ones, with as many arguments as they take, and the windows of OVER."""

from __future__ import annotations

from collections.abc import Callable

from gptimage_core.guard.statements import nodes as n
from gptimage_core.guard.statements.functions import (
    AGGREGATES,
    CLOCKED,
    INSTEAD,
    LISTED,
    RAISING,
    RENAMED,
    TABLES,
    TOTAL,
    WINDOWS,
    is_clock,
)
from gptimage_core.guard.statements.parser import Parser

__all__ = ["Calls"]

_FRAMES = ("RANGE", "ROWS", "GROUPS")
_BEGINS = ("PARTITION", "ORDER", *_FRAMES)
_PAIRS = {"json_object": 0, "json_set": 1, "json_insert": 1, "json_replace": 1}
"""Functions whose arguments come in pairs, after so many."""
_ORDER_OF_BOUNDS = (
    "UNBOUNDED PRECEDING",
    "{} PRECEDING",
    "CURRENT ROW",
    "{} FOLLOWING",
    "UNBOUNDED FOLLOWING",
)


class Calls(Parser):
    """The part of the expressions that functions have. `expression` is the other part's."""

    def expression(self) -> n.Expr:
        raise AssertionError("the expressions give it")

    def list_of(self, one: Callable[[], n.Expr]) -> list[n.Expr]:
        out = [one()]
        while self.take_op(","):
            out.append(one())
        return out

    def call(self, name: str, at: int) -> n.Expr:
        """A call, from its `(` on."""
        self.expect_op("(")
        function = name.lower()
        function = RENAMED.get(function, function)
        if function not in LISTED and function not in self.catalog.functions:
            raise self._unlisted(name, function, at)
        star = self.take_op("*")
        distinct = not star and self.take_word("DISTINCT")
        args = [] if star or self.is_op(")") else self.list_of(self.expression)
        if self.is_word("ORDER"):
            instead = "order a subquery's rows: `FROM (SELECT … ORDER BY …) AS s`"
            raise self.refused(f"ORDER BY inside a function is not read; {instead}")
        self.expect_op(")")
        call = self._make_call(function, args, star, distinct, at)
        if self.take_word("FILTER"):
            if call.kind != "aggregate":
                raise self.refused("FILTER goes with count, sum and the like", at)
            self.expect_op("(")
            self.expect_word("WHERE")
            call.filter = self.expression()
            self.expect_op(")")
        if self.take_word("OVER"):
            self._over(call)
        elif call.kind == "window":
            raise self.refused(f"`{name}` goes with OVER: `{name}(…) OVER (ORDER BY …)`", at)
        return call

    def _unlisted(self, name: str, function: str, at: int) -> Exception:
        instead = INSTEAD.get(function, "compute it in Python, or let the guard list it")
        if function in TABLES:
            instead = f"it gives rows: `FROM {function}(…)`"
        return self.refused(f"the function `{name}` is not listed; {instead}", at)

    def _make_call(self, name: str, args: list[n.Expr], star: bool, distinct: bool, at: int) -> n.Call:
        aggregate = name in AGGREGATES and not (name in ("min", "max") and len(args) > 1)
        if (star and name != "count") or (distinct and not (aggregate and len(args) == 1)):
            raise self.refused(f"`{name}` does not take this", at)
        if aggregate:
            low, high = AGGREGATES[name]
            low = 0 if star else low
        elif name in ("min", "max"):
            low, high = 2, 100
        else:
            low, high = TOTAL.get(name) or RAISING.get(name) or WINDOWS.get(name) or (0, 100)
        if not low <= len(args) <= high:
            raise self.refused(f"`{name}` takes {low} to {high} arguments, not {len(args)}", at)
        if (len(args) - _PAIRS.get(name, len(args))) % 2:
            raise self.refused(f"`{name}` takes its names and values in pairs", at)
        call = n.Call(name, "raising", args, star, distinct, None, at, clocked=name in CLOCKED)
        if aggregate:
            call.kind = "aggregate"
        elif name in WINDOWS:
            call.kind = "window"
        elif name in TOTAL or name in ("min", "max"):
            call.kind = "total"
        if call.clocked:
            self._no_clock(call)
        return call

    def _no_clock(self, call: n.Call) -> None:
        for arg in call.args:
            if isinstance(arg, n.Literal) and is_clock(arg.value):
                message = f"`{call.name}` with `{arg.value!s}` is a hidden clock"
                raise self.refused(f"{message}; pass the instant as a parameter", call.at)

    # windows

    def _over(self, call: n.Call) -> None:
        if call.kind not in ("aggregate", "window"):
            raise self.refused(f"`{call.name}` does not go over rows; leave OVER out", call.at)
        if call.distinct:
            raise self.refused("DISTINCT does not go with OVER; use a subquery with DISTINCT", call.at)
        for arg in call.args[1:] if call.name == "nth_value" else call.args if call.name == "ntile" else []:
            if isinstance(arg, n.Literal) and not (type(arg.value) is int and arg.value > 0):
                raise self.refused(f"`{call.name}` counts from 1 on", call.at)
        call.kind = "window"
        at = self.token.at
        call.over = (
            self.window() if self.is_op("(") else n.Window(self.name("a window"), True, [], [], None, at)
        )

    def window(self) -> n.Window:
        """`([base] [PARTITION BY …] [ORDER BY …] [frame])`"""
        at = self.token.at
        self.expect_op("(")
        base = None
        if not self.is_op(")") and self.token.upper not in _BEGINS:
            base = self.name("a window")
        partition: list[n.Expr] = []
        if self.take_word("PARTITION"):
            self.expect_word("BY")
            partition = self.list_of(self.expression)
        order = self.order() if self.take_word("ORDER") else []
        frame = self._frame(order) if self.token.upper in _FRAMES else None
        self.expect_op(")")
        return n.Window(base, False, partition, order, frame, at)

    def _frame(self, order: list[n.Order]) -> n.Frame:
        at, unit = self.token.at, self.token.upper
        self.i += 1
        end = None
        if self.take_word("BETWEEN"):
            start = self._bound()
            self.expect_word("AND")
            end = self._bound()
        else:
            start = self._bound()
        for bound in (start, end):
            if (
                unit != "RANGE"
                and bound
                and isinstance(bound.rows, n.Literal)
                and type(bound.rows.value) is not int
            ):
                raise self.refused(f"{unit} counts by whole numbers", at)
        first = _ORDER_OF_BOUNDS.index(start.text)
        last = _ORDER_OF_BOUNDS.index(end.text) if end is not None else 2
        if first > last or first == 4 or last == 0:
            raise self.refused("the frame ends before it begins", at)
        if unit == "RANGE" and (start.rows or (end and end.rows)) and len(order) != 1:
            raise self.refused("RANGE with a distance takes one ORDER BY; use ROWS, or order by one", at)
        exclude = ""
        if self.take_word("EXCLUDE"):
            for words in (("NO", "OTHERS"), ("CURRENT", "ROW"), ("GROUP",), ("TIES",)):
                if self.take_word(*words):
                    exclude = " ".join(words)
                    break
            else:
                raise self.refused("expected NO OTHERS, CURRENT ROW, GROUP or TIES")
        return n.Frame(unit, start, end, exclude)

    def _bound(self) -> n.Bound:
        for words in (("UNBOUNDED", "PRECEDING"), ("UNBOUNDED", "FOLLOWING"), ("CURRENT", "ROW")):
            if self.take_word(*words):
                return n.Bound(" ".join(words))
        at = self.token.at
        distance = self.expression()
        literal = isinstance(distance, n.Literal) and type(distance.value) in (int, float)
        if not literal and not isinstance(distance, n.Parameter):
            raise self.refused("a frame's distance is a number or a parameter", at)
        if isinstance(distance, n.Literal) and distance.sql.startswith("-"):
            raise self.refused("a frame's distance is not negative", at)
        for word in ("PRECEDING", "FOLLOWING"):
            if self.take_word(word):
                return n.Bound(f"{{}} {word}", distance)
        raise self.refused("expected PRECEDING or FOLLOWING")

    def order(self) -> list[n.Order]:
        """What stands behind ORDER."""
        self.expect_word("BY")
        out: list[n.Order] = []
        while True:
            expression = self.expression()
            suffix = " DESC" if self.take_word("DESC") else ""
            if not suffix:
                self.take_word("ASC")
            if self.take_word("NULLS", "FIRST"):
                suffix += " NULLS FIRST"
            elif self.take_word("NULLS", "LAST"):
                suffix += " NULLS LAST"
            out.append(n.Order(expression, None, suffix))
            if not self.take_op(","):
                return out
