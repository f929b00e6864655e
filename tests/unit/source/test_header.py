"""A document says what it is in its first lines, or is refused there."""

from pathlib import Path

import pytest

from mlopsctl.source.files import Files
from mlopsctl.source.header import Source, classified
from tests.unit.source.yaml_text import place_of


def sources_of(folder: Path, text: str) -> tuple[list[Source], Files]:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    files = Files(folder)
    return list(classified(files, path)), files


HEAD = "apiVersion: mlopsctl.dev/v1\n"


def test_the_documents_of_a_file_are_told_apart(tmp_path: Path) -> None:
    text = f"{HEAD}kind: Pipeline\nmetadata: {{name: a}}\n---\n{HEAD}kind: Environment\n---\n# nothing\n"
    found, files = sources_of(tmp_path, text)
    assert [(source.kind, source.name) for source in found] == [("Pipeline", "a"), ("Environment", "")]
    assert files.diagnostics == []


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("# nothing\n", "MLO010", 1, 1),
        ("\n- kind: Pipeline\n", "MLO011", 2, 1),
        ("hello", "MLO011", 1, 1),
        ("kind: Pipeline\n", "MLO012", 1, 1),
        ("apiVersion: [mlopsctl.dev/v1]\n", "MLO012", 1, 1),
        ("kind: Pipeline\napiVersion: mlopsctl.dev/v2\n", "MLO013", 2, 13),
        ("apiVersion: 1\nkind: Pipeline\n", "MLO013", 1, 13),
        (HEAD, "MLO012", 1, 1),
        (f"{HEAD}kind: {{}}\n", "MLO012", 1, 1),
        (f"{HEAD}kind: pipeline\n", "MLO014", 2, 7),
        (f"{HEAD}kind:\n", "MLO014", 2, 6),
        ("{}\n", "MLO012", 1, 1),
    ],
)
def test_a_document_without_a_header_is_refused(tmp_path: Path, text: str, code: str, line: int, column: int) -> None:
    found, files = sources_of(tmp_path, text)
    assert found == []
    assert [place_of(fault) for fault in files.diagnostics] == [(code, line, column)]


def test_one_bad_document_does_not_hide_the_others(tmp_path: Path) -> None:
    found, files = sources_of(tmp_path, f"hello\n---\n{HEAD}kind: Pipeline\n")
    assert [source.kind for source in found] == ["Pipeline"]
    assert [fault.code for fault in files.diagnostics] == ["MLO011"]


@pytest.mark.parametrize("name", ["[1]", "{a: 1}", ""], ids=["list", "mapping", "nothing"])
def test_a_name_of_the_wrong_shape_is_no_name(tmp_path: Path, name: str) -> None:
    (source,), _ = sources_of(tmp_path, f"{HEAD}kind: Pipeline\nmetadata:\n  name: {name}\n")
    assert source.name in ("", "None")
