"""The folders of a run: whose they are, what is in them, and when they go."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlopsctl.engine.workplace import CodeChangedError
from mlopsctl.ir.code import CodeTree, read_code
from mlopsctl.local.workspace import state_folder, workspace
from mlopsctl.source.code import code_files

NO_CODE = CodeTree({}, {})
HOLD = """\
import sys
from pathlib import Path
from mlopsctl.ir.code import CodeTree
from mlopsctl.local.workspace import workspace
with workspace(Path(sys.argv[1]), "other", CodeTree({}, {})) as work:
    (work.folder / "big").write_text("x")
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_run(state: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in another process, that is at work until it is killed or its input ends."""
    command = [sys.executable, "-c", HOLD, str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_run_has_its_folder_while_it_lasts(tmp_path: Path) -> None:
    with workspace(tmp_path, "one", NO_CODE) as work:
        assert work.folder == tmp_path / "work" / "one"
        (work.folder / "file").touch()
    assert not work.folder.exists()


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), workspace(tmp_path, "one", NO_CODE):
        _ = 1 / 0
    assert not (tmp_path / "work" / "one").exists()


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with other_run(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / "work" / "other" / "big").exists()
    with workspace(tmp_path, "one", NO_CODE):
        assert not (tmp_path / "work" / "other").exists()


def test_what_a_living_run_has_is_left_alone(tmp_path: Path) -> None:
    with other_run(tmp_path), workspace(tmp_path, "one", NO_CODE):
        assert (tmp_path / "work" / "other" / "big").exists()


def test_a_folder_of_a_run_that_was_killed_at_once_is_removed(tmp_path: Path) -> None:
    (tmp_path / "work" / "other").mkdir(parents=True)
    with workspace(tmp_path, "one", NO_CODE):
        assert not (tmp_path / "work" / "other").exists()


def test_many_runs_may_begin_at_the_same_time(tmp_path: Path) -> None:
    def run(number: int) -> bool:
        with workspace(tmp_path, str(number), NO_CODE) as work:
            (work.folder / "mine").touch()
            return (work.folder / "mine").exists()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(40)))


def tree_of(folder: Path, **files: str) -> CodeTree:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return read_code(code_files(folder))


def test_each_attempt_has_a_copy_of_the_code(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "lib").mkdir()
    (code / "lib" / "deep.py").write_text("deep")
    (code / "run.sh").write_text("#!/bin/sh\n")
    (code / "run.sh").chmod(0o755)
    with workspace(tmp_path, "one", tree_of(code, a="a")) as work:
        first, second = (work.place("train", number, ()) for number in (1, 2))
        (first.code / "a.py").write_text("spoiled")
        assert (second.code / "a.py").read_text() == "a"
        assert (second.code / "lib" / "deep.py").read_text() == "deep"
        assert os.access(second.code / "run.sh", os.X_OK)
        assert not os.access(second.code / "a.py", os.X_OK)
        part = work.place("other", 1, ("a.py",))
        assert [path.name for path in part.code.iterdir()] == ["a.py"]


@pytest.mark.parametrize("change", ["text", "mode", "gone"])
def test_code_that_changes_as_the_run_begins_is_not_run(tmp_path: Path, change: str) -> None:
    code = tree_of(tmp_path / "code", a="a")
    file = tmp_path / "code" / "a.py"
    match change:
        case "text":
            file.write_text("b")
        case "mode":
            file.chmod(0o755)
        case _:
            file.unlink()
    with workspace(tmp_path, "one", code) as work, pytest.raises(CodeChangedError, match=r"a\.py"):
        work.place("train", 1, ())


def test_the_state_of_a_project_is_no_part_of_it(tmp_path: Path) -> None:
    folder = state_folder(tmp_path)
    assert (folder / ".gitignore").read_text() == "*\n"
    assert state_folder(tmp_path) == folder
    assert dict(code_files(tmp_path)) == {}
