"""Reading files: each fault of a file is said of the file, and nothing is read that is no text."""

import os
from pathlib import Path

import pytest

from mlopsctl.source.files import LARGEST, Files
from mlopsctl.source.nodes import plain
from tests.unit.source.yaml_text import place_of

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything: run make test as another user")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "pipeline.yaml"
    path.write_bytes(content)
    return path


def test_what_is_read_is_kept_for_whoever_shows_it(tmp_path: Path) -> None:
    files = Files(tmp_path)
    parsed = files.read(written(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n"))
    assert [plain(document.root) for document in parsed.documents] == [{"a": 1, "b": 2}]
    assert files.texts == {"pipeline.yaml": "a: 1\r\nb: 2\r\n"}
    assert files.diagnostics == []


def test_a_file_is_named_from_the_root_or_else_in_full(tmp_path: Path) -> None:
    files = Files(tmp_path / "a")
    assert files.shown(tmp_path / "a" / "b" / "c.yaml") == "b/c.yaml"
    assert files.shown(tmp_path / "c.yaml") == (tmp_path / "c.yaml").as_posix()


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"a: 1\nb: \xe9\n", 2, 4),
        ("a: 😀é".encode() + b"\xff", 1, 6),
        (b"\xef\xbb\xbfa: \xff", 1, 4),
        (b"a: 1\rb: \xe9\r", 2, 4),
        ("a: 1\n".encode("utf-16"), 1, 1),
        (b"a: \xed\xa0\x80", 1, 4),
        (b"a: x\xe2\x82", 1, 5),
    ],
    ids=["latin-1", "behind emoji", "behind a byte order mark", "old line ends", "utf-16", "surrogate", "cut short"],
)
def test_what_is_not_utf8_is_refused_at_its_first_byte(tmp_path: Path, content: bytes, line: int, column: int) -> None:
    files = Files(tmp_path)
    files.read(written(tmp_path, content))
    assert [place_of(found) for found in files.diagnostics] == [("MLO102", line, column)]


def test_a_file_that_no_person_wrote_is_not_read_whole(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.read(written(tmp_path, b"#" * LARGEST))
    assert files.diagnostics == []
    files.read(written(tmp_path, b"#" * (LARGEST + 1)))
    assert [found.code for found in files.diagnostics] == ["MLO002"]


def test_what_is_not_there_or_no_file_is_unreadable(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.read(tmp_path / "missing.yaml")
    files.read(tmp_path)
    assert [found.code for found in files.diagnostics] == ["MLO001", "MLO001"]
    assert files.diagnostics[0].message == "`missing.yaml` can't be read: No such file or directory"


@not_root
def test_what_may_not_be_read_is_unreadable(tmp_path: Path) -> None:
    path = written(tmp_path, b"a: 1")
    path.chmod(0)
    files = Files(tmp_path)
    files.read(path)
    assert [found.message for found in files.diagnostics] == ["`pipeline.yaml` can't be read: Permission denied"]


def test_the_faults_of_all_files_are_kept(tmp_path: Path) -> None:
    files = Files(tmp_path)
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("a: [")
    second.write_text("b: 1\nb: 2\n")
    assert files.read(first).documents == ()
    assert len(files.read(second).documents) == 1
    assert [(found.code, found.span and found.span.file) for found in files.diagnostics] == [
        ("MLO101", "a.yaml"),
        ("MLO103", "b.yaml"),
    ]
