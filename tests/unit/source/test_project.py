"""Which files make a project, and what is said of those that don't fit."""

from pathlib import Path

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.source.nodes import at, plain
from mlopsctl.source.overrides import overlaid
from mlopsctl.source.project import Sources, find_root, load


def document(kind: str, name: str, spec: str = "{}") -> str:
    return f"apiVersion: mlopsctl.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def project_in(folder: Path, spec: str, **files: str) -> Sources:
    """The project of a folder; the names of files have `__` for `/`."""
    (folder / "mlops.yaml").write_text(document("Project", "p", spec))
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load(folder / "mlops.yaml")


def test_the_root_is_the_nearest_project_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "mlops.yaml").touch()
    (inner / "pipeline.yaml").touch()
    assert find_root(inner) == tmp_path / "mlops.yaml"
    (tmp_path / "a" / "mlops.yaml").touch()
    assert find_root(inner) == tmp_path / "a" / "mlops.yaml"


def test_a_lone_pipeline_rules_its_own_folder_only(tmp_path: Path) -> None:
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / "pipeline.yaml").touch()
    assert find_root(tmp_path) == tmp_path / "pipeline.yaml"
    assert find_root(tmp_path / "pipeline.yaml") == tmp_path / "pipeline.yaml"
    with pytest.raises(DiagnosedError, match="MLO003"):
        find_root(inner)


def test_a_folder_called_like_a_project_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").mkdir()
    with pytest.raises(DiagnosedError, match="MLO003"):
        find_root(tmp_path)


def test_a_lone_file_may_hold_the_environments_too(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text("---\n".join([document("Pipeline", "a"), document("Environment", "dev"), document("Policy", "x")]))
    sources = load(path)
    assert [source.name for source in sources.all()] == ["a", "dev", "x"]
    assert (sources.name, sources.project, sources.paths) == ("", None, frozenset({path}))


def test_the_files_of_the_patterns_are_read_once_and_in_order(tmp_path: Path) -> None:
    sources = project_in(
        tmp_path,
        "{pipelines: ['p/**/*.yaml', p/a.yaml], environments: [e.yaml]}",
        p__b=document("Pipeline", "b"),
        p__a=document("Pipeline", "a"),
        p__deep__er__c=document("Pipeline", "c"),
        e=document("Environment", "dev"),
        other=document("Pipeline", "other"),
    )
    assert [source.name for source in sources.all()] == ["p", "a", "b", "c", "dev"]
    assert sources.diagnostics == ()
    assert set(sources.texts) == {"mlops.yaml", "p/a.yaml", "p/b.yaml", "p/deep/er/c.yaml", "e.yaml"}


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("none/*.yaml", "MLO004"),
        ("''", "MLO004"),
        (".", "MLO004"),
        ("folder", "MLO004"),
        ("'**'", "MLO004"),
        ("../x.yaml", "MLO005"),
        ("folder/../../x.yaml", "MLO005"),
        ("/etc/*.yaml", "MLO005"),
        ("'[abc'", "MLO004"),
        ("'a**b/*.yaml'", "MLO004"),
        ("'~/x.yaml'", "MLO004"),
    ],
)
def test_a_pattern_that_names_no_file_is_refused(tmp_path: Path, pattern: str, code: str) -> None:
    (tmp_path / "folder").mkdir()
    sources = project_in(tmp_path, f"{{pipelines: [{pattern}]}}")
    assert [found.code for found in sources.diagnostics] == [code]


def test_a_document_under_the_wrong_heading_is_refused(tmp_path: Path) -> None:
    sources = project_in(tmp_path, "{pipelines: [e.yaml]}", e=document("Environment", "dev"))
    (found,) = sources.diagnostics
    assert found.code == "MLO007"
    assert [related.span.file for related in found.related] == ["mlops.yaml"]
    assert sources.environments == ()


def test_of_two_with_one_name_the_first_counts(tmp_path: Path) -> None:
    sources = project_in(
        tmp_path, "{pipelines: [a.yaml, b.yaml]}", a=document("Pipeline", "same"), b=document("Pipeline", "same")
    )
    (found,) = sources.diagnostics
    assert (found.code, found.span and found.span.file, found.related[0].span.file) == ("MLO006", "b.yaml", "a.yaml")
    assert [source.path.name for source in sources.pipelines] == ["a.yaml"]


def test_an_environment_and_a_pipeline_may_share_a_name(tmp_path: Path) -> None:
    sources = project_in(
        tmp_path,
        "{pipelines: [a.yaml], environments: [b.yaml]}",
        a=document("Pipeline", "same"),
        b=document("Environment", "same"),
    )
    assert sources.diagnostics == ()


@pytest.mark.parametrize("spec", ["[]", "hello", "{pipelines: a.yaml}", "{pipelines: [1, {a: b}]}", ""])
def test_a_project_of_the_wrong_shape_is_left_to_the_schema(tmp_path: Path, spec: str) -> None:
    sources = project_in(tmp_path, spec)
    assert (sources.pipelines, sources.diagnostics) == ((), ())


def test_an_environment_overrides_the_spec_of_the_pipelines_that_it_names(tmp_path: Path) -> None:
    overrides = "{overrides: {a: {stages: {x: {timeout: 1h, run: null}}}}}"
    sources = project_in(
        tmp_path,
        "{pipelines: [a.yaml, b.yaml], environments: [e.yaml]}",
        a=document("Pipeline", "a", "{stages: {x: {run: go, kind: task}}}"),
        b=document("Pipeline", "b", "{stages: {x: {run: go}}}"),
        e=document("Environment", "dev", overrides),
    )
    first, second = sources.pipelines
    (dev,) = sources.environments
    stage = at(overlaid(first, dev), ("spec", "stages", "x"))
    assert stage is not None
    assert plain(stage) == {"kind": "task", "timeout": "1h"}
    assert overlaid(second, dev) is second.root
    assert overlaid(first, None) is first.root
