"""The metrics of predictions against scipy, against values worked out by hand, and as what must hold for any pairs."""

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlopsctl.runtime.performance import measure

METRICS = ("accuracy", "precision", "recall", "f1", "auc", "brier", "log_loss", "mae", "rmse", "r2")
NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
SCORES = st.integers(0, 20).map(lambda value: value / 20)  # so that many are equal
BINARY = st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=2, max_size=60)


def value(metric: str, pairs: list[tuple[Any, Any]]) -> float:
    found = measure(metric, pairs)
    assert found.value is not None, found.note
    assert found.pairs == len(pairs)
    return found.value


@given(BINARY)
def test_auc_is_what_the_statistic_of_mann_and_whitney_says(pairs: list[tuple[int, float]]) -> None:
    ones, zeros = ([score for true, score in pairs if true == which] for which in (1, 0))
    assume(ones and zeros)
    from scipy.stats import mannwhitneyu

    expected = mannwhitneyu(ones, zeros, method="asymptotic").statistic / len(ones) / len(zeros)
    assert value("auc", pairs) == pytest.approx(expected)


@given(BINARY)
def test_auc_knows_no_scale_and_turns_with_the_order(pairs: list[tuple[int, float]]) -> None:
    assume(len({true for true, _ in pairs}) == 2)
    assert value("auc", [(true, math.exp(score)) for true, score in pairs]) == value("auc", pairs)
    assert value("auc", [(true, -score) for true, score in pairs]) == pytest.approx(1 - value("auc", pairs))


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 0.99)), min_size=1, max_size=60))
def test_log_loss_is_what_scipy_says(pairs: list[tuple[int, float]]) -> None:
    from scipy.stats import bernoulli

    expected = -sum(bernoulli.logpmf(true, probability) for true, probability in pairs) / len(pairs)
    assert value("log_loss", pairs) == pytest.approx(expected)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=40))
def test_r2_of_a_line_that_fits_best_is_what_scipy_says(points: list[tuple[float, float]]) -> None:
    xs, ys = zip(*points, strict=True)
    assume(max(xs) - min(xs) > 1 and max(ys) - min(ys) > 1)
    from scipy.stats import linregress

    line = linregress(xs, ys)
    pairs = [(y, line.intercept + line.slope * x) for x, y in points]
    assert value("r2", pairs) == pytest.approx(line.rvalue**2, abs=1e-6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=60))
def test_the_root_of_squares_is_no_less_than_the_mean_and_no_more_than_the_greatest(
    pairs: list[tuple[float, float]],
) -> None:
    greatest = max(abs(predicted - true) for true, predicted in pairs)
    mae, rmse = value("mae", pairs), value("rmse", pairs)
    assert mae <= rmse * (1 + 1e-12)
    assert rmse <= greatest * (1 + 1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(pairs: list[tuple[int, int]]) -> None:
    assume((1, 1) in pairs)
    precision, recall = value("precision", pairs), value("recall", pairs)
    assert value("f1", pairs) == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("metric", METRICS)
@given(pairs=BINARY, order=st.randoms(use_true_random=False))
def test_the_order_of_pairs_says_nothing(metric: str, pairs: list[tuple[int, float]], order: Any) -> None:
    mixed = list(pairs)
    order.shuffle(mixed)
    one, other = measure(metric, pairs), measure(metric, mixed)
    assert one.value == pytest.approx(other.value)
    assert (one.pairs, one.note) == (other.pairs, other.note)


@pytest.mark.parametrize(
    ("metric", "pairs", "expected"),
    [
        ("accuracy", [("UA", "UA"), ("B6", "UA"), ("AA", "AA"), ("AA", "B6")], 0.5),
        ("accuracy", [("1", 1.0), ("true", True), ("0", 0), ("2.0", 2), (False, "False")], 1.0),
        ("precision", [(1, 1), (0, 1), (0, 1), (0, 0), (1, 0)], 1 / 3),
        ("recall", [(1, 1), (0, 1), (0, 1), (0, 0), (1, 0)], 1 / 2),
        ("f1", [(1, 1), (0, 1), (0, 1), (0, 0), (1, 0)], 2 / 5),
        ("auc", [(0, 0.1), (0, 0.4), (1, 0.35), (1, 0.8)], 0.75),  # the example of scikit-learn's own documentation
        ("auc", [("true", "0.9"), ("false", "0.9")], 0.5),
        ("brier", [(0, 0.1), (1, 0.9), (1, 0.8), (0, 0.3)], 0.0375),
        ("log_loss", [(1, 0.0)], 52 * math.log(2)),
        ("mae", [("3", 2.5), ("-0.5", 0.0), ("2", 2), ("7", 8)], 0.5),
        ("rmse", [(3, 2.5), (-0.5, 0.0), (2, 2), (7, 8)], math.sqrt(0.375)),
        ("rmse", [(1e200, -1e200)], 2e200),
        ("r2", [(3, 2.5), (-0.5, 0.0), (2, 2), (7, 8)], 0.9486081370449679),
        ("r2", [(1, 2), (2, 2), (3, 2)], 0.0),
    ],
)
def test_by_hand(metric: str, pairs: list[tuple[Any, Any]], expected: float) -> None:
    assert value(metric, pairs) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "pairs", "why"),
    [
        ("precision", [(1, 0), (0, 0)], "nothing was predicted to be 1"),
        ("recall", [(0, 1), (0, 0)], "no outcome is 1"),
        ("f1", [(0, 0)], "no outcome is 1, and none was predicted to be"),
        ("auc", [(1, 0.5), (1, 0.7)], "all outcomes are 1"),
        ("auc", [(0, 0.5)], "all outcomes are 0"),
        ("r2", [(4, 0.5), (4, 4)], "all outcomes are the same"),
        ("mae", [(-1e308, 1e308), (1e308, -1e308)], "the numbers are too large to compute with"),
        ("r2", [(0, 1e300), (1e-300, 1)], "the numbers are too large to compute with"),
        ("rmse", [], ""),
    ],
)
def test_where_there_is_no_value_it_is_said_why(metric: str, pairs: list[tuple[Any, Any]], why: str) -> None:
    found = measure(metric, pairs)
    assert (found.value, found.note) == (None, why)


@pytest.mark.parametrize(
    ("metric", "unfit"),
    [
        ("accuracy", [("", 1), ("NA", 1), (1, None), (math.nan, 1)]),
        ("precision", [("late", 1), (1, 0.5), (2, 1)]),
        ("auc", [("late", 0.5), (0.5, 0.5), (1, "high"), (0, math.inf), (1, True)]),
        ("brier", [(1, 1.5), (0, -0.1)]),
        ("mae", [("3 minutes", 3), (3, None), (True, 1)]),
    ],
)
def test_a_pair_that_a_metric_cannot_take_is_left_out(metric: str, unfit: list[tuple[Any, Any]]) -> None:
    fit = [(0, 0), (1, 1)]
    assert measure(metric, fit + unfit) == measure(metric, fit)
    assert measure(metric, unfit).pairs == 0
