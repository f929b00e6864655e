"""Runs of the past as JSON for programs; schemas/output/v1 describes each document."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from mlopsctl.report.comparison import KeptRun, differences, metrics_of
from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.store import Artifact, RunRecord, RunStage, StageRecord


def render_list(runs: Sequence[RunRecord], *, serving: Collection[str]) -> str:
    """The runs in the order given, each in short; `serving` are the runs whose releases serve now."""
    return dumped({"version": VERSION, "runs": [_head(run, is_serving=run.run in serving) for run in runs]})


def render_run(run: KeptRun, *, is_serving: bool) -> str:
    """Everything about one run."""
    record = run.record
    release = record.release
    document = {
        "version": VERSION,
        **_head(record, is_serving=is_serving),
        "params": record.params,
        "stages": [_stage(name, stage, run.results.get(name)) for name, stage in record.stages.items()],
        "provenance": record.provenance,
        "release": {**asdict(release), "model": _artifact(release.model)} if release else None,
    }
    return dumped(document)


def render_comparison(before: KeptRun, after: KeptRun) -> str:
    """What differs from one run to the other; same things are left out."""
    found = [{**asdict(one), "topic": one.topic.value} for one in differences(before, after)]
    runs = {"before": before.record.run, "after": after.record.run}
    return dumped({"version": VERSION, **runs, "differences": found})


def _head(run: RunRecord, *, is_serving: bool) -> dict[str, Any]:
    stages = run.written_stages()
    names = ("run", "pipeline", "environment", "project", "commit", "changed_files", "started", "ended", "outcome")
    return {
        **{name: getattr(run, name) for name in names},
        "stages_cached": sum(stage.outcome == "cached" for stage in stages),
        "stages_total": len(stages),
        "metrics": metrics_of(run),
        "serving": is_serving,
    }


def _stage(name: str, stage: RunStage, result: StageRecord | None) -> dict[str, Any]:
    """`outputs` and `data` are empty, and `search` is null, where the store no longer has the result."""
    return {
        "stage": name,
        **asdict(stage),
        "outputs": {output: _artifact(made) for output, made in result.outputs.items()} if result else {},
        "data": result.data if result else {},
        "search": asdict(result.search) if result and result.search else None,
    }


def _artifact(made: Artifact) -> dict[str, Any]:
    return {"digest": made.digest, "size": made.size, "kind": made.kind, "name": made.name}
