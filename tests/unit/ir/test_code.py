"""What counts of the code: content and mode of the files that a stage asks for, up to a limit."""

import os
from pathlib import Path

import pytest

from mlopsctl.ir import code
from mlopsctl.ir.code import CodeTooLargeError, CodeTree, read_code
from mlopsctl.source.code import code_files


def tree_of(folder: Path, **files: str) -> CodeTree:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return read_code(code_files(folder))


def test_the_mark_of_a_file_is_its_content_and_mode(tmp_path: Path) -> None:
    before = tree_of(tmp_path / "code", a="a", b="b").marks
    assert before["a.py"] != before["b.py"]
    (tmp_path / "code" / "a.py").chmod(0o755)
    assert tree_of(tmp_path / "code").marks == {"a.py": f"{before['a.py']}+x", "b.py": before["b.py"]}


def test_code_that_is_too_much_names_the_heaviest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "LARGEST_CODE", 5)
    with pytest.raises(CodeTooLargeError) as raised:
        tree_of(tmp_path / "code", a="1", b="333", c="22", d="4444")
    assert (raised.value.size, raised.value.largest) == (10, [("d.py", 4), ("b.py", 3), ("c.py", 2)])


def test_a_name_that_no_record_can_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.py")).touch()
    with pytest.raises(OSError, match="not UTF-8"):
        read_code(code_files(tmp_path))
