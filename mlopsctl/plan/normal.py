"""Documents as they are compared: without what servers and stamps put in, and with Kubernetes' idea of equal."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mlopsctl.manifest import DIGEST, PART_OF, Document, without_commit
from mlopsctl.plan.model import ABSENT
from mlopsctl.plan.steps import Steps

SECRET = "(secret)"  # noqa: S105 - it stands in the place of secrets

_OF_SERVERS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_LEFT_OUT: Mapping[str, frozenset[str]] = {
    "annotations": frozenset({DIGEST}),
    "labels": frozenset({PART_OF}),
}
# kubectl keeps there what it applied, secrets among it.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Below these a string is an amount; anywhere else `1000m` is a text like any other.
_AMOUNTS = frozenset({"averageValue", "capacity", "divisor", "hard", "limits", "overhead", "requests", "sizeLimit"})
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?:(?P<unit>[numkMGTPE]|[KMGTPE]i)?|[eE](?P<exponent>[+-]?\d{1,2}))",
    re.ASCII,
)
_FACTORS: Mapping[str, Decimal] = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for unit, power in zip("numkMGTPE", (-3, -2, -1, 1, 2, 3, 4, 5, 6), strict=True)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def stripped(document: Mapping[str, Any]) -> Document:
    """The document without what servers own, without our stamps, and without the label of an inventory.

    It has annotations and labels in any case: that all of them are gone is said of each of them.
    """
    document = without_commit(dict(document))
    metadata = {name: value for name, value in document.get("metadata", {}).items() if name not in _OF_SERVERS}
    for name, left_out in _LEFT_OUT.items():
        entries = metadata.get(name) or {}
        metadata[name] = {key: value for key, value in entries.items() if key not in left_out}
    rest = {name: value for name, value in document.items() if name not in ("metadata", "status")}
    return rest | {"metadata": metadata}


def masked(kind: str, steps: Steps, value: Any) -> Any:
    """The value under a path of an object of this kind, with a stand-in for each value that is secret."""
    if kind != "Secret":
        return value
    if steps[:1] in (("data",), ("stringData",)) or steps[-1:] == (_LAST_APPLIED,):
        return _hidden(value)
    if isinstance(value, dict):
        return {name: masked(kind, (*steps, name), each) for name, each in value.items()}
    return value


def is_same(one: Any, other: Any, *, is_amount: bool = False) -> bool:
    """Whether Kubernetes means the same by both: numbers by value, and amounts below `limits` and the like, too."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            is_same(value, other[name], is_amount=is_amount or name in _AMOUNTS) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(is_same(*pair, is_amount=is_amount) for pair in pairs)
    if is_identical(one, other) or (_is_number(one) and _is_number(other) and one == other):
        return True
    return is_amount and _amount(one) is not None and _amount(one) == _amount(other)


def is_identical(one: Any, other: Any) -> bool:
    """Whether both are the same as JSON, where 1, 1.0 and true are three values."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_identical(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(is_identical(*pair) for pair in zip(one, other, strict=True))
    return type(one) is type(other) and bool(one == other)


def is_amount(steps: Steps) -> bool:
    """Whether the value under this path is an amount, such as of memory."""
    return not _AMOUNTS.isdisjoint(step for step in steps if isinstance(step, str))


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each) for each in value]
    return value if value is None or value is ABSENT else SECRET


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _amount(value: Any) -> Decimal | None:
    """The number that a quantity is; None if it is none."""
    match = _QUANTITY.fullmatch(str(value)) if _is_number(value) or isinstance(value, str) else None
    if match is None:
        return None
    return Decimal(match["number"]) * _FACTORS[match["unit"] or ""] * Decimal(10) ** int(match["exponent"] or 0)
