"""What git says of a project, asked of a real git."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlopsctl.engine.commit import Commit
from mlopsctl.local.git import commit_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: apt-get install git")


def git(folder: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, **who}
    return subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_the_commit_that_is_checked_out(repository: Path) -> None:
    digest = git(repository, "rev-parse", "HEAD").strip()
    assert commit_of(repository / "in") == Commit(digest, 0, "main")
    assert commit_of(repository).short == digest[:7]


def test_files_that_differ_are_counted_in_the_folder_itself(repository: Path) -> None:
    (repository / "in" / "a").write_text("b")
    (repository / "in" / "new").touch()
    (repository / "elsewhere").touch()
    assert commit_of(repository / "in").changed_files == 2


def test_before_the_first_commit_there_is_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").touch()
    assert commit_of(tmp_path) == Commit("", 1, "main")


def test_outside_of_git_there_is_none(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == Commit("", 0)


@pytest.mark.parametrize("reason", ["damaged", "no git"])
def test_a_git_that_does_not_answer_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    (tmp_path / ".git").mkdir()
    if reason == "no git":
        monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(tmp_path) == Commit("", 0)


def test_a_commit_that_no_branch_is_on(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert commit_of(repository).branch == ""
