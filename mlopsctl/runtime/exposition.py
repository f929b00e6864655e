"""Metrics as text, in the format 0.0.4 in which Prometheus and others like it scrape them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from mlopsctl.frozen import frozen

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n"})
_QUOTED = {**_ESCAPED, ord('"'): r"\""}


@frozen
class Sample:
    """One number. `suffix` is what stands behind the family's name, in a histogram."""

    labels: Mapping[str, str]
    value: float
    suffix: str = ""


@frozen
class Family:
    """The samples of one name; `kind` is `counter`, `gauge` or `histogram`."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


def exposition(families: Iterable[Family]) -> str:
    """The families as a page; one without samples is left out."""
    return "".join(f"{line}\n" for family in families if family.samples for line in _lines(family))


def histogram(labels: Mapping[str, str], limits: Sequence[float], counts: Sequence[int], total: float) -> list[Sample]:
    """The samples of a histogram: `counts` are of values up to each of the limits, but for those before, then the rest.

    `total` is the sum of all values.
    """
    below = list(accumulate(counts))
    buckets = [
        Sample({**labels, "le": _number(limit)}, count, "_bucket")
        for limit, count in zip((*limits, math.inf), below, strict=True)
    ]
    return [*buckets, Sample(labels, total, "_sum"), Sample(labels, below[-1], "_count")]


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help.translate(_ESCAPED)}"
    yield f"# TYPE {family.name} {family.kind}"
    for sample in family.samples:
        labels = ",".join(f'{name}="{text.translate(_QUOTED)}"' for name, text in sample.labels.items())
        yield f"{family.name}{sample.suffix}{{{labels}}} {_number(sample.value)}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)
