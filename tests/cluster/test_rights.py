"""Rights that an apply lacks, and a login that ends in the middle: what is named, and what is said to be done."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.cluster.commanding import Repository, normalised, repository
from tests.cluster.conftest import Reached
from tests.cluster.examining import changed
from tests.cluster.test_apply import HISTORY, more_trees, trees, without_gateway
from tests.scenarios.project import Ended, ended
from tests.waiting import PATIENCE, until

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ALL = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "create", "patch", "update", "delete"]}


@pytest.fixture
def project(api_server: Reached, tmp_path: Path) -> Iterator[Repository]:
    made = without_gateway(repository(tmp_path / "flight-delays", api_server))
    yield made
    made.admin.delete(f"/api/v1/namespaces/{made.namespace}")


class Someone:
    """A user with these rights in all namespaces, as a kubeconfig of theirs."""

    def __init__(self, project: Repository, folder: Path, rules: list[Mapping[str, Any]]) -> None:
        self._admin = project.admin
        self.name = f"someone-{uuid.uuid4().hex[:8]}"
        self._account = f"/api/v1/namespaces/default/serviceaccounts/{self.name}"
        metadata = {"name": self.name}
        self._admin.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": metadata})
        self._admin.create(f"{RBAC}/clusterroles", {"metadata": metadata, "rules": rules})
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": "default"}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": self.name}
        binding = {"metadata": metadata, "roleRef": role, "subjects": [subject]}
        self._admin.create(f"{RBAC}/clusterrolebindings", binding)
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self._admin.create(f"{self._account}/token", asked)["status"]["token"]
        self.kubeconfig = str(changed(project.kubeconfig, folder / self.name, user={"token": token}))

    def grant(self, rules: list[Mapping[str, Any]]) -> None:
        """Give these rights in the place of those before."""
        self._admin.merge(f"{RBAC}/clusterroles/{self.name}", {"rules": rules})

    def end(self) -> None:
        """Have the login end, as if the token had expired."""
        self._admin.delete(self._account)


def text_of(said: Ended, project: Repository, someone: Someone) -> str:
    text = f"{said.out}--- stderr\n{said.err}".replace(someone.name, "someone")
    return normalised(text, project)


def without(*resources: str) -> list[Mapping[str, Any]]:
    """All rights that the example needs but those on these resources, which may be seen."""
    groups = {
        "": ["namespaces", "configmaps", "serviceaccounts"],
        "argoproj.io": ["workflowtemplates", "cronworkflows", "workflows", "workflowtaskresults"],
        "rbac.authorization.k8s.io": ["roles", "rolebindings"],
        "coordination.k8s.io": ["leases"],
        "gateway.networking.k8s.io": ["httproutes"],
        "serving.kserve.io": ["inferenceservices"],
    }
    rules: list[Mapping[str, Any]] = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    # Who grants rights needs `escalate`, or has them all.
    rules.append({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate", "bind"]})
    for group, names in groups.items():
        kept = [name for name in names if name not in resources]
        rules.append({**ALL, "apiGroups": [group], "resources": kept or ["none"]})
    return rules


def test_who_may_plan_and_not_apply_changes_nothing(
    project: Repository, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    project.mlopsctl("apply", "--auto-approve")
    more_trees(project)
    someone = Someone(project, tmp_path, without("leases"))
    until(lambda: may_plan(project, someone))
    said = project.mlopsctl("--quiet", "apply", "--auto-approve", code=1, KUBECONFIG=someone.kubeconfig)
    assert text_of(said, project, someone) == snapshot
    assert trees(project) == "100"


def may_plan(project: Repository, someone: Someone) -> bool:
    """Whether the server knows by now what the user may do."""
    process = project.start("plan", env={**project.environ, "KUBECONFIG": someone.kubeconfig})
    process.communicate()
    return process.returncode == 0


def test_a_right_that_is_missed_in_the_middle_is_named_with_what_is_done(
    project: Repository, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    """Objects of a namespace that comes with them can't be tried beforehand."""
    someone = Someone(project, tmp_path, without("roles", "rolebindings"))
    until(lambda: may_plan(project, someone))
    said = project.mlopsctl("--quiet", "apply", "--auto-approve", code=1, KUBECONFIG=someone.kubeconfig)
    assert text_of(said, project, someone) == snapshot
    assert "serviceaccounts/flight-delays" in project.objects()
    assert not any(each.startswith(("workflowtemplates", "roles", "leases")) for each in project.objects())
    project.mlopsctl("apply", "--auto-approve")
    assert "No changes" in project.mlopsctl("plan", "--detailed-exitcode").out


def test_a_login_that_ends_in_the_middle_is_named_with_what_is_done(
    project: Repository, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    """It waits for a route, which nothing here makes ready, as the login ends."""
    project.git("revert", "--no-edit", "HEAD")
    someone = Someone(project, tmp_path, without())
    until(lambda: may_plan(project, someone))
    process = project.start("--quiet", "apply", "-y", env={**project.environ, "KUBECONFIG": someone.kubeconfig})
    until(lambda: process.poll() is not None or "httproutes/flight-delays" in project.objects())
    someone.end()
    said = ended(process, 1, patience=PATIENCE)
    assert text_of(said, project, someone) == snapshot
    assert HISTORY not in project.objects()  # which nobody could write any more
