"""What the ranks of a distributed training are told, and which of their ends is that of all."""

from dataclasses import asdict
from pathlib import Path

import pytest

from mlopsctl.diagnostics import Diagnostic, Severity
from mlopsctl.engine.notes import leave_rank, read_rank
from mlopsctl.engine.ranks import Job, Rank, RankEnd, decisive, ending_of
from mlopsctl.runtime.checkpoints import Checkpoint
from mlopsctl.runtime.process import TERMINATED
from mlopsctl.runtime.step import OutputFile, StepResult
from mlopsctl.store import Artifact, open_store

MODEL = Artifact(name="model.pt", kind="file", digest="sha256:" + "7" * 64, size=7)


def end(rank: int, exit_code: int = 0, *, at: float = 1.0, asked: bool = False) -> RankEnd:
    ending = ending_of(exit_code, reason="stopped" if asked else "exited")
    return RankEnd(rank=rank, result=StepResult(ending=ending), at=at)


def test_ranks_have_the_variables_of_torchrun() -> None:
    rank = Rank(number=2, count=4, address="first.nodes", port=29500)
    assert rank.variables() == {
        "MASTER_ADDR": "first.nodes",
        "MASTER_PORT": "29500",
        "WORLD_SIZE": "4",
        "RANK": "2",
        "NODE_RANK": "2",
        "GROUP_RANK": "2",
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
    }
    assert (rank.is_first, Rank(number=0, count=4, address="", port=1).is_first) == (False, True)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([end(1), end(0)], 0),
        ([end(0), end(1, 3), end(2, 143, at=0.5, asked=True)], 1),
        ([end(0, 1, at=2.0), end(1, 3, at=1.0), end(2)], 1),
        ([end(0, 1), end(1, 3), end(2, 3)], 0),
    ],
    ids=["all are well", "one failed and ended others", "the first that failed", "at once, the lowest"],
)
def test_the_end_of_all_is_that_of_the_first_who_failed_by_itself(ends: list[RankEnd], expected: int) -> None:
    assert decisive(ends, is_stopped=False).rank == expected


def test_nodes_that_are_asked_to_end_by_nobody_of_ours_were_taken_away() -> None:
    ends = [end(0, 0, asked=True), end(1, 143, asked=True)]
    taken = decisive(ends, is_stopped=False).result.ending
    assert (taken.reason, taken.exit_code) == ("exited", TERMINATED)
    assert decisive(ends, is_stopped=True).result.ending.reason == "stopped"


def test_what_a_rank_tells_comes_through_the_store(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    ending = ending_of(1, lacked_memory=True)
    made = StepResult(ending=ending, outputs={"model": MODEL}, missing=(OutputFile("a", "a.txt"),), harmed=("X",))
    fault = Diagnostic(code="MLO805", severity=Severity.ERROR, message="no such package", helps=("see",))
    told = RankEnd(rank=3, result=made, at=12.5, log=MODEL, faults=(fault,))
    assert read_rank(store, "run", "model-1", 3) is None
    leave_rank(store, "run", "model-1", told)
    assert read_rank(store, "run", "model-1", 3) == told
    assert read_rank(store, "run", "model-2", 3) is None
    assert not told.is_well


def test_what_ranks_run_is_a_document() -> None:
    state = Checkpoint(key="k", run="r", path="state", every=2.0)
    job = Job(label="model", params={"depth": 3}, inputs={"flights": MODEL}, checkpoint=state)
    assert Job.from_json(asdict(job)) == job
    alone = Job(label="model", params={}, inputs={}, checkpoint=None)
    assert Job.from_json(asdict(alone)) == alone
