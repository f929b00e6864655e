"""Models that are pickles: one that would run a command comes to serve nowhere, and one of a library does."""

import shutil
from pathlib import Path

import pytest

from tests.scenarios import promotion
from tests.scenarios.project import Project
from tests.scenarios.test_serving import SERVER

MODELS = Path(__file__).parents[1] / "data" / "models"
# Answers whatever its model is, so that nothing but the scan keeps one from serving.
ANY_MODEL = SERVER.replace("Path(sys.argv[1]).read_text().splitlines()[0]", "'any'")
PIPELINE = """
    params: {model: forest.joblib}
    stages:
      model:
        kind: train
        outputs: {model: model.joblib}
        run: cp ${params.model} ${outputs.model}
      serve: {kind: deploy, model: model, server: {run: "python serve.py ${inputs.model} ${port}"}, SCAN}
    """
OWN = b"\x80\x04\x8c\x08features\x8c\x07Cleaner\x93)R."  # a `Cleaner` of a module `features`, which is nowhere


@pytest.fixture
def models(project: Project) -> Project:
    for file in MODELS.iterdir():
        shutil.copy(file, project.folder)
    project.write("serve.py", ANY_MODEL)
    project.pipeline(PIPELINE.replace(", SCAN", ""))
    return project


def test_a_model_of_a_library_serves_and_its_evidence_says_what_was_looked_at(models: Project) -> None:
    said = models.run()
    assert "unpickling imports nothing unsafe" in said.out
    assert "MLO830" not in said.err
    release = models.latest()["release"]
    evidence = (models.folder / ".mlops/store/blobs").rglob(release["evidence"].removeprefix("sha256:")[2:])
    assert "picklescan" in next(evidence).read_text()


@pytest.mark.parametrize("model", ["poisoned.joblib", "poisoned.joblib.z"])
def test_a_model_that_would_run_a_command_is_not_loaded(models: Project, model: str) -> None:
    models.run()
    first = models.latest()["run"]
    said = models.run("-p", f"model={model}", code=5)
    assert "error[MLO829]: the model of `serve` may not be loaded: model.joblib imports posix.system" in said.err
    assert f"What serves is unchanged: run {first[:12]}" in said.out
    assert not list(models.folder.rglob("poisoned"))
    assert models.latest()["stages"][-1]["outcome"] == "refused"
    models.pipeline(PIPELINE.replace("SCAN", "scan: {allow: [posix.system]}"))
    models.run("-p", f"model={model}")


def test_a_class_of_ones_own_is_told_and_may_be_allowed_or_refused(models: Project) -> None:
    own = models
    (own.folder / "own.pkl").write_bytes(OWN)
    said = own.run("-p", "model=own.pkl")
    assert "warning[MLO830]: the model of `serve` imports features.Cleaner, in model.joblib" in said.err
    own.pipeline(PIPELINE.replace("SCAN", "scan: {unknown: refuse}"))
    assert "MLO829" in own.run("-p", "model=own.pkl", code=5).err
    own.pipeline(PIPELINE.replace("SCAN", "scan: {unknown: refuse, allow: [features.*]}"))
    said = own.run("-p", "model=own.pkl")
    assert "MLO83" not in said.err


def test_what_a_stricter_environment_does_not_know_is_not_promoted(project: Project, tmp_path: Path) -> None:
    team = promotion.made(project, tmp_path)
    (project.folder / "own.pkl").write_bytes(OWN)
    project.write("serve.py", ANY_MODEL)
    text = promotion.pipeline().replace("echo ${params.auc} > ${outputs.model}", "cp own.pkl ${outputs.model}")
    project.pipeline(text.replace("$(cat ${inputs.model})", "0.9"))
    staging = project.folder / "environments" / "staging.yaml"
    as_it_was = staging.read_text()
    strict = "overrides: {demo: {stages: {serve: {scan: {unknown: refuse}}}}}, releases: pinned"
    staging.write_text(as_it_was.replace("releases: pinned", strict))
    team.push("Begin with a class of our own")
    team.passed()
    assert "MLO829" in team.promote(code=5).err
    assert team.git("branch", "--list", "promote/*") == ""
    staging.write_text(as_it_was)
    said = team.promote()
    assert "MLO830" in said.err
    assert "unpickling imports nothing unsafe" in team.git("log", "-1", "--format=%B", "--branches=promote/*")
