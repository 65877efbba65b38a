"""Ages and times since a date, of which only the year or the month may be known.

What is not known is taken as the last that it can be, so that nobody is called older, and no registration longer ago,
than is certain.
"""

from calendar import isleap
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from switchbay.engagement.domain.visit import Day, Person

Unit: TypeAlias = Literal["days", "weeks", "months", "years"]

_MONTHS = 12
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """Return the time zone of a name; UTC for one that is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def today_in(zone: str, now: int) -> date:
    """Return the date in a time zone at a moment in Unix milliseconds."""
    return datetime.fromtimestamp(now / 1000, zone_of(zone)).date()


def latest(day: Day) -> date | None:
    """Return the last date that is meant; None for what is not a date."""
    month = day.month if day.month is not None else _MONTHS
    if not (1 <= month <= _MONTHS and date.min.year <= day.year <= date.max.year):
        return None
    last = _length(day.year, month)
    number = day.day if day.day is not None and day.month is not None else last
    return date(day.year, month, number) if 1 <= number <= last else None


def age_of(person: Person, today: date) -> int | None:
    """Return an age in completed years: the reported one, or by the date of birth; None when neither is known."""
    if person.age is not None:
        return int(person.age) if 0 <= person.age < date.max.year else None
    born = latest(person.born) if person.born is not None else None
    if born is None or born > today:
        return None
    return _completed(born, today, _MONTHS)


def elapsed(registered: Day | None, today: date, unit: Unit) -> int | None:
    """Return how long ago a date was, in halves of a unit: twice the completed ones, and one more for a begun one.

    So at least N units have passed when the result is 2N or more, and at most N when it is 2N or less. A date in the
    future is as long ago as today. None when the date is not known.
    """
    day = latest(registered) if registered is not None else None
    if day is None:
        return None
    day = min(day, today)
    if unit in {"days", "weeks"}:
        whole, rest = divmod((today - day).days, 7 if unit == "weeks" else 1)
        return 2 * whole + (rest > 0)
    months = 1 if unit == "months" else _MONTHS
    whole = _completed(day, today, months)
    return 2 * whole + (not _is_anniversary(day, today, months))


def _completed(day: date, today: date, months: int) -> int:
    """Return how many times so many months have passed; a 31st comes round with the last day of a shorter month."""
    passed = (today.year - day.year) * _MONTHS + today.month - day.month
    return (passed - (today.day < _day_in(day, today))) // months


def _is_anniversary(day: date, today: date, months: int) -> bool:
    passed = (today.year - day.year) * _MONTHS + today.month - day.month
    return passed % months == 0 and today.day == _day_in(day, today)


def _day_in(day: date, month_of: date) -> int:
    if day.day <= _LENGTHS[_FEBRUARY]:
        return day.day
    return min(day.day, _length(month_of.year, month_of.month))


def _length(year: int, month: int) -> int:
    return _LENGTHS[month] + (month == _FEBRUARY and isleap(year))
