"""The distances against scipy, against values worked out by hand, and as properties that hold for any samples.

scipy takes more than a second to import, which each process of the tests would pay for.
"""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.runtime.drift.bins import shares
from mlopsctl.runtime.drift.columns import Categories, Numbers, categories, numbers
from mlopsctl.runtime.drift.distance import FLOOR, NotComparable, cramers_v, distance, jensenshannon, ks, psi

METHODS = ("psi", "ks", "chi2", "wasserstein", "jensenshannon")
FOR_NUMBERS = ("psi", "jensenshannon", "ks", "wasserstein")
BOUNDED = ("chi2", "ks", "jensenshannon")
NEAR = 1e-9

cells = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-3, 3))
columns = st.lists(cells, min_size=1, max_size=60)
labels = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), min_size=1, max_size=60)
counts = st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any)


def in_shares(found: Sequence[int]) -> list[float]:
    return [count / sum(found) for count in found]


@given(columns, st.sampled_from(METHODS))
def test_the_same_numbers_are_at_no_distance(column: list[float | None], method: str) -> None:
    if method in FOR_NUMBERS:
        assert distance(method, numbers(column), numbers(column[::-1])) == pytest.approx(0, abs=NEAR)


@given(labels, st.sampled_from(["psi", "chi2", "jensenshannon"]))
def test_the_same_categories_are_at_no_distance(column: list[str | None], method: str) -> None:
    assert distance(method, categories(column), categories(column * 3)) == pytest.approx(0, abs=NEAR)


@given(columns, columns, st.sampled_from(FOR_NUMBERS))
def test_no_distance_is_negative_and_bounded_ones_keep_their_bound(
    one: list[float | None], other: list[float | None], method: str
) -> None:
    found = distance(method, numbers(one), numbers(other))
    assert math.isfinite(found)
    assert found >= 0
    assert method not in BOUNDED or found <= 1


@given(columns, columns)
def test_ks_does_not_care_which_of_two_came_first(one: list[float | None], other: list[float | None]) -> None:
    assert ks(numbers(one), numbers(other)) == pytest.approx(ks(numbers(other), numbers(one)), abs=NEAR)


@given(st.data())
def test_what_compares_bins_is_symmetric_in_them(data: st.DataObject) -> None:
    one = data.draw(counts)
    other = data.draw(st.lists(st.integers(0, 50), min_size=len(one), max_size=len(one)).filter(any))
    for compare in (psi, jensenshannon, cramers_v):
        there, back = compare(in_shares(one), in_shares(other)), compare(in_shares(other), in_shares(one))
        assert there == pytest.approx(back, abs=NEAR)


@given(st.data())
def test_jensenshannon_is_what_scipy_says(data: st.DataObject) -> None:
    one = data.draw(counts)
    other = data.draw(st.lists(st.integers(0, 50), min_size=len(one), max_size=len(one)).filter(any))
    from scipy.spatial import distance as scipys

    expected = scipys.jensenshannon(in_shares(one), in_shares(other), base=2)
    # The root of what floats can't tell from 0.
    assert jensenshannon(in_shares(one), in_shares(other)) == pytest.approx(expected, abs=1e-7)


@given(st.data())
def test_chi2_is_what_scipy_says_of_samples_of_one_size(data: st.DataObject) -> None:
    size = 60
    one, other = (data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)) for _ in range(2))
    table = [[sample.count(value) for value in range(4)] for sample in (one, other)]
    table = [list(row) for row in zip(*(pair for pair in zip(*table, strict=True) if any(pair)), strict=True)]
    if len(table[0]) > 1:  # scipy knows no association with a constant
        from scipy.stats.contingency import association

        expected = association(table, method="cramer")
        assert cramers_v(in_shares(table[0]), in_shares(table[1])) == pytest.approx(expected, abs=NEAR)


finite = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # about the p-value, which nobody asks for
@given(finite, finite)
def test_ks_is_what_scipy_says(one: list[float], other: list[float]) -> None:
    from scipy.stats import ks_2samp

    expected = ks_2samp(one, other, method="asymp").statistic
    assert ks(numbers(one), numbers(other)) == pytest.approx(expected, abs=NEAR)


@given(
    st.lists(st.floats(-1000, 1000), min_size=2, max_size=60).filter(lambda found: max(found) - min(found) > 1), finite
)
def test_wasserstein_is_what_scipy_says_in_standard_deviations(one: list[float], other: list[float]) -> None:
    mean = math.fsum(one) / len(one)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in one) / len(one))
    found = distance("wasserstein", numbers(one), numbers(other))
    from scipy.stats import wasserstein_distance

    assert found == pytest.approx(wasserstein_distance(one, other) / deviation, rel=1e-6, abs=1e-6)


