"""Cron expressions as the cluster reads them, so that a schedule that never fires is found before it is applied.

Source: the standard parser of github.com/robfig/cron/v3, which Argo's controller uses: five fields, names of months
and days, 0 to 6 for the days of the week, and either day if both are restricted.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise

from mlopsctl.frozen import frozen

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month, in a leap year
_FEBRUARY = 2
_PART = re.compile(r"(?P<from>\*|\w+)(-(?P<to>\w+))?(/(?P<step>[0-9]+))?", re.ASCII)


class CronError(ValueError):
    """What is wrong with an expression, worded for people."""


@frozen
class _Field:
    name: str
    least: int
    most: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _WEEKDAYS),
)


@frozen(kw_only=True)
class Cron:
    """The minutes, hours and days that an expression names. `either_day`: one of the two kinds of day is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool
    uneven: tuple[str, ...]  # steps such as */45, whose last interval is shorter than the others

    @property
    def can_fire(self) -> bool:
        """Whether there is a day in any year that it names."""
        return self.either_day or any(day <= _LONGEST[month - 1] for month in self.months for day in self.days)

    def matches(self, day: date) -> bool:
        """Whether it fires on that day at all."""
        is_day, is_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        chosen = (is_day or is_weekday) if self.either_day else (is_day and is_weekday)
        return day.month in self.months and chosen

    def times(self, after: datetime) -> Iterator[datetime]:
        """When it fires after a moment, without end; nothing if it never does."""
        for day in self._days(after.date()):
            yield from (moment for moment in self._on(day, after) if moment > after)

    def shortest_interval(self, after: datetime) -> timedelta | None:
        """The least time between two of its next thirty times; None if there are no two."""
        return min((later - sooner for sooner, later in pairwise(islice(self.times(after), 30))), default=None)

    def _days(self, first: date) -> Iterator[date]:
        """The days on which it fires, from one on. Only days that are named are looked at, unless it names weekdays."""
        months = range(first.month, 12 * (date.max.year - first.year + 1) + 1) if self.can_fire else ()
        named = range(1, 32) if self.either_day else sorted(self.days)
        for count in months:
            year, month = first.year + (count - 1) // 12, (count - 1) % 12 + 1
            last = _days_of(year, month) if month in self.months else 0
            for day in (date(year, month, number) for number in named if number <= last):
                if day >= first and self.matches(day):
                    yield day

    def _on(self, day: date, after: datetime) -> Iterator[datetime]:
        midnight = datetime(day.year, day.month, day.day, tzinfo=after.tzinfo)
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield midnight.replace(hour=hour, minute=minute)


@lru_cache(maxsize=64)  # many rules ask, and many pipelines look every half an hour
def parse(expression: str) -> Cron:
    """The expression's meaning. Raises CronError for what is none."""
    written = expression.split()
    if len(written) != len(_FIELDS):
        raise CronError(f"a cron expression has five fields, this has {len(written)}")
    minutes, hours, days, months, weekdays = (
        frozenset(value for part in text.split(",") for value in _values(part, field))
        for text, field in zip(written, _FIELDS, strict=True)
    )
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=not (_is_star(written[2]) or _is_star(written[4])),
        uneven=tuple(part for text, size in zip(written[:2], (60, 24), strict=True) for part in _uneven(text, size)),
    )


def _days_of(year: int, month: int) -> int:
    """How many days a month has; `calendar` would say it, and takes longer to load than all else here."""
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _LONGEST[month - 1] - (month == _FEBRUARY and not is_leap)


def _values(part: str, field: _Field) -> range:
    match = _PART.fullmatch(part)
    if match is None or (match["from"] == "*" and match["to"] is not None):
        raise CronError(f"`{part}` is not a {field.name}")
    step = int(match["step"] or 1)
    if step == 0:
        raise CronError(f"`{part}` has a step of 0")
    if match["from"] == "*":
        return range(field.least, field.most + 1, step)
    first = _number(match["from"], field)
    last = _number(match["to"], field) if match["to"] else field.most if match["step"] else first
    if last < first:
        raise CronError(f"`{part}` ends before it begins")
    return range(first, last + 1, step)


def _number(text: str, field: _Field) -> int:
    value = field.names.get(text.lower())
    if value is None and not text.isdecimal():
        raise CronError(f"`{text}` is not a {field.name}")
    value = int(text[:9]) if value is None else value
    if not field.least <= value <= field.most:
        raise CronError(f"the {field.name} is from {field.least} to {field.most}, this is {text}")
    return value


def _is_star(text: str) -> bool:
    """Whether a field restricts nothing. A step makes it a restriction."""
    return any(part in ("*", "*/1") for part in text.split(","))


def _uneven(text: str, size: int) -> Iterator[str]:
    for part in text.split(","):
        if part.startswith("*/") and size % int(part[2:]) != 0:
            yield part
