"""What predictions were worth, once it is known what came true: metrics over pairs of an outcome and a prediction.

accuracy   the share of predictions that are the outcome
precision  of what was predicted to be 1, the share that was
recall     of what was 1, the share that was predicted to be
f1         2 tp / (2 tp + fp + fn), the harmonic mean of these two
auc        the chance that of a 1 and a 0 the 1 has the higher score; equal scores count as one half
brier      the mean of (p − y)², for a probability p of 1
log_loss   the mean of −ln of the probability that the outcome had; no probability is below 2⁻⁵²
mae        the mean of |p − y|
rmse       the root of the mean of (p − y)²
r2         1 − Σ (p − y)² / Σ (y − ȳ)², which is 0 for who always predicts the mean ȳ

Outcomes and predictions are cells as JSON or CSV have them. For all but `accuracy`, `mae`, `rmse` and `r2`, outcomes
are 0 and 1, or false and true. A pair with a cell that the metric can't take is left out.

Sources: auc by ranks as in J. Hanley, B. McNeil, Radiology 143 (1982); the Brier score as in G. Brier, Monthly Weather
Review 78 (1950), for two classes halved, as is usual today.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from mlopsctl.frozen import frozen
from mlopsctl.runtime.drift.columns import is_missing, number

Pair = tuple[float, float]  # an outcome, and what was predicted
Cell = object

_LEAST = sys.float_info.epsilon
_TRUTHS = {"true": 1.0, "false": 0.0}


class Undefined(Exception):
    """The metric has no value for such pairs; the text says why."""


@frozen
class Measured:
    """The value of a metric, None where it has none for the reason in `note`; `pairs` could be taken into account."""

    value: float | None
    pairs: int
    note: str = ""


def measure(metric: str, cells: Iterable[tuple[Cell, Cell]]) -> Measured:
    """The metric over pairs of what came true and what was predicted."""
    compute, outcome, prediction = _METRICS[metric]
    read = ((outcome(true), prediction(predicted)) for true, predicted in cells)
    pairs = [(true, predicted) for true, predicted in read if true is not None and predicted is not None]
    if not pairs:
        return Measured(None, 0)
    try:
        value = compute(pairs)
    except Undefined as error:
        return Measured(None, len(pairs), str(error))
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        return Measured(None, len(pairs), "the numbers are too large to compute with")
    return Measured(value, len(pairs))


def _accuracy(pairs: Sequence[tuple[object, object]]) -> float:
    return sum(true == predicted for true, predicted in pairs) / len(pairs)


def _precision(pairs: Sequence[Pair]) -> float:
    positive = [true for true, predicted in pairs if predicted]
    if not positive:
        raise Undefined("nothing was predicted to be 1")
    return sum(positive) / len(positive)


def _recall(pairs: Sequence[Pair]) -> float:
    found = [predicted for true, predicted in pairs if true]
    if not found:
        raise Undefined("no outcome is 1")
    return sum(found) / len(found)


def _f1(pairs: Sequence[Pair]) -> float:
    both = sum(true and predicted for true, predicted in pairs)
    either = sum(true + predicted for true, predicted in pairs)
    if not either:
        raise Undefined("no outcome is 1, and none was predicted to be")
    return 2 * both / either


def _auc(pairs: Sequence[Pair]) -> float:
    ones = sum(int(true) for true, _ in pairs)
    zeros = len(pairs) - ones
    if not ones or not zeros:
        raise Undefined(f"all outcomes are {0 if zeros else 1}")
    doubled, below = 0, 0  # in whole numbers: twice the sum of ranks, as equal scores share the mean of theirs
    for _, group in groupby(sorted(pairs, key=_prediction), key=_prediction):
        trues = [true for true, _ in group]
        doubled += int(sum(trues)) * (2 * below + len(trues) + 1)
        below += len(trues)
    return (doubled - ones * (ones + 1)) / (2 * ones * zeros)


def _brier(pairs: Sequence[Pair]) -> float:
    return math.fsum((predicted - true) ** 2 for true, predicted in pairs) / len(pairs)


def _log_loss(pairs: Sequence[Pair]) -> float:
    had = (predicted if true else 1 - predicted for true, predicted in pairs)
    return -math.fsum(math.log(max(probability, _LEAST)) for probability in had) / len(pairs)


def _mae(pairs: Sequence[Pair]) -> float:
    return math.fsum(abs(predicted - true) for true, predicted in pairs) / len(pairs)


def _rmse(pairs: Sequence[Pair]) -> float:
    return math.hypot(*(predicted - true for true, predicted in pairs)) / math.sqrt(len(pairs))


def _r2(pairs: Sequence[Pair]) -> float:
    mean = math.fsum(true for true, _ in pairs) / len(pairs)
    spread = math.hypot(*(true - mean for true, _ in pairs))
    if not spread:
        raise Undefined("all outcomes are the same")
    return 1 - (math.hypot(*(predicted - true for true, predicted in pairs)) / spread) ** 2


def _prediction(pair: Pair) -> float:
    return pair[1]


def _class(cell: Cell) -> float | str | None:
    """A cell as the name of a class: 1, 1.0, `1` and true are the same one."""
    if is_missing(cell):
        return None
    text = str(cell)
    known = _TRUTHS.get(text.lower())
    found = known if known is not None else number(cell)
    return text if found is None else found


def _binary(cell: Cell) -> float | None:
    found = _class(cell)
    return found if found in (0.0, 1.0) and isinstance(found, float) else None


def _probability(cell: Cell) -> float | None:
    found = number(cell)
    return found if found is not None and 0 <= found <= 1 else None


_METRICS: Mapping[str, tuple[Callable[..., float], Callable[[Cell], object], Callable[[Cell], object]]] = {
    "accuracy": (_accuracy, _class, _class),
    "precision": (_precision, _binary, _binary),
    "recall": (_recall, _binary, _binary),
    "f1": (_f1, _binary, _binary),
    "auc": (_auc, _binary, number),
    "brier": (_brier, _binary, _probability),
    "log_loss": (_log_loss, _binary, _probability),
    "mae": (_mae, number, number),
    "rmse": (_rmse, number, number),
    "r2": (_r2, number, number),
}
