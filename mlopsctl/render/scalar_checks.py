"""Checkers of values without parts: strings, numbers, booleans, and what may be a number or a string."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import isfinite
from operator import ge, gt, le, lt
from typing import Any

from mlopsctl.diagnostics import similar
from mlopsctl.render.fault import FINE, Check, Faults, Rule, counted, here, listed, shown, wrong_type

_BITS = {"int32": 31, "int64": 63}
_INT_64 = 63
# In definitions made from Go, what may stand for 500m, 2Gi or 0.5 has this form, which nobody would want to read.
_QUANTITY = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE]"
_FORMATS = {
    "date-time": (
        r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$",
        "a time such as 2026-01-31T08:00:00Z",
    ),
    "byte": (r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", "text in base64"),
}


def text(value: Any) -> Faults:
    """The faults of what must be a string, whichever."""
    return FINE if isinstance(value, str) else wrong_type("a string", value)


def boolean(value: Any) -> Faults:
    """The faults of what must be true or false."""
    return FINE if isinstance(value, bool) else wrong_type("a boolean", value)


def text_checker(schema: Mapping[str, Any]) -> Check:
    """A checker of strings of the schema's form and size."""
    form, size = form_checker(schema), size_checker(schema, "Length", "character")
    if form is None and size is None:
        return text

    def check(value: Any) -> Faults:
        if not isinstance(value, str):
            return wrong_type("a string", value)
        return [*(form(value) if form else ()), *(size(value) if size else ())]

    return check


def number_checker(schema: Mapping[str, Any]) -> Check:
    """A checker of integers or numbers within the schema's bounds and those of its format."""
    is_whole = schema["type"] == "integer"
    wanted = "an integer" if is_whole else "a number"
    types: Any = int if is_whole else (int, float)
    bounds = _bounds(schema, is_whole=is_whole)

    def check(value: Any) -> Faults:
        if not isinstance(value, types) or isinstance(value, bool):
            return wrong_type(wanted, value)
        if isinstance(value, float) and not isfinite(value):
            return here(Rule.TYPE, f"expected {wanted}, this is {value}, which JSON can't hold")
        for bound, holds, word in bounds:
            if not holds(value, bound):
                return here(Rule.RANGE, f"must be {word} {bound}, this is {shown(value)}")
        return FINE

    return check


def either_checker(schema: Mapping[str, Any]) -> Check:
    """A checker of what may be an integer or a string, such as a port; the form is that of the string."""
    form, whole = form_checker(schema), number_checker({"type": "integer", "format": schema.get("format", "")})

    def check(value: Any) -> Faults:
        if isinstance(value, str):
            return form(value) if form else FINE
        if isinstance(value, int) and not isinstance(value, bool):
            return whole(value)
        return wrong_type("an integer or a string", value)

    return check


def choice_checker(schema: Mapping[str, Any]) -> Check:
    """A checker of values that must be one of a few."""
    choices = list(schema["enum"])

    def check(value: Any) -> Faults:
        # Not by `in` alone: 1 and true are the same to Python.
        if any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices):
            return FINE
        near = similar(str(value), [str(choice) for choice in choices])
        advice = f"there is `{near}`" if near else f"expected one of {listed(choices)}"
        return here(Rule.CHOICE, f"`{shown(value)}` is no choice here; {advice}")

    return check


def form_checker(schema: Mapping[str, Any]) -> Check | None:
    """A checker of the form of strings, or None if any will do."""
    forms = [(schema["pattern"], "")] if "pattern" in schema else []
    if schema.get("format") in _FORMATS:
        forms.append(_FORMATS[schema["format"]])
    if not forms:
        return None

    def check(value: Any) -> Faults:
        for pattern, meaning in forms:
            compiled = _compiled(pattern)
            if compiled and not compiled.search(value):
                return here(Rule.FORM, f"`{shown(value)}` is not {meaning or _meaning(pattern)}")
        return FINE

    return check


def size_checker(schema: Mapping[str, Any], what: str, unit: str) -> Check | None:
    """A checker of the count of characters, items or fields, or None if any will do."""
    least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}")
    if not least and most is None:
        return None

    def check(value: Any) -> Faults:
        size = len(value)
        if size < least:
            return here(Rule.SIZE, f"must have at least {counted(least, unit)}, this has {size}")
        if most is not None and size > most:
            return here(Rule.SIZE, f"must have at most {counted(most, unit)}, this has {size}")
        return FINE

    return check


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern of Go, in which `$` is the very end and classes are of ASCII; None if Python doesn't know it."""
    flags = re.ASCII
    if pattern.startswith("^(?i)"):  # where Python wants no flags
        pattern, flags = f"^{pattern.removeprefix('^(?i)')}", flags | re.IGNORECASE
    try:
        ended = re.sub(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\$", lambda found: found[1] or r"\Z", pattern)
        return re.compile(ended, flags)
    except re.error:
        return None


def _meaning(pattern: str) -> str:
    return "a quantity such as 500m, 2 or 4Gi" if pattern.startswith(_QUANTITY) else f"of the form {pattern}"


def _bounds(schema: Mapping[str, Any], *, is_whole: bool) -> list[tuple[float, Callable[[Any, Any], bool], str]]:
    """The bounds of a number, each with the comparison that holds and its words."""
    found: list[tuple[float, Callable[[Any, Any], bool], str]] = []
    if "minimum" in schema:
        least = (gt, "above") if schema.get("exclusiveMinimum") else (ge, "at least")
        found.append((schema["minimum"], *least))
    if "maximum" in schema:
        most = (lt, "below") if schema.get("exclusiveMaximum") else (le, "at most")
        found.append((schema["maximum"], *most))
    if is_whole:
        bits = _BITS.get(schema.get("format", ""), _INT_64)
        found += [(-(2**bits), ge, "at least"), (2**bits - 1, le, "at most")]
    return found
