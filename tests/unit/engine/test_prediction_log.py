"""What of exchanges is kept, and what happens while it can't be."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.engine import prediction_log
from mlopsctl.engine.keeping import Keeping, keeping_of
from mlopsctl.engine.prediction_log import PredictionLog, Served
from mlopsctl.engine.predictions import Watched, read_batches
from mlopsctl.ir.model import DeployStage
from mlopsctl.runtime.tap import Exchange
from mlopsctl.store import PredictionBatch, Store, open_store
from tests.unit.ir.documents import stages

SERVED = Served(pipeline="p", environment="local", stage="serve", run="r", model="sha256:m")
ALL = Keeping(requests=1.0)


def exchange(request: object = None, response: object = None, **more: Any) -> Exchange:
    body = {"a": 1} if request is None else request
    plain: dict[str, Any] = {"path": "/", "request_id": "", "began": time.time(), "seconds": 0.01, "status": 200}
    return Exchange(request=json.dumps(body).encode(), response=json.dumps(response).encode(), **{**plain, **more})


def batches(store: Store) -> list[PredictionBatch]:
    now = datetime.now(UTC)
    return list(read_batches(store, Watched("local", "p", "serve"), now - timedelta(hours=1), now))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def test_what_is_kept_of_a_prediction(store: Store) -> None:
    with PredictionLog(store, SERVED, ALL, print) as log:
        log.offer(exchange({"id": "mine", "instances": [{"a": 1}]}, {"predictions": [0.5]}))
        log.offer(exchange({"a": 2}, "text", request_id="header"))
        log.offer(exchange({"a": 3}, status=500))
        log.offer(exchange("no columns"))
        log.offer(replace(exchange(), request=b"{"))
    (batch,) = batches(store)
    assert [each["inputs"] for each in batch.predictions] == [{"a": [1]}, {"a": [2]}]
    assert [each["outputs"] for each in batch.predictions] == [{"predictions": [0.5]}, {}]
    assert [each["request"] for each in batch.predictions] == ["mine", "header"]
    assert (batch.run, batch.model, batch.lost, batch.unreadable) == ("r", "sha256:m", 0, 2)
    assert batch.began <= batch.ended


def test_a_full_batch_is_written_at_once(store: Store) -> None:
    with PredictionLog(store, SERVED, ALL, print) as log:
        for _ in range(prediction_log.BATCH_REQUESTS):
            log.offer(exchange())
        deadline = time.monotonic() + 30
        while not batches(store) and time.monotonic() < deadline:
            time.sleep(0.05)
        (batch,) = batches(store)
    assert len(batch.predictions) == prediction_log.BATCH_REQUESTS


def test_while_the_store_is_away_some_wait_and_the_rest_is_counted(tmp_path: Path) -> None:
    folder, said = tmp_path / "store", list[str]()
    folder.mkdir()
    (folder / "records").write_text("in the way")
    more = 50
    with PredictionLog(open_store(folder), SERVED, ALL, said.append) as log:
        for _ in range(prediction_log.MOST_WAITING):
            log.offer(exchange())
            time.sleep(0)
        deadline = time.monotonic() + 30
        while len(log._waiting) < prediction_log.MOST_WAITING and time.monotonic() < deadline:
            log.offer(exchange())
            time.sleep(0.001)
        before = log._lost
        for _ in range(more):
            log.offer(exchange())
        while log._lost < before + more and time.monotonic() < deadline:
            time.sleep(0.01)
        (folder / "records").unlink()
    (batch,) = batches(open_store(folder))
    assert len(batch.predictions) == prediction_log.MOST_WAITING
    assert batch.lost == before + more
    assert len(said) == 2
    assert said[0].startswith("predictions wait to be kept: ")
    assert said[1] == f"predictions are kept again; {batch.lost} were lost"


def test_what_waits_is_bounded_by_its_size(store: Store) -> None:
    log = PredictionLog(store, SERVED, ALL, print)  # nobody takes from it yet
    large = exchange({"a": "x" * (prediction_log.MOST_BYTES // 4)})
    for _ in range(6):
        log.offer(large)
    assert (log._queue.qsize(), log._lost) == (3, 3)


def test_personal_columns_and_what_could_be_some_are_left_out() -> None:
    text = """
people: {kind: data, source: a.csv, contract: {columns: {name: {type: string, personal: true}, age: {type: integer}}}}
other: {kind: data, source: b.csv, contract: {columns: {size: {type: number}}}}
model: {kind: train, inputs: {a: people}, outputs: {model: m}, run: go}
serve: {kind: deploy, model: model, server: {run: go}, log: {requests: 25%}}
"""
    pipeline = stages(text)
    (deploy,) = pipeline.of_kind(DeployStage)
    keeping = keeping_of(pipeline, deploy)
    assert keeping == Keeping(requests=0.25, personal=("name",), declared=("age", "name", "size"))
    columns = {"name": ["N"], "age": [1], "size": [2], "input-0": ["N"]}
    assert keeping.inputs(columns) == {"age": [1], "size": [2]}
    assert keeping.outputs({"name": ["N"], "score": [1]}) == {"score": [1]}
    assert ALL.inputs(columns) == ALL.outputs(columns) == columns
    (silent,) = stages(text.replace(", log: {requests: 25%}", "")).of_kind(DeployStage)
    assert keeping_of(pipeline, silent) == Keeping()
