"""How far each column of requests is from the reference."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import drift_faults
from mlopsctl.engine.drift_window import Window
from mlopsctl.engine.reference import Reference
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import MonitorStage
from mlopsctl.runtime.drift.columns import categories, kind_of, numbers
from mlopsctl.runtime.drift.distance import NotComparable, distance

STABLE, DRIFTED, UNDECIDED = "stable", "drifted", "undecided"
_TIMES = frozenset(["date", "timestamp"])


@frozen(kw_only=True)
class _Column:
    """What was found of a column; `distance` is None where there is none, for the reason in `note`."""

    column: str
    kind: str = ""
    distance: float | None = None
    drifted: bool = False
    missing_before: float = 0.0
    missing_now: float = 0.0
    note: str = ""


def compared(monitor: MonitorStage, reference: Reference, window: Window) -> Iterator[dict[str, Any]]:
    """Each column that is compared, with its distance. Raises DiagnosedError if requests have none of them."""
    asked = [named.name for named in monitor.columns]
    both = [name for name in reference.columns if name in window.columns]
    names = asked or [name for name in both if _is_compared(monitor, name, reference)]
    if not set(names) & set(window.columns):
        wanted = tuple(asked or reference.columns)
        span = monitor.columns[0].span if asked else monitor.origin.name
        raise DiagnosedError(drift_faults.nothing_in_common(span, monitor.name, wanted, tuple(sorted(window.columns))))
    for name in names:
        now = window.columns.get(name, [None] * window.rows)
        yield asdict(_column(monitor, name, reference, now))


def _is_compared(monitor: MonitorStage, name: str, reference: Reference) -> bool:
    """Whether a column counts that nobody names: no time, and no id, which is another one in each request."""
    is_id = monitor.performance is not None and name == monitor.performance.on
    return not is_id and reference.declared.get(name) not in _TIMES


def _column(monitor: MonitorStage, name: str, reference: Reference, now: Sequence[object]) -> _Column:
    if name not in reference.columns:
        is_personal = name in reference.personal
        note = "it is personal, so it is not in the log" if is_personal else "the reference does not have it"
        return _Column(column=name, note=note)
    kind = kind_of(reference.columns[name], reference.declared.get(name))
    sample = numbers if kind == "number" else categories
    before, current = sample(reference.columns[name]), sample(now)
    try:
        found = distance(monitor.method, before, current)
    except NotComparable as error:
        return _Column(column=name, kind=kind, note=str(error))
    return _Column(
        column=name,
        kind=kind,
        distance=found,
        drifted=found > monitor.threshold,
        missing_before=before.missing / before.size,
        missing_now=current.missing / current.size,
    )


def outcome_of(columns: Sequence[dict[str, Any]]) -> str:
    """What columns conclude together: drift if any of them has drifted, nothing if none has a distance."""
    if any(column["drifted"] for column in columns):
        return DRIFTED
    return STABLE if any(column["distance"] is not None for column in columns) else UNDECIDED
