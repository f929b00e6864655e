"""What runs on this machine need, and what is said where it is missing."""

import os
from pathlib import Path

import pytest

from mlopsctl.examination import Observation, State
from mlopsctl.local import machine
from mlopsctl.store import Patience, open_store


def observed(environ: dict[str, str], folder: Path) -> dict[str, Observation]:
    return {one.subject: one for one in machine.examine(environ, folder)}


def test_a_machine_that_has_everything(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    found = observed({"MLOPS_CACHE": str(tmp_path / "cache")}, tmp_path)
    assert list(found) == ["git", "uv", "cache"]
    assert found["git"].state is State.FINE
    assert found["uv"].state is State.FINE
    assert found["uv"].found.startswith("uv 0.")
    assert found["cache"].found.startswith(f"`{tmp_path / 'cache'}`, ")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_outside_of_git(tmp_path: Path) -> None:
    found = observed({"MLOPS_CACHE": str(tmp_path)}, tmp_path)["git"]
    assert found.state is State.WARNING
    assert found.help.startswith("git init")


def test_a_machine_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = observed({"MLOPS_CACHE": str(tmp_path)}, tmp_path)["git"]
    assert (found.state, found.found) == (State.WARNING, "not there")


def test_a_program_that_fails_or_hangs_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\nexit 1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert observed({"MLOPS_CACHE": str(tmp_path)}, tmp_path)["git"].found == "not there"


def test_a_cache_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    found = observed({"MLOPS_CACHE": str(tmp_path / "cache")}, tmp_path)["cache"]
    assert found.state is State.MISSING
    assert found.found == f"`{tmp_path / 'cache'}` can't be written: file exists"
    assert "MLOPS_CACHE" in found.help


def test_a_store_that_works(tmp_path: Path) -> None:
    found = machine.examine_store(open_store(tmp_path / "store"))
    assert found.state is State.FINE
    assert found.found.startswith(f"`{tmp_path / 'store'}` is read and written, in ")


def test_a_store_that_does_not(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    found = machine.examine_store(open_store(tmp_path / "store", patience=Patience(1, retries=0)))
    assert found.state is State.MISSING
    assert "not a directory" in found.found


def test_a_folder_is_no_store_for_pods(tmp_path: Path) -> None:
    found = machine.examine_store(open_store(tmp_path / "store"), is_for_pods=True)
    assert (found.state, found.found) == (State.MISSING, f"pods can't reach the folder `{tmp_path / 'store'}`")
    assert not (tmp_path / "store").exists()
