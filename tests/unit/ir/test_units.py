"""Durations, percentages and quantities as people write them."""

import pytest

from mlopsctl.ir.units import amount, fraction, seconds


@pytest.mark.parametrize(
    ("written", "meant"), [("90s", 90), ("15m", 900), ("1.5h", 5400), ("7d", 604_800), ("150ms", 0.15), ("0s", 0)]
)
def test_durations(written: str, meant: float) -> None:
    assert seconds(written) == pytest.approx(meant)


@pytest.mark.parametrize("written", ["", "5", "5 s", "-5s", "5S", "1h30m", "s", "٣s", "1e3s", "5mm"])
def test_what_is_no_duration(written: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(written)


@pytest.mark.parametrize(("written", "meant"), [("25%", 0.25), (25, 0.25), (0.1, 0.001), ("0.1%", 0.001), ("100%", 1)])
def test_percentages(written: str | float, meant: float) -> None:
    assert fraction(written) == pytest.approx(meant)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("500m", 0.5), (2, 2), (0.5, 0.5), ("4Gi", 4 * 2**30), ("4G", 4e9), ("1k", 1000), ("1.5Ki", 1536), ("2Ei", 2**61)],
)
def test_quantities(written: str | float, meant: float) -> None:
    assert amount(written) == pytest.approx(meant)


@pytest.mark.parametrize("written", ["", "4GB", "4gi", "Gi", "-1", "1 Gi", "1K"])
def test_what_is_no_quantity(written: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        amount(written)
