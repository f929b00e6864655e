"""Cron as the cluster reads it: what a brute-force scan of minutes finds, the calendar finds too."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.check.cron import Cron, CronError, parse

START = datetime(2023, 12, 31, 22, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def fires(cron: Cron, moment: datetime) -> bool:
    return moment.minute in cron.minutes and moment.hour in cron.hours and cron.matches(moment.date())


def field(least: int, most: int) -> st.SearchStrategy[str]:
    """One field: stars, values, ranges and steps, with commas."""
    numbers = st.integers(least, most)
    ranges = st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}")
    bases = st.one_of(st.just("*"), numbers.map(str), ranges)
    parts = st.tuples(bases, st.sampled_from(["", "/1", "/2", "/7", "/40"])).map("".join)
    return st.lists(parts, min_size=1, max_size=3).map(",".join)


EXPRESSIONS = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(" ".join)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(expression=EXPRESSIONS)
def test_times_rise_and_satisfy_every_field(expression: str) -> None:
    cron = parse(expression)
    found = list(islice(cron.times(START), 20))
    assert bool(found) == cron.can_fire
    assert all(fires(cron, moment) for moment in found)
    assert all(START < sooner < later for sooner, later in pairwise(found))


@pytest.mark.parametrize(
    "expression",
    [
        "*/45 1-5 * * *",
        "0 3 1 * 1",
        "0 3 * * MON",
        "30 2 29 2 *",
        "59 23 31 */2 *",
        "0 0 */10 * 0,6",
        "7/20 12 1-7 JAN,jul *",
    ],
)
def test_a_year_of_minutes_finds_the_same(expression: str) -> None:
    cron = parse(expression)
    year = [START + index * MINUTE for index in range(1, 366 * 24 * 60)]
    scanned = [moment for moment in year if fires(cron, moment)]
    assert list(islice(cron.times(START), len(scanned))) == scanned


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 3 13 * 5", [date(2024, 1, 5), date(2024, 1, 12), date(2024, 1, 13)]),
        ("0 3 13 * *", [date(2024, 1, 13), date(2024, 2, 13), date(2024, 3, 13)]),
        ("0 3 * * 5", [date(2024, 1, 5), date(2024, 1, 12), date(2024, 1, 19)]),
        ("0 3 */2 * 5", [date(2024, 1, 1), date(2024, 1, 3), date(2024, 1, 5)]),
    ],
    ids=["either day", "day of the month", "day of the week", "a step restricts"],
)
def test_two_restricted_days_are_either_or(expression: str, days: list[date]) -> None:
    assert [moment.date() for moment in islice(parse(expression).times(START), 3)] == days


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("* * * *", "a cron expression has five fields, this has 4"),
        ("60 * * * *", "the minute is from 0 to 59, this is 60"),
        ("* * 0 * *", "the day of the month is from 1 to 31, this is 0"),
        ("* * * 13 *", "the month is from 1 to 12, this is 13"),
        ("* * * * 7", "the day of the week is from 0 to 6, this is 7"),
        ("* * * FOO *", "`FOO` is not a month"),
        ("MON * * * *", "`MON` is not a minute"),
        ("*/0 * * * *", "`*/0` has a step of 0"),
        ("5-1 * * * *", "`5-1` ends before it begins"),
        ("*-5 * * * *", "`*-5` is not a minute"),
        ("1,,2 * * * *", "`` is not a minute"),
        ("99999999999999999999 * * * *", "the minute is from 0 to 59, this is 99999999999999999999"),
    ],
)
def test_what_is_no_cron_expression(expression: str, why: str) -> None:
    with pytest.raises(CronError) as failed:
        parse(expression)
    assert str(failed.value) == why


@pytest.mark.parametrize(
    ("expression", "can_fire"),
    [
        ("0 0 30 2 *", False),
        ("0 0 31 4,6,9,11 *", False),
        ("0 0 29 2 *", True),
        ("0 0 30 2 1", True),
        ("0 0 31 * *", True),
    ],
)
def test_days_that_no_month_has(expression: str, *, can_fire: bool) -> None:
    cron = parse(expression)
    assert cron.can_fire is can_fire
    assert (next(cron.times(START), None) is not None) is can_fire


@pytest.mark.parametrize(
    ("expression", "interval"),
    [
        ("*/45 * * * *", timedelta(minutes=15)),
        ("0 3 * * *", timedelta(days=1)),
        ("0 3 1 * *", timedelta(days=28)),
        ("0 0 30 2 *", None),
    ],
)
def test_the_shortest_interval(expression: str, interval: timedelta | None) -> None:
    assert parse(expression).shortest_interval(START) == interval


def test_steps_that_do_not_divide() -> None:
    assert parse("*/45 */5 */7 */5 */2").uneven == ("*/45", "*/5")
    assert parse("*/15 */6 * * *").uneven == ()
