"""Rows of data in the form of a request of the Open Inference Protocol (v2), and what is predicted for them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.runtime.drift.columns import is_missing, number
from mlopsctl.runtime.payload import columns_of

BATCH = 100  # rows of a request

Columns = Mapping[str, Sequence[Any]]


class Unclear(Exception):
    """The data doesn't fit the request, or an answer the data; the text says how, `help` what to do."""

    def __init__(self, why: str, help: str = "") -> None:  # noqa: A002 - as a diagnostic has it
        super().__init__(why)
        self.help = help


@frozen
class Tensor:
    """A tensor of the request as it is written, and the columns of the data that are in it, side by side."""

    written: Mapping[str, Any]
    columns: tuple[str, ...]


@frozen
class Form:
    """What a request is made like: its tensors, and all else that stands in it."""

    written: Mapping[str, Any]
    tensors: tuple[Tensor, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are sent."""
        return tuple(dict.fromkeys(name for tensor in self.tensors for name in tensor.columns))

    def request(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The request for some rows, which have a cell for each column."""
        inputs = [_filled(tensor, rows) for tensor in self.tensors]
        return json.dumps({**self.written, "inputs": inputs}).encode()


def form_of(request: bytes, named: Sequence[str], known: Sequence[str]) -> Form:
    """The form of a request, for data with the columns `known`; `named` are those of its only tensor, if it says so.

    Raises Unclear.
    """
    try:
        written = json.loads(request)
        tensors = [dict(tensor) for tensor in written["inputs"]]
        names = [str(tensor["name"]) for tensor in tensors]
    except (ValueError, TypeError, KeyError) as error:
        raise Unclear("the request is none of the Open Inference Protocol (v2)") from error
    if named and len(tensors) != 1:
        raise Unclear(f"`columns` is for one tensor, and the request has {len(tensors)}", "leave `columns` out")
    given = [tuple(named)] if named else [(name,) for name in names]
    form = Form(written, tuple(Tensor(tensor, columns) for tensor, columns in zip(tensors, given, strict=True)))
    missing = [f"`{name}`" for name in form.columns if name not in known]
    if missing:
        said = f"the data has no column {', '.join(missing)}"
        raise Unclear(said, f"its columns: {', '.join(known)}; `columns` says which are in a tensor")
    return form


def complete(form: Form, columns: Columns, label: str) -> list[dict[str, Any]]:
    """The rows that have a cell in each column that is sent, and a label."""
    names = [*form.columns, label]
    rows = (dict(zip(names, cells, strict=True)) for cells in zip(*(columns[name] for name in names), strict=True))
    return [row for row in rows if not any(map(is_missing, row.values()))]


def batches(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The rows in portions of a request each."""
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def predicted(answer: object, prediction: str, rows: int) -> Sequence[Any]:
    """What an answer predicts, one cell a row. Raises Unclear."""
    columns = columns_of(answer)
    if not columns:
        raise Unclear("its answers hold no predictions that can be read")
    if not prediction and len(columns) > 1:
        raise Unclear(f"its answers have {len(columns)} columns", f"name one as `prediction`: {', '.join(columns)}")
    found = columns.get(prediction or next(iter(columns)))
    if found is None:
        raise Unclear(f"its answers have no column `{prediction}`", f"they have {', '.join(columns)}")
    if len(found) != rows:
        raise Unclear(f"it answered {rows} rows with {len(found)} predictions")
    return found


def _filled(tensor: Tensor, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    written = tensor.written
    shape = written.get("shape")
    cell = _CELLS.get(str(written.get("datatype", ""))[:2], _number)
    data = [cell(row[name]) for row in rows for name in tensor.columns]
    is_flat = isinstance(shape, list) and len(shape) == 1
    return {**written, "shape": [len(rows)] if is_flat else [len(rows), len(tensor.columns)], "data": data}


def _number(cell: object) -> float:
    found = number(cell)
    if found is None:
        raise Unclear(f"`{cell}` is no number, and the request has one in its place")
    return found


def _whole(cell: object) -> int:
    found = _number(cell)
    return int(found)


# By the first two letters of a tensor's datatype: BYTES, BOOL, INT8 to INT64, UINT8 to UINT64; all else are floats.
_CELLS: Mapping[str, Callable[[object], Any]] = {
    "BY": str,
    "BO": lambda cell: str(cell).lower() in ("true", "1"),
    "IN": _whole,
    "UI": _whole,
}
