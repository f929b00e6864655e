"""Distances between a reference and what came later. 0 means the same distribution, for every method.

psi            over bins: Σ (q−p) ln(q/p), the population stability index; a share of 0 beside another counts as 0.0001
jensenshannon  over bins: the root of the Jensen-Shannon divergence in bits; at most 1
chi2           over bins: √(½ Σ (q−p)²/(q+p)), Cramér's V of the two samples, were they equally large; at most 1
ks             of numbers: the greatest difference of the two distribution functions; at most 1
wasserstein    of numbers: the area between the two distribution functions, in standard deviations of the reference

p and q are shares of the reference and of what came later, in bins that come from the reference (`bins.py`). What is
over bins compares numbers and categories, and is symmetric in the shares; so is `ks` in the samples.

Sources: psi as in N. Siddiqi, Credit Risk Scorecards (2006); V as in H. Cramér, Mathematical Methods of Statistics
(1946); the Jensen-Shannon distance as in D. Endres, J. Schindelin, IEEE Trans. Inf. Theory 49 (2003).
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from mlopsctl.runtime.drift.bins import shares
from mlopsctl.runtime.drift.columns import Categories, Numbers

FLOOR = 0.0001

Sample = Numbers | Categories


class NotComparable(Exception):
    """The method can't say anything about such a column; the text says why."""


def distance(method: str, reference: Sample, current: Sample) -> float:
    """How far `current` is from `reference`, two samples of one kind. Raises NotComparable."""
    if not reference.size or not current.size:
        raise NotComparable("there are no rows to compare")
    if method in _OVER_BINS:
        before, now = shares(reference, current)
        return _OVER_BINS[method](before, now)
    if not isinstance(reference, Numbers) or not isinstance(current, Numbers):
        raise NotComparable(f"`{method}` compares numbers, and this column has categories")
    return _OVER_NUMBERS[method](reference, current)


def psi(before: Sequence[float], now: Sequence[float]) -> float:
    """The population stability index of shares in the same bins."""
    either = [(p or FLOOR, q or FLOOR) for p, q in zip(before, now, strict=True) if p or q]
    return math.fsum((q - p) * math.log(q / p) for p, q in either)


def jensenshannon(before: Sequence[float], now: Sequence[float]) -> float:
    """The Jensen-Shannon distance of shares in the same bins, to base 2."""
    both = list(zip(before, now, strict=True))
    divergence = math.fsum(_relative(p, (p + q) / 2) + _relative(q, (p + q) / 2) for p, q in both) / 2
    return math.sqrt(min(max(divergence, 0.0), 1.0))  # as arithmetic may miss a bound by its last digit


def cramers_v(before: Sequence[float], now: Sequence[float]) -> float:
    """Cramér's V of shares in the same bins, as if both samples were equally large."""
    terms = ((q - p) ** 2 / (q + p) for p, q in zip(before, now, strict=True) if p or q)
    return math.sqrt(min(math.fsum(terms) / 2, 1.0))


def ks(reference: Numbers, current: Numbers) -> float:
    """The statistic of Kolmogorov and Smirnov; a missing number counts as smaller than all others."""
    values = sorted({*reference.values, *current.values})
    steps = [_below(reference, value) - _below(current, value) for value in values]
    return max(map(abs, (*steps, _missing(reference) - _missing(current))))


def wasserstein(reference: Numbers, current: Numbers) -> float:
    """The Wasserstein distance of order 1 between the numbers that are there, over the reference's standard deviation.

    Never less than the difference of the shares of missing numbers. If the reference doesn't vary, or one of the two
    has no numbers at all, what differs is counted: the share of other numbers.
    """
    missing = abs(_missing(reference) - _missing(current))
    before, now = reference.values, current.values
    if not before or not now:
        return missing
    unit = _deviation(before)
    if not unit:
        others = sum(value != before[0] for value in now) / len(now)
        return max(missing, others)
    values = sorted({*before, *now})
    area = math.fsum(
        abs(bisect_right(before, low) / len(before) - bisect_right(now, low) / len(now)) * (high - low)
        for low, high in pairwise(values)
    )
    return max(missing, area / unit)


def _relative(share: float, mean: float) -> float:
    return share * math.log2(share / mean) if share else 0.0


def _below(sample: Numbers, value: float) -> float:
    return (sample.missing + bisect_right(sample.values, value)) / sample.size


def _missing(sample: Numbers) -> float:
    return sample.missing / sample.size


def _deviation(values: Sequence[float]) -> float:
    if values[0] == values[-1]:
        return 0.0
    # By the width first, so that neither very large nor very small numbers leave the range of floats.
    width = values[-1] / 2 - values[0] / 2
    mean = math.fsum(value / width for value in values) / len(values)
    return width * math.sqrt(math.fsum((value / width - mean) ** 2 for value in values) / len(values))


_OVER_BINS: Mapping[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "psi": psi,
    "jensenshannon": jensenshannon,
    "chi2": cramers_v,
}
_OVER_NUMBERS: Mapping[str, Callable[[Numbers, Numbers], float]] = {"ks": ks, "wasserstein": wasserstein}
