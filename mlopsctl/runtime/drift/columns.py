"""The cells of a column as a sample that can be compared: numbers in order, or how often each category is there."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from mlopsctl.frozen import frozen
from mlopsctl.runtime.data_contract.cells import text_number

Kind = Literal["number", "category"]

_MISSING = frozenset(["", "NA"])  # what a contract takes for null in CSV
_TRUTHS = frozenset(["true", "false"])
_DECLARED: Mapping[str, Kind] = {"number": "number", "integer": "number", "string": "category", "boolean": "category"}


@frozen
class Numbers:
    """The numbers of a column, from the smallest on, and how many cells have none."""

    values: Sequence[float]
    missing: int

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.values) + self.missing


@frozen
class Categories:
    """How often each category is in a column, and how many cells have none."""

    counts: Mapping[str, int]
    missing: int

    @property
    def size(self) -> int:
        """How many cells there are."""
        return sum(self.counts.values()) + self.missing


def kind_of(cells: Iterable[object], declared: str | None) -> Kind:
    """What a column of the reference holds: by the type that a contract declares, else numbers if all cells are some.

    A column in which every cell is missing holds categories.
    """
    known = _DECLARED.get(declared or "")
    if known is not None:
        return known
    present = [cell for cell in cells if not is_missing(cell)]
    return "number" if present and all(number(cell) is not None for cell in present) else "category"


def numbers(cells: Iterable[object]) -> Numbers:
    """The cells as numbers; those that are none, such as text and infinities, count as missing."""
    found = [number(cell) for cell in cells]
    values = sorted(value for value in found if value is not None)
    return Numbers(values, len(found) - len(values))


def categories(cells: Iterable[object]) -> Categories:
    """The cells as categories, by their text: 1 and `1` are the same one, and so are true, `true` and `True`."""
    labels = [None if is_missing(cell) else label(cell) for cell in cells]
    counts = Counter(each for each in labels if each is not None)
    return Categories(counts, len(labels) - counts.total())


def is_missing(cell: object) -> bool:
    """Whether the cell holds nothing: null, NaN, and in CSV the empty text and `NA`."""
    if isinstance(cell, str):
        return cell in _MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def number(cell: object) -> float | None:
    """The cell as a finite number, or None; a text may be one, as in CSV, a truth value is none."""
    if isinstance(cell, str):
        return None if is_missing(cell) else text_number(cell)
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return None
    try:
        value = float(cell)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def label(cell: object) -> str:
    """The cell, in which there is something, as a text: 9, 9.0 and `9` have the same one."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # JSON has one type of numbers, so that 9 comes as 9.0 from some clients
    text = str(cell)
    return text.lower() if text.lower() in _TRUTHS else text
