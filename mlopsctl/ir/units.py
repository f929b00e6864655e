"""Durations, percentages and quantities: from how people write them to numbers, and back."""

import re

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_FACTORS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18} | {
    f"{letter}i": float(1024**power) for power, letter in enumerate("KMGTPE", start=1)
}


def seconds(duration: str) -> float:
    """`15m` as 900.0. Raises ValueError for what is no duration."""
    match = _DURATION.fullmatch(duration.strip())
    if match is None:
        raise ValueError(f"`{duration}` is not a duration")
    return float(match.group(1)) * _SECONDS[match.group(2)]


def fraction(percentage: str | float) -> float:
    """`25%`, or 25, as 0.25. Raises ValueError for what is no percentage."""
    return float(percentage.strip().removesuffix("%") if isinstance(percentage, str) else percentage) / 100


def amount(quantity: str | float) -> float:
    """A Kubernetes quantity such as `500m` or `4Gi` as a number of cores or bytes. Raises ValueError for anything else.

    Source: the Quantity type of the Kubernetes API.
    """
    if not isinstance(quantity, str):
        return float(quantity)
    match = _QUANTITY.fullmatch(quantity.strip())
    if match is None:
        raise ValueError(f"`{quantity}` is not a quantity")
    return float(match.group(1)) * _FACTORS.get(match.group(2) or "", 1.0)