def test_psi_is_the_sum_that_the_textbook_has() -> None:
    by_hand = (0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5)
    assert psi([0.5, 0.5], [0.25, 0.75]) == pytest.approx(by_hand)


def test_an_empty_bin_counts_as_little_and_two_as_nothing() -> None:
    assert psi([1.0, 0.0, 0.0], [0.9, 0.1, 0.0]) == pytest.approx(
        -0.1 * math.log(0.9) + (0.1 - FLOOR) * math.log(0.1 / FLOOR)
    )


@pytest.mark.parametrize("method", ["psi", "jensenshannon", "ks", "wasserstein"])
@pytest.mark.parametrize("now", [[4.0] * 50, [6.0] * 50, [None] * 50])
def test_a_constant_column_that_became_another_is_far(method: str, now: list[float | None]) -> None:
    assert distance(method, numbers([5.0] * 50), numbers(now)) >= 1


@pytest.mark.parametrize("method", METHODS)
def test_missing_values_are_a_category_of_their_own(method: str) -> None:
    reference, now = ["a", "b"] * 50, ["a", None] * 50
    if method in ("ks", "wasserstein"):
        assert distance(method, numbers([1, 2] * 50), numbers([1, 2, None, None] * 25)) >= 0.5
    else:
        assert distance(method, categories(reference), categories(now)) > 0.4


def test_all_unseen_categories_are_one_bin_and_rare_ones_another() -> None:
    reference = Categories({f"c{number:02}": 100 - number for number in range(30)}, 7)
    before, now = shares(reference, Categories({"c00": 5, "c29": 2, "new": 2, "newer": 1}, 0))
    assert len(before) == 20 + 3
    assert before[0] == 100 / reference.size
    assert before[-3] == sum(100 - number for number in range(20, 30)) / reference.size
    assert before[-2:] == [0, 7 / reference.size]
    assert now == [0.5, *[0.0] * 19, 0.2, 0.3, 0]


def test_bins_of_numbers_are_the_tenths_of_the_reference() -> None:
    before, now = shares(numbers(range(1, 101)), numbers([1, 10, 11, 100, 101]))
    assert before == [0.1] * 10 + [0]
    assert now == [0.4, 0.2, *[0] * 7, 0.4, 0]


def test_a_number_that_many_rows_have_is_a_bin_of_its_own() -> None:
    before, now = shares(numbers([0] * 70 + list(range(1, 31))), numbers([-1, 0, 0.5, 1]))
    assert before[:3] == [0, 0.7, 0.1]
    assert now[:3] == [0.25, 0.25, 0.5]


def test_a_column_of_one_kind_is_not_compared_as_another() -> None:
    for method in ("ks", "wasserstein"):
        with pytest.raises(NotComparable, match="compares numbers"):
            distance(method, categories(["a"]), categories(["b"]))
    with pytest.raises(NotComparable, match="no rows"):
        distance("psi", Numbers([], 0), numbers([1]))


@pytest.mark.parametrize("method", FOR_NUMBERS)
def test_numbers_at_the_end_of_what_floats_are_do_no_harm(method: str) -> None:
    huge = numbers([-1.7e308, 1.7e308, 5e-324, 0.0])
    assert math.isfinite(distance(method, huge, numbers([1.0, 2.0])))


# Drawn once: what chance does to two samples of one distribution, at the size that a check concludes from by default.
BY_CHANCE = {"psi": 0.1, "jensenshannon": 0.15, "chi2": 0.15, "ks": 0.1, "wasserstein": 0.15}


@pytest.mark.parametrize("method", FOR_NUMBERS)
def test_chance_alone_is_no_drift_of_numbers(method: str) -> None:
    chance = random.Random(7)
    reference = numbers([chance.gauss() for _ in range(10_000)])
    found = [distance(method, reference, numbers([chance.gauss() for _ in range(500)])) for _ in range(50)]
    assert sum(value > BY_CHANCE[method] for value in found) <= 1


@pytest.mark.parametrize("method", ["psi", "chi2", "jensenshannon"])
def test_chance_alone_is_no_drift_of_categories(method: str) -> None:
    chance = random.Random(7)
    names, usual, other = "abcdefghijklmnop", range(16, 0, -1), range(1, 17)
    reference = categories(chance.choices(names, usual, k=10_000))
    found = [distance(method, reference, categories(chance.choices(names, usual, k=500))) for _ in range(50)]
    assert sum(value > BY_CHANCE[method] for value in found) <= 1
    assert distance(method, reference, categories(chance.choices(names, other, k=500))) > 0.3


@pytest.mark.parametrize("method", FOR_NUMBERS)
def test_a_shift_of_half_a_standard_deviation_is_found(method: str) -> None:
    chance = random.Random(7)
    reference = numbers([chance.gauss() for _ in range(20_000)])
    assert distance(method, reference, numbers([chance.gauss(0.5) for _ in range(500)])) > 0.1
