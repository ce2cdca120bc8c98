"""Symbolic parameters made into values, once per statement: actor, tenant, now, cut-offs, constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gptimage_core.clock import Instant, Span
from gptimage_core.decision.model import Actor
from gptimage_core.errors import GuardError
from gptimage_core.guard.profile import Param as Symbol
from gptimage_core.guard.shaped import Text
from gptimage_core.readings.sql import Param

__all__ = ["Binder", "binder"]

Values: TypeAlias = tuple[Actor, "str | None", Instant]
"""What differs between two statements of one view: the actor, the person it is about, the instant."""

_Source: TypeAlias = Callable[[Values], Any]


class Binder:
    """Gives the arguments of one `Text` from what differs and the user's own arguments."""

    __slots__ = ("_constant", "_placeholders", "_sources", "_straight", "sql")

    def __init__(self, text: Text) -> None:
        self.sql = text.sql
        self._sources: tuple[_Source, ...] = tuple(_source(param) for param in text.prefix_params)
        self._placeholders = text.placeholders
        self._straight = text.placeholders == tuple(range(len(text.placeholders)))

    def bind(self, values: Values, args: Sequence[Any]) -> list[Any]:
        """The arguments in the order of the text's placeholders."""
        bound = [source(values) for source in self._sources]
        if self._straight and len(args) == len(self._placeholders):
            bound.extend(args)
        else:
            bound.extend([args[n] for n in self._placeholders])
        return bound


def binder(text: Text | None) -> Binder | None:
    """A binder, where there is a text."""
    return None if text is None else Binder(text)


def _source(symbol: Symbol) -> _Source:
    if not isinstance(symbol, Param):
        raise GuardError(f"`{symbol!r}` is no parameter of a predicate; the statement is not run")
    match symbol.kind:
        case "actor":
            return _actor
        case "tenant":
            return _tenant
        case "now":
            return _now
        case "about":
            return _about
        case "value":
            value = symbol.value
            return lambda values: value
        case "cutoff":
            span = symbol.value
            if not isinstance(span, Span):
                raise GuardError("a cut-off without a span; the statement is not run")
            return _cutoff(span)
    raise GuardError(f"the parameter `{symbol.kind}` is not known; the statement is not run")


def _actor(values: Values) -> Any:
    return values[0].id


def _tenant(values: Values) -> Any:
    return values[0].tenant


def _about(values: Values) -> Any:
    return values[1]


def _now(values: Values) -> Any:
    return values[2]


def _cutoff(span: Span) -> _Source:
    if not span.is_calendar:
        length = span.microseconds
        return lambda values: values[2] - length
    # A calendar cut-off costs a search; where it rounds to a month's or year's end it stays for long.
    kept: list[tuple[Instant, Instant, Instant]] = []

    def calendar(values: Values) -> Instant:
        now = values[2]
        for since, until, cut in kept:
            if since <= now < until:
                return cut
        cut = span.cutoff(now)
        kept[:] = [(now, span.after(cut + 1), cut)]
        return cut

    return calendar
