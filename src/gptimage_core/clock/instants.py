"""Instants (UTC, microseconds) and the clock port."""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol, TypeAlias

Instant: TypeAlias = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Clock(Protocol):
    """Where `now` comes from. Passed in; never called inside a pure function."""

    def now(self) -> Instant:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        return time.time_ns() // 1000


class FixedClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, at: Instant) -> None:
        self.at = at

    def now(self) -> Instant:
        return self.at

    def advance(self, microseconds: int) -> None:
        self.at += microseconds


def to_datetime(instant: Instant) -> dt.datetime:
    """The instant as an aware UTC datetime."""
    return _EPOCH + dt.timedelta(microseconds=instant)


def from_datetime(value: dt.datetime) -> Instant:
    """An aware datetime as an instant. A naive one raises `ValueError`: its zone would be a guess."""
    if value.tzinfo is None:
        raise ValueError("a datetime without a time zone is not an instant; give it one (UTC is usual)")
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def to_iso(instant: Instant) -> str:
    """RFC 3339 in UTC, e.g. `2026-10-01T00:00:00Z`; microseconds only where there are any."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")


def from_iso(text: str) -> Instant:
    """Parse RFC 3339 with a zone; raises `ValueError` otherwise."""
    return from_datetime(dt.datetime.fromisoformat(text))
