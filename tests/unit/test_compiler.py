"""The order of the whole: what is said of a project as it is in each of its environments."""

from pathlib import Path

import pytest

from mlopsctl import compilation, compiler
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.source.project import Sources, load

HEAD = "apiVersion: mlopsctl.dev/v1\nkind: Project\nmetadata: {name: p}\n"


def pipeline(name: str, stages: str = "{a: {kind: task, run: 'true'}}") -> str:
    return f"apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {{name: {name}}}\nspec: {{stages: {stages}}}\n"


def environment(name: str, spec: str) -> str:
    return f"apiVersion: mlopsctl.dev/v1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def project(folder: Path, *pipelines: str, environments: tuple[str, ...] = ()) -> Sources:
    listed = ", environments: [e/*.yaml]" if environments else ""
    (folder / "mlops.yaml").write_text(f"{HEAD}spec: {{pipelines: [p/*.yaml]{listed}}}\n")
    for kind, texts in (("p", pipelines), ("e", environments)):
        (folder / kind).mkdir()
        for number, text in enumerate(texts):
            (folder / kind / f"{number}.yaml").write_text(text)
    return load(folder / "mlops.yaml")


DEV = environment("dev", "{overrides: {a: {stages: {a: {run: 'false'}}}}}")
BROKEN_IN_DEV = environment("dev", "{overrides: {a: {stages: {a: {runn: 'false'}}}}}")


def test_each_environment_has_its_own_pipelines(tmp_path: Path) -> None:
    sources = project(tmp_path, pipeline("a"), environments=(DEV,))
    here, dev = (compiler.compile_project(sources, name) for name in ("local", "dev"))
    assert (here.succeeded, dev.succeeded) == (True, True)
    assert [str(found.pipelines["a"].stages["a"].run) for found in (here, dev)] == ["true", "false"]
    assert [found.pipelines["a"].environment for found in (here, dev)] == ["local", "dev"]


def test_local_may_have_something_said_about_it(tmp_path: Path) -> None:
    local = environment("local", "{overrides: {a: {stages: {a: {run: 'false'}}}}}")
    found = compiler.compile_project(project(tmp_path, pipeline("a"), environments=(local,)))
    assert found.environment is not None
    assert str(found.pipelines["a"].stages["a"].run) == "false"


def test_a_fault_of_one_environment_is_said_of_its_line(tmp_path: Path) -> None:
    sources = project(tmp_path, pipeline("a"), environments=(BROKEN_IN_DEV,))
    assert compiler.compile_project(sources, "local").succeeded
    (found,) = compiler.check_everywhere(sources)
    assert (found.code, found.span and found.span.file) == ("MLO120", "e/0.yaml")


def test_a_fault_of_all_environments_is_said_once(tmp_path: Path) -> None:
    sources = project(tmp_path, pipeline("a", "{a: {kind: task, runn: x}}"), environments=(DEV,))
    assert [found.code for found in compiler.check_everywhere(sources)] == ["MLO120"]


def test_the_broken_do_not_hide_the_whole(tmp_path: Path) -> None:
    sources = project(tmp_path, pipeline("a", "{a: 1, b: {kind: task, run: 'true', requires: [a, c]}}"))
    found = compiler.compile_project(sources)
    assert not found.succeeded
    assert sorted(wrong.code for wrong in found.diagnostics) == [
        "MLO121",
        "MLO204",
    ]  # nothing is said of `a`, it is there


def test_names_that_are_not_there(tmp_path: Path) -> None:
    sources = project(tmp_path, pipeline("a"), pipeline("b"), environments=(DEV,))
    with pytest.raises(DiagnosedError, match="MLO015"):
        compiler.compile_project(sources, "prod")
    found = compiler.compile_project(sources)
    assert compilation.chosen_pipeline(found, "b").name == "b"
    for name in ("c", None):
        with pytest.raises(DiagnosedError, match="MLO016"):
            compilation.chosen_pipeline(found, name)


def test_the_only_pipeline_needs_no_name(tmp_path: Path) -> None:
    found = compiler.compile_project(project(tmp_path, pipeline("a")))
    assert compilation.chosen_pipeline(found, None).name == "a"
