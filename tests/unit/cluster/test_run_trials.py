"""The trials of a search in a cluster are told by what their pods left in the store, each once."""

from pathlib import Path

from mlopsctl.cluster.run_nodes import PodNode, StageNodes
from mlopsctl.cluster.run_trials import Trials
from mlopsctl.engine.notes import leave_trial
from mlopsctl.events import Event, TrialEnded
from mlopsctl.store import TrialRecord, open_store
from tests.unit.ir.documents import stages

SEARCH = (
    "model: {kind: train, outputs: {model: model.json}, params: {trees: 1}, run: 'train ${params.trees}', "
    "tune: {trials: 4, parallel: 2, objective: {metric: auc, direction: maximize}, space: {trees: {int: [1, 9]}}}}"
)


def nodes(*pods: tuple[int, str]) -> StageNodes:
    found = (
        PodNode(id=f"{number}-{phase}", phase=phase, message="", exit_code="", trial=number) for number, phase in pods
    )
    return StageNodes(phase="Running", message="", finished="", pods=tuple(found))


def kept(number: int, value: float | None, run: str = "RUN") -> TrialRecord:
    return TrialRecord(number=number, params={"trees": number}, value=value, seconds=1.0, key="k", run=run)


def test_each_trial_is_told_once_beside_the_best_so_far(tmp_path: Path) -> None:
    stage = stages(SEARCH).stages["model"]
    store, said = open_store(tmp_path / "store"), list[Event]()
    trials = Trials(store, "RUN", said.append)
    leave_trial(store, "RUN", "model", kept(1, 0.7, run="BEFORE"))
    trials.look(stage, nodes())
    assert said == []
    leave_trial(store, "RUN", "model", kept(3, 0.6))
    trials.look(stage, nodes((2, "Running"), (3, "Succeeded")))
    trials.look(stage, nodes((2, "Failed"), (3, "Succeeded")))  # without a word, and begun again
    leave_trial(store, "RUN", "model", kept(2, 0.8))
    trials.look(stage, nodes((2, "Failed"), (2, "Succeeded"), (3, "Succeeded")))
    told = [(each.trial, each.value, each.best, each.cached) for each in said if isinstance(each, TrialEnded)]
    assert told == [(1, 0.7, 0.7, True), (3, 0.6, 0.7, False), (2, 0.8, 0.8, False)]
    assert len(told) == len(said)
