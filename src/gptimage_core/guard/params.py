"""Symbolic parameters made into values, once per statement: actor, tenant, now, cut-offs, constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias, TypeGuard

from gptimage_core.clock import Instant, Span
from gptimage_core.decision.model import Actor
from gptimage_core.errors import GuardError
from gptimage_core.guard.statements.profile import Param as Symbol
from gptimage_core.guard.statements.shaped import Text
from gptimage_core.readings.sql import Param

__all__ = ["Binder", "Values", "binder", "values_of"]

Values: TypeAlias = tuple[str | None, str, str | None, Instant]
"""What differs between two statements of one view: actor's id, tenant, the person it is about, now."""

_PLACES = {"actor": 0, "tenant": 1, "about": 2, "now": 3}
_Cut: TypeAlias = Callable[[Instant], Instant]


def values_of(actor: Actor, about: str | None, now: Instant) -> Values:
    """The values of one statement."""
    return (actor.id, actor.tenant, about, now)


class Binder:
    """Gives the arguments of one `Text` from what differs and the user's own arguments.

    It runs for every statement, so what can be is settled here: constants stand behind the four values, the
    cut-offs behind them, and one picker puts all of them in order.
    """

    __slots__ = ("_constants", "_cuts", "_pick", "_placeholders", "_straight", "sql")

    def __init__(self, text: Text) -> None:
        self.sql = text.sql
        self._constants: tuple[Any, ...] = ()
        self._cuts: tuple[_Cut, ...] = ()
        cuts = [param for param in text.prefix_params if _is(param, "cutoff")]
        values = [param for param in text.prefix_params if _is(param, "value")]
        order: list[int] = []
        for symbol in text.prefix_params:
            if not isinstance(symbol, Param):
                raise GuardError(f"`{symbol!r}` is no parameter of a predicate; the statement is not run")
            if symbol.kind == "value":
                order.append(len(_PLACES) + values.index(symbol))
            elif symbol.kind == "cutoff":
                order.append(len(_PLACES) + len(values) + cuts.index(symbol))
            else:
                order.append(_PLACES[symbol.kind])
        self._constants = tuple(param.value for param in values)
        self._cuts = tuple(_cutoff(param.value) for param in cuts)
        self._pick = _picker(order)
        self._placeholders = text.placeholders
        self._straight = text.placeholders == tuple(range(len(text.placeholders)))

    def bind(self, values: Values, args: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments in the order of the text's placeholders."""
        known: tuple[Any, ...] = values + self._constants
        if self._cuts:
            now = values[3]
            known += tuple([cut(now) for cut in self._cuts])
        if self._straight and len(args) == len(self._placeholders):
            return (*self._pick(known), *args)
        return (*self._pick(known), *[args[n] for n in self._placeholders])


def binder(text: Text | None) -> Binder | None:
    """A binder, where there is a text."""
    return None if text is None else Binder(text)


def _is(symbol: Symbol, kind: str) -> TypeGuard[Param]:
    return isinstance(symbol, Param) and symbol.kind == kind


def _picker(order: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if len(order) > 1:
        return itemgetter(*order)
    return lambda known: tuple([known[n] for n in order])


def _cutoff(span: object) -> _Cut:
    if not isinstance(span, Span):
        raise GuardError("a cut-off without a span; the statement is not run")
    if not span.is_calendar:
        length = span.microseconds
        return lambda now: now - length
    # A calendar cut-off costs a search; where it rounds to a month's or year's end it stays for long.
    kept: list[tuple[Instant, Instant, Instant]] = []

    def calendar(now: Instant) -> Instant:
        for since, until, cut in kept:
            if since <= now < until:
                return cut
        cut = span.cutoff(now)
        kept[:] = [(now, span.after(cut + 1), cut)]
        return cut

    return calendar
