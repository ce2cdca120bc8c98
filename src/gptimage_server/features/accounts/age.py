"""Is somebody old enough? Pure arithmetic; the date of birth goes in and only the outcome comes out (S40).

INVARIANT (old-enough-anywhere, X6): whoever passes is old enough in every time zone on earth. "Today" is the
date where the day begins last (UTC−12), and somebody born on 29 February has a birthday on 1 March in a
year without that day.
"""

from __future__ import annotations

import datetime as dt
from enum import Enum

from gptimage_core.clock import HOUR, Instant, to_datetime

__all__ = ["Outcome", "date_of_birth", "outcome"]

_LAST_ZONE = -12 * HOUR
_FIRST_ZONE = 14 * HOUR
_OLDEST = 125
"""Years; older than anybody known to have lived, so it is a slip of the finger."""


class Outcome(Enum):
    OLD_ENOUGH = "old_enough"
    TOO_YOUNG = "too_young"
    IMPLAUSIBLE = "implausible"


def date_of_birth(year: int, month: int, day: int) -> dt.date | None:
    """The date, or `None` when the calendar has no such day."""
    try:
        return dt.date(year, month, day)
    except (ValueError, OverflowError):
        return None


def outcome(born: dt.date, minimum: int, now: Instant) -> Outcome:
    """The outcome for a minimum age in years at the instant `now`.

    A date that is still to come everywhere, or that makes somebody older than anybody, is implausible: it is
    asked again and leaves nothing behind. A date of today is a child's.
    """
    if born > to_datetime(now + _FIRST_ZONE).date():
        return Outcome.IMPLAUSIBLE
    today = to_datetime(now + _LAST_ZONE).date()
    if _birthday(born, _OLDEST) <= today:
        return Outcome.IMPLAUSIBLE
    return Outcome.OLD_ENOUGH if _birthday(born, minimum) <= today else Outcome.TOO_YOUNG


def _birthday(born: dt.date, age: int) -> dt.date:
    """The day on which somebody turns `age`; saturates at the end of the calendar."""
    year = born.year + age
    if year > dt.MAXYEAR:
        return dt.date.max
    try:
        return born.replace(year=year)
    except ValueError:
        return dt.date(year, 3, 1)
