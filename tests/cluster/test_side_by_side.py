"""The same objects, applied by us and by others: the real kubectl in both its ways, a tool like kapp, autoscalers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.cluster.commanding import Repository, normalised, repository
from tests.cluster.conftest import Reached, Whole
from tests.cluster.test_apply import APPLY, RENDERED, trees, without_gateway
from tests.cluster.test_story import release
from tests.waiting import until

TEMPLATE = "manifests/flight-delays/workflowtemplate-flight-delays.yaml"


@pytest.fixture
def project(api_server: Reached, tmp_path: Path) -> Iterator[Repository]:
    made = without_gateway(repository(tmp_path / "flight-delays", api_server))
    made.admin.create("/api/v1/namespaces", {"metadata": {"name": made.namespace}})
    made.mlopsctl("render", "-o", "manifests")
    yield made
    made.admin.delete(f"/api/v1/namespaces/{made.namespace}")


def text_of(said: str, project: Repository) -> str:
    """What was said, without times of the clock and blank lines: a live view may leave some, or a carriage return."""
    text = "\n".join(line for line in normalised(said, project).splitlines() if line)
    text = re.sub(r", [^,\n]* before this plan", "", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)


def with_trees(project: Repository, number: int) -> None:
    """Have the rendered template say another number of trees, as somebody who edits what they apply."""
    path = project.folder / TEMPLATE
    path.write_text(re.sub(r'(name: trees\s+value: )"\d+"', rf'\1"{number}"', path.read_text("utf-8")), "utf-8")
    assert f'"{number}"' in path.read_text("utf-8")


@pytest.mark.parametrize("way", [["--server-side"], []])
def test_what_kubectl_has_applied_becomes_ours_and_stays_ours(
    project: Repository, way: list[str], snapshot: SnapshotAssertion
) -> None:
    project.kubectl("apply", *way, "--recursive", "--filename", "manifests")
    plan = project.mlopsctl("plan").out
    assert plan.count("taken over: it is there, and nobody's") == RENDERED
    project.mlopsctl("apply", "--auto-approve")
    assert "No changes" in project.mlopsctl("plan", "--detailed-exitcode").out

    with_trees(project, 900)
    if way:  # kubectl finds out that it is ours now; client side it doesn't ask
        refused = project.kubectl("apply", *way, "--filename", TEMPLATE, code=1)
        assert 'conflict with "mlopsctl"' in refused.err
        way = [*way, "--force-conflicts"]
    project.kubectl("apply", *way, "--filename", TEMPLATE)
    assert trees(project) == "900"
    assert text_of(project.mlopsctl("plan").out, project) == snapshot
    project.mlopsctl("apply", "--auto-approve")
    assert trees(project) == "100"
    assert "No changes" in project.mlopsctl("plan", "--detailed-exitcode").out


def test_what_kubectl_changes_while_we_ask_is_a_conflict(project: Repository, snapshot: SnapshotAssertion) -> None:
    project.mlopsctl("apply", "--auto-approve")
    project.edit("pipeline.yaml", ("trees: 100", "trees: 200"))
    project.commit("More trees")
    with_trees(project, 7)
    said = project.asked(
        "yes",
        "apply",
        code=3,
        meanwhile=lambda: project.kubectl("apply", "--server-side", "--force-conflicts", "--filename", TEMPLATE),
    )
    assert text_of(said.partition("Apply this? ")[2], project) == snapshot
    assert trees(project) == "7"
    assert "kubectl" in project.mlopsctl("plan").out
    project.mlopsctl("apply", "--auto-approve")
    assert trees(project) == "200"


def test_what_a_tool_like_kapp_has_stays_its_own(project: Repository, snapshot: SnapshotAssertion) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": "flight-delays",
            "labels": {"kapp.k14s.io/app": "1700000000", "kapp.k14s.io/association": "v1"},
        },
    }
    path = project.path("serviceaccounts", "flight-delays")
    project.admin.ask("PATCH", f"{path}?fieldManager=kapp", theirs, APPLY)
    for command in (["plan"], ["apply", "--auto-approve"]):
        said = project.mlopsctl(*command, code=3)
        assert text_of(said.err, project) == snapshot(name="refused")
    assert project.objects() == {"serviceaccounts/flight-delays"}
    # Whoever gives an object up takes the label away; then it is nobody's.
    project.kubectl("label", "serviceaccount", "flight-delays", "kapp.k14s.io/app-")
    project.mlopsctl("apply", "--auto-approve")
    project.mlopsctl("destroy", "--auto-approve")
    assert not project.admin.is_there(path)


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: [[ namespace ]], labels: [[ labels ]], annotations: [[ annotations ]]}
spec:
  replicas: 1
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {name: front, image: IMAGE, command: [sleep, infinity], resources: {requests: {cpu: 10m}}}
"""


def serving(project: Repository, cluster: Whole) -> None:
    """Have the project serve by a Deployment, in the place of KServe."""
    project.edit("environments/staging.yaml", ("releases: continuous", "releases: pinned"))
    release(project, "01JD3WQ7ZK8M4N6P2R5S7T9V1X", "77")
    file = project.folder / "templates" / "kserve" / "inference-service.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(DEPLOYMENT.replace("IMAGE", cluster.runtime_image), "utf-8")
    project.commit("Serve by a Deployment")


def replicas(project: Repository) -> int:
    deployment = project.admin.ask("GET", project.path("deployments", "front", group="apps/v1"))
    return int(deployment["spec"]["replicas"])


def test_replicas_are_drift_by_kubectl_and_none_by_an_autoscaler(cluster: Whole, tmp_path: Path) -> None:
    """A deployment of the user's own, whose replicas git sets: by hand with kubectl, then by a real autoscaler."""
    project = without_gateway(repository(tmp_path / "flight-delays", cluster))
    try:
        serving(project, cluster)
        project.mlopsctl("apply", "--auto-approve")
        project.kubectl("scale", "deployment/front", "--replicas=2")
        drift = project.mlopsctl("plan").out
        assert re.search(r"~ Deployment front · by kubectl\b.*\n +spec.replicas +1 → 2", drift), drift
        project.mlopsctl("apply", "--auto-approve")
        assert replicas(project) == 1

        project.kubectl("autoscale", "deployment/front", "--min=2", "--max=3", "--cpu-percent=80")
        until(lambda: replicas(project) == 2)
        said = project.mlopsctl("plan", "--detailed-exitcode").out
        assert "No changes" in said
        assert "front" not in said
    finally:
        project.admin.delete(f"/api/v1/namespaces/{project.namespace}")
