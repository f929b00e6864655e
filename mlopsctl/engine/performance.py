"""What predictions were worth: those of the model that serves, held against what came true since.

Each check takes all predictions of a while whose outcome is known by now, also those that earlier checks took: outcomes
come late, and not in the order of predictions. If only new ones counted, those that take long would be missed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import drift_faults
from mlopsctl.engine.truth import Truth
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import MonitorStage
from mlopsctl.ir.parts import Performance
from mlopsctl.runtime.drift.columns import is_missing, label
from mlopsctl.runtime.payload import length
from mlopsctl.runtime.performance import measure

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
MOST_KNOWN = 100_000  # predictions with their outcomes; the newest count


@frozen(kw_only=True)
class Judged:
    """What predictions were worth.

    `outcome` is `holds`, `fails` or `undecided`; `value` is None where the metric has none; `note` says why nothing is
    concluded. Of `predictions`, it is known of so many what came true. `seen` tells two sets of these apart, and is
    empty without a truth.
    """

    metric: str
    minimum: float | None
    maximum: float | None
    value: float | None
    outcome: str
    predictions: int
    known: int
    note: str
    seen: str

    @property
    def concludes(self) -> bool:
        """Whether it does."""
        return self.outcome != UNDECIDED

    def to_json(self, *, breaches: int) -> dict[str, Any]:
        """As a check's record has it, with how many checks in a row failed."""
        return {
            "metric": self.metric,
            "min": self.minimum,
            "max": self.maximum,
            "value": self.value,
            "outcome": self.outcome,
            "predictions": self.predictions,
            "known": self.known,
            "breaches": breaches,
            "note": self.note,
        }


class _Known(NamedTuple):
    """A prediction whose outcome is known."""

    key: str
    outcome: Any
    prediction: Any


@frozen
class _Joined:
    """How many predictions there are, and those whose outcome is known, the newest first."""

    predictions: int
    known: list[_Known]


def judge(monitor: MonitorStage, requests: Iterable[Mapping[str, Any]], truth: Truth, before: str) -> Judged:
    """Measure what was predicted in these requests. `before` is what the last check that concluded had seen.

    Raises DiagnosedError if it isn't clear what of an answer is the prediction.
    """
    performance = monitor.performance
    assert performance is not None, "only a monitor with a performance measures one"
    joined = _joined(monitor.name, performance, requests, truth.outcomes)
    measured = measure(performance.metric, ((each.outcome, each.prediction) for each in joined.known))
    seen = _digest(joined.known)
    note = measured.note
    if measured.pairs < monitor.min_samples:
        note = _too_few(monitor, performance, joined, measured.pairs)
    elif not note and seen == before:
        note = "no outcome came since the check before"
    return Judged(
        metric=performance.metric,
        minimum=performance.minimum,
        maximum=performance.maximum,
        value=measured.value,
        outcome=UNDECIDED if note or measured.value is None else _outcome(performance, measured.value),
        predictions=joined.predictions,
        known=measured.pairs,
        note=note,
        seen=seen,
    )


def not_judged(performance: Performance, why: str) -> Judged:
    """Nothing, for this reason."""
    return Judged(
        metric=performance.metric,
        minimum=performance.minimum,
        maximum=performance.maximum,
        value=None,
        outcome=UNDECIDED,
        predictions=0,
        known=0,
        note=why,
        seen="",
    )


def _joined(
    monitor: str, performance: Performance, requests: Iterable[Mapping[str, Any]], outcomes: Mapping[str, Any]
) -> _Joined:
    predictions, known = 0, list[_Known]()
    for request in requests:
        predictions += length(request["inputs"])
        known.extend(_of_request(monitor, performance, request, outcomes))
        if len(known) >= MOST_KNOWN:
            break
    return _Joined(predictions, known)


def _of_request(
    monitor: str, performance: Performance, request: Mapping[str, Any], outcomes: Mapping[str, Any]
) -> Iterator[_Known]:
    """The predictions of a request whose outcome is known. Raises DiagnosedError if it isn't clear what they are."""
    inputs, outputs = request["inputs"], request["outputs"]
    rows = length(inputs)
    # A client that can't put the id among the model's inputs has the id of the request for it.
    keys = inputs.get(performance.on) or ([request["request"]] if rows == 1 else [])
    named = ((place, label(key)) for place, key in enumerate(keys) if not is_missing(key))
    found = [(place, key) for place, key in named if key in outcomes]
    if not found:
        return
    if not performance.prediction and len(outputs) > 1:
        raise DiagnosedError(drift_faults.prediction_unclear(monitor, performance, tuple(outputs)))
    predicted = outputs.get(performance.prediction or next(iter(outputs), ""), [])
    if len(predicted) == rows:
        yield from (_Known(key, outcomes[key], predicted[place]) for place, key in found)


def _digest(known: list[_Known]) -> str:
    """What tells whether anything was learnt between two checks."""
    lines = (json.dumps([each.key, each.outcome], default=str) for each in known)
    return sha256("\n".join(lines).encode()).hexdigest()


def _too_few(monitor: MonitorStage, performance: Performance, joined: _Joined, known: int) -> str:
    """What there is too little of."""
    if joined.predictions and not joined.known:
        return f"no request has a `{performance.on}` that the truth has"
    if len(joined.known) > known:
        return f"{len(joined.known) - known} of {len(joined.known)} can't be measured by `{performance.metric}`"
    missing = monitor.min_samples - known
    return f"{missing:,} known outcome{'' if missing == 1 else 's'} short of {monitor.min_samples:,}"


def _outcome(performance: Performance, value: float) -> str:
    is_low = performance.minimum is not None and value < performance.minimum
    is_high = performance.maximum is not None and value > performance.maximum
    return FAILS if is_low or is_high else HOLDS
