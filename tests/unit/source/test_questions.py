"""Questions are answered again as they were, for as long as nothing changes."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mlopsctl.source.questions import answer_to, content, has_match, heard, kind_of, names_in, real

ROOMS = Path(__file__).parents[3] / "mlopsctl"
# What would ask behind the back of whoever listens.
ELSEWHERE = re.compile(
    r"\.(is_file|is_dir|is_symlink|exists|resolve|iterdir|r?glob|l?stat|read_text|read_bytes|open)\(|\bos\.|\bopen\("
)

CASES: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "a file": (lambda at: kind_of(at / "file"), lambda at: (at / "file").unlink()),
    "a folder": (lambda at: kind_of(at / "folder"), lambda at: (at / "folder").rmdir()),
    "nothing": (lambda at: kind_of(at / "nothing"), lambda at: (at / "nothing").mkdir()),
    "a link": (lambda at: real(at / "link"), lambda at: (at / "link").unlink()),
    "names": (names_in, lambda at: (at / "more").touch()),
    "a match": (lambda at: has_match(at, "*.py"), lambda at: (at / "new.py").touch()),
    "bytes": (lambda at: content(at / "file"), lambda at: (at / "file").write_text("other")),
    "some bytes": (lambda at: content(at / "file", longest=2), lambda at: (at / "file").write_text("oo")),
}


@pytest.mark.parametrize(("ask", "change"), CASES.values(), ids=CASES)
def test_an_answer_holds_until_something_changes(
    tmp_path: Path, ask: Callable[[Path], object], change: Callable[[Path], object]
) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with heard() as answers:
        ask(tmp_path)
    ((question, answer),) = answers.items()
    assert answer_to(question) == answer
    change(tmp_path)
    assert answer_to(question) != answer


def test_what_changes_while_it_is_asked_never_holds(tmp_path: Path) -> None:
    with heard() as answers:
        kind_of(tmp_path / "file")
        (tmp_path / "file").touch()
        kind_of(tmp_path / "file")
    ((question, answer),) = answers.items()
    assert answer_to(question) != answer


def test_a_file_that_is_not_there_is_an_answer(tmp_path: Path) -> None:
    with heard() as answers, pytest.raises(FileNotFoundError):
        content(tmp_path / "file")
    ((question, answer),) = answers.items()
    assert answer_to(question) == answer
    (tmp_path / "file").touch()
    assert answer_to(question) != answer


def test_names_that_no_file_can_have_have_no_file() -> None:
    assert kind_of(Path("a\0b")) == ""
    assert names_in(Path(os.fsdecode(b"a\0b"))) == ()


@pytest.mark.parametrize("file", sorted((ROOMS / "check" / "meaning").glob("*.py")), ids=lambda path: path.name)
def test_rules_ask_where_they_are_heard(file: Path) -> None:
    assert ELSEWHERE.findall(file.read_text(encoding="utf-8")) == []


def test_the_ir_asks_where_it_is_heard() -> None:
    for file in (ROOMS / "ir").glob("*.py"):
        found = ELSEWHERE.findall(file.read_text(encoding="utf-8"))
        # The walk through code is a question of its own, and pins resolve documents, which are part of the key.
        assert found == [] or file.name in ("code.py", "pins.py"), file
