"""Runs of the past as people read them: the list, one in full, two side by side."""

from collections.abc import Collection, Iterator, Sequence
from datetime import tzinfo

from mlopsctl.engine.result import as_told
from mlopsctl.events import Outcome
from mlopsctl.ir.values import in_short
from mlopsctl.report.comparison import Difference, KeptRun, Topic, differences, metrics_of
from mlopsctl.report.display import cut, display_width, padded, shown, wrapped
from mlopsctl.report.run_lines import RunLines
from mlopsctl.report.wording import counted, difference, duration, metric, moment, short_run, size
from mlopsctl.store import RunRecord, RunStage, SearchRecord, StageRecord

_DIGEST = len("sha256:") + 12  # characters that tell digests apart
_FEWEST = 8  # characters of a run's id
_MOST_METRICS = 20
_MOST_SLICES = 5
_MOST_TRIALS = 10
_COMES_FROM_CACHE = Outcome.CACHED.value


def render_list(
    runs: Sequence[RunRecord], *, serving: Collection[str], zone: tzinfo | None = None, width: int = 80
) -> str:
    """A line for each run in the order given; `serving` are the runs whose releases serve now.

    `zone` is the reader's; None is that of this machine.
    """
    if not runs:
        return "no runs\n"
    length = _telling_length([run.run for run in runs])
    rows = [("", "run", "started", "pipeline", "outcome", "cached")]
    for run in runs:
        stages = run.written_stages()
        cached = sum(stage.outcome == _COMES_FROM_CACHE for stage in stages)
        mark = "●" if run.run in serving else ""
        of_all = f"{cached} of {len(stages)}"
        started, name = moment(run.started, zone), cut(shown(run.pipeline), 24)
        rows.append((mark, shown(run.run[:length]), started, name, shown(run.outcome), of_all))
    head, *lines = list(_table(rows))
    column = max(map(display_width, [head, *lines])) + 2
    lines = [
        (padded(line, column) + _first_metrics(run, width - column)).rstrip()
        for line, run in zip(lines, runs, strict=True)
    ]
    legend = ["", "● serves now"] if any(run.run in serving for run in runs) else []
    return "\n".join([cut(padded(head, column) + "metrics", width), *lines, *legend]) + "\n"


def render_run(
    run: KeptRun, *, is_serving: bool, colour: bool = False, width: int = 80, zone: tzinfo | None = None
) -> str:
    """Everything about one run: what it came from, each stage with its outputs and gates, its release."""
    record = run.record
    lines = [f"run {shown(record.run)}", *_table([(f"  {name}", text) for name, text in _origin(record, zone)]), ""]
    wording = RunLines(colour=colour, width=width, verbose=True)
    wording.kinds = {name: stage.kind for name, stage in record.stages.items()}
    for name, stage in record.stages.items():
        lines.extend(wording.of(as_told(name, stage)))
        lines.extend(f"        {line}" for line in _made(stage, run.results.get(name), width - 8))
    lines.extend(_release(record, is_serving=is_serving, zone=zone))
    return "\n".join(lines) + "\n"


def render_comparison(before: KeptRun, after: KeptRun, *, width: int = 80) -> str:
    """What differs from one run to the other; same things are left out."""
    head = f"run {short_run(before.record.run)} → {short_run(after.record.run)}   {shown(after.record.pipeline)}"
    if before.record.environment != after.record.environment:
        head += shown(f" · {before.record.environment} → {after.record.environment}")
    found = differences(before, after)
    if not found:
        return f"{head}\n  no difference\n"
    metrics = [one for one in found if one.topic is Topic.METRIC]
    gates = [one for one in found if one.topic is Topic.GATE]
    origin = [row for one in found if one.topic not in (Topic.METRIC, Topic.GATE) for row in _compared(one)]
    lines = [head, *_table(origin), *_compared_metrics(metrics), *(row for one in gates for row in _compared_gate(one))]
    return "\n".join(row for line in lines for row in _fitted(line, width)) + "\n"


