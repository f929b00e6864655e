"""How a pod is: what keeps its containers from running, and whether that may heal."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlopsctl.manifest import Document
from mlopsctl.plan.health import READY, Health, conditions_of, failed, failing, progressing, status_of, worst

# Why a container waits, in the words of the kubelet. A registry that is away may come back, a ConfigMap may come late.
_MAY_HEAL = {
    "ErrImagePull",
    "ImagePullBackOff",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PostStartHookError",
}
_FOR_GOOD = {"InvalidImageName", "ErrImageNeverPull"}
_CRASHING = "CrashLoopBackOff"
# One crash may be the fault of something that came later; who crashes again after a restart has no such excuse.
_RESTARTS = 2


def pod_health(pod: Document) -> Health:
    """Whether a pod runs and answers, or has done what it was for."""
    phase = status_of(pod).get("phase")
    if phase == "Succeeded":
        return READY
    if phase == "Failed":
        return failed(_end(pod))
    found = worst(_container(status) for status in container_statuses(pod))
    conditions = conditions_of(pod)
    if not found.is_ready or conditions["Ready"].holds:
        return found
    scheduled = conditions["PodScheduled"]
    if scheduled.is_denied:
        # Another pod may end or a node may come: this takes as long as it takes.
        return progressing(f"no node takes it: {scheduled.said}")
    return progressing("its containers are starting" if phase == "Pending" else "its containers are not ready yet")


def container_statuses(pod: Document) -> Iterator[Mapping[str, Any]]:
    """What the kubelet says of each container, those that run first of all come first."""
    status = status_of(pod)
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or ()


def is_unwell(status: Mapping[str, Any]) -> bool:
    """Whether a container by its status is one whose log may tell what is wrong."""
    ended = (status.get("state") or {}).get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    return bool(ended.get("exitCode")) or not _container(status).is_ready


def _container(status: Mapping[str, Any]) -> Health:
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason, name = str(waiting.get("reason") or ""), status.get("name", "")
    said = " ".join(str(waiting.get("message") or "").split())
    why = f"container `{name}`: {reason}" + (f": {said}" if said else "")
    if reason in _FOR_GOOD:
        return failed(why)
    if reason in _MAY_HEAL:
        return failing(why)
    if reason != _CRASHING:
        return READY
    restarts = int(status.get("restartCount") or 0)
    crash = f"container `{name}` crashes: {_ended((status.get('lastState') or {}).get('terminated') or {})}"
    if restarts < _RESTARTS:
        return progressing(crash)
    return failed(f"{crash}, after {restarts} restarts")


def _end(pod: Document) -> str:
    """Why a pod that has ended did so."""
    status = status_of(pod)
    if status.get("reason"):  # such as an eviction
        return f"{status['reason']}: {status.get('message', '')}".rstrip(": ")
    for each in container_statuses(pod):
        ended = (each.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            return f"container `{each.get('name', '')}` failed: {_ended(ended)}"
    return str(status.get("message") or "it failed")


def _ended(terminated: Mapping[str, Any]) -> str:
    reason, code = str(terminated.get("reason") or ""), terminated.get("exitCode")
    exited = f"exit code {code}" if code is not None else "it ended"
    return exited if reason in ("", "Error") else f"{reason}, {exited}"
