"""A search in pods: one that begins, one for each trial, one that concludes. Here each is a process."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.engine.notes import read_note, read_trial
from mlopsctl.ir.fan_out import LISTS
from mlopsctl.store import StageRecord
from tests.scenarios.project import until
from tests.unit.pod.pods import PATIENCE, RUN, Pods, ended

SPEC = """
    stages:
      model:
        kind: train
        outputs: {model: model.txt, metrics: metrics.json}
        run: sh train.sh ${params.trees} ${outputs.model} ${outputs.metrics}
        tune: {trials: 3, parallel: 2, objective: {metric: auc}, space: {trees: {int: [1, 500]}}}
      copy: {kind: task, inputs: {model: model}, outputs: {o: o.txt}, run: 'cp ${inputs.model} ${outputs.o}'}
    """
TRAIN = """
    echo "$1" >> "$TRACE"
    if test -e "$TRACE.fails"; then echo "no such data"; exit "$(cat "$TRACE.fails")"; fi
    echo "$1" > "$2"
    echo "{\\"auc\\": $1}" > "$3"
    """


class Searching(Pods):
    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    def pod(self, *arguments: str, code: int = 0, **changes: str | None) -> str:
        return self.run(*arguments, code=code, **{"TRACE": str(self.trace), **changes}).out

    def ran(self) -> list[int]:
        found = [int(line) for line in self.trace.read_text().split()] if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        return found

    def begin(self, **changes: str | None) -> tuple[list[list[int]], int]:
        """What Argo is told: the waves, and how many trials they are."""
        work = self.folder / "began"
        self.pod("begin", "model", MLOPS_WORK=str(work), **changes)
        waves = [json.loads(wave) for wave in json.loads((work / LISTS / "waves").read_text())]
        return waves, int((work / LISTS / "left").read_text())

    def trial(self, number: int, *, code: int = 0, **changes: str | None) -> str:
        return self.pod("trial", "model", code=code, MLOPS_TRIAL=str(number), **changes)

    def record(self, run: str = RUN) -> StageRecord:
        note = read_note(self.store, run, "model")
        assert note is not None
        assert note.stage.key is not None
        document = self.store.read_record("stages", f"{note.stage.key}-{note.stage.cached_from or run}")
        assert document is not None
        return StageRecord.from_json(document)

    def values(self) -> list[Any]:
        search = self.record().search
        assert search is not None
        return [trial.value for trial in search.trials]


@pytest.fixture
def searching(tmp_path: Path) -> Searching:
    pods = Searching(tmp_path)
    pods.write("train.sh", TRAIN)
    pods.applied(SPEC)
    return pods


def test_a_search_from_pod_to_pod(searching: Searching) -> None:
    """The same as on one machine, where nobody has to hand on anything; and then it is known."""
    assert searching.begin() == ([[1, 2], [3]], 3)
    for number in (2, 1, 3):
        assert f"✓ trial {number} of 3: auc" in searching.trial(number)
    assert "3 trials, best auc" in searching.pod("conclude", "model")
    second, first, third = searching.ran()
    values = [first, second, third]
    assert searching.values() == values
    assert searching.record().metrics == {"auc": max(values)}
    searching.pod("stage", "copy")
    copied = read_note(searching.store, RUN, "copy")
    assert copied is not None
    assert searching.store.get_bytes(copied.outputs["o"].digest).decode() == f"{max(values)}\n"
    other = "01JD3WQ7ZK8M4N6P2R5S7T9V2X"
    assert searching.begin(MLOPS_RUN=other) == ([], 0)
    assert searching.record(other) == searching.record()
    assert searching.ran() == []


def test_a_search_goes_on_behind_the_waves_that_are_known(searching: Searching) -> None:
    """Whoever ran them: here one pod had all of the search, and was ended in its last trial."""
    searching.write("train.sh", TRAIN + 'test -e "$TRACE.fast" || test "$(wc -l < "$TRACE")" -lt 3 || sleep 60\n')
    searching.applied(SPEC)
    process = searching.start("stage", "model", TRACE=str(searching.trace))
    until(lambda: searching.trace.exists() and len(searching.trace.read_text().splitlines()) == 3, seconds=PATIENCE)
    process.terminate()
    ended(process, 143)
    searching.trace.with_name("trace.fast").touch()
    first = searching.ran()
    again = {"MLOPS_RUN": "01JD3WQ7ZK8M4N6P2R5S7T9V2X"}
    assert searching.begin(**again) == ([[3]], 1)
    searching.trial(3, **again)
    assert searching.ran() == first[2:]
    searching.pod("conclude", "model", **again)
    found = searching.record(again["MLOPS_RUN"]).search
    assert found is not None
    assert [trial.value for trial in found.trials] == first
    assert [trial.run == RUN for trial in found.trials] == [True, True, False]


@pytest.mark.parametrize(("exits", "code"), [("3", 1), ("137", 137)])
def test_a_trial_that_fails_says_how_to_argo_and_is_left_out(searching: Searching, exits: str, code: int) -> None:
    fails = searching.trace.with_name("trace.fails")
    fails.write_text(exits)
    searching.trial(1, code=code)
    fails.unlink()
    note = read_trial(searching.store, RUN, "model", 1)
    assert note is not None
    assert (note.value, note.why) == (None, f"the command of `model` failed with exit code {exits}")
    searching.trial(2)  # whose wave doesn't wait for it
    searching.trial(3)
    searching.pod("conclude", "model")
    assert [value is None for value in searching.values()] == [True, False, False]


def test_a_trial_whose_pod_ended_without_a_word_has_failed(searching: Searching) -> None:
    searching.trial(2)
    searching.trial(3)
    searching.pod("conclude", "model")
    assert [value is None for value in searching.values()] == [True, False, False]
    found = searching.record().search
    assert found is not None
    assert found.trials[0].why == "its pod ended before it could say how it went"


def test_a_search_without_a_result_fails(searching: Searching) -> None:
    said = searching.run("conclude", "model", code=1)
    assert "error[MLO819]: all 3 trials of `model` failed" in said.err
    note = read_note(searching.store, RUN, "model")
    assert note is not None
    assert not note.opens_the_way


def test_a_trial_without_its_number(searching: Searching) -> None:
    said = searching.run("trial", "model", code=1, MLOPS_TRIAL="one")
    assert "error[MLO880]: `MLOPS_TRIAL` is no number" in said.err


def test_a_stage_that_searches_nothing_has_no_trials(searching: Searching) -> None:
    said = searching.run("begin", "copy", code=1)
    assert "error[MLO882]: the pipeline has no search `copy`" in said.err
