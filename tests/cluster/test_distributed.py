"""A training on several nodes of a real cluster: they find each other, fail together, go on, and end together."""

import re
from pathlib import Path
from typing import TypeVar

import pytest

from mlopsctl.engine.results import record_name
from mlopsctl.store import StageRecord, Store
from tests.cluster.conftest import Whole
from tests.cluster.lines import Applied, Run, applied_in
from tests.cluster.objects import Objects
from tests.waiting import PATIENCE, until

T = TypeVar("T")
JOB_SET = ("jobset.x-k8s.io/v1alpha2", "JobSet")
PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: line}
spec:
  params: {endless: 0}
  stages:
    model:
      kind: train
      outputs: {model: model.txt, metrics: metrics.json}
      run: python train.py ${outputs.model} ${outputs.metrics} ${params.endless}
      distributed: {nodes: 2}
      checkpoint: {path: state}
      retries: {limit: 1, backoff: 1s, on: [error]}
      resources: {cpu: 20m, memory: 96Mi}
"""
# The second rank fails once, when the first has written its state; then both do what they are there for.
TRAIN = """\
import json, os, pathlib, signal, socket, sys, time
model, metrics, endless = sys.argv[1:]
rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
first = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
state = pathlib.Path(os.environ["MLOPS_CHECKPOINT"], "seen")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
print("rank", rank, "of", count, flush=True)
if endless == "1":
    time.sleep(3600)
if rank == 0:
    with socket.create_server(("", first[1])) as server:
        peer, _ = server.accept()
    known = state.exists()
    state.write_text("seen")
    peer.sendall(b"again" if known else b"first")
    said = peer.recv(100).decode()
    if not said:
        time.sleep(3600)
    pathlib.Path(model).write_text(said)
    json.dump({"loss": 0.25}, open(metrics, "w"))
else:
    while True:
        try:
            peer = socket.create_connection(first)
            break
        except OSError:
            time.sleep(0.1)
    told = peer.recv(100).decode()
    print("told", told, flush=True)
    if told == "first":
        sys.exit(3)
    peer.sendall(f"gradients of {rank}".encode())
"""


@pytest.fixture
def applied(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    return applied_in(cluster, namespace, tmp_path, store, pipeline=PIPELINE, files={"train.py": TRAIN})


def result_of(applied: Applied, run: Run) -> StageRecord:
    key = run.record().stages["model"].key
    assert key is not None
    return StageRecord.from_json(applied.store.read_record("stages", record_name(key, run.id)) or {})


def names_of(namespace: Objects) -> list[str]:
    return [each["metadata"]["name"] for each in namespace.listed(*JOB_SET)]


def test_nodes_train_fail_and_end_together(applied: Applied, namespace: Objects) -> None:
    run, said = applied.run_from_here("--verbose")
    told = re.findall(r"model +│ (\d) │ (rank .*|told .*)", said)
    assert sorted(told) == [
        ("0", "rank 0 of 2"),
        ("0", "rank 0 of 2"),
        ("1", "rank 1 of 2"),
        ("1", "rank 1 of 2"),
        ("1", "told again"),
        ("1", "told first"),
    ], said
    assert "retry 1 of 1" in said
    assert "first run; goes on from its state of" in said
    record = result_of(applied, run)
    assert (record.metrics, record.parts["distributed"]) == ({"loss": 0.25}, {"nodes": 2, "framework": "torch"})
    assert applied.store.get_bytes(record.outputs["model"].digest) == b"gradients of 1"
    log = applied.mlopsctl("logs", run.id, "model", "--env", "here").stdout
    assert {"0 │ rank 0 of 2", "1 │ rank 1 of 2", "1 │ told again"} <= set(log.splitlines()), log

    nodes = namespace.listed(*JOB_SET)
    assert len({each["metadata"]["labels"]["mlopsctl.dev/nodes-of"] for each in nodes}) == 1
    assert {each["metadata"]["ownerReferences"][0]["kind"] for each in nodes} == {"Pod"}
    known = names_of(namespace)

    with applied.begun("run", "--env", "here", "-p", "endless=1") as process:
        going = until(lambda: [each for each in names_of(namespace) if each not in known])
        cancelled = applied.mlopsctl("runs", "cancel", "latest", "--env", "here")
        assert cancelled.returncode == 0, cancelled.stdout + cancelled.stderr
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + err
    until(lambda: not set(going) & set(names_of(namespace)))
