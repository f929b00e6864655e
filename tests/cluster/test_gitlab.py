"""GitLab's jobs: the commands of their scripts in order, each job in a clone of its own, against a real API server.

`mlopsctl run` alone is left out, as nothing here runs workflows.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.commanding import Repository, repository
from tests.cluster.conftest import Reached
from tests.cluster.standing_in import controllers
from tests.cluster.test_apply import trees
from tests.cluster.test_ephemeral import PR
from tests.cluster.test_forge import FIRST, RELEASE, SECOND, git
from tests.cluster.test_rollback_in_git import led
from tests.unit.release.test_forge import Forge, started
from tests.waiting import PATIENCE


@dataclass
class Runner:
    """Runs jobs of `.gitlab/mlops.yaml`, which hand `plan.json` on; `said` is what the last one printed."""

    bare: Path
    folder: Path
    forge: Forge
    project: Repository
    plan: bytes = b""
    said: str = ""
    count: int = 0

    def job(self, name: str, branch: str, *, request: str = "") -> bool:
        """Whether a job was good, on a branch or of a merge request."""
        self.count += 1
        clone = self.folder / f"job-{self.count}"
        jobs = yaml.safe_load(git(self.bare, "show", f"{branch}:.gitlab/mlops.yaml"))
        said: dict[str, Any] = jobs[".mlops"] | jobs[name]
        depth = [] if said.get("variables", {}).get("GIT_DEPTH") == "0" else ["--depth", "1"]
        git(self.folder, "clone", "--quiet", *depth, "--branch", branch, f"file://{self.bare}", str(clone))
        (clone / ".mlops").mkdir()
        if "needs" in said:
            (clone / ".mlops" / "plan.json").write_bytes(self.plan)
        lines = [*said["before_script"], *said["script"]]
        wanted = [line for line in lines if not line.startswith(("pip install", "mlopsctl run "))]
        done = subprocess.run(
            ["bash", "-e", "-c", "\n".join(wanted)],
            cwd=clone,
            env=self.environ | {"CI_MERGE_REQUEST_IID": request},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.said = done.stdout + done.stderr
        if (saved := clone / ".mlops" / "plan.json").exists():
            self.plan = saved.read_bytes()
        return done.returncode == 0

    @property
    def environ(self) -> dict[str, str]:
        own = ("GIT_AUTHOR", "GIT_COMMITTER")  # who runs jobs has no name in git
        kept = {name: value for name, value in self.project.environ.items() if not name.startswith(own)}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.forge.url,
            "CI_PROJECT_ID": "o/r",
            "MLOPS_GITLAB_TOKEN": "t",
            "MLOPS_URL": "http://127.0.0.1:9",  # where nothing answers
        }

    def push(self, branch: str, message: str) -> str:
        """The project's changes as a commit on a branch of the forge."""
        self.project.commit(message)
        self.project.git("push", "--quiet", "origin", f"HEAD:{branch}")
        return git(self.project.folder, "rev-parse", "HEAD")


@pytest.fixture
def runner(api_server: Reached, tmp_path: Path) -> Iterator[Runner]:
    """A forge that has the project with its jobs on `main`; git names what serves, once somebody has agreed."""
    project = repository(tmp_path / "flight-delays", api_server)
    project.edit("environments/staging.yaml", ("releases: continuous", "releases: pinned\n  approvals: {required: 1}"))
    (project.folder / "environments" / "pr.yaml").write_text(PR.replace(", secrets: [mlopsctl-store]", ""))
    project.mlopsctl("ci", "gitlab")
    bare = tmp_path / "forge.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
    project.git("remote", "add", "origin", str(bare))
    names = [project.namespace, f"{project.namespace}-pr-12"]
    project.admin.create("/api/v1/namespaces", {"metadata": {"name": project.namespace}})
    with started() as forge, controllers(project.admin, names):
        made = Runner(bare, tmp_path, forge, project)
        made.push("main", "The jobs")
        yield made
    there = {each["metadata"]["name"] for each in project.admin.ask("GET", "/api/v1/namespaces")["items"]}
    for name in {project.namespace, f"{project.namespace}-pr-12"} & there:
        project.admin.delete(f"/api/v1/namespaces/{name}")


def test_a_merge_brings_what_the_merge_request_showed(runner: Runner) -> None:
    for name in ("mlops-plan-staging", "mlops-apply-staging"):
        assert runner.job(name, "main"), runner.said
    runner.project.edit("pipeline.yaml", ("trees: 100", "trees: 200"))
    runner.push("more-trees", "More trees")
    for _ in range(2):
        assert runner.job("mlops-plan", "more-trees", request="12"), runner.said
    (comment,) = runner.forge.comments
    assert comment["body"].startswith("<!-- mlopsctl plans: flights -->\n\n### Plan for 1 environment: changes in 1\n")
    assert trees(runner.project) == "100", "a merge request changes nothing"
    runner.push("main", "Merge")
    for name in ("mlops-plan-staging", "mlops-apply-staging"):
        assert runner.job(name, "main"), runner.said
    assert trees(runner.project) == "200"


def released(runner: Runner, release: tuple[str, str], by: Sequence[str]) -> None:
    """The release of a run on main, by a merge request of Ann's that these have approved."""
    file = runner.project.folder / "releases" / "staging" / "flight-delays.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(RELEASE % release)
    commit = runner.push("main", "Release")
    request = "/projects/o%2Fr/merge_requests/12"
    runner.forge.said |= {
        f"/projects/o%2Fr/repository/commits/{commit}/merge_requests": [{"iid": 12, "state": "merged"}],
        request: {"author": {"username": "ann"}},
        f"{request}/commits": [],
    }
    approved(runner, by)


def approved(runner: Runner, by: Sequence[str]) -> None:
    found = [{"user": {"username": name.lower(), "name": name}} for name in by]
    runner.forge.said["/projects/o%2Fr/merge_requests/12/approvals"] = {"approved_by": found}


def test_a_release_waits_for_who_agrees_at_the_forge_and_is_turned_back_if_verify_refuses_it(runner: Runner) -> None:
    released(runner, FIRST, by=[])
    assert runner.job("mlops-plan-staging", "main"), runner.said
    assert "approved by nobody, 1 missing" in runner.said
    assert not runner.job("mlops-apply-staging", "main")
    assert "error[MLO420]" in runner.said
    approved(runner, ["Bob"])
    assert runner.job("mlops-plan-staging", "main"), runner.said
    assert "approved by bob" in runner.said
    assert not runner.job("mlops-apply-staging", "main")
    assert "error[MLO795]" in runner.said, "what answers nobody has nothing to go back to"
    assert led(runner.project) == ["1"]

    released(runner, SECOND, by=["Bob"])
    assert runner.job("mlops-plan-staging", "main"), runner.said
    assert not runner.job("mlops-apply-staging", "main")
    assert "error[MLO425]" in runner.said, "it says why"
    assert "mlopsctl rollback flight-delays --env staging --pr" in runner.said
    assert led(runner.project) == ["1"]


def test_a_merge_request_has_an_environment_until_it_ends(runner: Runner) -> None:
    assert runner.job("mlops-up-pr", "main", request="12"), runner.said
    namespace = f"/api/v1/namespaces/{runner.project.namespace}-pr-12"
    assert runner.project.admin.ask("GET", f"{namespace}/configmaps/flight-delays-contract")
    assert runner.job("mlops-down-pr", "main", request="12"), runner.said
    assert runner.project.admin.ask("GET", namespace)["metadata"]["deletionTimestamp"]
