"""What a cell says: one parser for each type of the contract, for cells of text (CSV) and for typed ones (the others).

A parser returns None for a cell that is not of its type. Nulls never reach one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

Parser = Callable[[Any], Any]

UTC = timezone(timedelta())
"""Its own name in `datetime` is younger than Python 3.9."""
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|([+-]\d\d):?(\d\d))?)?", re.ASCII
)
MOST_DIGITS = 300
"""Longer integers are not numbers here: they are no float, and Python refuses to print much longer ones."""


class Nested(str):
    """A JSON array or object in a cell, as JSON text. Of no type that a contract can ask for."""

    __slots__ = ()


def text_number(text: str) -> float | None:
    """A finite decimal number; no thousands separators, no NaN."""
    if not NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def text_integer(text: str) -> int | None:
    """A number without a fraction; `2.0` is one, as pandas writes a column of integers with gaps."""
    stripped = text.strip()
    if stripped.isascii() and stripped.lstrip("+-").isdigit() and NUMBER.fullmatch(stripped):
        return int(stripped) if len(stripped) <= MOST_DIGITS else None
    number = text_number(text)
    return int(number) if number is not None and number.is_integer() else None


def text_boolean(text: str) -> bool | None:
    """`true` or `false` in any case."""
    return {"true": True, "false": False}.get(text.strip().lower())


def text_date(text: str) -> date | None:
    """A day as ISO 8601 writes it."""
    try:
        return date.fromisoformat(text) if DATE.fullmatch(text) else None
    except ValueError:  # the 30th of February
        return None


def text_timestamp(text: str) -> datetime | None:
    """A day, or a day and time, as ISO 8601 writes it; without an offset it is UTC. Cut off below microseconds."""
    found = TIMESTAMP.fullmatch(text)
    if not found:
        return None
    day, hour, minute, second, fraction, zone, offset_hours, offset_minutes = found.groups(default="0")
    try:
        offset = timedelta()
        if zone not in {"0", "Z"}:
            offset = timedelta(hours=int(offset_hours), minutes=int(offset_hours[0] + offset_minutes))
        clock = time(int(hour), int(minute), int(second), int(fraction.ljust(6, "0")[:6]), timezone(offset))
        return datetime.combine(date.fromisoformat(day), clock)
    except ValueError:
        return None


def typed_number(cell: object) -> float | Decimal | None:
    """A finite number of JSON or parquet."""
    if isinstance(cell, bool) or not isinstance(cell, (int, float, Decimal)):
        return None
    try:
        return cell if math.isfinite(cell) else None
    except OverflowError:
        return None


def typed_integer(cell: object) -> int | None:
    """A finite number without a fraction."""
    number = typed_number(cell)
    return int(number) if number is not None and number == int(number) else None


def typed_string(cell: object) -> str | None:
    """Text."""
    return cell if isinstance(cell, str) and not isinstance(cell, Nested) else None


def typed_boolean(cell: object) -> bool | None:
    """A boolean of JSON or parquet."""
    return cell if isinstance(cell, bool) else None


def typed_date(cell: object) -> date | None:
    """A day, also as text, or as the midnight that pandas makes of it."""
    if isinstance(cell, datetime):
        return cell.date() if cell.time() == time.min else None
    if isinstance(cell, date):
        return cell
    return text_date(cell) if isinstance(cell, str) else None


def typed_timestamp(cell: object) -> datetime | None:
    """A day and time, also as text; without an offset it is UTC."""
    if isinstance(cell, datetime):
        return cell if cell.tzinfo else cell.replace(tzinfo=UTC)
    if isinstance(cell, date):
        return datetime.combine(cell, time.min, UTC)
    return text_timestamp(cell) if isinstance(cell, str) else None


def anything(cell: object) -> object:
    """The cell itself, where the contract asks for no type."""
    return cell


TEXT: Mapping[str, Parser] = {
    "number": text_number,
    "integer": text_integer,
    "string": anything,
    "boolean": text_boolean,
    "date": text_date,
    "timestamp": text_timestamp,
}
TYPED: Mapping[str, Parser] = {
    "number": typed_number,
    "integer": typed_integer,
    "string": typed_string,
    "boolean": typed_boolean,
    "date": typed_date,
    "timestamp": typed_timestamp,
}
