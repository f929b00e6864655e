import math

import pytest

from mlopsctl.runtime.drift.columns import Categories, Numbers, categories, kind_of, numbers


@pytest.mark.parametrize(
    ("cells", "declared", "kind"),
    [
        (["1", "2.5", "", "NA"], None, "number"),
        ([1, None, 2.0], None, "number"),
        (["1", "UA"], None, "category"),
        ([True, False], None, "category"),
        (["", None], None, "category"),
        (["9", "11"], "string", "category"),
        (["true", "false"], "boolean", "category"),
        (["x"], "number", "number"),
        ([None], "integer", "number"),
    ],
)
def test_what_a_column_holds(cells: list[object], declared: str | None, kind: str) -> None:
    assert kind_of(cells, declared) == kind


def test_numbers_are_in_order_and_what_is_none_is_missing() -> None:
    assert numbers(["3", 1, "", None, "text", True, math.inf, math.nan, 10**400, "2e0"]) == Numbers([1, 2, 3], 7)


def test_categories_are_told_by_their_text() -> None:
    found = categories(["9E", 9, "9", 9.0, True, "True", "true", None, "", math.nan])
    assert found == Categories({"9E": 1, "9": 3, "true": 3}, 3)


def test_the_missing_belong_to_the_size() -> None:
    assert numbers([1, None]).size == categories(["a", None]).size == 2
