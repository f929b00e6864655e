"""Whether live objects are ready, on their way or failed, by documents as controllers write them."""

import pytest

from mlopsctl.manifest import Document
from mlopsctl.plan.health import Health, State, worst
from mlopsctl.plan.readiness import health, health_with
from tests.unit.plan import live
from tests.unit.plan.live import (
    AVAILABLE,
    LOADED,
    OUT_OF_TIME,
    PENDING,
    QUOTA,
    SERVES,
    UNAVAILABLE,
    UPDATED,
    UPDATING,
    YES,
    conditions,
    crashed,
    deployment,
    model,
    parent,
    pod,
    route,
    schedule,
    waiting,
)

UNSEEN = "its controller has not seen the change yet"
PULL = 'Back-off pulling image "nowhere/none:1"'
MISSING = 'configmap "missing" not found'
UNFIT = "0/1 nodes are available: 1 Insufficient cpu."
LIMIT = "Job has reached the specified backoff limit"
INVALID = {
    "lastFailureInfo": {
        "reason": "NoSupportingRuntime",
        "message": "No runtime found to support specified framework/version",
    },
    "states": {"activeModelState": "", "targetModelState": "FailedToLoad"},
    "transitionStatus": "InvalidSpec",
}
BLOCKED = {
    "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "no such\n  file"},
    "states": {"activeModelState": "Loaded", "targetModelState": "FailedToLoad"},
    "transitionStatus": "BlockedByFailedLoad",
}
UNKNOWN = ("Unknown", "", "")
RECONCILE = ("False", "ReconcileFailed", "fails to reconcile predictor: volumeMounts[0].name: Not found")
STOPPED = {"PredictorReady": ("False", "Stopped", ""), "Ready": ("False", "Stopped", ""), "Stopped": YES}
OK = {"Accepted": ("True", "Accepted", ""), "ResolvedRefs": ("True", "ResolvedRefs", "")}
NO_BACKEND = {**OK, "ResolvedRefs": ("False", "BackendNotFound", "service not found")}
SUBMISSION = {"SubmissionError": ("True", "", "workflowtemplates.argoproj.io not found")}
EARLY = "2026-11-21T03:00:01Z"


def replicas(**status: int | str) -> Document:
    return live.live("StatefulSet", {"observedGeneration": 1, **status}, spec={"replicas": 2})


