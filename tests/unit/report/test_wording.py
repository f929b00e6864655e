from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.report.wording import difference, duration, metric, moment, size


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.871, "0.871"),
        (0.8706, "0.871"),
        (0.8, "0.800"),
        (0.79999, "0.79999"),
        (0.80001, "0.80001"),
        (0.1 + 0.2, "0.300"),
        (0.000123, "0.000123"),
        (-0.061, "−0.061"),
        (12.3456, "12.346"),
        (1234.5678, "1,234.6"),
        (999.99, "999.99"),
        (342.0, "342"),
        (0.0, "0"),
        (1e-20, "1e-20"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_metric(value: float, written: str) -> None:
    assert metric(value) == written


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_a_metric_is_near_what_it_says_and_not_rounder(value: float) -> None:
    written = metric(value)
    said = float(written.replace("−", "-").replace(",", ""))
    assert said == pytest.approx(value, rel=0.005, abs=1e-12)
    if "." in written and written.endswith("00"):
        assert value == pytest.approx(said, rel=1e-9)


@pytest.mark.parametrize(
    ("new", "old", "written"),
    [(0.871, 0.868, "+0.003"), (18, 20, "−2"), (0.3, 0.3, "same"), (0.79999, 0.8, "−0.00001"), (2e6, 1, "+1,999,999")],
)
def test_difference(new: float, old: float, written: str) -> None:
    assert difference(new, old) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "<0.1s"),
        (0.4, "0.4s"),
        (59.94, "59.9s"),
        (59.96, "1m 00s"),
        (125, "2m 05s"),
        (3599.6, "1h 00m"),
        (4200, "1h 10m"),
        (86_399, "1d 00h"),
        (100_000, "1d 04h"),
    ],
)
def test_duration(seconds: float, written: str) -> None:
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (1_400_000_000, "1.4 GB"),
    ],
)
def test_size(count: int, written: str) -> None:
    assert size(count) == written


@pytest.mark.parametrize(("hours", "written"), [(1, "2026-03-02 03:11 +01:00"), (-5, "2026-03-01 21:11 -05:00")])
def test_moment_is_in_the_readers_zone(hours: int, written: str) -> None:
    assert moment("2026-03-02T02:11:05.5+00:00", timezone(timedelta(hours=hours))) == written


def test_a_moment_that_is_none_is_shown_as_it_is() -> None:
    assert moment("soon\x1b[2J") == "soon\\x1b[2J"
