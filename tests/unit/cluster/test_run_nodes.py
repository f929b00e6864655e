"""What Argo says of a run, plain or packed, is how far each stage is and which pods it had."""

import base64
import gzip
import json
from typing import Any

import pytest

from mlopsctl.cluster.run_nodes import PodNode, is_over, stage_nodes

NODES: dict[str, dict[str, Any]] = {
    "line": {"name": "line", "type": "DAG", "phase": "Running"},
    "line-1": {"name": "line.model", "type": "Retry", "phase": "Running"},
    "line-3": {
        "name": "line.model(1)",
        "type": "Pod",
        "phase": "Pending",
        "startedAt": "2026-11-21T10:00:05Z",
        "message": "Unschedulable",
    },
    "line-2": {
        "name": "line.model(0)",
        "type": "Pod",
        "phase": "Failed",
        "startedAt": "2026-11-21T10:00:00Z",
        "outputs": {"exitCode": "137"},
    },
    "line-4": {"name": "line.model-card", "type": "Pod", "phase": "Succeeded", "finishedAt": "2026-11-21T10:01:00Z"},
    "line-5": {"name": "line.serve", "type": "Skipped", "phase": "Omitted"},
}


def workflow(*, is_packed: bool) -> dict[str, Any]:
    nodes = {name: node | {"id": name} for name, node in NODES.items()}
    packed = {"compressedNodes": base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()}
    return {"metadata": {"name": "line"}, "spec": {}, "status": packed if is_packed else {"nodes": nodes}}


@pytest.mark.parametrize("is_packed", [False, True])
def test_each_stage_has_its_own_pods_in_the_order_in_which_they_began(*, is_packed: bool) -> None:
    found = stage_nodes(workflow(is_packed=is_packed), ["model", "model-card", "serve", "later"])
    assert [(pod.id, pod.exit_code) for pod in found["model"].pods] == [("line-2", "137"), ("line-3", "")]
    assert (found["model"].is_over, found["model-card"].is_over, found["serve"].was_left_out) == (False, True, True)
    assert "later" not in found


def test_pods_of_a_search_know_their_trial() -> None:
    names = ("model[0].begin", "model[1].wave(0:[1,2])[0].trial(1:2)(0)", "model[1].wave(1:[12])[0].trial(0:12)")
    nodes = {name: {"id": name, "name": f"line.{name}", "type": "Pod", "phase": "Running"} for name in names}
    steps = {"id": "steps", "name": "line.model", "type": "Steps", "phase": "Running"}
    found = stage_nodes({"metadata": {"name": "line"}, "status": {"nodes": {"line": steps, **nodes}}}, ["model"])
    assert {pod.id: pod.trial for pod in found["model"].pods} == dict(zip(names, (0, 2, 12), strict=True))


def test_what_keeps_a_pod_from_being_made_is_said_in_words() -> None:
    locked_out = "Waiting for staging/Mutex/line-deploy lock. Lock status: 0/1"  # as Argo 3.7 has it
    told = {locked_out: "another run deploys, this one is next", "exceeded quota": "exceeded quota"}
    nodes = [PodNode(id="1", phase="Pending", message=message, exit_code="") for message in told]
    assert [node.waits_for for node in nodes] == list(told.values())


def test_a_run_that_nobody_has_seen_yet_is_not_over() -> None:
    assert not is_over({"metadata": {"name": "line"}, "spec": {}})
    assert is_over({"metadata": {"name": "line"}, "spec": {}, "status": {"phase": "Error"}})


@pytest.mark.parametrize(
    ("phase", "message", "exit_code", "failure"),
    [
        ("Failed", "main: Error (exit code 1)", "1", "error"),
        ("Failed", "main: Error (exit code 137)", "137", "oom"),
        ("Failed", "main: OOMKilled (exit code 137)", "", "oom"),
        ("Failed", "main: Error (exit code 143)", "143", "preempted"),
        ("Failed", "The node was low on resource: memory. Evicted", "137", "preempted"),
        ("Error", "pod deleted", "", "preempted"),
    ],
)
def test_a_pod_failed_as_retries_name_it(phase: str, message: str, exit_code: str, failure: str) -> None:
    assert PodNode(id="a", phase=phase, message=message, exit_code=exit_code).failure == failure
