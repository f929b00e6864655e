"""The statement about how a model came to be, and what doesn't agree with it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlopsctl.engine.provenance import PROVENANCE, STATEMENT, Building, keep_statements, statement_of
from mlopsctl.release.provenance import verified_provenance
from mlopsctl.store import Artifact, Release, RunStage, Store, canonical_json, digest_bytes, open_store

BUILDING = Building(run="01RUN", pipeline="p", environment="dev", commit="c" * 40)


def artifact(text: str) -> Artifact:
    return Artifact(digest_bytes(text.encode()), len(text), "file", text)


def stage(kind: str, makes: str, reads: tuple[str, ...] = (), **more: object) -> RunStage:
    inputs = {name: artifact(name).digest for name in reads}
    made_from = {"inputs": inputs, "code": artifact("code").digest, "params": {"trees": 100}} if reads else {}
    named = {"key": makes, "outcome": "done", "reason": "", "seconds": 1.0, "summary": ""}
    output = "data" if kind == "data" else "out"
    return RunStage(**named, kind=kind, made_from=made_from, outputs={output: artifact(makes)}, **more)


STAGES = {
    "flights": stage("data", "flights.csv"),
    "holdout": stage("data", "holdout.csv"),
    "features": stage("task", "features.csv", ("flights.csv",)),
    "model": stage("train", "model.bin", ("features.csv",)),
    "quality": stage("evaluate", "metrics.json", ("model.bin", "holdout.csv")),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def release(store: Store) -> Release:
    model = artifact("model.bin")
    said = keep_statements(store, BUILDING, STAGES)
    data = {name: artifact(f"{name}.csv").digest for name in ("flights", "holdout")}
    parts = {"metrics": {}, "server": {}, "requirements": "", "evidence": "", "since": ""}
    return Release(
        run="01RUN", commit="c" * 40, pipeline="p", model=model, data=data, provenance=said[model.digest], **parts
    )


def test_a_statement_names_all_that_the_model_was_made_from_and_nothing_else() -> None:
    said = statement_of(BUILDING, STAGES, artifact("model.bin"))
    assert said is not None
    assert (said["_type"], said["predicateType"]) == (STATEMENT, PROVENANCE)
    assert said["subject"][0]["digest"] == {"sha256": artifact("model.bin").digest.removeprefix("sha256:")}
    build = said["predicate"]["buildDefinition"]
    named = [each["name"] for each in build["resolvedDependencies"]]
    assert named == ["flights.data", "features.out", "code model", "commit"]  # not what it was only judged with
    assert build["externalParameters"] == {"pipeline": "p", "stage": "model", "params": {"trees": 100}}
    assert said["predicate"]["runDetails"]["metadata"] == {"invocationId": "01RUN"}


def test_a_model_from_the_cache_was_built_by_the_run_that_made_it() -> None:
    cached = STAGES | {"model": replace(STAGES["model"], cached_from="01OLD")}
    said = statement_of(BUILDING, cached, artifact("model.bin"))
    assert said is not None
    assert said["predicate"]["runDetails"]["metadata"] == {"invocationId": "01OLD"}
    assert "commit" not in [each["name"] for each in said["predicate"]["buildDefinition"]["resolvedDependencies"]]


def test_what_was_joined_of_parts_comes_from_each_of_them() -> None:
    parts = {f"model[{name}]": stage("train", name, ("flights.csv",), part_of="model") for name in ("AA", "UA")}
    stages = {"flights": STAGES["flights"], **parts, "both": stage("train", "both.bin", ("joined",))}
    said = statement_of(BUILDING, stages, artifact("both.bin"))
    assert said is not None
    named = [each["name"] for each in said["predicate"]["buildDefinition"]["resolvedDependencies"]]
    assert named[:3] == ["flights.data", "model[AA].out", "model[UA].out"]


def test_what_nobody_trained_has_no_statement() -> None:
    assert statement_of(BUILDING, STAGES, artifact("flights.csv")) is None


def test_a_statement_that_agrees_is_verified(store: Store, release: Release) -> None:
    found = verified_provenance(store, release)
    assert found.wrong == ""
    assert found.statement is not None


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"provenance": ""}, "it has none"),
        ({"provenance": digest_bytes(b"gone")}, "it can't be read: "),
        ({"model": artifact("other.bin")}, "it is about sha256:"),
        ({"pipeline": "q"}, "it is of the pipeline p"),
        ({"data": {"flights": digest_bytes(b"other")}}, "it names other data of `flights`: sha256:"),
        ({"commit": "d" * 40}, "it names the commit ccc"),
    ],
)
def test_what_does_not_agree_is_said(store: Store, release: Release, changes: dict[str, object], wrong: str) -> None:
    found = verified_provenance(store, replace(release, **changes))
    assert found.wrong.startswith(wrong)


@pytest.mark.parametrize("said", [{}, [], {"_type": "x", "predicateType": "y", "subject": []}])
def test_what_is_no_statement_is_said(store: Store, release: Release, said: object) -> None:
    kept = store.put_bytes(canonical_json(said)).digest
    assert verified_provenance(store, replace(release, provenance=kept)).wrong.startswith("it is ")


def test_a_statement_somebody_changed_is_found(store: Store, release: Release, tmp_path: Path) -> None:
    hexadecimal = release.provenance.removeprefix("sha256:")
    blob = tmp_path / "store" / "blobs" / "sha256" / hexadecimal[:2] / hexadecimal[2:]
    said = json.loads(blob.read_bytes())
    blob.chmod(0o600)
    blob.write_bytes(canonical_json(said | {"subject": []}))
    assert verified_provenance(store, release).wrong.startswith("it can't be read: ")
