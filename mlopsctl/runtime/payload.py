"""What is asked of a model and what it answers, as columns: {"carrier": ["UA", "B6"], "distance": [1400, 1089]}.

Understood are the bodies of the Open Inference Protocol (v2: `inputs` and `outputs`, tensors by name), of its
predecessor (v1: `instances` and `predictions`), lists of JSON objects, and an object of plain values, which is one row.
A tensor of shape [n] or [n, 1] is a column; one of [n, k] is k of them, `name.0` to `name.(k-1)`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Columns = dict[str, list[Any]]

_MOST_COLUMNS = 1000
_TENSORS = ("inputs", "outputs")
_ROWS = ("instances", "predictions")


def columns_of(body: object) -> Columns | None:
    """The columns of a request or an answer as JSON has it, all of one length; None if it has none that we know."""
    if isinstance(body, list):
        return _of_rows(body, "value")
    if not isinstance(body, dict):
        return None
    for key in _TENSORS:
        if isinstance(body.get(key), list):
            return _whole(_of_tensors(body[key]))
    for key in _ROWS:
        if isinstance(body.get(key), list):
            return _of_rows(body[key], key)
    if body and not any(isinstance(value, dict | list) for value in body.values()):
        return {name: [value] for name, value in body.items()}
    return None


def length(columns: Mapping[str, Sequence[object]]) -> int:
    """How many rows they have."""
    return max(map(len, columns.values()), default=0)


def _of_tensors(tensors: Sequence[Any]) -> Columns | None:
    columns: Columns = {}
    for tensor in tensors:
        if not isinstance(tensor, dict) or not isinstance(tensor.get("data"), list):
            return None  # its data is elsewhere, such as behind the JSON in binary
        name, shape, cells = str(tensor.get("name", "")), tensor.get("shape"), _flat(tensor["data"])
        if not isinstance(shape, list) or not shape or not all(isinstance(size, int) for size in shape):
            return None
        width = 1
        for size in shape[1:]:
            width *= size
        if width < 1 or width + len(columns) > _MOST_COLUMNS or len(cells) != shape[0] * width:
            return None
        columns |= {f"{name}.{place}": cells[place::width] for place in range(width)} if width > 1 else {name: cells}
    return columns


def _of_rows(rows: Sequence[Any], name: str) -> Columns | None:
    if all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(key for row in rows for key in row))
        return _whole({key: [row.get(key) for row in rows] for key in names} if len(names) <= _MOST_COLUMNS else None)
    if all(isinstance(row, list) for row in rows):
        width = max(map(len, rows))
        if width > _MOST_COLUMNS or any(len(row) != width for row in rows):
            return None
        return {f"{name}.{place}": [row[place] for row in rows] for place in range(width)}
    return {name: list(rows)} if not any(isinstance(row, dict | list) for row in rows) else None


def _flat(data: Sequence[Any]) -> list[Any]:
    """The cells of a tensor, whose rows may be lists of their own, row by row."""
    cells: list[Any] = list(data)
    while cells and all(isinstance(cell, list) for cell in cells):
        cells = [inner for cell in cells for inner in cell]
    return cells


def _whole(columns: Columns | None) -> Columns | None:
    """The columns, if there are rows in them and all have as many."""
    return columns if columns and len(set(map(len, columns.values()))) == 1 and length(columns) else None
