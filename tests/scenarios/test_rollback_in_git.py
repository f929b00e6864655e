"""Turning back where git says what serves: a commit that names the release before, and nothing that brings it back."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project
from tests.scenarios.promotion import Team, blanked, made

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: apt-get install git")

RELEASE = "releases/staging/demo.yaml"


@pytest.fixture
def team(project: Project, tmp_path: Path) -> Team:
    return made(project, tmp_path)


def rollback(team: Team, *arguments: str, code: int = 0) -> str:
    done = team.project.mlopsctl("rollback", "demo", "--env", "staging", *arguments, code=code)
    return done.err if code else done.out


def test_back_and_forth(team: Team, snapshot: SnapshotAssertion) -> None:
    assert "MLO799" in rollback(team, code=1)  # git names nothing yet
    first = team.passed(0.9)
    team.merge(team.promoted()["branch"])
    assert "MLO795" in rollback(team, code=1)  # and nothing before
    second = team.passed(0.95)
    promoted = team.promoted()["branch"]
    team.merge(promoted)
    assert "MLO796" in rollback(team, "--to", second, code=1)
    assert "MLO016" in team.project.mlopsctl("rollback", "dmo", "--env", "staging", code=1).err

    before = team.state()
    said = rollback(team, "--reason", "worse on Mondays")
    assert blanked(said, team) == snapshot(name="said")
    assert team.state() == before
    branch = f"rollback/staging/demo-{second[:12]}"
    message = re.sub(r"by \S+@\S+:", "by WHO:", team.git("log", "-1", "--format=%an%n%B", branch))
    assert blanked(message, team) == snapshot(name="message")
    assert team.git("show", f"{branch}:{RELEASE}") == team.git("show", f"{promoted}^:{RELEASE}")
    assert f"branch {branch} has this release already" in rollback(team)
    # Until it is merged, nothing applies what was turned back from, and nothing promotes it.
    assert "MLO777" in team.project.mlopsctl("plan", "--env", "staging", code=5).err
    assert "rolled back in staging: worse on Mondays" in team.promote("--run", second, code=5).err
    team.merge(branch)
    assert "MLO777" not in team.project.mlopsctl("plan", "--env", "staging", code=1).err  # there is no such cluster
    assert "MLO777" in rollback(team, "--to", second, code=5)
    found = json.loads(team.project.mlopsctl("audit", "--env", "staging", "--output", "json").out)
    assert next((entry["did"], entry["run"]) for entry in found["entries"]) == ("rejected", second)

    # It was a mistake: the branch of the promotion is an old one, of which main has all.
    team.project.mlopsctl("reject", second, "--withdraw", "--reason", "the holiday")
    again = team.promoted("--run", second)
    assert (again["outcome"], again["branch"], again["changes"]["serving"]) == ("written", promoted, first)
    team.git("push", "-q", "--force", "origin", promoted)
    team.git("merge", "-q", "--no-ff", "-m", "Again", promoted)
    assert second in (team.project.folder / RELEASE).read_text()


def test_a_rollback_of_what_was_never_merged_here(team: Team) -> None:
    """A clone that is behind: the base is what was last fetched, as for a promotion."""
    team.passed(0.9)
    team.merge(team.promoted()["branch"])
    team.passed(0.95)
    branch = team.promoted()["branch"]
    before = team.git("rev-parse", "main")
    team.merge(branch)
    team.git("reset", "-q", "--hard", before)
    assert "Wrote releases/staging/demo.yaml on branch rollback/staging/demo-" in rollback(team)


def test_a_clone_that_is_shallow_is_said_to_be(team: Team) -> None:
    for auc in (0.9, 0.95):
        team.passed(auc)
        team.merge(team.promoted()["branch"])
    clone = team.place / "shallow"
    team.git("clone", "-q", "--depth", "1", f"file://{team.forge}", str(clone))
    said = replace(team.project, folder=clone).mlopsctl("rollback", "demo", "--env", "staging", code=1).err
    assert "MLO795" in said
    assert "warning[MLO767]: this clone is shallow" in said


def test_only_releases_that_git_says_are_turned_back_by_a_commit(team: Team) -> None:
    said = team.project.mlopsctl("rollback", "demo", "--env", "dev", "--pr", code=64).err
    assert "nothing is to be merged" in said
