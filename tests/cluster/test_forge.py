"""Merge to staging: the jobs that `ci` writes, run from a bare repository as the forge, against a real API server.

Their steps' commands are taken out of the files and run in order, each job in a clone of its own, as a runner does.
GitLab's are in test_gitlab.py.
On an API server alone somebody stands in for KServe and the gateway, and no model answers, so `verify` refuses each.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.commanding import Repository, repository
from tests.cluster.conftest import Reached
from tests.cluster.standing_in import controllers
from tests.cluster.test_apply import trees
from tests.cluster.test_rollback_in_git import led
from tests.unit.release.test_forge import Forge, started
from tests.waiting import PATIENCE

RELEASE = """\
apiVersion: mlopsctl.dev/v1
kind: Release
metadata: {name: flight-delays}
spec:
  run: %s
  commit: 3f2c91a
  model: {digest: "sha256:%s", uri: "s3://ml-artifacts/staging/blobs/1"}
  data: {flights: "sha256:91be3bb4b7f4ec6ba2ea8dc4bb4f1b2d8e8e3f1f0a7f2d0c5b6a79881726354a"}
  evidence: "sha256:0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0"
"""
FIRST, SECOND = ("01JD3WQ7ZK8M4N6P2R5S7T9V1X", "1" * 64), ("01JD3WQ8ZK8M4N6P2R5S7T9V1X", "2" * 64)


@dataclass
class Runner:
    """Runs jobs of GitHub's files. `said` is what steps printed, `summary` what they wrote for the page of the run."""

    bare: Path
    folder: Path
    forge: Forge
    project: Repository
    said: list[str] = field(default_factory=list)
    summary: str = ""
    count: int = 0

    def event(self, name: str, branch: str) -> dict[str, str]:
        """What became of each job and step: of a pull request its plan, of a push all that the environment's file says.

        As in `apply`, `apply/Verify flight-delays`, …
        """
        self.said.clear()
        workflows = self._clone(branch, depth=1) / ".github" / "workflows"
        file = "mlops-staging.yaml" if name == "push" else "mlops.yaml"
        jobs = yaml.safe_load((workflows / file).read_text())["jobs"]
        jobs = {job: said for job, said in jobs.items() if job != "check"}  # whose commands other tests run
        artifacts: dict[str, bytes] = {}
        outcomes: dict[str, str] = {}
        for job, said in jobs.items():
            if job == "apply" and (name != "push" or outcomes["plan"] != "success"):
                continue
            depth = said["steps"][0]["with"].get("fetch-depth", 1)
            outcomes |= self._job(name, job, said["steps"], artifacts, self._clone(branch, depth=depth))
        return outcomes

    def _job(
        self, event: str, job: str, steps: list[dict[str, Any]], artifacts: dict[str, bytes], clone: Path
    ) -> dict[str, str]:
        temp = clone.with_name(f"{clone.name}-temp")
        temp.mkdir()
        environ = self._environ(event, temp)
        ids: dict[str, str] = {}
        outcomes = {job: "success"}
        for step in steps:
            title = step.get("name", step.get("uses", ""))
            if not _is_wanted(str(step.get("if", "")), ids, outcomes[job]):
                continue
            uses = str(step.get("uses", ""))
            if "upload-artifact" in uses:
                artifacts["plan.json"] = (temp / "plan.json").read_bytes()
            elif "download-artifact" in uses:
                (temp / "plan.json").write_bytes(artifacts["plan.json"])
            elif "run" in step and not step["run"].startswith("pip install"):
                held = self._ran(step, clone, environ)
                outcome = "success" if held else "failure"
                outcomes[f"{job}/{title}"] = ids[step.get("id", title)] = outcome
                outcomes[job] = outcome if outcomes[job] == "success" else "failure"
            environ |= dict(line.split("=", 1) for line in (temp / "env").read_text().splitlines())
        self.summary = (temp / "summary").read_text()
        return outcomes

    def _ran(self, step: Mapping[str, Any], clone: Path, environ: Mapping[str, str]) -> bool:
        values = {
            "${{ secrets.KUBECONFIG }}": self.project.kubeconfig.read_text(),
            "${{ github.token }}": "t",
        }
        own = {name: values[value] for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=clone,
            env={**environ, **own},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        return done.returncode == 0

    def _environ(self, event: str, temp: Path) -> dict[str, str]:
        for name in ("env", "summary", "output"):
            (temp / name).touch()
        own = ("KUBECONFIG", "GIT_AUTHOR", "GIT_COMMITTER")  # who runs jobs has no name in git
        kept = {name: value for name, value in self.project.environ.items() if not name.startswith(own)}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(temp),
            "GITHUB_ENV": str(temp / "env"),
            "GITHUB_STEP_SUMMARY": str(temp / "summary"),
            "GITHUB_OUTPUT": str(temp / "output"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "ann",
            "GITHUB_SERVER_URL": "https://forge.example.com",
            "GITHUB_RUN_ID": "7",
            "GITHUB_API_URL": self.forge.url,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_REF": "refs/pull/12/merge" if event == "pull_request" else "refs/heads/main",
            "MLOPS_URL": "http://127.0.0.1:9",  # where nothing answers
        }

    def _clone(self, branch: str, *, depth: int) -> Path:
        """A clone of a branch with so many commits, or with 0 all of them."""
        self.count += 1
        clone = self.folder / f"job-{self.count}"
        ending = ["--depth", str(depth)] if depth else []
        git(self.folder, "clone", "--quiet", *ending, "--branch", branch, f"file://{self.bare}", str(clone))
        (clone / "data").mkdir(exist_ok=True)
        return clone


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _is_wanted(condition: str, ids: Mapping[str, str], job: str) -> bool:
    """Whether a step runs, by the conditions that the files have and no others."""
    text = condition.removeprefix("${{ ").removesuffix(" }}")
    if not text:
        return job == "success"
    if found := re.fullmatch(r"!cancelled\(\) && steps\.([\w-]+)\.outcome (==|!=) '(\w+)'", text):
        return (ids.get(found[1], "skipped") == found[3]) is (found[2] == "==")
    raise AssertionError(f"a condition that no runner of these tests knows: {text}")


@pytest.fixture
def forge() -> Iterator[Forge]:
    with started() as server:
        yield server


@pytest.fixture
def runner(api_server: Reached, tmp_path: Path, forge: Forge) -> Iterator[Runner]:
    """A forge that has the project with its jobs on `main`, in which git names what serves."""
    project = repository(tmp_path / "flight-delays", api_server)
    project.edit("environments/staging.yaml", ("releases: continuous", "releases: pinned"))
    project.mlopsctl("ci", "github")
    project.commit("The jobs")
    bare = tmp_path / "forge.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
    project.git("remote", "add", "origin", str(bare))
    project.git("push", "--quiet", "origin", "main")
    project.admin.create("/api/v1/namespaces", {"metadata": {"name": project.namespace}})
    with controllers(project.admin, [project.namespace]):
        yield Runner(bare, tmp_path, forge, project)
    project.admin.delete(f"/api/v1/namespaces/{project.namespace}")


def merged(runner: Runner, branch: str) -> None:
    """The branch merged into main, and main pushed."""
    project = runner.project
    project.git("checkout", "--quiet", "main")
    project.git("merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", branch)
    project.git("push", "--quiet", "origin", "main")


def proposed(runner: Runner, branch: str, *, release: tuple[str, str] | None = None) -> None:
    """A branch with a change, pushed."""
    project = runner.project
    project.git("checkout", "--quiet", "-b", branch)
    if release is None:
        project.edit("pipeline.yaml", ("trees: 100", "trees: 200"))
    else:
        file = project.folder / "releases" / "staging" / "flight-delays.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(RELEASE % release)
    project.commit(branch)
    project.git("push", "--quiet", "origin", branch)


def test_a_merge_brings_exactly_what_the_pull_request_showed(runner: Runner) -> None:
    assert runner.event("push", "main")["apply"] == "success", runner.said
    proposed(runner, "more-trees")
    assert runner.event("pull_request", "more-trees") == {
        "plan": "success",
        "plan/Log in to the cluster": "success",
        "plan/Plan": "success",
        "plan/Show the plan": "success",
        "plan/Comment on the pull request": "success",
    }, runner.said
    assert runner.event("pull_request", "more-trees")["plan"] == "success"
    (comment,) = runner.forge.comments
    assert comment["body"].startswith("<!-- mlopsctl plans: flights -->\n\n### Plan for 1 environment: changes in 1\n")
    assert "trees" in comment["body"]
    assert "mlopsctl apply" not in comment["body"], "the merge does, and no file of the runner"
    assert trees(runner.project) == "100", "a pull request changes nothing"
    merged(runner, "more-trees")
    outcomes = runner.event("push", "main")
    assert outcomes["apply/Apply exactly this plan"] == "success", runner.said
    assert outcomes["apply/Verify flight-delays"] == "success", "nothing is released yet"
    assert "apply/Roll flight-delays back" not in outcomes
    assert trees(runner.project) == "200"


def test_what_verify_refuses_is_turned_back_and_the_pipeline_is_red(runner: Runner) -> None:
    proposed(runner, "first", release=FIRST)
    merged(runner, "first")
    outcomes = runner.event("push", "main")
    assert outcomes["apply/Roll flight-delays back"] == "failure", "the very first has nothing to go back to"
    assert "error[MLO795]" in "".join(runner.said)
    assert led(runner.project) == ["1"]

    proposed(runner, "second", release=SECOND)
    merged(runner, "second")
    outcomes = runner.event("push", "main")
    assert outcomes["apply/Apply exactly this plan"] == "success", runner.said
    assert outcomes["apply/Verify flight-delays"] == "failure"
    assert "error[MLO425]" in "".join(runner.said), "it says why"
    assert outcomes["apply/Roll flight-delays back"] == "success", runner.said
    assert outcomes["apply"] == "failure"
    assert led(runner.project) == ["1"]
    assert "`mlopsctl rollback flight-delays --env staging --pr`" in runner.summary
    assert "mlopsctl rollback flight-delays --env staging --pr" in runner.said[-1]

    # Whoever applies then leaves it so.
    project = runner.project
    assert "warning[MLO789]" in project.mlopsctl("apply", "--auto-approve").err
    assert led(project) == ["1"]
    # What the summary says, in a clone; its merge ends it.
    project.git("fetch", "--quiet")
    project.mlopsctl("rollback", "flight-delays", "--env", "staging")
    merged(runner, "rollback/staging/flight-delays-01JD3WQ8ZK8M")
    assert "is obeyed again" in project.mlopsctl("plan").out
    project.mlopsctl("apply", "--auto-approve")
    assert led(project) == ["1"]
    assert "Turned back" not in project.mlopsctl("plan").out
