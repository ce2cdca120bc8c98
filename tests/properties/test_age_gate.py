"""The age gate's arithmetic, against an independent way of counting years (S40, X6)."""

from __future__ import annotations

import datetime as dt

from hypothesis import example, given
from hypothesis import strategies as st

from gptimage_core.clock import DAY, HOUR, from_datetime, to_datetime
from gptimage_server.features.accounts.age import Outcome, date_of_birth, outcome

_NOWS = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2120, 12, 31), timezones=st.just(dt.UTC)).map(
    from_datetime
)
_BORN = st.dates(dt.date(1890, 1, 1), dt.date(2121, 12, 31))
_ZONES = st.integers(-12 * 4, 14 * 4).map(lambda quarters: quarters * HOUR // 4)
_LEAPLINGS = st.sampled_from([dt.date(year, 2, 29) for year in range(1904, 2105, 4) if year != 2100])


def _years(born: dt.date, today: dt.date) -> int:
    """Years of age, the way a person counts: whole years since the birthday."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@given(_BORN | _LEAPLINGS, _NOWS, _ZONES, st.integers(1, 30))
@example(dt.date(2004, 2, 29), from_datetime(dt.datetime(2020, 2, 29, 11, 59, tzinfo=dt.UTC)), 14 * HOUR, 16)
def test_whoever_passes_is_old_enough_in_every_time_zone(
    born: dt.date, now: int, zone: int, minimum: int
) -> None:
    """S40, X6, INVARIANT (old-enough-anywhere): nobody below the age passes, wherever they are."""
    if outcome(born, minimum, now) is Outcome.OLD_ENOUGH:
        assert _years(born, to_datetime(now + zone).date()) >= minimum


@given(_BORN | _LEAPLINGS, _NOWS, st.integers(1, 30))
def test_whoever_is_old_enough_for_two_days_passes(born: dt.date, now: int, minimum: int) -> None:
    """The safer side costs nobody more than the time zones' own two days."""
    two_days_ago = to_datetime(now - 2 * DAY).date()
    if minimum <= _years(born, two_days_ago) < 120:
        assert outcome(born, minimum, now) is Outcome.OLD_ENOUGH


@given(_BORN | _LEAPLINGS, _NOWS, st.integers(0, 400 * 366), st.integers(1, 30))
def test_passing_is_never_taken_back_by_time(born: dt.date, now: int, days: int, minimum: int) -> None:
    """Once old enough, always old enough, until the date becomes implausible."""
    if outcome(born, minimum, now) is Outcome.OLD_ENOUGH:
        assert outcome(born, minimum, now + days * DAY) in (Outcome.OLD_ENOUGH, Outcome.IMPLAUSIBLE)


@given(_NOWS, st.integers(3, 4000))
def test_a_date_still_to_come_is_asked_again(now: int, days: int) -> None:
    """A slip of the finger into the future is no child: it leaves no block behind."""
    born = to_datetime(now).date() + dt.timedelta(days=days)
    assert outcome(born, 16, now) is Outcome.IMPLAUSIBLE


@given(_NOWS)
def test_a_child_born_today_is_too_young(now: int) -> None:
    """S40: the youngest visitor is turned away, in every zone's today."""
    for zone in (-12, 0, 14):
        born = to_datetime(now + zone * HOUR).date()
        assert outcome(born, 16, now) is Outcome.TOO_YOUNG


def test_a_leap_day_child_turns_sixteen_on_the_first_of_march_where_there_is_no_leap_day() -> None:
    """Born on 29 February 2084; 2100 is no leap year: the safer day is 1 March (X6)."""
    born = dt.date(2084, 2, 29)
    noon = dt.datetime(2100, 2, 28, 12, tzinfo=dt.UTC)
    assert outcome(born, 16, from_datetime(noon)) is Outcome.TOO_YOUNG
    assert outcome(born, 16, from_datetime(noon.replace(month=3, day=1))) is Outcome.OLD_ENOUGH


@given(st.integers(-10, 12000), st.integers(-2, 40), st.integers(-2, 40))
def test_a_day_the_calendar_does_not_have_is_no_date(year: int, month: int, day: int) -> None:
    """30 February and the like give nothing, and never raise."""
    born = date_of_birth(year, month, day)
    assert born is None or (born.year, born.month, born.day) == (year, month, day)
