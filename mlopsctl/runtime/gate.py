"""Decides whether a model may go on: the gates of an evaluate stage, judged and worded.

Numbers are compared as they are written: 0.861 is within 0.01 of 0.871, although the nearest binary floats say that it
misses by 1e-17. Each float stands for its shortest decimal, `repr`, and the arithmetic on those is exact. There is no
other tolerance.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any, Literal, Self

from mlopsctl.frozen import frozen
from mlopsctl.runtime.figures import bound, faithful, figure, signed
from mlopsctl.runtime.metrics import Metrics, SliceMetrics

NOT_MEASURED = "–"
MOST_NAMED = 3


@frozen(kw_only=True)
class Gate:
    """What must hold of one metric, overall or for every value of the column `slice`.

    `direction` says which way is better, for the comparison with serving and naive. Slices of fewer than `min_samples`
    rows are not judged.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    against: Literal["serving", "naive"] | None = None
    tolerance: float = 0.0
    margin: float = 0.0
    direction: Literal["maximize", "minimize"] = "maximize"
    slice: str | None = None
    min_samples: int = 0

    def to_json(self) -> dict[str, object]:
        """The gate as the language writes it, without what has its default."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {field.name for field in fields(self) if values[field.name] != field.default}
        return {"minSamples" if name == "min_samples" else name: values[name] for name in values if name in kept}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The gate that `to_json` wrote. Raises TypeError for a field that gates don't have."""
        return cls(**{"min_samples" if name == "minSamples" else name: value for name, value in document.items()})


@frozen
class Serving:
    """The release that serves now, evaluated on the same data as the candidate."""

    run: str
    metrics: Metrics


@frozen(kw_only=True)
class GateResult:
    """A judged gate in words: `auc ≥ 0.80`, `0.871`, `holds`. `shortfall` is None unless a figure missed its bound."""

    gate: Gate
    holds: bool
    expectation: str
    observed: str
    verdict: str
    shortfall: float | None = None
    helps: tuple[str, ...] = ()


@frozen
class _Miss:
    """How far a figure lies outside one bound; zero or less is inside. `floor` tells minimum from maximum."""

    distance: Fraction
    floor: bool


@frozen
class _Judged:
    """One figure beside its bounds. Every bound that applies is in `misses`; there is none if nothing serves yet."""

    value: float
    reference: float | None
    misses: tuple[_Miss, ...]
    name: str = ""
    n: int = 0

    @property
    def worst(self) -> _Miss | None:
        return max(self.misses, key=lambda miss: miss.distance, default=None)

    @property
    def fails(self) -> bool:
        return self.worst is not None and self.worst.distance > 0

    def badness(self, gate: Gate) -> Fraction:
        """By what slices are ranked: the distance beyond the bounds, or without any the metric itself."""
        return self.worst.distance if self.worst else _exact(self.value) * (-1 if gate.direction == "maximize" else 1)


def evaluate_gate(gate: Gate, metrics: Metrics, *, serving: Serving | None) -> GateResult:
    """Whether `gate` holds for `metrics`, and the words for it. What can't be judged doesn't hold.

    Against serving, a gate holds while nothing serves: `serving` is None then.
    """
    if gate.slice is not None:
        return _slices_judged(gate, gate.slice, metrics, serving=serving)
    if gate.metric not in metrics.values:
        return _unproven(gate, f"no such metric; there are: {_listed(metrics.values)}")
    reference, missing = _reference(gate, metrics, serving=serving)
    if missing:
        return _unproven(gate, missing)
    judged = _judge(gate, metrics.values[gate.metric], reference)
    observed = _shown(gate, judged)
    if serving is None or gate.against != "serving":
        return _result(gate, judged, observed)
    helps = tuple(_lost_most(gate, metrics, serving.metrics)) if judged.fails else ()
    return _result(gate, judged, f"{observed} (run {serving.run})", helps)


def _reference(gate: Gate, metrics: Metrics, *, serving: Serving | None) -> tuple[float | None, str]:
    """The figure to compare with, or the reason why there is none although there must be."""
    match gate.against, serving:
        case "serving", Serving(metrics=theirs):
            missing = f"serving has no such metric; it has: {_listed(theirs.values)}"
            return theirs.values.get(gate.metric), "" if gate.metric in theirs.values else missing
        case "naive", _:
            missing = f"no such metric: `naive.{gate.metric}`; there are: {_listed(metrics.naive, 'naive.')}"
            return metrics.naive.get(gate.metric), "" if gate.metric in metrics.naive else missing
        case _:
            return None, ""


def _judge(gate: Gate, value: float, reference: float | None = None, *, name: str = "", n: int = 0) -> _Judged:
    bounds: list[tuple[Fraction, bool]] = []
    if gate.min is not None:
        bounds.append((_exact(gate.min), True))
    if gate.max is not None:
        bounds.append((_exact(gate.max), False))
    if reference is not None:
        allowance = _exact(gate.tolerance) if gate.against == "serving" else -_exact(gate.margin)
        floor = gate.direction == "maximize"
        bounds.append((_exact(reference) + (-allowance if floor else allowance), floor))
    exact = _exact(value)
    misses = tuple(_Miss(limit - exact if floor else exact - limit, floor) for limit, floor in bounds)
    return _Judged(value, reference, misses, name, n)


def _exact(number: float) -> Fraction:
    return Fraction(repr(number))


