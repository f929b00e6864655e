"""Whether an object in a cluster is what was asked for, by its status: a function for each kind that has one."""

from collections.abc import Callable, Iterable

from mlopsctl.manifest import Document, Key, key_of
from mlopsctl.plan import serving_health, workload_health
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
    worst,
)
from mlopsctl.plan.pod_health import pod_health


def health(document: Document) -> Health:
    """How a live object is, with its status and metadata as the server gives them.

    A kind that isn't known is taken by its usual conditions, if it has any; else it is ready when it is there.
    """
    if document["metadata"].get("deletionTimestamp"):
        return failing("it is being deleted")
    key = key_of(document)
    return _KINDS.get((key.group, key.kind), _usual)(document)


def may_be_unready(key: Key) -> bool:
    """Whether an object of this kind can be there and not be as it should be."""
    return (key.group, key.kind) not in _JUST_THERE


def health_with(document: Document, deployments: Iterable[Document], pods: Iterable[Document]) -> Health:
    """How an object is together with what was made of it in its present form; the pods tell first what is wrong."""
    owners = (*deployments, document)
    own = worst(map(health, owners))
    # Before a controller has seen a change, the pods that there are were made of an older form.
    if own.is_ready or own.state is State.FAILED or any(map(_is_to_be_seen, owners)):
        return own
    return worst((*(_of_pod(pod, document) for pod in pods if not _has_failed(pod)), own))


def _of_pod(pod: Document, owner: Document) -> Health:
    found = pod_health(pod)
    if pod is owner or not found.why:
        return found
    return Health(found.state, f"pod `{pod['metadata']['name']}`: {found.why}")


def _has_failed(pod: Document) -> bool:
    """Whether a pod has ended and failed: then its controller tries another, or says that it is at its end."""
    return status_of(pod).get("phase") == "Failed"


def _service(document: Document) -> Health:
    if document.get("spec", {}).get("type") != "LoadBalancer":
        return READY
    addresses = (status_of(document).get("loadBalancer") or {}).get("ingress")
    return READY if addresses else progressing("no load balancer has given it an address yet")


def _claim(document: Document) -> Health:
    match status_of(document).get("phase"):
        case "Bound":
            return READY
        case "Lost":
            return failed("its volume is gone")
        case _:
            return progressing("not bound to a volume yet")


def _namespace(document: Document) -> Health:
    phase = status_of(document).get("phase")
    return READY if phase == "Active" else failing(f"it is {phase}") if phase else UNSEEN


def _definition(document: Document) -> Health:
    conditions = conditions_of(document)
    if conditions["NamesAccepted"].is_denied:
        return failed(conditions["NamesAccepted"].said)
    established = conditions["Established"]
    return READY if established.holds else progressing(established.said or "not served yet")


def _schedule(document: Document) -> Health:
    """A schedule is ready when it is there and can be read.

    What its last start failed with is of another day than an apply: it is told, and ends no apply.
    """
    conditions, status = conditions_of(document), status_of(document)
    if conditions["SpecError"].holds:
        return failing(conditions["SpecError"].said)
    if conditions["SubmissionError"].holds:
        return Health(State.READY, f"its last start failed: {conditions['SubmissionError'].said}")
    return Health(State.READY, "stopped by its own strategy") if status.get("phase") == "Stopped" else READY


def _is_to_be_seen(document: Document) -> bool:
    """Whether its controller, which notes what it has seen, will see a change; of others nobody knows."""
    return "observedGeneration" in status_of(document) and is_unseen(document)


def _usual(document: Document) -> Health:
    conditions = conditions_of(document)
    if _is_to_be_seen(document):
        return UNSEEN
    if conditions["Stalled"].holds:
        return failing(conditions["Stalled"].said)
    if conditions["Reconciling"].holds:
        return progressing(conditions["Reconciling"].said)
    for name in ("Ready", "Available"):
        if name in conditions and not conditions[name].holds:
            return progressing(conditions[name].said or f"{name} is not true yet")
    return READY


def _there(_: Document) -> Health:
    return READY


_JUST_THERE = {
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("argoproj.io", "WorkflowTemplate"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
}
_ARGO, _KSERVE, _GATEWAY = "argoproj.io", "serving.kserve.io", "gateway.networking.k8s.io"
_KINDS: dict[tuple[str, str], Callable[[Document], Health]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): pod_health,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): workload_health.daemon_set,
    ("apps", "Deployment"): workload_health.deployment,
    ("apps", "StatefulSet"): workload_health.stateful_set,
    ("batch", "Job"): workload_health.job,
    ("jobset.x-k8s.io", "JobSet"): workload_health.job,
    ("trainer.kubeflow.org", "TrainJob"): workload_health.job,
    (_ARGO, "CronWorkflow"): _schedule,
    (_ARGO, "Workflow"): workload_health.workflow,
    (_ARGO, "WorkflowTemplate"): _there,
    (_GATEWAY, "Gateway"): serving_health.gateway,
    (_GATEWAY, "HTTPRoute"): serving_health.http_route,
    (_KSERVE, "InferenceService"): serving_health.inference_service,
    (_KSERVE, "ServingRuntime"): _there,
}
