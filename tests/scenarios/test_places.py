"""Where a project may lie, from where it is worked on, and which store keeps its results."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.project import HEAD, Project

ONE = """
    stages:
      numbers: {kind: data, source: numbers.csv}
      model:
        kind: train
        inputs: {numbers: numbers}
        outputs: {model: model}
        run: echo model >> $OUTSIDE/ran; cat ${inputs.numbers} weights.txt > ${outputs.model}
    """


@pytest.fixture
def one(project: Project) -> Project:
    return filled(project)


def filled(project: Project) -> Project:
    project.write("numbers.csv", "n\n1\n")
    project.write("weights.txt", "w\n")
    project.pipeline(ONE)
    return project


def test_from_wherever_the_command_is_given(one: Project, tmp_path: Path) -> None:
    one.run()
    assert one.ran() == ["model"]
    for arguments, cwd in (
        (["-C", str(one.folder), "run"], tmp_path),
        (["-C", one.folder.name, "run", "demo"], tmp_path),
        (["run", str(one.folder / "pipeline.yaml")], tmp_path),
        (["run", f"{one.folder.name}/pipeline.yaml"], tmp_path),
    ):
        said = one.mlopsctl(*arguments, cwd=cwd)
        assert "2 of 2 stages from cache" in said.out, arguments
    assert one.ran() == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_project_of_several_files(project: Project) -> None:
    project.write("mlops.yaml", """
        apiVersion: mlopsctl.dev/v1
        kind: Project
        metadata: {name: flights}
        spec: {pipelines: [pipelines/*/pipeline.yaml]}
        """)  # fmt: skip
    body = "  stages: {numbers: {kind: data, run: 'ls > ${outputs.data}; cp ${outputs.data} $OUTSIDE/seen'}}\n"
    for name in ("one", "other"):
        project.write(f"pipelines/{name}/pipeline.yaml", HEAD.replace("demo", name) + body)
        project.write(f"pipelines/{name}/code of {name}.txt", "x")
    assert "error[MLO016]" in project.run(code=1).err
    project.mlopsctl("run", "other", cwd=project.folder / "pipelines" / "one")
    assert (project.outside / "seen").read_text() == "code of other.txt\n"
    assert (project.folder / ".mlops").is_dir()
    assert not (project.folder / "pipelines/other/.mlops").exists()


def test_a_folder_below_a_lone_pipeline_is_no_project(one: Project) -> None:
    below = one.write("deep/er/notes.txt", "").parent
    said = one.mlopsctl("run", code=1, cwd=below)
    assert "error[MLO003]: no `mlops.yaml` in" in said.err


def test_git_is_told_of_and_left_alone(one: Project) -> None:
    git = ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.com"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], cwd=one.folder, check=True)
    one.write("weights.txt", "other\n")
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=one.folder, text=True).strip()
    assert f"· {commit[:7]} (1 file changed since) ·" in one.run().out
    assert (one.latest()["commit"], one.latest()["changed_files"]) == (commit, 1)
    status = subprocess.check_output(["git", "status", "--porcelain"], cwd=one.folder, text=True)
    assert status == " M weights.txt\n"


def test_what_git_ignores_is_no_code(one: Project) -> None:
    one.write(".gitignore", "scratch/\n*.tmp\n")
    one.run()
    one.write("scratch/large.bin", "x")
    one.write("notes.tmp", "x")
    one.ran()
    one.run()
    assert one.ran() == []


def test_results_cross_machines_through_a_bucket(new_project: Callable[[str], Project], s3_url: str) -> None:
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    here, there = filled(new_project("here")), filled(new_project("there"))
    here.run("--store", s3_url, environ=aws)
    assert here.ran() == ["model"]
    for machine in (here, there):
        said = machine.run(environ=aws | {"MLOPS_STORE": s3_url})
        assert "2 of 2 stages from cache" in said.out
    assert here.ran() == []
    assert not (there.folder / ".mlops" / "store").exists()
    there.write("weights.txt", "other\n")
    assert "code changed: weights.txt" in there.run("--store", s3_url, environ=aws).out
    listed = there.mlopsctl("runs", "list", "--store", s3_url, environ=aws).out
    assert len(listed.splitlines()) == 5


def test_an_environment_on_this_machine_has_its_own_store_and_values(one: Project, tmp_path: Path) -> None:
    one.write("mlops.yaml", """
        apiVersion: mlopsctl.dev/v1
        kind: Project
        metadata: {name: flights}
        spec: {pipelines: [pipeline.yaml], environments: [environments/*.yaml]}
        """)  # fmt: skip
    one.write("environments/large.yaml", f"""
        apiVersion: mlopsctl.dev/v1
        kind: Environment
        metadata: {{name: large}}
        spec:
          store: file://{tmp_path / "store"}
          overrides: {{demo: {{stages: {{model: {{env: {{SIZE: large}}}}}}}}}}
        """)  # fmt: skip
    one.run()
    here = one.latest()["run"]
    one.run("--env", "large")
    assert one.ran() == ["model", "model"]
    (there,) = (
        each["run"] for each in json.loads(one.mlopsctl("runs", "list", "-e", "large", "-o", "json").out)["runs"]
    )
    assert (
        f"run {here[:12]} → {there[:12]}   demo · local → large\n" in one.mlopsctl("runs", "compare", here, there).out
    )
    assert one.mlopsctl("runs", "compare", here, "latest").out == one.mlopsctl("runs", "compare", here, there).out
    one.write("environments/away.yaml", f"""
        apiVersion: mlopsctl.dev/v1
        kind: Environment
        metadata: {{name: away}}
        spec: {{store: "file://{one.folder}/weights.txt/store"}}
        """)  # fmt: skip
    assert "demo · local → large\n" in one.mlopsctl("runs", "compare", here, there).out
    missed = one.mlopsctl("runs", "compare", here, "01AAA", code=1).err
    assert "error[MLO018]: there is no run `01AAA`" in missed
    assert "looked for in the stores of local, away, large" in missed
    assert "not reached: away: cannot list" in missed
    assert "MLO018" in one.mlopsctl("runs", "compare", here, there, "--env", "large", code=1).err
    assert (tmp_path / "store" / "records").is_dir()
    assert "error[MLO015]: there is no environment `lrge`" in one.run("--env", "lrge", code=1).err


def test_what_this_engine_leaves_out_is_said(project: Project) -> None:
    project.pipeline("""
        params: {trees: 1}
        stages:
          model:
            kind: train
            outputs: {model: model}
            run: echo model >> $OUTSIDE/ran; echo ${params.trees} > ${outputs.model}
            resources: {cpu: 1}
        """)
    said = project.run()
    assert "Left out on this machine: for a cluster: model.resources" in said.out
    assert project.ran() == ["model"]
