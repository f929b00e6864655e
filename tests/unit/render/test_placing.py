"""Files are put in place all or none, over nothing that is there."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.render.placing import place


def diagnosed(files: dict[str, str], folder: Path) -> Diagnostic:
    with pytest.raises(DiagnosedError) as raised:
        place(files, folder)
    (found,) = raised.value.diagnostics
    return found


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_folders_are_made(tmp_path: Path) -> None:
    place({"b/c.txt": "é\n", "a": ""}, tmp_path / "new" / "project")
    assert tree(tmp_path) == {"new", "new/project", "new/project/a", "new/project/b", "new/project/b/c.txt"}
    assert (tmp_path / "new/project/b/c.txt").read_bytes() == "é\n".encode()


def test_files_have_the_rights_that_new_files_have(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    place({"a": ""}, tmp_path)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_all_that_is_in_the_way_is_listed_and_nothing_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine")
    before = tree(tmp_path)
    found = diagnosed({"a": "", "file/b": "", "file/c": "", "dangling": "", "free": ""}, tmp_path)
    assert found.code == "MLO019"
    assert found.message == "3 files are in the way"
    assert found.notes == tuple(str(tmp_path / name) for name in ("a", "dangling", "file"))
    assert tree(tmp_path) == before
    assert (tmp_path / "a").read_text() == "mine"


def test_a_folder_can_be_in_the_way_as_well(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert diagnosed({"a": ""}, tmp_path).message == f"`{tmp_path / 'a'}` is in the way"


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    found = diagnosed({"a/b/c": "", "d": "", "n" * 300: ""}, tmp_path / "new")
    assert found.code == "MLO020"
    assert found.message == f"no project can be written to `{tmp_path / 'new'}`: File name too long"
    assert tree(tmp_path) == set()


def test_what_was_there_before_a_failure_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").touch()
    diagnosed({"a/b": "", "n" * 300: ""}, tmp_path)
    assert tree(tmp_path) == {"a", "a/mine"}


PLACING = """
import sys
from pathlib import Path
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.render.placing import place

try:
    place({f"{number // 10}/{number}": sys.argv[2] * 100_000 for number in range(200)}, Path(sys.argv[1]))
except DiagnosedError as error:
    raise SystemExit(1)
"""


def placing(folder: Path, letter: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PLACING, folder, letter])


def files_in_place(folder: Path) -> list[Path]:
    return [path for path in folder.glob("[0-9]*/*") if path.is_file()]


def test_a_file_is_whole_or_not_there_when_killed(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with placing(folder, "x") as process:
        while not files_in_place(folder) and process.poll() is None:
            time.sleep(0.0005)
        process.kill()
    assert files_in_place(folder)
    assert {path.stat().st_size for path in files_in_place(folder)} == {100_000}


def test_of_two_at_once_one_wins_whole(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with placing(folder, "x") as one, placing(folder, "y") as other:
        codes = sorted((one.wait(60), other.wait(60)))
    assert codes == [0, 1]
    assert len(files_in_place(folder)) == 200
    assert len({path.read_text()[0] for path in files_in_place(folder)}) == 1
    assert len(list(folder.iterdir())) == 20
