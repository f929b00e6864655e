"""Reads the metrics that a user's evaluate command wrote.

The file is the whole interface between the user's code and the gates, so whatever is doubtful in it is refused here,
with the place and the next step: a gate must never hold because a number was misread.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from mlopsctl.frozen import frozen

APART = ("naive", "slices")


class MetricsUnreadable(Exception):
    """The file holds no metrics that a gate could trust. `hint` says what the evaluate command should write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@frozen
class SliceMetrics:
    """The metrics of the `n` rows that share one value of a column."""

    n: int
    values: dict[str, float]


@frozen
class Metrics:
    """What metrics.json says: finite numbers by dotted name, `slices` by column and then by value."""

    values: dict[str, float]
    naive: dict[str, float]
    slices: dict[str, dict[str, SliceMetrics]]
    document: dict[str, object]


def read_metrics(path: Path) -> Metrics:
    """The metrics in the file `path`. Raises MetricsUnreadable."""
    try:
        return metrics_from(_document(path))
    except RecursionError as error:
        raise MetricsUnreadable(f"`{path.name}` is nested too deeply", "metrics need a few levels only") from error


def metrics_from(document: dict[str, object]) -> Metrics:
    """The metrics of a document that was read before. Raises MetricsUnreadable."""
    slices = _mapping(document.get("slices", {}), "slices")
    return Metrics(
        values=_numbers({name: value for name, value in document.items() if name not in APART}),
        naive=_numbers(_mapping(document.get("naive", {}), "naive"), "naive"),
        slices={column: _slices(values, f"slices.{column}") for column, values in slices.items()},
        document=document,
    )


def _slices(values: object, place: str) -> dict[str, SliceMetrics]:
    return {value: _slice(found, f"{place}.{value}") for value, found in _mapping(values, place).items()}


def _document(path: Path) -> dict[str, object]:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise MetricsUnreadable(
            f"the evaluate command wrote no `{path.name}`", "write a JSON object of numbers to `${outputs.metrics}`"
        ) from None
    except OSError as error:
        raise MetricsUnreadable(f"`{path.name}` can't be read: {error.strerror}", "it must be a file") from error
    except UnicodeDecodeError as error:
        raise MetricsUnreadable(f"`{path.name}` is not UTF-8 text, at byte {error.start}", "write JSON") from error
    if not text.strip():
        raise MetricsUnreadable(f"`{path.name}` is empty", 'write a JSON object of numbers, such as {"auc": 0.87}')
    return _parsed(text, path.name)


def _parsed(text: str, name: str) -> dict[str, object]:
    hint = 'write a JSON object of numbers, such as {"auc": 0.87}'
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise MetricsUnreadable(f"`{name}` is not JSON, at {error.lineno}:{error.colno}: {error.msg}", hint) from error
    except ValueError as error:  # an integer of thousands of digits
        raise MetricsUnreadable(f"`{name}` holds a number that is too long", hint) from error
    if not isinstance(document, dict):
        raise MetricsUnreadable(f"`{name}` is not a JSON object", hint)
    return document


def _refuse_constant(constant: str) -> NoReturn:
    raise MetricsUnreadable(
        f"the metrics hold {constant}, which is neither JSON nor comparable",
        "leave out a metric that could not be computed",
    )


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise MetricsUnreadable(f"`{name}` in the metrics is not an object", f"write an object for `{name}`")
    return value


def _slice(value: object, name: str) -> SliceMetrics:
    found = dict(_mapping(value, name))
    count = _number(found.pop("n", None), f"{name}.n") if "n" in found else None
    if count is None or count < 0 or not count.is_integer():
        raise MetricsUnreadable(
            f"`{name}` has no row count `n`" if count is None else f"`{name}.n` is not a row count",
            "write the number of rows of the slice as `n`, beside its metrics",
        )
    return SliceMetrics(int(count), _numbers(found, name))


def _numbers(found: Mapping[str, object], place: str = "") -> dict[str, float]:
    """Every leaf by its dotted name below `found`; `place` is where `found` stands, for messages."""
    numbers: dict[str, float] = {}
    for name, value in _leaves(found):
        shown = f"{place}.{name}" if place else name
        if name in numbers:
            raise MetricsUnreadable(f"the metrics name `{shown}` twice", "keep one: nested maps become dotted names")
        numbers[name] = _number(value, shown)
    return numbers


def _leaves(found: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{below}", leaf) for below, leaf in _leaves(value))
        else:
            yield name, value


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MetricsUnreadable(
            f"`{name}` in the metrics is not a number: {json.dumps(value)[:40]}",
            "metrics are numbers, or objects of numbers; other results belong into another output",
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MetricsUnreadable(f"`{name}` in the metrics is too large to compare", "metrics are 64-bit numbers")
    return number
