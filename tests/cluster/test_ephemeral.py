"""An environment for a pull request: made by its first apply, in a namespace of its own, and gone without a trace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.commanding import Repository, repository
from tests.cluster.conftest import Reached
from tests.cluster.test_apply import without_gateway

PR = """\
apiVersion: mlopsctl.dev/v1
kind: Environment
metadata: {name: pr}
spec: {ephemeral: {from: staging, ttl: 2h, secrets: [mlopsctl-store]}}
"""
OURS = "mlopsctl.dev/"


@pytest.fixture
def project(api_server: Reached, tmp_path: Path) -> Iterator[Repository]:
    """The example with what makes environments, and a secret beside the one that they are like."""
    made = without_gateway(repository(tmp_path / "flight-delays", api_server))
    (made.folder / "environments" / "pr.yaml").write_text(PR)
    made.commit("For pull requests")
    made.admin.create("/api/v1/namespaces", {"metadata": {"name": made.namespace}})
    secret = {"metadata": {"name": "mlopsctl-store"}, "stringData": {"AWS_REGION": "here"}}
    made.admin.create(made.path("secrets"), secret)
    yield made
    for name in (made.namespace, *(f"{made.namespace}-pr-{number}" for number in (1, 2, 3))):
        if name in {each["metadata"]["name"] for each in made.admin.ask("GET", "/api/v1/namespaces")["items"]}:
            made.admin.delete(f"/api/v1/namespaces/{name}")


def metadata(project: Repository, name: str) -> dict[str, Any]:
    found: dict[str, Any] = project.admin.ask("GET", f"/api/v1/namespaces/{project.namespace}-{name}")["metadata"]
    return found


def test_it_comes_with_its_apply_and_goes_with_its_namespace(project: Repository) -> None:
    said = project.mlopsctl("apply", "--env", "pr-1", "--auto-approve").out
    assert "made as it isn't there; `destroy` deletes it" in said
    found = metadata(project, "pr-1")
    labels = {name.removeprefix(OURS): value for name, value in found["labels"].items() if name.startswith(OURS)}
    assert labels == {"project": "flights", "environment": "pr-1", "ephemeral": "pr"}
    notes = {name.removeprefix(OURS): value for name, value in found["annotations"].items()}
    assert notes.keys() == {"expires", "by", "why"}
    assert notes["why"] == "mlopsctl apply --env pr-1 --auto-approve"
    inside = f"/api/v1/namespaces/{project.namespace}-pr-1"
    assert project.admin.ask("GET", f"{inside}/secrets/mlopsctl-store")["data"] == {"AWS_REGION": "aGVyZQ=="}
    contract = project.admin.ask("GET", f"{inside}/configmaps/flight-delays-contract")
    assert contract["metadata"]["labels"]["mlopsctl.dev/environment"] == "pr-1"
    assert not project.names("configmaps") - {"kube-root-ca.crt"}, "nothing of staging is touched"

    earlier = notes["expires"]
    project.admin.merge(f"/api/v1/namespaces/{project.namespace}-pr-1", {"metadata": {"annotations": {PAST: LONG_AGO}}})
    project.mlopsctl("apply", "--env", "pr-1", "--auto-approve")  # finds nothing to change
    assert metadata(project, "pr-1")["annotations"][PAST] >= earlier, "each apply gives it its time anew"

    assert "No changes" in project.mlopsctl("plan", "--env", "pr-1").out
    assert "pr" not in project.mlopsctl("plan", "--all-envs").out.split("\nEnvironments\n")[1]
    assert "nobody can be asked" in project.mlopsctl("destroy", "--env", "pr-1", code=64).err
    project.mlopsctl("destroy", "--env", "pr-1", "--auto-approve")
    assert metadata(project, "pr-1")["deletionTimestamp"], "which here nobody ends"
    again = project.mlopsctl("destroy", "--env", "pr-1", "--auto-approve").err
    assert f"the namespace {project.namespace}-pr-1 is being deleted since" in again
    assert "is being deleted" in project.mlopsctl("apply", "--env", "pr-1", "--auto-approve", code=1).err
    assert "MLO759" in project.mlopsctl("apply", "--env", "pr", code=1).err


PAST, LONG_AGO = f"{OURS}expires", "2020-01-01T00:00:00+00:00"


def test_those_whose_time_is_over_go_and_others_stay(project: Repository) -> None:
    for name in ("pr-1", "pr-2"):
        project.mlopsctl("apply", "--env", name, "--auto-approve")
    assert not project.mlopsctl("destroy", "--expired", "--auto-approve").out
    project.admin.merge(f"/api/v1/namespaces/{project.namespace}-pr-1", {"metadata": {"annotations": {PAST: LONG_AGO}}})
    done = project.mlopsctl("destroy", "--expired", "--env", "pr", "--auto-approve")
    assert f"pr-1: its time was over at {LONG_AGO}; by " in done.err
    assert metadata(project, "pr-1")["deletionTimestamp"]
    assert "deletionTimestamp" not in metadata(project, "pr-2")
    assert not project.mlopsctl("destroy", "--expired", "--auto-approve").out, "what is going is left to go"


def test_a_namespace_of_somebody_else_is_left_alone(project: Repository) -> None:
    theirs = {"metadata": {"name": f"{project.namespace}-pr-3", "labels": {f"{OURS}environment": "pr-3"}}}
    project.admin.create("/api/v1/namespaces", theirs)
    for command in ("plan", "apply", "destroy"):
        said = project.mlopsctl(command, "--env", "pr-3", *(["--auto-approve"] if command != "plan" else []), code=3)
        assert f"the namespace `{project.namespace}-pr-3` was not made for `pr-3`" in said.err
    assert "deletionTimestamp" not in metadata(project, "pr-3")
