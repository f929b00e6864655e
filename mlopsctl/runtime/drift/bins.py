"""Bins, which the reference alone decides, so that a column has the same ones in every check.

Numbers: nine cuts at the deciles of the reference, each the smallest number that so large a part doesn't exceed. A
number at which several deciles fall has a bin of its own, with its neighbours on both sides, so that a column of zeros
and ones has bins for these, and a constant one for the constant, what is below and what is above. Categories: the 20
that are most frequent, alphabetically where equally so, then all others of the reference, then all that it never had.
The last bin is what is missing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from mlopsctl.runtime.drift.columns import Categories, Numbers

_BINS = 10
_MOST_CATEGORIES = 20

Cut = tuple[float, bool]  # a number, and whether it belongs to what is below the cut


def shares(reference: Numbers | Categories, current: Numbers | Categories) -> tuple[list[float], list[float]]:
    """The shares of both samples, which are of one kind and not empty, in the bins of the first."""
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        cuts = _cuts(reference.values)
        before, now = _in_cuts(reference, cuts), _in_cuts(current, cuts)
    elif isinstance(reference, Categories) and isinstance(current, Categories):
        before, now = _in_categories(reference, reference), _in_categories(current, reference)
    else:
        raise TypeError("samples of two kinds have no bins in common")
    return [count / reference.size for count in before], [count / current.size for count in now]


def _cuts(values: Sequence[float]) -> list[Cut]:
    if not values:
        return []
    deciles = [values[-(-part * len(values) // _BINS) - 1] for part in range(1, _BINS)]
    repeated = {low for low, high in pairwise(deciles) if low == high}
    return sorted({(value, True) for value in deciles} | {(value, False) for value in repeated})


def _in_cuts(sample: Numbers, cuts: Sequence[Cut]) -> list[int]:
    values = sample.values
    below = [bisect_right(values, cut) if includes else bisect_left(values, cut) for cut, includes in cuts]
    return [*(high - low for low, high in pairwise((0, *below, len(values)))), sample.missing]


def _in_categories(sample: Categories, reference: Categories) -> list[int]:
    frequent = sorted(reference.counts, key=lambda label: (-reference.counts[label], label))[:_MOST_CATEGORIES]
    counts = [sample.counts.get(label, 0) for label in frequent]
    known = sum(count for label, count in sample.counts.items() if label in reference.counts)
    present = sum(sample.counts.values())
    return [*counts, known - sum(counts), present - known, sample.missing]
