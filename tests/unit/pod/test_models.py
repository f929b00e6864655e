"""A pod lays the model out for a server that isn't ours, by digest and only if every byte is right."""

from dataclasses import asdict
from pathlib import Path

import pytest

from mlopsctl.engine.notes import read_note
from mlopsctl.store import Artifact, canonical_json
from tests.unit.pod.pods import RUN, Pods

SPEC = """\
stages:
  model: {kind: train, run: "echo 42 > ${outputs.model}", outputs: {model: model.txt}}
  parts:
    kind: train
    run: "mkdir -p ${outputs.model}/deep; echo 1 > ${outputs.model}/deep/one; echo 2 > ${outputs.model}/two"
    outputs: {model: folder}
  serve: {kind: deploy, model: MODEL, server: {format: sklearn, runtime: theirs}}
"""


def built(folder: Path, model: str) -> tuple[Pods, Artifact]:
    pods = Pods(folder)
    pods.applied(SPEC.replace("MODEL", model))
    pods.stage(model)
    note = read_note(pods.store, RUN, model)
    assert note is not None
    (folder / "models").mkdir()
    return pods, note.outputs["model"]


def laid_out(pods: Pods, **told: str) -> dict[str, str]:
    folder = pods.folder / "models"
    pods.run("fetch", "serve", MLOPS_MODELS=str(folder), **told)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("model", "files"), [("model", {"model.txt": "42\n"}), ("parts", {"deep/one": "1\n", "two": "2\n"})]
)
def test_a_file_lies_in_the_folder_and_a_folder_is_it(tmp_path: Path, model: str, files: dict[str, str]) -> None:
    pods, artifact = built(tmp_path, model)
    for _ in range(2):  # also in place of what an attempt before left there
        assert laid_out(pods, MLOPS_MODEL_DIGEST=artifact.digest) == files


def test_what_a_run_released_needs_no_contract(tmp_path: Path) -> None:
    pods, artifact = built(tmp_path, "model")
    described = {"pipeline": "demo", "model": asdict(artifact), "server": {}}
    digest = pods.store.put_bytes(canonical_json(described)).digest
    assert laid_out(pods, MLOPS_RELEASE=digest, MLOPS_CONTRACT="/nowhere") == {"model.txt": "42\n"}


def test_nothing_is_served_of_a_damaged_model(tmp_path: Path) -> None:
    pods, artifact = built(tmp_path, "parts")
    pods.damage(b"2\n")
    told = {"MLOPS_MODELS": str(tmp_path / "models"), "MLOPS_MODEL_DIGEST": artifact.digest}
    assert "error[MLO901]" in pods.run("fetch", "serve", code=1, **told).err
    assert not any(path.is_file() for path in (tmp_path / "models").rglob("*"))


def test_only_deploy_stages_have_a_model_to_fetch(tmp_path: Path) -> None:
    pods, artifact = built(tmp_path, "model")
    said = pods.run("fetch", "model", code=1, MLOPS_MODEL_DIGEST=artifact.digest).err
    assert "error[MLO882]: the pipeline has no deploy stage `model`" in said
