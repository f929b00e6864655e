"""How the objects are that run pods, as far as they say so themselves."""

from typing import Any

from mlopsctl.manifest import Document
from mlopsctl.plan.health import (
    READY,
    UNSEEN,
    Health,
    State,
    conditions_of,
    failed,
    failing,
    is_unseen,
    progressing,
    status_of,
)

_OUT_OF_TIME = "ProgressDeadlineExceeded"


def deployment(document: Document) -> Health:
    """Ready when all pods are of the present template and available, and none of an older one is left."""
    if is_unseen(document):
        return UNSEEN
    conditions = conditions_of(document)
    stuck, refused = conditions["Progressing"], conditions["ReplicaFailure"]
    if stuck.is_denied and stuck.reason == _OUT_OF_TIME:
        return failed(stuck.said)
    if refused.holds:  # a quota or a webhook; the controller tries again and again
        return failing(f"its pods can't be made: {refused.said}")
    return _replicas(document, wanted=_wanted(document))


def stateful_set(document: Document) -> Health:
    """As a Deployment; pods that it is told to leave as they are count as they are."""
    if is_unseen(document):
        return UNSEEN
    strategy = document.get("spec", {}).get("updateStrategy") or {}
    wanted, status = _wanted(document), status_of(document)
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = _count(status, "updatedReplicas")
    if strategy.get("type") != "OnDelete" and updated < wanted - partition:
        return progressing(f"{updated} of {wanted - partition} pods updated")
    return _available(status, wanted)


def daemon_set(document: Document) -> Health:
    """Ready when each node that is meant has its pod."""
    if is_unseen(document):
        return UNSEEN
    status = status_of(document)
    wanted, updated = _count(status, "desiredNumberScheduled"), _count(status, "updatedNumberScheduled")
    if updated < wanted:
        return progressing(f"{updated} of {wanted} pods updated")
    available = _count(status, "numberAvailable")
    return READY if available >= wanted else progressing(f"{available} of {wanted} pods available")


def job(document: Document) -> Health:
    """Ready when it is done, or when it isn't to begin yet. So are a JobSet and a TrainJob, which say it alike."""
    conditions, status = conditions_of(document), status_of(document)
    for name in ("Failed", "FailureTarget"):
        if conditions[name].holds:
            return failed(conditions[name].said)
    if conditions["Complete"].holds or conditions["Completed"].holds:
        return READY
    if document.get("spec", {}).get("suspend"):
        return Health(State.READY, "suspended")
    active = _count(status, "active")
    return progressing(f"pods at work: {active}" if active else "not done yet")


def workflow(document: Document) -> Health:
    """Ready when it is done."""
    phase, message = str(status_of(document).get("phase") or ""), str(status_of(document).get("message") or "")
    match phase:
        case "Succeeded":
            return READY
        case "Failed" | "Error":
            return failed(message or f"it ended as {phase}")
        case "":
            return UNSEEN
        case _:
            return progressing(message or f"{phase.lower()}, {status_of(document).get('progress', '0/0')} done")


def _replicas(document: Document, *, wanted: int) -> Health:
    status = status_of(document)
    updated, there = _count(status, "updatedReplicas"), _count(status, "replicas")
    if updated < wanted:
        return progressing(f"{updated} of {wanted} pods updated")
    if there > updated:
        return progressing(f"old pods that are still there: {there - updated}")
    return _available(status, wanted)


def _available(status: Any, wanted: int) -> Health:
    available = _count(status, "availableReplicas")
    return READY if available >= wanted else progressing(f"{available} of {wanted} pods available")


def _wanted(document: Document) -> int:
    replicas = document.get("spec", {}).get("replicas")
    return int(replicas) if replicas is not None else 1


def _count(status: Any, name: str) -> int:
    return int(status.get(name) or 0)
