"""The names that a rule may use, which are those of the language. docs/policies.md describes them.

None stands for a value that has no names below it, or any: lists, mappings whose keys are the user's, what is handed
on as it is written.
"""

from collections.abc import Mapping, Sequence
from typing import Union

from mlopsctl.frozen import frozen

Shape = Mapping[str, Union["Shape", None]]

_STAGE: Shape = {
    **dict.fromkeys(("name", "kind", "requires", "inputs", "outputs", "params", "run", "env", "image", "timeout")),
    **dict.fromkeys(("each", "nodes", "pod")),
    "resources": {**dict.fromkeys(("cpu", "memory", "disk")), "gpu": dict.fromkeys(("type", "count"))},
    "retries": dict.fromkeys(("limit", "backoff", "on")),
}
_SCHEDULE: Shape = dict.fromkeys(("cron", "timezone", "concurrency", "suspend"))
_CONTRACT: Shape = {
    **dict.fromkeys(("freshness", "columns", "unique", "closed")),
    "rows": dict.fromkeys(("min", "max")),
}
_ROLLOUT: Shape = {
    "canary": dict.fromkeys(("steps", "every")),
    "split": {**dict.fromkeys(("champion", "challengers")), "promote": dict.fromkeys(("metric", "after"))},
    "shadow": dict.fromkeys(("of", "for")),
    "checks": None,
}

OF_KIND: Mapping[str, Shape] = {
    "data": {**_STAGE, "source": None, "version": None, "contract": _CONTRACT},
    "task": _STAGE,
    "train": {
        **_STAGE,
        "tune": {**dict.fromkeys(("trials", "parallel", "space")), "objective": dict.fromkeys(("metric", "direction"))},
        "distributed": dict.fromkeys(("nodes", "framework", "queue")),
        "checkpoint": dict.fromkeys(("path", "every")),
    },
    "evaluate": {**_STAGE, "gates": None},
    "deploy": {
        **_STAGE,
        "model": None,
        "server": dict.fromkeys(("format", "runtime", "run", "health")),
        "replicas": {"min": None, "max": None, "target": {"concurrency": None}},
        "loadTest": dict.fromkeys(("users", "duration", "request", "p99", "errors")),
        "rollout": _ROLLOUT,
        "fallback": {"run": None},
        "scan": dict.fromkeys(("unsafe", "unknown", "allow")),
        "log": {"requests": None},
    },
    "monitor": {
        **_STAGE,
        **dict.fromkeys(("watches", "reference", "columns", "method", "threshold", "minSamples", "breaches")),
        "schedule": _SCHEDULE,
        "onDrift": dict.fromkeys(("do", "cooldown")),
        "performance": dict.fromkeys(("metric", "min", "max", "truth", "on", "outcome", "prediction", "within")),
    },
}

PIPELINE: Shape = {
    **dict.fromkeys(("name", "owner", "license", "description", "labels", "params", "secrets", "stages")),
    "code": dict.fromkeys(("path", "python", "requirements")),
    "schedule": _SCHEDULE,
    "notify": dict.fromkeys(("onFailure", "onSuccess")),
}

ENVIRONMENT: Shape = {
    **dict.fromkeys(("name", "store", "image", "releases", "promotesFrom", "protected")),
    "cluster": dict.fromkeys(("context", "namespace")),
    "gateway": dict.fromkeys(("name", "namespace", "host")),
    "approvals": {"required": None},
}


RELEASE: Shape = {
    **dict.fromkeys(("run", "commit", "data", "requirements", "metrics", "evidence", "promotedFrom")),
    "model": dict.fromkeys(("digest", "uri")),
}


def shapes(stage_kind: str) -> Shape:
    """What a rule may name, for stages of one kind; of all kinds where that is empty."""
    kinds = (shape for kind, shape in OF_KIND.items() if stage_kind in ("", kind))
    stage = {name: below for shape in kinds for name, below in shape.items()}
    return {"pipeline": PIPELINE, "stage": stage, "environment": ENVIRONMENT, "release": RELEASE}


@frozen
class Slip:
    """The first name of a path that isn't there: which one of its names, of what, and the names that are."""

    index: int
    name: str
    of: str
    known: tuple[str, ...]


def slip(path: Sequence[str], stage_kind: str) -> Slip | None:
    """What is wrong with a path such as `stage.replicas.min`, or None."""
    below: Shape | None = shapes(stage_kind)
    for index, name in enumerate(path):
        if below is None:
            return None
        if name not in below:
            return Slip(index, name, ".".join(path[:index]), tuple(below))
        below = below[name]
    return None
