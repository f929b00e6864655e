"""`status` and `logs`: each environment as far as it answers, and what each stage of a run printed."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project, normalised

SCHEMAS = Path(__file__).parents[2] / "schemas" / "output" / "v1"
SPEC = """\
    params: {last: 3}
    stages:
      numbers: {kind: data, run: "seq ${params.last} | tee ${outputs.data}"}
      lines:
        kind: task
        inputs: {numbers: numbers}
        run: test $(wc -l < ${inputs.numbers}) -lt 5 || { echo too many; exit 1; }
    """


@pytest.fixture
def project(project: Project) -> Project:
    project.pipeline(SPEC)
    head = "apiVersion: mlopsctl.dev/v1\nkind: Environment\n"
    project.write("dev.yaml", f"{head}metadata: {{name: dev}}\nspec: {{store: ./dev-store}}\n")
    far = "{store: ./far-store, cluster: {context: far, namespace: n}}"
    project.write("far.yaml", f"{head}metadata: {{name: far}}\nspec: {far}\n")
    listed = "spec: {pipelines: [pipeline.yaml], environments: [dev.yaml, far.yaml]}"
    project.write("mlops.yaml", f"apiVersion: mlopsctl.dev/v1\nkind: Project\nmetadata: {{name: p}}\n{listed}\n")
    return project


def test_what_is_known_is_shown_and_what_is_not_is_said(project: Project, snapshot: SnapshotAssertion) -> None:
    kubeconfig = {"KUBECONFIG": str(project.folder / "none")}
    project.run()
    project.run("-p", "last=7", "--env", "dev", code=1)

    assert normalised(project.mlopsctl("status", environ=kubeconfig).out, project) == snapshot

    found = json.loads(project.mlopsctl("status", "--output", "json", environ=kubeconfig).out)
    Draft202012Validator(json.loads((SCHEMAS / "status.json").read_text("utf-8"))).validate(found)
    assert [each["environment"] for each in found["environments"] if each["unreachable"]] == ["far"]


def test_only_what_is_asked_for(project: Project) -> None:
    found = json.loads(project.mlopsctl("status", "demo", "--env", "dev", "-o", "json").out)
    assert [each["environment"] for each in found["environments"]] == ["dev"]
    assert "no pipeline `dmo`" in project.mlopsctl("status", "dmo", code=1).err


def test_what_stages_printed_is_there_afterwards(project: Project) -> None:
    project.run("-p", "last=7", code=1)
    assert project.mlopsctl("logs", "latest", "lines").out == "too many\n"
    project.run("-p", "last=2", "--only", "numbers")
    project.run("-p", "last=2", "--only", "numbers")
    assert project.mlopsctl("logs", "latest").out == "numbers │ 1\nnumbers │ 2\n"  # which came from the cache
    assert "no such stage" in project.mlopsctl("logs", "latest", "linse", code=1).err
    assert "no run `01X`" in project.mlopsctl("logs", "01X", code=1).err
    shown = json.loads(project.mlopsctl("runs", "show", "latest", "-o", "json").out)
    Draft202012Validator(json.loads((SCHEMAS / "run.json").read_text("utf-8"))).validate(shown)


@pytest.mark.parametrize("command", ["cancel", "retry"])
def test_a_run_on_this_machine_is_ended_where_it_runs(project: Project, command: str) -> None:
    assert "Ctrl-C" in project.mlopsctl("runs", command, "latest", "--env", "dev", code=64).err
