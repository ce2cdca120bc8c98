"""Spans: fixed units (seconds … days of 86,400 s) or calendar units (months, years); they never mix.

INVARIANT (span-monotone): `after` is monotone in its argument, so `cutoff(now)` is well defined and
`after(t) <= now` exactly when `t <= cutoff(now)`. Predicates in SQL rely on it: they compare a column
with `cutoff(now)`, computed here once, instead of doing calendar arithmetic in the database.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from gptimage_core.clock.instants import DAY, HOUR, MINUTE, SECOND, Instant, from_datetime, to_datetime

_LAST = from_datetime(dt.datetime(9999, 12, 31, tzinfo=dt.UTC))
_FIRST = from_datetime(dt.datetime(1, 1, 1, tzinfo=dt.UTC))


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A length of time in fixed units or in calendar units, never both (the linter refuses a mix).

    `end_of` rounds a calendar span up to the end of its month or year ("the end of the 10th year").
    """

    seconds: int = 0
    minutes: int = 0
    hours: int = 0
    days: int = 0
    months: int = 0
    years: int = 0
    end_of: Literal["month", "year"] | None = None

    @property
    def is_calendar(self) -> bool:
        return bool(self.months or self.years or self.end_of)

    @property
    def is_fixed(self) -> bool:
        return bool(self.seconds or self.minutes or self.hours or self.days)

    @property
    def microseconds(self) -> int:
        """The fixed part's length; 0 for a calendar span."""
        return self.seconds * SECOND + self.minutes * MINUTE + self.hours * HOUR + self.days * DAY

    def after(self, start: Instant) -> Instant:
        """The first instant at which the span that began at `start` is over (saturates at year 9999)."""
        if not self.is_calendar:
            return min(start + self.microseconds, _LAST)
        moment = to_datetime(start)
        months = moment.year * 12 + moment.month - 1 + self.months + self.years * 12
        year, month = divmod(months, 12)
        month += 1
        if year >= 9998:
            return _LAST
        if self.end_of == "year":
            return from_datetime(dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC))
        if self.end_of == "month":
            following = dt.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=dt.UTC)
            return from_datetime(following)
        import calendar  # brings locale along

        day = min(moment.day, calendar.monthrange(year, month)[1])
        return from_datetime(moment.replace(year=year, month=month, day=day))

    def cutoff(self, now: Instant) -> Instant:
        """The latest start whose span is over at `now`: `after(t) <= now` iff `t <= cutoff(now)`."""
        if not self.is_calendar:
            return now - self.microseconds
        low, high = _FIRST, now
        if self.after(low) > now:
            return low - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.after(middle) <= now:
                low = middle
            else:
                high = middle - 1
        return low

    def longest_days(self) -> float:
        """An upper bound in days, for comparing windows."""
        if not self.is_calendar:
            return self.microseconds / DAY
        extra = {"year": 366, "month": 31, None: 0}[self.end_of]
        return float(self.years * 366 + self.months * 31 + extra)
