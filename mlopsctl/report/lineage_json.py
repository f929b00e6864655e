"""Lineage for programs; schemas/output/v1/lineage.json describes it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mlopsctl.release.lineage import Back, Forward
from mlopsctl.report.comparison import metrics_of
from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.store import RunRecord

Json = dict[str, Any]


def render_json(
    *,
    forward: Sequence[Forward],
    back: Sequence[Back],
    stopped: Mapping[tuple[str, str], str],
    unreachable: Mapping[str, str],
) -> str:
    """One JSON object; what wasn't asked for is empty in it."""
    return dumped(
        {
            "version": VERSION,
            "forward": [_forward(each) for each in forward],
            "back": [_back(each) for each in back],
            "stopped": [
                {"environment": environment, "pipeline": pipeline, "why": why}
                for (environment, pipeline), why in stopped.items()
            ],
            "unreachable": dict(unreachable),
        }
    )


def _forward(found: Forward) -> Json:
    return {
        "digest": found.digest,
        "names": list(found.names),
        "rows": found.rows,
        "runs": [
            {
                **_run(seen.run),
                "stages": list(seen.stages),
                "models": [asdict(model) for model in seen.models],
                "served": [asdict(each) for each in seen.served],
                "rejected": seen.rejected,
            }
            for seen in found.seen
        ],
        "ways_out": [{"served": asdict(way.served), "rollback_to": way.run or None} for way in found.ways_out],
    }


def _back(found: Back) -> Json:
    return {
        **_run(found.run),
        "metrics": metrics_of(found.run),
        "models": [asdict(model) for model in found.models],
        "data": [
            {"stage": data.stage, "rows": data.rows, "trains": data.trains, "artifact": asdict(data.artifact)}
            for data in found.data
        ],
        "requirements": list(found.requirements),
        "evidence": found.run.release.evidence if found.run.release else "",
        "provenance": found.run.provenance,
        "served": [asdict(each) for each in found.served],
        "rejected": found.rejected,
    }


def _run(run: RunRecord) -> Json:
    names = ("run", "pipeline", "environment", "project", "commit", "changed_files", "started", "ended", "outcome")
    return {name: getattr(run, name) for name in names}
