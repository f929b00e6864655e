"""What a stage says of the machine it runs on, in the terms of pods."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from mlopsctl.diagnostics import Diagnostic, Finding, Span, diagnostic
from mlopsctl.ir.command import variable_name
from mlopsctl.ir.fan_out import LISTS
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.parts import Retries
from mlopsctl.render.sourced import placed, sourced
from mlopsctl.source.interpolation import Text
from mlopsctl.source.nodes import Json, MappingNode, at

_WORK = PurePosixPath("/work")  # what a pod may write to
# What a pod asks for that says nothing; a scheduler that knows nothing of a pod puts it anywhere.
SMALL: dict[str, Json] = {"requests": {"cpu": "100m", "memory": "256Mi"}}
# What a pod ends with when a gate or a contract refuses, and when time is over: another attempt wouldn't change that.
_REFUSED, _TIMED_OUT = "5", "124"
# Seconds that a pod may take beside its command, for its image, its environment, and a store that is away. The command
# itself is ended in time by the program around it, which can say so; this is for one that hangs.
_AROUND = 1800
# What each class of failure looks like to Argo, whose `lastRetry` holds texts.
PREEMPTED = (
    "lastRetry.status == 'Error' || lastRetry.exitCode == '143'"
    " || lastRetry.message matches '(?i)evicted|preempt|shutdown|pod deleted'"
)
_FAILURES: Mapping[str, str] = {
    "preempted": PREEMPTED,
    "oom": "lastRetry.exitCode == '137' || lastRetry.message matches 'OOMKilled'",
    "error": f"lastRetry.status == 'Failed' && !(lastRetry.exitCode in ['{_REFUSED}', '{_TIMED_OUT}', '137', '143'])",
}


def list_file(name: str) -> str:
    """Where a pod leaves the list of this name, from which Argo makes other pods."""
    return str(_WORK / LISTS / name)


def resources(stage: Stage) -> dict[str, Json]:
    """Requests and limits. Memory, disk and accelerators may not be passed; processors are shared when idle."""
    found = sourced(node) if isinstance(node := at(stage.origin.node, ("resources",)), MappingNode) else {}
    asked = found if isinstance(found, dict) else {}
    requests: dict[str, Json] = {}
    limits: dict[str, Json] = {}
    if "cpu" in asked:
        requests["cpu"] = _quantity(asked["cpu"])
    for key, name in (("memory", "memory"), ("disk", "ephemeral-storage")):
        if key in asked:
            requests[name] = limits[name] = _quantity(asked[key])
    gpu = asked.get("gpu")
    if isinstance(gpu, dict) and isinstance(count := gpu.get("count"), int) and count > 0:
        kind = gpu.get("type", "nvidia.com/gpu")
        limits[str(kind)] = _quantity(count)
    if not requests and not limits:
        return SMALL
    return {name: amounts for name, amounts in (("requests", requests), ("limits", limits)) if amounts}


def _quantity(value: Json) -> Json:
    """An amount as a text, which is the form that a cluster gives back, so that no difference is seen in it."""
    span = getattr(value, "span", None)
    text = str(value)
    return placed(text, span) if isinstance(span, Span) else text


def retries(stage: Stage) -> Mapping[str, Json]:
    """How often and when an attempt is followed by another; empty if never."""
    found: Retries = stage.retries
    if found.limit == 0:
        return {}
    span = stage.origin.value("retries")
    expression = " || ".join(f"({_FAILURES[kind]})" for kind in found.on)
    return {
        "limit": placed(found.limit, stage.origin.value("retries", "limit")),
        "expression": placed(expression, span),
        "backoff": placed(f"{math.ceil(found.backoff)}s", span) if found.backoff else None,
    }


def timeout(stage: Stage) -> Json:
    """Whole seconds after which the pod of an attempt is ended from outside, or None."""
    return None if stage.timeout is None else placed(math.ceil(stage.timeout) + _AROUND, stage.origin.value("timeout"))


def nodes(stage: Stage) -> Mapping[str, Json]:
    """The labels that a node must have and the taints that don't matter: `selector` and `tolerations`, or None."""
    found = at(stage.origin.node, ("nodes",))
    said = sourced(found) if isinstance(found, MappingNode) else {}
    return {"selector": None, "tolerations": None, **(said if isinstance(said, dict) else {})}


def secrets(pipeline: Pipeline, stage: Stage) -> list[Json]:
    """The secrets that a stage mentions: the variable that carries each, the Secret and its key."""
    return _mentioned(pipeline, stage.texts())


def hook_secrets(pipeline: Pipeline) -> list[Json]:
    """The secrets in the addresses of those who are told how runs end, as those of a stage."""
    return _mentioned(pipeline, (*pipeline.notify.on_failure, *pipeline.notify.on_success))


def _mentioned(pipeline: Pipeline, texts: Iterable[Text]) -> list[Json]:
    mentioned = dict.fromkeys(
        reference.parts[1]
        for text in texts
        for reference in text.references()
        if reference.parts[0] == "secrets" and len(reference.parts) > 1
    )
    known = (pipeline.secrets[name] for name in mentioned if name in pipeline.secrets)
    return [
        {
            "variable": variable_name("secrets", secret.name),
            "secret": placed(secret.secret, secret.span),
            "key": placed(secret.key, secret.span),
        }
        for secret in known
    ]


def pod_patch(stage: Stage) -> Mapping[str, Json]:
    """The parts of a stage's `pod`: `labels`, `annotations` and `spec`, each empty if it isn't there."""
    found = at(stage.origin.node, ("pod",))
    said = sourced(found) if isinstance(found, MappingNode) else {}
    pod = said if isinstance(said, dict) else {}
    metadata = pod.get("metadata")
    parts = metadata if isinstance(metadata, dict) else {}
    return {"labels": parts.get("labels", {}), "annotations": parts.get("annotations", {}), "spec": pod.get("spec", {})}


def spec_patch(stage: Stage) -> Json:
    """The patch on a pod's spec as the text that Argo takes, or None."""
    spec = pod_patch(stage)["spec"]
    return placed(json.dumps(spec, ensure_ascii=False), stage.origin.value("pod", "spec")) if spec else None


def unknown_parts(stage: Stage) -> Iterator[Diagnostic]:
    """What of a stage's `pod` is no part of a pod."""
    for key, span, _ in stage.origin.entries("pod"):
        if key not in ("metadata", "spec"):
            yield not_of_a_pod(span, key)
    for key, span, _ in stage.origin.entries("pod", "metadata"):
        if key not in ("labels", "annotations"):
            yield not_of_a_pod(span, f"metadata.{key}")


@diagnostic("MLO736")
def not_of_a_pod(span: Span, key: str) -> Finding:
    """A stage's `pod` says something that is no part of a pod.

    Example:
        pod: {priorityClassName: low}

    Fix: put it under `spec`, or labels and annotations under `metadata`.
    """
    return Finding(
        message=f"`{key}` is no part of a pod",
        span=span,
        helps=("a pod has `spec`, and `metadata` with `labels` and `annotations`",),
    )
