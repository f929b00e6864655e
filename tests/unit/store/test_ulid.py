"""Run ids sort as runs began."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.store import new_ulid

MOMENT = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=10, max_size=10)


@pytest.mark.parametrize(
    ("now_ms", "random", "ulid"),
    [
        (0, bytes(10), "00000000000000000000000000"),
        (2**48 - 1, b"\xff" * 10, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        (1469918176385, bytes(10), "01ARYZ6S410000000000000000"),
    ],
    ids=["least", "greatest", "of the specification"],
)
def test_known_ids(now_ms: int, random: bytes, ulid: str) -> None:
    assert new_ulid(now_ms, random) == ulid


@given(first=MOMENT, second=MOMENT, random=RANDOM, other=RANDOM)
def test_later_ids_sort_later(first: int, second: int, random: bytes, other: bytes) -> None:
    one, another = (first, random), (second, other)
    assert (new_ulid(*one) < new_ulid(*another)) == (one < another)


@pytest.mark.parametrize(("now_ms", "random"), [(-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9))], ids=str)
def test_what_fits_no_id(now_ms: int, random: bytes) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        new_ulid(now_ms, random)