def _origin(record: RunRecord, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    changed = f" ({counted(record.changed_files, 'file')} changed since)" if record.changed_files else ""
    yield "pipeline", shown(f"{record.pipeline} · {record.environment}")
    yield "outcome", shown(record.outcome)
    yield "started", moment(record.started, zone)
    yield "ended", moment(record.ended, zone)
    if record.commit:
        yield "commit", shown(record.commit) + changed
    for number, (name, value) in enumerate(sorted(record.params.items())):
        yield "" if number else "params", shown(f"{name} = {value}")


def _made(stage: RunStage, result: StageRecord | None, width: int) -> Iterator[str]:
    """What a stage left behind: its outputs with their digests, and its metrics."""
    outputs = result.outputs if result else {}
    yield from _table(
        [(f"→ {shown(name)}", size(made.size), _short(made.digest), shown(made.name)) for name, made in outputs.items()]
    )
    told = [f"{shown(name)} {metric(value)}" for name, value in stage.metrics.items() if not _is_of_slice(name)]
    more = f" and {len(told) - _MOST_METRICS} more" if len(told) > _MOST_METRICS else ""
    if told:
        yield from wrapped("metrics " + ", ".join(told[:_MOST_METRICS]) + more, width)
    if result and result.search:
        yield from (line for row in _trials(result.search) for line in _fitted(row, width))


def _trials(search: SearchRecord) -> Iterator[str]:
    """The best trials with their parameters, the best first, and then what failed."""
    sign = -1 if search.direction == "maximize" else 1
    valued = [trial for trial in search.trials if trial.value is not None]
    ranked = sorted(valued, key=lambda trial: (sign * (trial.value or 0), trial.number))
    failed = [trial for trial in search.trials if trial.value is None]
    told = [*ranked, *failed][:_MOST_TRIALS]
    yield from _table(
        [
            (
                f"trial {trial.number}",
                "failed" if trial.value is None else f"{shown(search.metric)} {metric(trial.value)}",
                duration(trial.seconds),
                shown(in_short(trial.params)),
                shown(trial.why),
            )
            for trial in told
        ]
    )
    if len(search.trials) > len(told):
        yield f"and {counted(len(search.trials) - len(told), 'other trial')}"


def _release(record: RunRecord, *, is_serving: bool, zone: tzinfo | None) -> Iterator[str]:
    if record.release is None:
        return
    release = record.release
    yield ""
    yield "release" + (", serves now" if is_serving else "")
    rows = [
        ("  model", f"{_short(release.model.digest)}  {size(release.model.size)}"),
        *((f"  data {shown(name)}", _short(digest)) for name, digest in sorted(release.data.items())),
        ("  requirements", _short(release.requirements)),
        ("  evidence", _short(release.evidence)),
        ("  since", moment(release.since, zone)),
    ]
    yield from _table([row for row in rows if row[1]])


def _compared(one: Difference) -> Iterator[tuple[str, ...]]:
    """Topic and name, before, an arrow, after, and by how much where that is a number."""
    title = f"  {one.topic} {shown(one.name)}".rstrip()
    if one.topic is Topic.METRIC:
        yield title, *_numbers(one.before, one.after)
        return
    if one.topic is not Topic.DATA:
        yield title, _said(one.before), "→", _said(one.after), ""
        return
    before, after = one.before or {}, one.after or {}
    yield title, _said(before.get("digest")), "→", _said(after.get("digest")), ""
    rows = before.get("rows"), after.get("rows")
    if rows[0] != rows[1]:
        yield "    rows", *_numbers(*rows)


def _compared_metrics(found: Sequence[Difference]) -> Iterator[str]:
    """All metrics, but of slices only those that moved most."""
    slices = [one for one in found if _is_of_slice(one.name)]
    moved = sorted(slices, key=lambda one: -abs((one.after or 0) - (one.before or 0)))[:_MOST_SLICES]
    told = [one for one in found if one in moved or one not in slices]
    yield from _table([row for one in told for row in _compared(one)])
    if len(slices) > len(moved):
        yield f"  and {counted(len(slices) - len(moved), 'metric')} of other slices"


def _is_of_slice(name: str) -> bool:
    return "slices" in name.split(".")[:2]  # the first part may be the stage


def _numbers(before: float | None, after: float | None) -> tuple[str, str, str, str]:
    change = "" if before is None or after is None else difference(after, before)
    return _number(before), "→", _number(after), change


def _number(value: float | None) -> str:
    return "–" if value is None else metric(value)


def _compared_gate(one: Difference) -> Iterator[str]:
    yield f"  gate {shown(one.name)}"
    before, after = (
        "–" if value is None else shown(f"{value['observed']} {value['verdict']}") for value in (one.before, one.after)
    )
    yield f"    {before} → {after}"


def _said(value: object) -> str:
    if value is None:
        return "–"
    return _short(value) if isinstance(value, str) and value.startswith("sha256:") else shown(str(value))


def _fitted(line: str, width: int) -> Iterator[str]:
    """A row that is too long goes on below, further in."""
    indent = " " * (len(line) - len(line.lstrip()))
    if display_width(line) <= width:
        yield line
        return
    first, *others = wrapped(" ".join(line.split()), width - len(indent) - 4)
    yield indent + first
    yield from (f"{indent}    {other}" for other in others)


def _first_metrics(run: RunRecord, width: int) -> str:
    """The first metrics, as many as fit as a whole."""
    text = ""
    for name, value in metrics_of(run).items():
        longer = f"{text}, {shown(name)} {metric(value)}".removeprefix(", ")
        if display_width(longer) > width:
            break
        text = longer
    return text


def _short(digest: str) -> str:
    return shown(digest[:_DIGEST])


def _telling_length(names: Sequence[str]) -> int:
    """How many first characters tell all apart: in a list there is little room, and any beginning is understood."""
    return next((n for n in range(_FEWEST, len(names[0])) if len({name[:n] for name in names}) == len(set(names))), 26)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows with their columns below each other."""
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
