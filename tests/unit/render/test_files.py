"""Rendered files: all whole or none, and nothing of anybody else's touched."""

import os
from pathlib import Path

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.render.files import HEADER, Written, write_files

A, B = f"{HEADER}a.yaml:1\na: 1\n", f"{HEADER}b.yaml:1\nb: 1\n"


def tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_files_are_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "manifests"
    assert write_files({"p/a.yaml": A, "q/b.yaml": B}, folder) == Written(2, 0)
    assert tree(folder) == {"p/a.yaml": A, "q/b.yaml": B}
    before = (folder / "p/a.yaml").stat().st_ino
    assert write_files({"p/a.yaml": A, "q/b.yaml": B}, folder) == Written(0, 0)
    assert (folder / "p/a.yaml").stat().st_ino == before


def test_what_is_gone_is_removed_if_it_is_ours(tmp_path: Path) -> None:
    write_files({"p/a.yaml": A, "q/b.yaml": B}, tmp_path)
    (tmp_path / "p" / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    (tmp_path / "q" / "notes.txt").write_text(A)
    assert write_files({"p/a.yaml": A + "b: 2\n"}, tmp_path) == Written(1, 1)
    assert tree(tmp_path) == {
        "p/a.yaml": A + "b: 2\n",
        "p/kustomization.yaml": "resources: [a.yaml]\n",
        "q/notes.txt": A,
    }
    (tmp_path / "q" / "notes.txt").unlink()
    write_files({"p/a.yaml": A, "q/b.yaml": B}, tmp_path)
    write_files({"p/a.yaml": A}, tmp_path)
    assert not (tmp_path / "q").exists()


def test_a_file_of_somebody_else_is_left_alone_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "b.yaml").write_text("mine: 1\n")
    with pytest.raises(DiagnosedError, match="MLO740"):
        write_files({"p/a.yaml": A, "q/b.yaml": B}, tmp_path)
    assert tree(tmp_path) == {"q/b.yaml": "mine: 1\n"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_by_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DiagnosedError, match="MLO741"):
        write_files({"p/a.yaml": A}, tmp_path)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiagnosedError, match="MLO741"):
        write_files({"p/a.yaml": A}, tmp_path / "file")
