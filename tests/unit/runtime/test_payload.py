from typing import Any

import pytest

from mlopsctl.runtime.payload import columns_of, length


def tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": "FP64", "data": data}


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        (
            {"inputs": [tensor("a", [2], [1, 2]), tensor("b", [2, 1], [[3], [4]])]},
            {"a": [1, 2], "b": [3, 4]},
        ),
        ({"outputs": [tensor("p", [2, 2], [1, 2, 3, 4])]}, {"p.0": [1, 3], "p.1": [2, 4]}),
        ({"inputs": [tensor("p", [2, 2], [[1, 2], [3, 4]])]}, {"p.0": [1, 3], "p.1": [2, 4]}),
        ({"instances": [{"a": 1}, {"a": 2, "b": "x"}]}, {"a": [1, 2], "b": [None, "x"]}),
        ({"instances": [[1, 2], [3, 4]]}, {"instances.0": [1, 3], "instances.1": [2, 4]}),
        ({"predictions": [0.5, None]}, {"predictions": [0.5, None]}),
        ([{"a": 1}], {"a": [1]}),
        ({"a": 1, "b": "x"}, {"a": [1], "b": ["x"]}),
    ],
)
def test_what_is_asked_is_columns(body: object, columns: dict[str, list[Any]]) -> None:
    found = columns_of(body)
    assert found == columns
    assert length(found or {}) == len(next(iter(columns.values())))


@pytest.mark.parametrize(
    "body",
    [
        None,
        1,
        "text",
        {},
        [],
        {"inputs": []},
        {"inputs": ["text"]},
        {"inputs": [{"name": "a", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}]},
        {"inputs": [tensor("a", [3], [1, 2])]},
        {"inputs": [tensor("a", [2], [1, 2]), tensor("b", [1], [3])]},
        {"inputs": [{"name": "a", "shape": "2", "data": [1, 2]}]},
        {"inputs": [tensor("a", [1, 2000], [0] * 2000)]},
        {"instances": [{"a": 1}, [2]]},
        {"instances": [[1, 2], [3]]},
        {"messages": [{"role": "user"}], "model": "x"},
    ],
)
def test_what_has_no_columns_has_none(body: object) -> None:
    assert columns_of(body) is None
