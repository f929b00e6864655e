"""One node of a distributed training, as its pod: here a process of this machine."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.notes import read_rank
from mlopsctl.engine.ranks import Job, Rank, RankEnd
from mlopsctl.pod.rank import await_first
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import canonical_json
from tests.unit.pod.pods import RUN, Pods

SPEC = """
    stages:
      model:
        kind: train
        outputs: {model: model.txt, metrics: metrics.json}
        run: |
          echo "rank $RANK of $WORLD_SIZE at $MASTER_ADDR:$MASTER_PORT, depth ${params.depth}"
          test ${params.depth} -lt 9 || exit 3
          echo "$RANK" > ${outputs.model}
          echo '{"loss": 0.5}' > ${outputs.metrics}
        distributed: {nodes: 2}
        params: {depth: 3}
    """


@pytest.fixture
def pods(tmp_path: Path) -> Pods:
    found = Pods(tmp_path)
    found.applied(SPEC)
    return found


def ended(pods: Pods, rank: int, *, depth: int = 4, code: int = 0, first: str = "127.0.0.1:29500") -> RankEnd:
    job = Job(label="model", params={"depth": depth}, inputs={}, checkpoint=None)
    digest = pods.store.put_bytes(canonical_json(asdict(job))).digest
    told = {"MLOPS_NODES": "model-1", "MLOPS_JOB": digest, "MLOPS_WORLD_SIZE": "2", "MLOPS_FIRST": first}
    said = pods.run("rank", "model", code=code, JOB_COMPLETION_INDEX=str(rank), **told)
    assert f"▸ model: rank {rank} of 2\n" in said.out
    found = read_rank(pods.store, RUN, "model-1", rank)
    assert found is not None
    return found


def test_the_first_keeps_what_its_command_makes(pods: Pods) -> None:
    end = ended(pods, 0)
    assert end.is_well
    assert pods.store.get_bytes(end.result.outputs["model"].digest) == b"0\n"
    assert json.loads(pods.store.get_bytes(end.result.outputs["metrics"].digest)) == {"loss": 0.5}
    assert end.log is not None
    assert pods.store.get_bytes(end.log.digest) == b"rank 0 of 2 at 127.0.0.1:29500, depth 4\n"


def test_another_keeps_its_log(pods: Pods) -> None:
    end = ended(pods, 1)
    assert (end.is_well, dict(end.result.outputs)) == (True, {})
    assert end.log is not None


def test_one_whose_command_fails_says_how(pods: Pods) -> None:
    end = ended(pods, 1, depth=9, code=1)
    assert (end.is_well, end.result.ending.exit_code) == (False, 3)
    assert end.result.ending.last_lines == ("rank 1 of 2 at 127.0.0.1:29500, depth 9",)


def test_the_first_has_to_be_found() -> None:
    rank = Rank(number=1, count=2, address="nobody.invalid", port=29500)
    with Stop() as stop:
        with pytest.raises(DiagnosedError) as failed:
            await_first(rank, stop, seconds=0.0)
        stop.set()
        await_first(rank, stop, seconds=600.0)
    assert [found.code for found in failed.value.diagnostics] == ["MLO833"]
