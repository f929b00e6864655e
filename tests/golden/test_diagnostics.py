"""Each code has a small project that causes it alone, and the text that people read for it.

A case is a file or a folder called `MLOnnn-what-is-wrong`. The files without a code are what the cases name.
"""

from pathlib import Path
from typing import Final

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from mlopsctl import compilation, compiler
from mlopsctl.check import catalogue
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Explanation, explanations
from mlopsctl.report.text import render_diagnostics
from mlopsctl.source import files, project
from mlopsctl.source.project import Sources

CASES: Final = Path(__file__).parent / "diagnostics"
EXAMPLES: Final = sorted(path.parent for path in (CASES.parents[2] / "examples").glob("*/mlops.yaml"))
NAMES: Final = sorted(path.name for path in CASES.glob("MLO*") if path.suffix != ".txt")
EXPLAINED: Final = {**catalogue.all_explanations(), **explanations([compilation])}
NO_CASE: Final = {
    "MLO001": "an unreadable file: below, as git keeps no modes",
    "MLO002": "a file of several megabytes: below",
    "MLO003": "a folder without a project: below",
    "MLO015": "an environment that the command line names: below",
    "MLO016": "a pipeline that the command line names: below",
    "MLO260": "a parameter that the command line names",
    "MLO263": "a machine without the library for CEL: tests/unit/check/policy",
    "MLO738": "an environment without a cluster that the command line names",
    "MLO261": "a parameter that the command line gives",
    "MLO262": "a parameter that the command line doesn't give",
}


class OneText(SingleFileSnapshotExtension):
    """A file of its own for each expected text, so that it reads as it is printed."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def text(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(OneText)


def checked(entry: Path) -> tuple[Sources, tuple[Diagnostic, ...]]:
    sources = project.load(project.find_root(entry))
    return sources, compiler.check_everywhere(sources)


@pytest.mark.parametrize("name", NAMES, ids=[Path(name).stem for name in NAMES])
def test_case(name: str, text: SnapshotAssertion) -> None:
    sources, found = checked(CASES / name)
    assert render_diagnostics(found, sources.texts, colour=False, width=100) == text
    if "not-of" not in name:
        assert {one.code for one in found} == {name.partition("-")[0]}


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_nothing_is_wrong_with_the_examples(example: Path) -> None:
    found = checked(example)[1]
    assert [one for one in found if one.code != "MLO301"] == []  # its data is made by its demo and not kept in git


def test_every_code_has_a_case() -> None:
    assert {name.partition("-")[0] for name in NAMES} | NO_CASE.keys() == EXPLAINED.keys()


@pytest.mark.parametrize("name", NAMES, ids=[Path(name).stem for name in NAMES])
def test_messages_are_one_line_without_a_full_stop(name: str) -> None:
    for found in checked(CASES / name)[1]:
        assert found.message
        assert "\n" not in found.message
        assert not found.message.endswith((".", "?"))


@pytest.mark.parametrize("explained", EXPLAINED.values(), ids=list(EXPLAINED))
def test_every_explanation_has_an_example_and_a_fix(explained: Explanation) -> None:
    summary, *rest = explained.text.split("\n")
    assert summary.endswith(".")
    assert "Example:" in rest
    assert any(line.startswith("Fix: ") for line in rest)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    found = project.load(tmp_path / "pipeline.yaml").diagnostics
    assert [(one.code, one.message) for one in found] == [
        ("MLO001", "`pipeline.yaml` can't be read: No such file or directory")
    ]


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_bytes(b"#" * (files.LARGEST + 1))
    assert [one.code for one in checked(tmp_path)[1]] == ["MLO002"]


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    with pytest.raises(DiagnosedError, match="MLO003"):
        project.find_root(tmp_path)


@pytest.mark.parametrize(
    ("name", "advice"),
    [("stagin", "an environment with a similar name: `staging`"), ("x", "there are local, staging")],
)
def test_an_environment_that_is_not_there(name: str, advice: str) -> None:
    sources = checked(CASES / "MLO700-similar-pipeline")[0]
    with pytest.raises(DiagnosedError, match="MLO015") as failed:
        compiler.compile_project(sources, name)
    assert failed.value.diagnostics[0].helps == (advice,)


def test_a_pipeline_that_is_not_there() -> None:
    compiled = compiler.compile_project(checked(CASES / "MLO700-similar-pipeline")[0])
    with pytest.raises(DiagnosedError, match="MLO016"):
        compilation.chosen_pipeline(compiled, "chrun")
