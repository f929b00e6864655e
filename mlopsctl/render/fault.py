"""What a checker finds wrong with a value, and how it is worded."""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any

from mlopsctl.diagnostics import similar
from mlopsctl.frozen import frozen

Path = tuple[str | int, ...]
_MOST_SHOWN = 8  # names; more are no help
_LONGEST_SHOWN = 40


class Rule(StrEnum):
    """What is broken; with the path, it tells whether two schemas find the same fault."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    TYPE = "type"
    CHOICE = "choice"
    RANGE = "range"
    SIZE = "size"
    FORM = "form"
    REPEATED = "repeated"


@frozen
class Fault:
    """One thing that is wrong at a path below the value that was checked.

    `word` makes the message of the place where it happened, such as `spec.predictor`.
    """

    path: Path
    rule: Rule
    word: Callable[[str], str]


Faults = Sequence[Fault]
Check = Callable[[Any], Faults]
FINE: Faults = ()


def inside(step: str | int, faults: Iterable[Fault]) -> list[Fault]:
    """The faults of a value as those of what it is in."""
    return [Fault((step, *found.path), found.rule, found.word) for found in faults]


def here(rule: Rule, message: str) -> list[Fault]:
    """A fault of the value itself."""
    return [Fault((), rule, lambda _: message)]


def wrong_type(wanted: str, value: object) -> list[Fault]:
    """A value of the wrong type; `wanted` is such as "an integer"."""
    return here(Rule.TYPE, f"expected {wanted}, this is {type_of(value)}")


def unknown_field(name: str, known: Iterable[str]) -> Fault:
    """A field that its object doesn't have."""
    names = sorted(known)
    near = similar(name, names)
    advice = f"; there is `{near}`" if near else ""
    if not near and 0 < len(names) <= _MOST_SHOWN:
        advice = f", which has {listed(names)}"
    if not names:
        advice = ", which has no fields"
    return Fault((name,), Rule.UNKNOWN, lambda place: f"`{shown(name)}` is not a field of {place}{advice}")


def missing_field(name: str) -> Fault:
    """A field that its object must have; its path is the one where it should be."""
    return Fault((name,), Rule.MISSING, lambda place: f"{place} has no `{name}`")


def type_of(value: object) -> str:
    """What a value is in the terms of JSON, with its article."""
    if value is None:
        return "null"
    kinds = ((bool, "a boolean"), (int, "an integer"), (float, "a number"), (str, "a string"), (list, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "an object")


def counted(count: int, unit: str) -> str:
    """Such as "1 item" and "2 items"."""
    return f"{count} {unit}{'' if count == 1 else 's'}"


def listed(names: Sequence[object]) -> str:
    """Such as "`a`, `b`, `c`", cut where it gets long."""
    more = len(names) - _MOST_SHOWN
    told = ", ".join(f"`{shown(name)}`" for name in names[:_MOST_SHOWN])
    return f"{told} and {more} more" if more > 0 else told


def shown(value: object) -> str:
    """A value short enough for a message."""
    text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def place_of(path: Path) -> str:
    """A path as people write it: `spec.templates[0].name`; keys that are no plain words stand in brackets, too."""
    text = ""
    for step in path:
        if isinstance(step, str) and step.replace("-", "").replace("_", "").isalnum():
            text += f".{step}" if text else step
        else:
            text += f"[{step}]"
    return text or "the object"
