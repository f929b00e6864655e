"""What a run that failed says of the cluster: which pods aren't what they were, and what was warned of."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cluster.afterwards import happened, left, told
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, Manifest

BEFORE, AFTER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
ENDED = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-01T10:00:00Z"}


@pytest.fixture
def place(admin: Admin) -> str:
    name = f"afterwards-{uuid.uuid4().hex[:8]}"
    admin.create("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def add_pod(admin: Admin, namespace: str, name: str, status: Manifest) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    containers = [{"name": "main", "image": "none"}]
    spec = {"containers": containers, "automountServiceAccountToken": False, "nodeName": "nowhere"}
    admin.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    admin.create(path, {"metadata": {"name": name}, "spec": {**spec, "serviceAccountName": name}})
    admin.merge(f"{path}/{name}/status", {"status": status})


def warn(admin: Admin, namespace: str, number: int) -> None:
    about = {"kind": "Pod", "namespace": namespace, "name": "s3", "apiVersion": "v1"}
    said = {"type": "Warning", "reason": "Evicted", "message": f"disk is\n full {number}"}
    when = f"2099-01-01T11:{number:02}:00Z"
    event = {"metadata": {"name": f"s3.{number}"}, "involvedObject": about, "lastTimestamp": when, **said}
    admin.create(f"/api/v1/namespaces/{namespace}/events", event)


def test_what_became_of_pods_is_said(api_server: Reached, admin: Admin, place: str) -> None:
    state = {"name": "main", "ready": True, "restartCount": 1, "image": "", "imageID": ""}
    add_pod(
        admin, place, "s3", {"phase": "Running", "containerStatuses": [{**state, "lastState": {"terminated": ENDED}}]}
    )
    add_pod(admin, place, "gone", {"phase": "Failed", "reason": "Evicted", "message": "no space"})
    for number in range(20):
        warn(admin, place, number)

    said = happened(api_server.kubeconfig, BEFORE, [place])
    assert [line.rsplit(" at ", 1)[0] for line in said if "created" in line] == [
        f"pod {place}/gone was created",
        f"pod {place}/s3 was created",
    ]
    assert f"pod {place}/gone is Failed: Evicted no space" in said
    assert f"pod {place}/s3: main ended at 10:00:00: OOMKilled with exit code 137" in said
    warnings = [line for line in said if " pod " in line]
    assert len(warnings) == 12
    assert warnings[-1] == f"11:19:00 pod {place}/s3: Evicted: disk is full 19"

    assert happened(api_server.kubeconfig, AFTER, [place]) == [f"pod {place}/gone is Failed: Evicted no space"]


def test_what_a_test_leaves_is_said(api_server: Reached, admin: Admin, place: str) -> None:
    state = {"name": "main", "ready": False, "restartCount": 0, "image": "", "imageID": ""}
    ended = {"state": {"terminated": {**ENDED, "message": "no more\n memory"}}}
    add_pod(admin, place, "failed", {"phase": "Failed", "containerStatuses": [{**state, **ended}]})
    lacks = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    add_pod(admin, place, "waits", {"phase": "Pending", "conditions": [lacks]})
    add_pod(admin, place, "well", {"phase": "Succeeded"})
    made = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "line-1"}, "spec": {}}
    admin.create(f"/apis/argoproj.io/v1alpha1/namespaces/{place}/workflows", made)
    warn(admin, place, 1)

    workflow, *others = left(api_server.kubeconfig, place)
    assert (workflow[:19], workflow[-12:]) == ("workflow line-1 of ", "is not begun")
    assert others == [
        "pod failed is Failed: no more memory",
        "pod waits is Pending: 0/1 nodes are available",
        f"11:01:00 pod {place}/s3: Evicted: disk is full 1",
    ]


def test_a_cluster_that_is_gone_is_no_fault_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPSCTL_TEST_KUBECONFIG", "/nowhere/kubeconfig")
    (line,) = told(BEFORE)
    assert line.startswith("it doesn't answer: ")
    (line,) = left(Path("/nowhere/kubeconfig"), "any")
    assert line.startswith("it doesn't answer: ")
