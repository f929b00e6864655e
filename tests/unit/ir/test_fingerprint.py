"""A key moves with everything that a result depends on, with nothing else, and is the same everywhere."""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from mlopsctl.ir.fingerprint import FORMAT, Surroundings, command_parts, data_parts, deploy_parts, key_of, moved
from mlopsctl.ir.model import DataStage, DeployStage, TrainStage
from tests.unit.ir.documents import stages

AROUND = Surroundings(code="sha256:c", requirements="sha256:r", python="3.11", run={"run.id": "1", "run.date": "d"})
TRAIN = (
    "model: {kind: train, run: 'go ${inputs.d} ${run.date}', inputs: {d: data}, outputs: {m: model.bin}, env: {A: b}%s}"
)
DATA = "data: {kind: data, source: d.csv, contract: {rows: {min: 1}, freshness: 1h}%s}"
DEPLOY = """\
serve: {kind: deploy, model: m, server: {run: 'serve ${port}', health: /up}, env: {A: b}, \
loadTest: {request: r.json, users: 2, duration: 60s, p99: 1s, errors: 1%%}%s}"""


def train_key(text: str = TRAIN % "", **change: Any) -> str:
    (stage,) = stages(text).stages.values()
    assert isinstance(stage, TrainStage)
    around = replace(
        AROUND, **{name: change.pop(name) for name in ("code", "requirements", "python", "run") if name in change}
    )
    given = {"params": {"trees": 1}, "inputs": {"d": "sha256:d"}, **change}
    return key_of(command_parts(stage, around=around, **given))


def data_key(text: str = DATA % "", digest: str = "sha256:d") -> str:
    (stage,) = stages(text).stages.values()
    assert isinstance(stage, DataStage)
    return key_of(data_parts(stage, digest))


def deploy_key(
    text: str = DEPLOY % "", model: str = "m", request: str = "r", params: Any = None, around: Surroundings = AROUND
) -> str:
    (stage,) = stages(text).stages.values()
    assert isinstance(stage, DeployStage)
    return key_of(deploy_parts(stage, model=model, request=request, params=params or {}, around=around))


def test_a_known_stage_has_its_known_key() -> None:
    # If this fails, results of older versions are not found again. Count FORMAT up if parts changed their meaning.
    assert (FORMAT, train_key()) == (1, "2c3bdc0deb97c0aece00c5c282655e9b3156f5c7d28fd39617d2aea166c00860")


@pytest.mark.parametrize(
    "change",
    [
        {"code": "sha256:x"},
        {"requirements": "sha256:x"},
        {"python": "3.12"},
        {"run": {"run.id": "1", "run.date": "e"}},
        {"params": {"trees": 2}},
        {"params": {"trees": 1.0}},
        {"params": {"trees": "1"}},
        {"params": {"trees": True}},
        {"params": {}},
        {"inputs": {"d": "sha256:x"}},
        {"inputs": {"e": "sha256:d"}},
        {"text": TRAIN.replace("go ", "stop ") % ""},
        {"text": TRAIN.replace("A: b", "A: c") % ""},
        {"text": TRAIN.replace("A: b", "B: b") % ""},
        {"text": TRAIN.replace("model.bin", "model.txt") % ""},
        {"text": TRAIN.replace("{m: ", "{n: ") % ""},
        {"text": TRAIN % f", image: x@sha256:{'0' * 64}"},
        {"text": TRAIN.replace("run.date", "run.id") % ""},
    ],
    ids=str,
)
def test_a_key_moves_with_what_the_result_depends_on(change: dict[str, Any]) -> None:
    assert train_key(**change) != train_key()


@pytest.mark.parametrize(
    "extra",
    [
        ", timeout: 2h",
        ", retries: {limit: 2}",
        ", resources: {cpu: 2}",
        ", nodes: {selector: {a: b}}",
        ", pod: {spec: {x: y}}",
        ", requires: [data]",
        " , # a comment\n      ",
    ],
)
def test_a_key_stays_with_what_only_says_how_it_is_run(extra: str) -> None:
    assert train_key(TRAIN % extra) == train_key()


SEARCH = ", tune: {trials: 9, objective: {metric: auc}, space: {rate: {float: [0, 1]}, loss: {in: [a, b]}}}"


