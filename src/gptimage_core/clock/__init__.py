"""Time: the clock port, UTC instants in microseconds, and spans of fixed or calendar units.

An instant is an `int`: microseconds since 1970-01-01T00:00:00Z. Time is passed in everywhere; only the
composition root holds a real clock.
"""

from __future__ import annotations

from gptimage_core.clock.instants import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Clock,
    FixedClock,
    Instant,
    SystemClock,
    from_datetime,
    from_iso,
    to_datetime,
    to_iso,
)
from gptimage_core.clock.spans import Span

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "Clock",
    "FixedClock",
    "Instant",
    "Span",
    "SystemClock",
    "from_datetime",
    "from_iso",
    "to_datetime",
    "to_iso",
]
