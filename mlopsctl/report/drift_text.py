"""A check of a monitor as text: requests column by column, farthest first, then what predictions were worth."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any

from mlopsctl.report.colour import Colour, Paint, painter
from mlopsctl.report.display import display_width, padded, shown
from mlopsctl.report.wording import bounds, counted, metric, moment, short_run
from mlopsctl.store import DriftCheck

_DECIMALS = 3
_TELLING = 0.005  # shares of missing values that differ by less are not worth a word
_DO = {
    "retrain": "the model is due to be trained again: mlopsctl run {pipeline}{where}",
    "rollback": "the previous release is due to come back: mlopsctl rollback {pipeline}{where}",
    "stop": "the model is due to be taken out of service: mlopsctl stop {pipeline}{where}",
    "alert": "somebody is to look at this",
}
_SIGNS = {"holds": ("✓", Colour.GOOD), "fails": ("✗", Colour.ERROR), "undecided": ("–", Colour.FAINT)}


def render_text(check: DriftCheck, *, colour: bool, zone: tzinfo | None = None, is_kept: bool = True) -> str:
    """The whole check. `is_kept` says whether it counts for the checks to come."""
    paint = painter(colour=colour)
    lines = [
        f"drift of {shown(check.pipeline)} · {shown(check.environment)} · {shown(check.watches)}",
        *_compared(check, zone),
        *_columns(check, paint),
        *_performance(check, paint),
        "",
        *_conclusion(check, paint, zone),
    ]
    if not is_kept:
        lines.append("Seen, not kept: what counts in this environment are the checks of its cluster.")
    return "\n".join(lines) + "\n"


def _compared(check: DriftCheck, zone: tzinfo | None) -> Iterator[str]:
    since, reference = moment(check.since, zone), check.reference
    if reference is None:
        yield f"run {short_run(check.run)}" if check.run else "no predictions"
        return
    if not check.run:
        yield f"no predictions since {since}"
        return
    told = f"run {short_run(check.run)} · {counted(check.rows, 'row')} in {counted(check.requests, 'request')}"
    yield f"{told} since {since}"
    if reference["rows"]:
        yield f"{check.method} against {shown(reference['stage'])}, {counted(reference['rows'], 'row')}"
    if check.lost:
        yield f"{counted(check.lost, 'request')} could not be kept"


def _columns(check: DriftCheck, paint: Paint) -> Iterator[str]:
    if not check.columns:
        return
    yield ""
    ordered = sorted(check.columns, key=lambda column: -1.0 if column["distance"] is None else column["distance"])
    rows = [(column, shown(column["column"]), _value(column)) for column in reversed(ordered)]
    name_width = max(display_width(name) for _, name, _ in rows)
    value_width = max(len(value) for _, _, value in rows)
    for column, name, value in rows:
        sign, meaning = _sign(column)
        text = f"  {paint(sign, meaning)} {padded(name, name_width)}  {value:>{value_width}}"
        of = f" of {metric(check.threshold)}" if column["distance"] is not None else ""
        yield f"{text}{of}  {_said(column)}".rstrip()


def _sign(column: Mapping[str, Any]) -> tuple[str, Colour]:
    if column["distance"] is None:
        return "–", Colour.FAINT
    return ("✗", Colour.ERROR) if column["drifted"] else ("✓", Colour.GOOD)


def _value(column: Mapping[str, Any]) -> str:
    return "–" if column["distance"] is None else f"{column['distance']:.{_DECIMALS}f}"


def _said(column: Mapping[str, Any]) -> str:
    before, now = column["missing_before"], column["missing_now"]
    if column["note"] or abs(before - now) < _TELLING:
        return shown(column["note"])
    return f"{now:.1%} missing, {before:.1%} in the reference"


def _performance(check: DriftCheck, paint: Paint) -> Iterator[str]:
    judged = check.performance
    if judged is None:
        return
    yield ""
    yield f"the outcome is known of {judged['known']:,} of {counted(judged['predictions'], 'prediction')}"
    sign, meaning = _SIGNS[judged["outcome"]]
    wanted = bounds(judged["min"], judged["max"])
    value = "–" if judged["value"] is None else f"{judged['value']:.{_DECIMALS}f} of {wanted}"
    yield f"  {paint(sign, meaning)} {judged['metric']}  {value}"


def _conclusion(check: DriftCheck, paint: Paint, zone: tzinfo | None) -> Iterator[str]:
    if check.reference is not None:
        yield _drift(check, paint)
    if check.performance is not None:
        yield _performed(check.performance, paint)
    if check.has_found:
        yield _next(check, zone)
    if check.did:
        yield f"Done last: {shown(check.did)}, {moment(check.acted, zone)}"


def _drift(check: DriftCheck, paint: Paint) -> str:
    drifted = [column for column in check.columns if column["drifted"]]
    if check.outcome == "undecided":
        missing = check.min_samples - check.rows
        why = f": {counted(missing, 'row')} short of {check.min_samples:,}" if missing > 0 else ""
        what = "" if check.performance is None else " of drift"
        return f"Not enough yet to conclude anything{what}{why}"
    if not drifted:
        return paint("No drift", Colour.GOOD)
    return paint(f"Drift: {len(drifted)} of {counted(len(check.columns), 'column')} drifted", Colour.ERROR)


def _performed(judged: Mapping[str, Any], paint: Paint) -> str:
    if judged["outcome"] == "undecided":
        return f"Nothing to conclude yet from outcomes: {shown(judged['note'])}"
    if judged["outcome"] == "holds":
        return paint("Predictions are as good as they have to be", Colour.GOOD)
    return paint("Predictions are worse than they may be", Colour.ERROR)


def _next(check: DriftCheck, zone: tzinfo | None) -> str:
    if check.action:
        where = "" if check.environment == "local" else f" --env {shown(check.environment)}"
        return _DO[check.action].format(pipeline=shown(check.pipeline), where=where)
    until = check.why.removeprefix("nothing more is done until ")
    if until == check.why:
        return f"{shown(check.why)} that it takes"
    return f"Nothing more is done until {moment(until, zone)}"