def _slices_judged(gate: Gate, column: str, metrics: Metrics, *, serving: Serving | None) -> GateResult:
    slices = metrics.slices.get(column, {})
    large = {name: found for name, found in slices.items() if found.n >= gate.min_samples}
    without = [f"{name} (n={found.n:,})" for name, found in large.items() if gate.metric not in found.values]
    if column not in metrics.slices:
        return _unproven(gate, f"no slices by `{column}`; there are: {_listed(metrics.slices)}")
    if not large:
        return _unproven(gate, f"nothing proven: none of {len(slices)} slices has n ≥ {gate.min_samples:,}")
    if without:
        return _unproven(gate, f"no such metric for {column} {_named(without)}")
    before = serving.metrics.slices.get(column, {}) if serving else {}
    judged = [
        _judge(
            gate,
            found.values[gate.metric],
            _slice_reference(gate, found, before.get(name), metrics.naive),
            name=name,
            n=found.n,
        )
        for name, found in large.items()
    ]
    if gate.against == "naive" and any(one.reference is None for one in judged):
        return _unproven(gate, f"no such metric: `naive.{gate.metric}`, for the slices or overall")
    return _worst_slice(gate, judged, len(slices) - len(large), serves=serving is not None)


def _slice_reference(
    gate: Gate, ours: SliceMetrics, theirs: SliceMetrics | None, naive: Mapping[str, float]
) -> float | None:
    """The same slice of serving, or the naive forecast: the slice's own, else that of all rows."""
    match gate.against:
        case "serving":
            return theirs.values.get(gate.metric) if theirs else None
        case "naive":
            return ours.values.get(f"naive.{gate.metric}", naive.get(gate.metric))
        case None:
            return None


def _worst_slice(gate: Gate, judged: list[_Judged], small: int, *, serves: bool) -> GateResult:
    compared = [one for one in judged if one.reference is not None] if gate.against == "serving" and serves else judged
    if not compared:
        return _unproven(gate, f"nothing proven: serving has no `{gate.metric}` by `{gate.slice}`")
    ranked = sorted(compared, key=lambda one: one.badness(gate), reverse=True)
    left_out = [f"{small:,} too small to judge (n < {gate.min_samples:,})"] if small else []
    left_out += [f"{len(judged) - len(compared):,} not in serving"] if len(judged) > len(compared) else []
    observed = f"{_extreme(ranked[0])} {_shown_slice(gate, ranked[0])}"
    failing = [_shown_slice(gate, one) for one in ranked if one.fails]
    helps = (
        (f"`{gate.slice}` fails for {len(failing)} of {len(ranked)}: {_named(failing)}",) if len(failing) > 1 else ()
    )
    return _result(gate, ranked[0], ", ".join([observed, *left_out]), helps)


def _extreme(judged: _Judged) -> str:
    if judged.reference is not None or judged.worst is None:
        return "worst"
    return "lowest" if judged.worst.floor else "highest"


def _shown_slice(gate: Gate, judged: _Judged) -> str:
    return f"{judged.name} {_shown(gate, judged)} (n={judged.n:,})"


def _shown(gate: Gate, judged: _Judged) -> str:
    """`0.871`, or `0.842 against 0.868`, with as many decimals as it takes to see why the verdict is what it is."""
    numbers = [judged.value] if judged.reference is None else [judged.value, judged.reference]
    return " against ".join(faithful(numbers, lambda read: _judge(gate, *read).fails == judged.fails))


def _lost_most(gate: Gate, ours: Metrics, theirs: Metrics) -> Iterable[str]:
    """For each column with slices, which of its values lost most to what serves now."""
    for column in sorted(ours.slices.keys() & theirs.slices.keys()):
        before = theirs.slices[column]
        changes = [
            (found.values[gate.metric] - before[name].values[gate.metric], name, found.n)
            for name, found in ours.slices[column].items()
            if name in before and gate.metric in found.values and gate.metric in before[name].values
        ]
        better = 1 if gate.direction == "maximize" else -1
        lost = sorted((change for change in changes if change[0] * better < 0), key=lambda change: change[0] * better)
        if lost:
            shown = [f"{name} {signed(change)} (n={n:,})" for change, name, n in lost]
            yield f"by `{column}`, lost most: {_named(shown)}"


def _result(gate: Gate, judged: _Judged, observed: str, helps: tuple[str, ...] = ()) -> GateResult:
    worst = judged.worst
    if worst is None or worst.distance <= 0:
        waived = gate.against == "serving" and judged.reference is None
        verdict = "holds, nothing serves yet" if waived else "holds"
        return GateResult(gate=gate, holds=True, expectation=expectation(gate), observed=observed, verdict=verdict)
    shortfall = float(min(worst.distance, Fraction(sys.float_info.max)))
    verdict = f"{'short' if worst.floor else 'over'} by {figure(shortfall)}"
    return GateResult(
        gate=gate,
        holds=False,
        expectation=expectation(gate),
        observed=observed,
        verdict=verdict,
        shortfall=shortfall,
        helps=helps,
    )


def _unproven(gate: Gate, verdict: str) -> GateResult:
    return GateResult(gate=gate, holds=False, expectation=expectation(gate), observed=NOT_MEASURED, verdict=verdict)


def expectation(gate: Gate) -> str:
    """What a gate asks for, in words: `auc ≥ 0.80 for every carrier`."""
    parts = [f"≥ {bound(gate.min)}"] if gate.min is not None else []
    parts += [f"≤ {bound(gate.max)}"] if gate.max is not None else []
    better = "above" if gate.direction == "maximize" else "below"
    match gate.against:
        case "serving":
            parts.append(f"within {bound(gate.tolerance)} of serving" if gate.tolerance else "no worse than serving")
        case "naive":
            parts.append(f"{bound(gate.margin)} {better} naive" if gate.margin else "no worse than naive")
        case None:
            pass
    return f"{gate.metric} {' and '.join(parts)}" + (f" for every {gate.slice}" if gate.slice else "")


def _listed(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(f"`{prefix}{name}`" for name in names) or "none"


def _named(shown: list[str]) -> str:
    more = len(shown) - MOST_NAMED
    return ", ".join(shown[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
