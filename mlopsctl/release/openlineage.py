"""Runs as events of OpenLineage, for the catalogues that read them: one for each stage that ended, in its run.

Specification: https://openlineage.io/spec/2-0-2/OpenLineage.json. An event has the time at which the run ended, as
records of runs don't keep those of their stages.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic
from mlopsctl.engine.origins import read_by
from mlopsctl.runtime.webhook import Limits, tell_all
from mlopsctl.store import Artifact, RunRecord, RunStage

Json = dict[str, Any]

_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_PARENT = f"{_FACETS}/1-0-1/ParentRunFacet.json#/$defs/ParentRunFacet"
_VERSION = f"{_FACETS}/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
_PRODUCER = "https://mlopsctl.dev"
_TYPES = {"done": "COMPLETE", "cached": "COMPLETE", "refused": "FAIL", "failed": "FAIL", "interrupted": "ABORT"}


def events_of(run: RunRecord) -> Iterator[Json]:
    """The events of a run, in the order of its stages; those that did nothing have none."""
    names = {made.digest: _dataset(run, name, output, made) for name, output, made in _made(run)}
    for name, stage in run.stages.items():
        if stage.outcome in _TYPES:
            yield {
                "eventType": _TYPES[stage.outcome],
                "eventTime": run.ended,
                "run": {"runId": _run_id(f"{run.run}/{name}"), "facets": {"parent": _parent(run)}},
                "job": {"namespace": _namespace(run), "name": f"{run.pipeline}.{name}"},
                "inputs": [names[digest] for digest in read_by(stage) if digest in names],
                "outputs": [_dataset(run, name, output, made) for output, made in _outputs(stage)],
                "producer": _PRODUCER,
                "schemaURL": _SCHEMA,
            }


def export(runs: Sequence[RunRecord], to: str) -> None:
    """Write the events of runs to a file, a line each, or post them to a URL one by one, the oldest first.

    Raises DiagnosedError. The first event that isn't taken ends it; who gets them knows each by its run's id.
    """
    events = [event for run in sorted(runs, key=lambda each: each.run) for event in events_of(run)]
    if to.startswith(("http://", "https://")):
        for number, event in enumerate(events):
            (why,) = tell_all([to], event, Limits())
            if why:
                raise DiagnosedError(not_exported(why, number, len(events)))
        return
    text = "".join(json.dumps(event) + "\n" for event in events)
    beside = Path(f"{to}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(to)


def _outputs(stage: RunStage) -> list[tuple[str, Artifact]]:
    return [] if stage.kind == "deploy" else list(stage.outputs.items())  # which makes nothing: it passes a model on


def _made(run: RunRecord) -> Iterator[tuple[str, str, Artifact]]:
    for name, stage in run.stages.items():
        yield from ((name, output, made) for output, made in _outputs(stage))


def _dataset(run: RunRecord, stage: str, output: str, made: Artifact) -> Json:
    version = {"_producer": _PRODUCER, "_schemaURL": _VERSION, "datasetVersion": made.digest}
    return {"namespace": _namespace(run), "name": f"{run.pipeline}.{stage}.{output}", "facets": {"version": version}}


def _parent(run: RunRecord) -> Json:
    job = {"namespace": _namespace(run), "name": run.pipeline}
    return {"_producer": _PRODUCER, "_schemaURL": _PARENT, "run": {"runId": _run_id(run.run)}, "job": job}


def _namespace(run: RunRecord) -> str:
    return f"{run.project or 'mlopsctl'}/{run.environment}"


def _run_id(name: str) -> str:
    """A UUID, as OpenLineage wants, that is always the same for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_PRODUCER}/runs/{name}"))


@diagnostic("MLO763")
def not_exported(why: str, taken: int, events: int) -> Finding:
    """The server that OpenLineage events were sent to didn't take one of them.

    Example:
        mlopsctl lineage flight-delays --openlineage https://lineage.example.com/api/v1/lineage

    Fix: see that the address is that of an OpenLineage endpoint and that it is reachable. Sent again, events
    replace those that were taken: they have the same ids. To a file they can be written at any time.
    """
    return Finding(
        message=f"the OpenLineage events were not sent: {why}",
        notes=(f"{taken} of {events} were taken",),
        helps=("send them again, or write them to a file with --openlineage FILE",),
    )
