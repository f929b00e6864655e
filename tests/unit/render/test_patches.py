"""Patches change what they are for, know what they changed, and can't make another object of it."""

from pathlib import Path
from typing import Any

import pytest

from mlopsctl import compiler
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.manifest import Manifest
from mlopsctl.render.filling import Templates
from mlopsctl.render.rendering import Rendered
from mlopsctl.render.targets import Targets
from mlopsctl.source import project

PROJECT = """\
apiVersion: mlopsctl.dev/v1
kind: Project
metadata: {name: shop}
spec: {pipelines: [pipeline.yaml], environments: [prod.yaml]}
"""
ENVIRONMENT = """\
apiVersion: mlopsctl.dev/v1
kind: Environment
metadata: {name: prod}
spec: {cluster: {context: prod, namespace: shop}, store: s3://b/c, image: runtime@sha256:0}
"""
PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: churn}
spec:
  stages:
    first: {kind: task, run: "true"}
    second: {kind: task, run: "true", requires: [first]}
"""
PATCH = "apiVersion: mlopsctl.dev/v1\nkind: Patch\nmetadata: {name: mine}\nspec:\n"
TARGET = "  target: {kind: WorkflowTemplate}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("mlops", PROJECT), ("prod", ENVIRONMENT), ("pipeline", PIPELINE)):
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "patches").mkdir()
    return tmp_path


def rendered(folder: Path, *patches: str) -> Rendered:
    for number, patch in enumerate(patches):
        (folder / "patches" / f"{number}.yaml").write_text(PATCH.replace("mine", f"mine-{number}") + patch)
    compilation = compiler.compile_project(project.load(folder / "mlops.yaml"), "prod")
    assert compilation.diagnostics == ()
    return compiler.render_project(compilation, Templates(), Targets())


def template(found: Rendered) -> Manifest:
    assert found.diagnostics == ()
    (only,) = (each for each in found.manifests if each.key.kind == "WorkflowTemplate")
    return only


def stage(manifest: Manifest, name: str) -> dict[str, Any]:
    (only,) = (each for each in manifest.document["spec"]["templates"] if each["name"] == name)
    return only


def complaint(found: Rendered) -> Diagnostic:
    (only,) = found.diagnostics
    return only


def test_a_merge_patch_finds_parts_by_their_names(folder: Path) -> None:
    patch = """\
  merge:
    spec:
      podGC: null
      parallelism: 3
      templates:
        - name: second
          container: {env: [{name: MORE, value: "1"}], imagePullPolicy: Always}
"""
    before, after = template(rendered(folder)), template(rendered(folder, TARGET + patch))
    assert "podGC" not in after.document["spec"]
    assert after.document["spec"]["parallelism"] == 3
    assert stage(after, "first") == stage(before, "first")
    assert stage(after, "second")["container"]["env"][-1] == {"name": "MORE", "value": "1"}
    changed = after.place(("spec", "templates", 2, "container", "imagePullPolicy"))
    assert (changed.file, changed.start.line) == ("patches/0.yaml", 12)
    assert after.place(("spec", "templates", 2, "name")).file == "pipeline.yaml"
    assert after.place(("spec", "parallelism")).start.line == 9


def test_operations_follow_each_other(folder: Path) -> None:
    patch = """\
  json:
    - {op: test, path: /spec/templates/1/name, value: first}
    - {op: add, path: /metadata/annotations, value: {}}
    - {op: add, path: /metadata/annotations/example.com~1team, value: growth}
    - {op: add, path: /spec/templates/1/container/env/0, value: {name: MORE, value: "1"}}
    - {op: add, path: /spec/templates/1/container/args/-, value: more}
    - {op: replace, path: /spec/ttlStrategy/secondsAfterSuccess, value: 60}
    - {op: remove, path: /spec/podGC}
"""
    before, after = template(rendered(folder)), template(rendered(folder, TARGET + patch))
    assert after.document["metadata"]["annotations"] == {"example.com/team": "growth"}
    assert stage(after, "first")["container"]["env"] == [
        {"name": "MORE", "value": "1"},
        *stage(before, "first")["container"]["env"],
    ]
    assert stage(after, "first")["container"]["args"][-1] == "more"
    assert "podGC" not in after.document["spec"]
    assert after.place(("spec", "ttlStrategy", "secondsAfterSuccess")).start.line == 12
    assert template(rendered(folder, "  target: {kind: Role}\n  merge: {metadata: {labels: {a: b}}}\n")) == before


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("{op: replace, path: /spec/templates/9/name, value: x}", "the list has 4 items and no `9`"),
        ("{op: remove, path: /spec/nothing}", "there is no `nothing`"),
        ("{op: add, path: /spec/entrypoint/x, value: 1}", "there is nothing below it that `x` could be in"),
        ("{op: test, path: /spec/entrypoint, value: x}", "another value is there"),
        ("{op: add, path: /spec/parallelism}", "it has no `value`"),
    ],
)
def test_an_operation_that_cannot_be_carried_out(folder: Path, operation: str, said: str) -> None:
    found = complaint(rendered(folder, f"{TARGET}  json:\n    - {operation}\n"))
    assert found.code == "MLO742"
    assert found.message.endswith(said)
    assert found.span is not None
    assert (found.span.file, found.span.start.line) == ("patches/0.yaml", 7)


def test_what_a_patch_makes_is_checked_at_its_line(folder: Path) -> None:
    found = complaint(rendered(folder, TARGET + "  merge: {spec: {paralelism: 3}}\n"))
    assert found.code == "MLO730"
    assert "`paralelism` is not a field of spec; there is `parallelism`" in found.message
    assert found.span is not None
    assert (found.span.file, found.span.start.line, found.span.start.column) == ("patches/0.yaml", 6, 30)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("{kind: WorkflowTemplate, name: chrun}", "MLO743"),
        ("{kind: WorkflowTemplate, pipeline: chrun}", "MLO743"),
        ("{kind: CronWorkflow}", "MLO743"),
        ("{kind: CronWorkflow, environment: other}", ""),
    ],
)
def test_a_patch_that_is_for_nothing(folder: Path, target: str, code: str) -> None:
    found = rendered(folder, f"  target: {target}\n  merge: {{spec: {{a: 1}}}}\n")
    assert [each.code for each in found.diagnostics] == ([code] if code else [])


def test_a_patch_makes_no_other_object(folder: Path) -> None:
    found = complaint(rendered(folder, TARGET + "  merge: {metadata: {name: mine}}\n"))
    assert (found.code, found.message) == ("MLO744", "a patch can't change `metadata.name` of WorkflowTemplate churn")


def test_patches_are_applied_in_the_order_of_their_files(folder: Path) -> None:
    patches = (TARGET + f"  merge: {{spec: {{parallelism: {number}}}}}\n" for number in (1, 2))
    assert template(rendered(folder, *patches)).document["spec"]["parallelism"] == 2
