"""How numbers and times are written for people, the same in every text."""

import math
from datetime import datetime, tzinfo

from mlopsctl import store
from mlopsctl.report.display import shown

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_KILO = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_NOISE = 1e-12  # relative; what is nearer than this differs by the arithmetic of floats only
_USUAL, _LONGEST = 3, 12  # decimals of a metric


def counted(count: int, noun: str) -> str:
    """`1 file`, `28,834 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """`<0.1s`, `3.1s`, `2m 05s`, `1h 10m`, `2d 03h`."""
    tenths = round(seconds, 1)
    if tenths < _MINUTE:
        return f"{tenths:.1f}s" if tenths > 0 else "<0.1s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    minutes = round(seconds / _MINUTE)
    if minutes * _MINUTE < _DAY:
        return f"{minutes // 60}h {minutes % 60:02}m"
    hours = round(seconds / _HOUR)
    return f"{hours // 24}d {hours % 24:02}h"


def size(count: int) -> str:
    """A number of bytes in decimal units: `512 B`, `1.4 GB`."""
    amount, unit = float(count), 0
    while round(amount, 1) >= _KILO and unit + 1 < len(_UNITS):
        amount, unit = amount / _KILO, unit + 1
    return f"{amount:,.1f} {_UNITS[unit]}" if unit else f"{count} B"


def moment(stamp: str, zone: tzinfo | None = None) -> str:
    """An ISO 8601 time to the minute with its offset, in `zone` or else in the zone of this machine.

    What is not such a time is given back as it is, made fit for a terminal.
    """
    try:
        written = datetime.fromisoformat(stamp).astimezone(zone).isoformat(" ", "minutes")
    except ValueError:
        return shown(stamp)
    return f"{written[:-6]} {written[-6:]}"


def bounds(least: float | None, most: float | None) -> str:
    """What a metric has to be: `at least 0.750`."""
    both = ((least, "at least"), (most, "at most"))
    return " and ".join(f"{words} {metric(bound)}" for bound, words in both if bound is not None)


def metric(value: float) -> str:
    """A number with three decimals that tell something: `0.871`, `0.000123`, `1,234.6`, `342`.

    A number never looks rounder than it is: 0.79999 has all its digits, because `0.800` would be another number.
    """
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer():
        return _signed(f"{int(value):,}")
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -_LONGEST:
        return _signed(f"{value:.3g}")
    fewest = max(min(4 - exponent, _USUAL), 0)
    most = max(fewest, 2 - exponent)
    return _signed(f"{value:,.{_telling(value, fewest, most)}f}")


def difference(new: float, old: float) -> str:
    """By how much `new` is above or below `old`, always with a sign: `+0.003`, `−2`; `same` if it isn't."""
    if new == old:
        return "same"
    decimals = max(len(metric(value).partition(".")[2]) for value in (new, old))
    return _signed(f"{new - old:+,.{decimals}f}")


def short_run(run: str) -> str:
    """The beginning of a run's identifier, as people write it, made fit for a terminal."""
    return shown(store.short_run(run))


def _telling(value: float, fewest: int, most: int) -> int:
    """How many decimals are enough: from `fewest` to `most`, or more if the number would look rounder than it is."""
    for decimals in range(fewest, _LONGEST):
        if math.isclose(value, round(value, decimals), rel_tol=_NOISE):
            return decimals
        if decimals >= most and not f"{value:.{decimals}f}".endswith("0"):
            return decimals
    return _LONGEST


def _signed(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
