"""Those whom `notify` names get one message about a run, whatever its end was, and that fails nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from syrupy.assertion import SnapshotAssertion

from mlopsctl.engine.predictions import add_batch
from mlopsctl.store import PredictionBatch, timestamp
from tests.hooks import Hook, hook
from tests.unit.pod.pods import RUN, Pods

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "output" / "v1" / "notice.json").read_text("utf-8"))
SPEC = """\
secrets: {{chat: {{secret: chat, key: token}}}}
notify: {{onFailure: ["{failure}"], onSuccess: ["{success}"]}}
stages:
  model:
    kind: train
    outputs: {{model: model.txt}}
    run: |
      {command} > ${{outputs.model}}
  quality:
    kind: evaluate
    inputs: {{model: model}}
    run: cp ${{inputs.model}} ${{outputs.metrics}}
    gates: [{{metric: auc, min: 0.5}}]
"""
FINE = """printf '{"auc": 0.6}'"""


def applied(folder: Path, command: str, failure: Hook | str, success: Hook | str = "http://127.0.0.1:1/") -> Pods:
    pods = Pods(folder)
    addresses = [found.url if isinstance(found, Hook) else found for found in (failure, success)]
    pods.applied(SPEC.format(failure=addresses[0], success=addresses[1], command=command))
    return pods


def failures(stage: str, message: str) -> str:
    return json.dumps([{"displayName": stage, "message": message}])


def the_one(found: Hook) -> object:
    (told,) = found.told
    jsonschema.validate(told, SCHEMA)
    return told


def test_a_run_that_failed_is_told_once(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with hook() as failed, hook() as done:
        pods = applied(tmp_path, "exit 3", failed, done)
        pods.stage("model", code=1)
        told = {"MLOPS_STATUS": "Failed", "MLOPS_FAILURES": failures("model", "Error (exit code 1)")}
        assert pods.run("end", **told).out == f"run {RUN}: failed\ntold 127.0.0.1\n"
        pods.run("end", **told)
    assert the_one(failed) == snapshot
    assert done.told == []


def test_what_refused_is_told_with_where_to_see_the_checks(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with hook() as failed:
        pods = applied(tmp_path, FINE.replace("0.6", "0.4"), failed)
        pods.stage("model")
        pods.stage("quality", code=5)
        pods.run("end", MLOPS_STATUS="Failed", MLOPS_FAILURES=failures("quality", "Error (exit code 5)"))
    assert the_one(failed) == snapshot


def test_a_run_that_went_well_is_told_to_others(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with hook() as failed, hook() as done:
        pods = applied(tmp_path, FINE, failed, done)
        pods.stage("model")
        pods.stage("quality")
        pods.run("end", MLOPS_STATUS="Succeeded", MLOPS_FAILURES="null")
    assert the_one(done) == snapshot
    assert failed.told == []


def test_a_pod_that_never_began_is_told_by_argos_word(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with hook() as failed:
        pods = applied(tmp_path, FINE, failed)
        pods.run("end", MLOPS_STATUS="Failed", MLOPS_FAILURES=failures("model(0)", 'pods "x" exceeded quota: <none>'))
    assert the_one(failed) == snapshot


def test_a_store_that_is_away_is_told_as_well(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with hook() as failed:
        pods = applied(tmp_path, FINE, failed)
        (pods.folder / "file").write_text("")
        ended = pods.run("end", code=1, MLOPS_STATUS="Succeeded", MLOPS_STORE=str(pods.folder / "file"))
        assert "told 127.0.0.1\n" in ended.out
    told = json.loads(json.dumps(the_one(failed)).replace(str(tmp_path), "FOLDER"))
    assert told == snapshot


def test_who_cancels_a_run_knows_of_it(tmp_path: Path) -> None:
    with hook() as failed:
        pods = applied(tmp_path, FINE, failed)
        why = "workflow shutdown with strategy:  Stop"
        ended = pods.run("end", MLOPS_STATUS="Failed", MLOPS_FAILURES=failures("model", why))
    assert (ended.out, failed.told) == (f"run {RUN}: interrupted\n", [])


def test_an_address_may_be_a_secret_and_is_in_no_log(tmp_path: Path) -> None:
    with hook() as failed:
        pods = applied(tmp_path, FINE, f"http://{failed.host}/${{secrets.chat}}")
        told = {"MLOPS_STATUS": "Failed", "MLOPS_FAILURES": failures("model", "OOMKilled (exit code 137)")}
        ended = pods.run("end", MLOPS_SECRET_CHAT="T0K3N\n", **told)
        assert f"told http://{failed.host}/${{secrets.chat}}\n" in ended.out
        assert "T0K3N" not in ended.out + ended.err
    assert failed.paths == ["/T0K3N"]


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "its secret isn't set, or is empty"),
        ("file:///etc/passwd", "its address doesn't begin with `https://` or `http://`"),
    ],
)
def test_who_can_not_be_told_fails_nothing(tmp_path: Path, secret: str, why: str) -> None:
    pods = applied(tmp_path, FINE, "${secrets.chat}")
    told = {"MLOPS_STATUS": "Failed", "MLOPS_FAILURES": failures("model", "OOMKilled (exit code 137)")}
    ended = pods.run("end", MLOPS_SECRET_CHAT=secret, **told)
    assert f"warning[MLO828]: `${{secrets.chat}}` was not told: {why}" in ended.err


WATCHED = """\
notify: {{onFailure: ["{failure}"]}}
stages:
  numbers: {{kind: data, source: numbers.csv}}
  model: {{kind: train, inputs: {{numbers: numbers}}, outputs: {{m: m}}, run: "cp ${{inputs.numbers}} ${{outputs.m}}"}}
  serve: {{kind: deploy, model: model, server: {{run: "python s.py ${{port}}"}}, log: {{requests: 100%}}}}
  drift: {{kind: monitor, watches: serve, reference: numbers, minSamples: 100, onDrift: {{do: alert}}}}