CASES = {
    "deployment": (deployment((1, 1, 1), {"Available": AVAILABLE, "Progressing": UPDATED}), "ready", ""),
    "deployment, unseen": (
        deployment((1, 1, 1), {"Available": AVAILABLE, "Progressing": UPDATED}, generation=2),
        "progressing",
        UNSEEN,
    ),
    "deployment, starting": (
        deployment((1, 1, 0), {"Available": UNAVAILABLE, "Progressing": UPDATING}),
        "progressing",
        "0 of 1 pods available",
    ),
    "deployment, rolling": (
        deployment((3, 1, 2), {"Available": AVAILABLE, "Progressing": UPDATING}, wanted=2),
        "progressing",
        "1 of 2 pods updated",
    ),
    "deployment, old pods left": (
        deployment((3, 2, 3), {"Available": AVAILABLE, "Progressing": UPDATING}, wanted=2),
        "progressing",
        "old pods that are still there: 1",
    ),
    "deployment of none": (deployment((0, 0, 0), {"Progressing": UPDATED}, wanted=0), "ready", ""),
    "deployment, out of time": (
        deployment((1, 1, 0), {"Available": UNAVAILABLE, "Progressing": OUT_OF_TIME}),
        "failed",
        OUT_OF_TIME[2],
    ),
    "deployment, out of time before the change": (
        deployment((1, 1, 0), {"Available": UNAVAILABLE, "Progressing": OUT_OF_TIME}, generation=2),
        "progressing",
        UNSEEN,
    ),
    "deployment, quota": (
        deployment((0, 0, 0), {"Progressing": UPDATING, "Available": UNAVAILABLE, "ReplicaFailure": QUOTA}),
        "failing",
        f"its pods can't be made: {QUOTA[2]}",
    ),
    "stateful set": (replicas(replicas=2, updatedReplicas=2, availableReplicas=2), "ready", ""),
    "stateful set, rolling": (
        replicas(replicas=2, updatedReplicas=1, availableReplicas=2),
        "progressing",
        "1 of 2 pods updated",
    ),
    "stateful set, starting": (
        replicas(replicas=2, updatedReplicas=2, availableReplicas=1),
        "progressing",
        "1 of 2 pods available",
    ),
    "stateful set, partitioned": (
        {
            **replicas(replicas=2, updatedReplicas=1, availableReplicas=2),
            "spec": {"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
        },
        "ready",
        "",
    ),
    "job": (live.live("Job", {"succeeded": 1, "conditions": conditions({"Complete": YES})}, spec={}), "ready", ""),
    "job, at work": (live.live("Job", {"active": 1, "ready": 1}, spec={}), "progressing", "pods at work: 1"),
    "job, failed": (
        live.live("Job", {"conditions": conditions({"Failed": ("True", "BackoffLimitExceeded", LIMIT)})}, spec={}),
        "failed",
        LIMIT,
    ),
    "job, suspended": (live.live("Job", {}, spec={"suspend": True}), "ready", "suspended"),
    "train job": (live.live("TrainJob", {"conditions": conditions({"Complete": YES})}, spec={}), "ready", ""),
    "workflow": (live.live("Workflow", {"phase": "Succeeded", "progress": "1/1"}), "ready", ""),
    "workflow, running": (
        live.live("Workflow", {"phase": "Running", "progress": "1/3"}),
        "progressing",
        "running, 1/3 done",
    ),
    "workflow, failed": (
        live.live("Workflow", {"phase": "Failed", "message": "invalid spec: template name 'nope' undefined"}),
        "failed",
        "invalid spec: template name 'nope' undefined",
    ),
    "workflow, unseen": (live.live("Workflow"), "progressing", UNSEEN),
    "pod": (
        live.live("Pod", {"phase": "Running", "conditions": conditions({"Ready": YES}, observedGeneration=1)}),
        "ready",
        "",
    ),
    "pod, done": (live.live("Pod", {"phase": "Succeeded"}), "ready", ""),
    "pod, creating": (pod(waiting("ContainerCreating")), "progressing", "its containers are starting"),
    "pod, not answering": (
        pod({"running": {}}, phase="Running"),
        "progressing",
        "its containers are not ready yet",
    ),
    "pod, no image": (
        pod(waiting("ImagePullBackOff", PULL)),
        "failing",
        f"container `model`: ImagePullBackOff: {PULL}",
    ),
    "pod, wrong image name": (pod(waiting("InvalidImageName")), "failed", "container `model`: InvalidImageName"),
    "pod, no ConfigMap": (
        pod(waiting("CreateContainerConfigError", MISSING)),
        "failing",
        f"container `model`: CreateContainerConfigError: {MISSING}",
    ),
    "pod, crashed once": (
        pod(waiting("CrashLoopBackOff"), restarts=1, phase="Running", last=crashed(1)),
        "progressing",
        "container `model` crashes: exit code 1",
    ),
    "pod, crashes": (
        pod(waiting("CrashLoopBackOff"), restarts=2, phase="Running", last=crashed(137, "OOMKilled")),
        "failed",
        "container `model` crashes: OOMKilled, exit code 137, after 2 restarts",
    ),
    "pod, crashed long ago": (
        pod({"running": {}}, restarts=7, phase="Running", last=crashed(1)),
        "progressing",
        "its containers are not ready yet",
    ),
    "pod, model can't be fetched": (
        pod(
            waiting("PodInitializing"),
            initContainerStatuses=[
                {
                    "name": "storage-initializer",
                    "ready": False,
                    "restartCount": 3,
                    "state": waiting("CrashLoopBackOff"),
                    "lastState": crashed(1),
                }
            ],
        ),
        "failed",
        "container `storage-initializer` crashes: exit code 1, after 3 restarts",
    ),
    "pod, no node": (
        live.live(
            "Pod",
            {"phase": "Pending", "conditions": conditions({"PodScheduled": ("False", "Unschedulable", UNFIT)})},
        ),
        "progressing",
        f"no node takes it: {UNFIT}",
    ),
    "pod, failed": (pod(crashed(1), phase="Failed"), "failed", "container `model` failed: exit code 1"),
    "pod, evicted": (
        pod(crashed(137), phase="Failed", reason="Evicted", message="The node was low on memory."),
        "failed",
        "Evicted: The node was low on memory.",
    ),
    "service": (live.live("Service", {"loadBalancer": {}}, spec={"type": "ClusterIP"}), "ready", ""),
    "load balancer": (
        live.live("Service", {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, spec={"type": "LoadBalancer"}),
        "ready",
        "",
    ),
    "load balancer without an address": (
        live.live("Service", {"loadBalancer": {}}, spec={"type": "LoadBalancer"}),
        "progressing",
        "no load balancer has given it an address yet",
    ),
    "claim": (live.live("PersistentVolumeClaim", {"phase": "Bound"}), "ready", ""),
    "claim, unbound": (
        live.live("PersistentVolumeClaim", {"phase": "Pending"}),
        "progressing",
        "not bound to a volume yet",
    ),
    "claim, lost": (live.live("PersistentVolumeClaim", {"phase": "Lost"}), "failed", "its volume is gone"),
    "namespace": (live.live("Namespace", {"phase": "Active"}), "ready", ""),
    "namespace, going": (live.live("Namespace", {"phase": "Terminating"}), "failing", "it is Terminating"),
    "definition": (
        live.live("CustomResourceDefinition", {"conditions": conditions({"NamesAccepted": YES, "Established": YES})}),
        "ready",
        "",
    ),
    "definition, new": (live.live("CustomResourceDefinition", {}), "progressing", "not served yet"),
    "definition, name taken": (
        live.live(
            "CustomResourceDefinition",
            {"conditions": conditions({"NamesAccepted": ("False", "PluralConflict", '"flights" is already in use')})},
        ),
        "failed",
        '"flights" is already in use',
    ),
    "model": (model(SERVES, LOADED), "ready", ""),
    "model, loading": (
        model({**SERVES, "PredictorReady": UNAVAILABLE, "Ready": UNAVAILABLE}, PENDING),
        "progressing",
        f"PredictorReady is not true yet: {UNAVAILABLE[2]}",
    ),
    "model, ready but of the old generation": (model(SERVES, LOADED, generation=2), "progressing", UNSEEN),
    "model, ready but not loaded": (model(SERVES, PENDING), "progressing", "the model is InProgress"),
    "model, no runtime": (
        model({"IngressReady": UNKNOWN, "PredictorReady": UNKNOWN, "Ready": UNKNOWN}, INVALID, observed=None),
        "failing",
        "NoSupportingRuntime: No runtime found to support specified framework/version",
    ),
    "model, does not load": (model(SERVES, BLOCKED), "failing", "ModelLoadFailed: no such file"),
    "model, nothing can be made of it": (
        model({"IngressReady": UNKNOWN, "PredictorReady": RECONCILE, "Ready": RECONCILE}, {}, observed=None),
        "failing",
        RECONCILE[2],
    ),
    "model, quota": (
        model({**SERVES, "PredictorReady": ("False", *QUOTA[1:]), "Ready": ("False", *QUOTA[1:])}, PENDING),
        "failing",
        QUOTA[2],
    ),
    "model, stopped": (
        model(STOPPED, {}, observed=None, annotations={"serving.kserve.io/stop": "true"}),
        "ready",
        "stopped",
    ),
    "model, no longer stopped": (model(STOPPED, {}, observed=None), "progressing", UNSEEN),
    "runtime": (live.live("ServingRuntime"), "ready", ""),
    "route": (route(parent(OK)), "ready", ""),
    "route, unseen": (route(parent(OK), generation=2), "progressing", "gateway `public` has not seen the change yet"),
    "route, no gateway": (route(), "progressing", "Gateway `public` has not taken it"),
    "route, no backend": (
        route(parent(NO_BACKEND)),
        "failing",
        "gateway `public`: BackendNotFound: service not found",
    ),
    "route, no backend before the change": (
        route(parent(NO_BACKEND), generation=2),
        "progressing",
        "gateway `public` has not seen the change yet",
    ),
    "route, one of two gateways": (
        route(parent(OK), names=("public", "internal")),
        "progressing",
        "Gateway `internal` has not taken it",
    ),
    "route, two controllers at one gateway": (route(parent(NO_BACKEND), parent(OK)), "ready", ""),
    "gateway": (
        live.live(
            "Gateway",
            {"conditions": conditions({"Accepted": YES, "Programmed": YES}, observedGeneration=1)},
        ),
        "ready",
        "",
    ),
    "gateway, nobody in charge": (
        live.live(
            "Gateway", {"conditions": conditions({"Programmed": ("Unknown", "Pending", "Waiting for controller")})}
        ),
        "progressing",
        "Waiting for controller",
    ),
    "gateway, refused": (
        live.live("Gateway", {"conditions": conditions({"Accepted": ("False", "InvalidParameters", "no such class")})}),
        "failing",
        "not accepted: no such class",
    ),
    "schedule": (live.live("CronWorkflow", spec={}), "ready", ""),
    "schedule, last start failed": (
        schedule(SUBMISSION),
        "ready",
        "its last start failed: workflowtemplates.argoproj.io not found",
    ),
    "schedule, wrong": (
        schedule({"SpecError": ("True", "", "cron schedule is malformed")}),
        "failing",
        "cron schedule is malformed",
    ),
    "schedule, at its end": (schedule({}, phase="Stopped"), "ready", "stopped by its own strategy"),
    "template": (live.live("WorkflowTemplate"), "ready", ""),
    "config map": (live.live("ConfigMap", generation=None, data={}), "ready", ""),
    "role binding": (live.live("RoleBinding", generation=None), "ready", ""),
    "thing without a status": (live.live("Thing"), "ready", ""),
    "thing": (live.live("Thing", {"conditions": conditions({"Ready": YES})}), "ready", ""),
    "thing, not ready": (
        live.live("Thing", {"conditions": conditions({"Ready": ("False", "Loading", "half done")})}),
        "progressing",
        "half done",
    ),
    "thing, unseen": (
        live.live("Thing", {"observedGeneration": 1, "conditions": conditions({"Ready": YES})}, generation=2),
        "progressing",
        UNSEEN,
    ),
    "thing, stalled": (
        live.live("Thing", {"conditions": conditions({"Stalled": ("True", "Wrong", "it can't")})}),
        "failing",
        "it can't",
    ),
    "anything that is going": (
        live.live("ConfigMap", metadata={"deletionTimestamp": EARLY}),
        "failing",
        "it is being deleted",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_health(name: str) -> None:
    document, state, why = CASES[name]
    assert health(document) == Health(State(state), why)


ROLLED = deployment((1, 1, 1), {"Available": AVAILABLE, "Progressing": UPDATED})
ROLLING = deployment((2, 1, 1), {"Available": AVAILABLE, "Progressing": UPDATING})
CRASHES = pod(waiting("CrashLoopBackOff"), restarts=2, phase="Running", last=crashed(1))


def test_a_model_that_says_it_is_ready_is_not_while_its_deployment_rolls() -> None:
    assert health_with(model(SERVES, LOADED), [ROLLED], []).is_ready
    assert health_with(model(SERVES, LOADED), [ROLLING], []) == Health(
        State.PROGRESSING, "old pods that are still there: 1"
    )
    found = health_with(model(SERVES, LOADED), [ROLLING], [CRASHES])
    assert found.state is State.FAILED
    assert found.why.startswith("pod `flights-66869d5595-vh6p6`: container `model` crashes")


def test_what_is_ready_does_not_care_for_its_pods() -> None:
    assert health_with(ROLLED, [], [CRASHES]).is_ready


def test_pods_of_an_older_form_say_nothing_of_a_change_that_is_not_seen_yet() -> None:
    changed = {**ROLLING, "metadata": {**ROLLING["metadata"], "generation": ROLLING["metadata"]["generation"] + 1}}
    assert health_with(ROLLING, [], [CRASHES]).state is State.FAILED
    assert health_with(changed, [], [CRASHES]).state is State.PROGRESSING


def test_a_pod_that_failed_is_its_jobs_to_judge() -> None:
    failed = pod(crashed(1), phase="Failed")
    job = live.live("Job", {"active": 1}, spec={})
    assert health_with(job, [], [failed]) == Health(State.PROGRESSING, "pods at work: 1")
    assert health_with(failed, [], [failed]) == Health(State.FAILED, "container `model` failed: exit code 1")


def test_the_worst_counts_and_of_equals_the_first() -> None:
    found = [Health(State(state), str(number)) for number, state in enumerate(["ready", "failing", "failing"])]
    assert worst(found) == found[1]
    assert worst([]).is_ready
