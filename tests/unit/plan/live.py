"""Objects as controllers of a cluster leave them: the shapes were read off real ones, and cut to what counts."""

from collections.abc import Mapping
from typing import Any

from mlopsctl.manifest import Document

Conditions = Mapping[str, tuple[str, str, str]]  # by type: status, reason and message

_VERSIONS = {
    "CronWorkflow": "argoproj.io/v1alpha1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Gateway": "gateway.networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "InferenceService": "serving.kserve.io/v1beta1",
    "Job": "batch/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ServingRuntime": "serving.kserve.io/v1alpha1",
    "StatefulSet": "apps/v1",
    "Thing": "example.com/v1",
    "TrainJob": "trainer.kubeflow.org/v1alpha1",
    "Workflow": "argoproj.io/v1alpha1",
    "WorkflowTemplate": "argoproj.io/v1alpha1",
}


def live(
    kind: str, status: Mapping[str, Any] | None = None, *, generation: int | None = 1, **parts: Any
) -> dict[str, Any]:
    """An object with a status; without one if that is None. `parts` are its `spec` and more of its `metadata`."""
    metadata: Document = {"name": "flights", "namespace": "team", "uid": "0", **parts.pop("metadata", {})}
    if generation is not None:
        metadata["generation"] = generation
    found = {"apiVersion": _VERSIONS.get(kind, "v1"), "kind": kind, "metadata": metadata, **parts}
    return found if status is None else {**found, "status": dict(status)}


def conditions(found: Conditions, **more: Any) -> list[dict[str, Any]]:
    """The conditions as a status lists them; `more` is said of each."""
    time = "2026-11-21T15:25:38Z"
    return [
        {"type": name, "status": status, "reason": reason, "message": message, "lastTransitionTime": time, **more}
        for name, (status, reason, message) in found.items()
    ]


AVAILABLE = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
UNAVAILABLE = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
UPDATED = ("True", "NewReplicaSetAvailable", 'ReplicaSet "flights-66869d5595" has successfully progressed.')
UPDATING = ("True", "ReplicaSetUpdated", 'ReplicaSet "flights-66869d5595" is progressing.')
OUT_OF_TIME = ("False", "ProgressDeadlineExceeded", 'ReplicaSet "flights-66869d5595" has timed out progressing.')
QUOTA = ("True", "FailedCreate", 'pods "flights-5b5f65bd7-vqm9s" is forbidden: exceeded quota: none, requested: pods=1')


def deployment(
    counts: tuple[int, int, int], found: Conditions, *, observed: int = 1, wanted: int = 1, generation: int = 1
) -> Document:
    """A Deployment; the counts are of all pods, updated ones and available ones. Zeros are left out, as it does."""
    names = ("replicas", "updatedReplicas", "availableReplicas")
    numbers = {name: number for name, number in zip(names, counts, strict=True) if number}
    status = {"observedGeneration": observed, "conditions": conditions(found), **numbers}
    return live("Deployment", status, generation=generation, spec={"replicas": wanted})


def pod(
    state: Mapping[str, Any],
    *,
    restarts: int = 0,
    phase: str = "Pending",
    last: Mapping[str, Any] | None = None,
    **status: Any,
) -> Document:
    """A pod with one container that is not ready."""
    container = {"name": "model", "ready": False, "restartCount": restarts, "state": state, "lastState": last or {}}
    unready = ("False", "ContainersNotReady", "containers with unready status: [model]")
    said = conditions({"PodScheduled": ("True", "", ""), "Ready": unready}, observedGeneration=1)
    known = {"phase": phase, "conditions": said, "containerStatuses": [container]}
    return live("Pod", {**known, **status}, spec={}, metadata={"name": "flights-66869d5595-vh6p6"})


def crashed(code: int, reason: str = "Error") -> dict[str, Any]:
    """How a container ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-11-21T15:25:55Z"}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Why a container doesn't run."""
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def model(
    found: Conditions,
    said: Mapping[str, Any],
    *,
    observed: int | None = 1,
    generation: int = 1,
    annotations: Mapping[str, str] | None = None,
) -> Document:
    """An InferenceService in Standard mode; `said` is its `modelStatus`."""
    status: dict[str, Any] = {"conditions": conditions(found), "deploymentMode": "Standard", "modelStatus": dict(said)}
    if observed is not None:
        status["observedGeneration"] = observed
    metadata = {"annotations": dict(annotations or {})}
    return live("InferenceService", status, generation=generation, spec={"predictor": {}}, metadata=metadata)


YES = ("True", "", "")
LOADED = {"states": {"activeModelState": "Loaded", "targetModelState": "Loaded"}, "transitionStatus": "UpToDate"}
PENDING = {"states": {"activeModelState": "", "targetModelState": "Pending"}, "transitionStatus": "InProgress"}
SERVES = {
    "IngressReady": YES,
    "PredictorReady": UPDATED,
    "Ready": YES,
    "Stopped": ("False", "", ""),
}


def route(*parents: Mapping[str, Any], generation: int = 1, names: tuple[str, ...] = ("public",)) -> Document:
    """A route to gateways of these names; `parents` is what their controllers say."""
    spec = {"parentRefs": [{"name": name, "namespace": "gateways"} for name in names]}
    return live("HTTPRoute", {"parents": list(parents)} if parents else {}, generation=generation, spec=spec)


def parent(found: Conditions, *, name: str = "public", observed: int = 1) -> dict[str, Any]:
    """What one controller says of a route at one gateway."""
    ref = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name, "namespace": "gateways"}
    said = conditions(found, observedGeneration=observed)
    return {"controllerName": "traefik.io/gateway-controller", "parentRef": ref, "conditions": said}


def schedule(said: Conditions, **status: Any) -> Document:
    """A CronWorkflow."""
    listed = [{"type": name, "status": state, "message": message} for name, (state, _, message) in said.items()]
    return live("CronWorkflow", {"conditions": listed, **status}, spec={})