def search_key(text: str = SEARCH) -> str:
    return train_key(TRAIN % text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("trials: 9", "trials: 10"),
        ("metric: auc", "metric: loss"),
        ("metric: auc", "metric: auc, direction: minimize"),
        ("[0, 1]", "[0, 2]"),
        ("[0, 1]", "[0, 1], log: true"),
        ("float: ", "int: "),
        ("[a, b]", "[b, a]"),
        ("loss: ", "cost: "),
    ],
)
def test_the_key_of_a_search_moves_with_what_it_tries(before: str, after: str) -> None:
    assert len({search_key(), search_key(SEARCH.replace(before, after)), train_key()}) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("trials: 9", "trials: 9, parallel: 3"),
        ("[0, 1]", "[0.0, 1.0], log: false"),
        ("metric: auc", "metric: auc, direction: maximize"),
    ],
)
def test_the_key_of_a_search_stays_with_how_it_is_run(before: str, after: str) -> None:
    assert search_key() == search_key(SEARCH.replace(before, after))


def test_a_key_does_not_depend_on_names_and_places() -> None:
    assert train_key("other: " + (TRAIN % "").removeprefix("model: ")) == train_key()
    assert train_key(TRAIN.replace("d: data", "d: elsewhere") % "") == train_key()  # the bytes count, not who made them
    assert train_key(run={"run.id": "2", "run.date": "d"}) == train_key()  # what isn't mentioned


def test_the_key_of_data_is_its_content_and_contract() -> None:
    assert data_key(digest="sha256:x") != data_key()
    assert data_key(DATA.replace("min: 1", "min: 2") % "") != data_key()
    assert data_key(DATA.replace("d.csv", "s3://bucket/d.csv") % "") == data_key()
    assert data_key(DATA.replace("1h", "2h") % "") == data_key()


@pytest.mark.parametrize(
    "change",
    [
        {"model": "x"},
        {"request": "x"},
        {"params": {"a": 1}},
        {"around": replace(AROUND, code="x")},
        {"around": replace(AROUND, requirements="x")},
        {"around": replace(AROUND, python="x")},
        {"text": DEPLOY.replace("serve ${port}", "other ${port}") % ""},
        {"text": DEPLOY.replace("/up", "/down") % ""},
        {"text": DEPLOY.replace("users: 2", "users: 3") % ""},
        {"text": DEPLOY.replace("60s", "61s") % ""},
        {"text": DEPLOY.replace("p99: 1s", "p99: 2s") % ""},
        {"text": DEPLOY.replace("errors: 1%%", "errors: 2%%") % ""},
        {"text": DEPLOY.replace("A: b", "A: c") % ""},
    ],
    ids=str,
)
def test_the_key_of_a_deployment_moves_with_what_was_tried(change: dict[str, Any]) -> None:
    assert deploy_key(**change) != deploy_key()


@pytest.mark.parametrize(
    "extra", [", replicas: {min: 3}", ", rollout: {canary: {steps: [5%]}}", ", log: {requests: 1%}", ", timeout: 1h"]
)
def test_the_key_of_a_deployment_stays_with_how_many_and_how_fast(extra: str) -> None:
    assert deploy_key(DEPLOY % extra) == deploy_key()


def test_one_length_of_time_is_one_key_however_it_is_written() -> None:
    assert deploy_key(DEPLOY.replace("60s", "1m") % "") == deploy_key()
    default = DEPLOY.replace(", duration: 60s", "") % ""
    assert deploy_key(default) == deploy_key(DEPLOY.replace("60s", "10s") % "")


def test_code_counts_for_a_server_of_ones_own_only() -> None:
    text = "serve: {kind: deploy, model: m, server: {format: sklearn}}"
    assert deploy_key(text, around=replace(AROUND, code="x")) == deploy_key(text)


def test_the_key_is_the_same_in_every_process() -> None:
    program = "from tests.unit.ir.test_fingerprint import train_key; print(train_key())"
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert keys == {train_key()}


def test_the_parts_that_moved_come_in_the_order_that_explains_best() -> None:
    before = {"format": 1, "code": "a", "params": {}, "inputs": {}, "zeal": 1}
    assert moved(before, dict(before)) == []
    assert moved(before, {"format": 2, "code": "b", "params": {"x": 1}, "inputs": {"d": 1}, "image": "i"}) == [
        "inputs",
        "code",
        "params",
        "image",
        "format",
        "zeal",
    ]