"""


@pytest.mark.parametrize("action", ["alert", "rollback"])
def test_drift_to_be_looked_at_is_told(tmp_path: Path, action: str, snapshot: SnapshotAssertion) -> None:
    """A pod that was given no account turns nothing back: it tells, and says that this is all."""
    with hook() as failed:
        pods = Pods(tmp_path)
        pods.write("numbers.csv", "n\n" + "".join(f"{number}\n" for number in range(200)))
        pods.applied(WATCHED.format(failure=failed.url).replace("do: alert", f"do: {action}"))
        for name in ("numbers", "model", "serve"):
            pods.stage(name)
        pods.run("end", MLOPS_STATUS="Succeeded", MLOPS_FAILURES="null")
        add_batch(pods.store, predictions(datetime.now(UTC) - timedelta(minutes=1)), datetime.now(UTC))
        ended = pods.run("monitor", "drift", code=5)
    assert "told 127.0.0.1\n" in ended.out
    assert ("`rollback` is not done in local: this only tells" in ended.err) == (action == "rollback")
    assert the_one(failed) == snapshot


def test_predictions_that_are_worse_are_told_as_that(tmp_path: Path) -> None:
    with hook() as failed:
        pods = Pods(tmp_path)
        pods.write("numbers.csv", "n\n1\n")
        pods.write("truth.csv", "question,label\n" + "".join(f"{number},1\n" for number in range(100)))
        performance = "performance: {metric: accuracy, min: 0.9, truth: truth.csv, on: question}"
        pods.applied(WATCHED.format(failure=failed.url).replace("reference: numbers", performance))
        now = datetime.now(UTC)
        answers = {"inputs": {"question": list(range(100))}, "outputs": {"label": [1] * 60 + [0] * 40}}
        batch = predictions(now - timedelta(minutes=1))
        add_batch(pods.store, replace(batch, predictions=[{**batch.predictions[0], **answers}]), now)
        pods.write("truth.csv", "changed since it was pinned")
        ended = pods.run("monitor", "drift", code=5)
    assert "✗ accuracy: 0.6000 of 100 of 100 predictions" in ended.out
    told: Any = the_one(failed)
    assert (told["event"], told["outcome"], told["stage"]) == ("drift", "worse", "drift")
    assert told["diagnostic"]["message"] == "`drift` found accuracy 0.6 of predictions"


def predictions(at: datetime) -> PredictionBatch:
    """Requests about numbers that nobody was trained on."""
    asked = {"time": timestamp(at), "request": "r", "seconds": 0.1, "inputs": {"n": [1000] * 200}, "outputs": {}}
    return PredictionBatch(
        pipeline="demo",
        environment="local",
        stage="serve",
        run=RUN,
        model="sha256:0",
        began=timestamp(at),
        ended=timestamp(at),
        predictions=[asked],
    )
