"""Approvals of what serves in a pinned environment, and policies, against an API server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cluster.commanding import Repository, repository
from tests.cluster.conftest import Reached
from tests.cluster.test_apply import OUTPUT, without_gateway

RELEASE = """\
apiVersion: mlopsctl.dev/v1
kind: Release
metadata: {{name: flight-delays}}
spec:
  run: 01JD3WQ7000000000000000000
  commit: "{commit}"
  model: {{digest: "sha256:{model}", uri: "s3://ml-artifacts/{model}"}}
  data: {{flights: "sha256:{model}"}}
  requirements: "sha256:{model}"
  metrics: {{auc: 0.87}}
  evidence: "sha256:{model}"
"""
POLICIES = """\
apiVersion: mlopsctl.dev/v1
kind: Policy
metadata: {name: owner}
spec: {rule: pipeline.owner != null, message: nobody answers for it}
---
apiVersion: mlopsctl.dev/v1
kind: Policy
metadata: {name: license}
spec: {rule: pipeline.license != null, message: "`${pipeline.name}` has no license", severity: warning}
"""


@pytest.fixture
def pinned(api_server: Reached, tmp_path: Path) -> Iterator[Repository]:
    """A project whose environment is pinned and asks for an approval, with a release that nobody has approved."""
    made = without_gateway(repository(tmp_path / "flight-delays", api_server))
    made.edit("environments/staging.yaml", ("releases: continuous", "releases: pinned\n  approvals: {required: 1}"))
    (made.folder / "releases" / "staging").mkdir(parents=True)
    release(made, "a")
    yield made
    made.admin.delete(f"/api/v1/namespaces/{made.namespace}")


def release(project: Repository, model: str, message: str = "Release") -> str:
    text = RELEASE.format(commit="0" * 40, model=model * 64)
    (project.folder / "releases" / "staging" / "flight-delays.yaml").write_text(text, "utf-8")
    project.commit(message)
    head = ["git", "rev-parse", "HEAD"]
    return subprocess.run(head, cwd=project.folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_release_serves_once_another_has_approved_it(pinned: Repository) -> None:
    assert "approved by nobody, 1 missing" in pinned.mlopsctl("plan").out
    refused = pinned.mlopsctl("apply", "--auto-approve", code=5).err
    assert "error[MLO420]: the release of `flight-delays` lacks 1 of 1 approval" in refused
    assert "written by someone <someone>" in refused
    assert not pinned.objects()
    release(pinned, "b", "Release\n\nApproved-by: Bob <bob@example.com>\nApproved-by: someone <someone>")
    pinned.mlopsctl("plan", "--out", ".mlops/plan.json")
    assert "approved by Bob <bob@example.com>" in pinned.mlopsctl("plan").out
    pinned.mlopsctl("apply", ".mlops/plan.json", "--timeout", "1s", code=6)  # as nothing makes a model ready here
    log = json.loads(pinned.mlopsctl("audit", "--env", "staging", "--output", "json").out)
    [entry] = log["entries"]
    assert (entry["did"], entry["why"]) == ("applied", "approved by Bob <bob@example.com>")
    assert entry["model"] == f"sha256:{'b' * 64}"


def test_a_review_of_the_forge_counts_for_the_release_that_it_is_of(pinned: Repository) -> None:
    commit = release(pinned, "b")
    review = pinned.folder.parent / "review.json"
    review.write_text(json.dumps({"commit": commit, "approved": ["bob"]}), "utf-8")
    said = pinned.mlopsctl("plan", "--approvals", str(review), "--output", "json").out
    assert [check["what"] for check in json.loads(said)["checks"] if check["stage"] == "serve"][-1] == "approved by bob"
    release(pinned, "c")
    refused = pinned.mlopsctl("apply", "--auto-approve", "--approvals", str(review), code=5).err
    assert f"error[MLO421]: the review is of commit {commit[:7]}" in refused


def test_a_plan_says_which_policies_hold(pinned: Repository) -> None:
    (pinned.folder / "policies.yaml").write_text(POLICIES, "utf-8")
    pinned.edit("mlops.yaml", ("  environments:", "  policies: [policies.yaml]\n  environments:"))
    pinned.edit("pipeline.yaml", ("  owner: ops-research\n", ""))
    refused = pinned.mlopsctl("plan", code=5)
    assert "error[MLO419]: nobody answers for it" in refused.err
    pinned.edit("pipeline.yaml", ("  name: flight-delays\n", "  name: flight-delays\n  owner: ops-research\n"))
    said = pinned.mlopsctl("plan")
    assert "warning[MLO269]: `flight-delays` has no license" in said.err
    assert "Policies  1 holds · broken, and only a warning: license" in said.out
    assert "- **Policies** 1 holds" in pinned.mlopsctl("plan", "--output", "markdown").out
    plan = json.loads(pinned.mlopsctl("plan", "--output", "json").out)
    Draft202012Validator(json.loads((OUTPUT / "plan.json").read_text("utf-8"))).validate(plan)
    assert [(each["policy"], each["holds"]) for each in plan["policies"]] == [("owner", True), ("license", False)]
