"""Searches over parameters: which trials run, what is kept of them, and what becomes of those that fail."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project, ended, normalised, until

SPEC = """
    params: {{trees: 100, note: none}}
    stages:
      numbers: {{kind: data, source: numbers.csv}}
      model:
        kind: train
        inputs: {{numbers: numbers}}
        outputs: {{model: model.txt, metrics: metrics.json}}
        run: sh train.sh ${{params.trees}} ${{params.loss}} ${{outputs.model}} ${{outputs.metrics}}
        tune:
          trials: {trials}
          parallel: {parallel}
          objective: {{metric: error, direction: minimize}}
          space: {{trees: {{int: [50, 500]}}, loss: {{in: [log, hinge]}}}}
      copy: {{kind: task, inputs: {{model: model}}, outputs: {{o: o.txt}}, run: 'cp ${{inputs.model}} ${{outputs.o}}'}}
    """
TRAIN = """
    echo "$1 $2" >> "$OUTSIDE/ran"
    echo "$1 trees, $2"
    echo "$1 $2" > "$3"
    echo "{\\"error\\": $(($1 - 200))}" | tr -d - > "$4"
    """


@pytest.fixture
def searching(project: Project) -> Project:
    project.write("numbers.csv", "n\n1\n")
    project.write("train.sh", TRAIN)
    project.pipeline(SPEC.format(trials=6, parallel=1))
    return project


def search_of(project: Project) -> dict[str, Any]:
    (found,) = (stage["search"] for stage in project.latest()["stages"] if stage["stage"] == "model")
    return dict(found)


def made(project: Project) -> str:
    """What the stage behind the search was given."""
    (copy,) = (stage for stage in project.latest()["stages"] if stage["stage"] == "copy")
    digest = copy["outputs"]["o"]["digest"].removeprefix("sha256:")
    (blob,) = (blob for blob in project.blobs() if digest.endswith(blob.name))
    return blob.read_text().strip()


def test_the_best_trial_is_what_the_stage_made(searching: Project) -> None:
    said = searching.run()
    ran, search = searching.ran(), search_of(searching)
    values = [abs(int(line.split()[0]) - 200) for line in ran]
    assert len(ran) == len(set(ran)) == 6
    assert [trial["value"] for trial in search["trials"]] == values
    assert [f"{trial['params']['trees']} {trial['params']['loss']}" for trial in search["trials"]] == ran
    best = ran[values.index(min(values))]
    assert made(searching) == best
    assert search["trials"][search["best"] - 1]["value"] == min(values)
    trees, loss = best.split()
    assert f"6 trials, best error {min(values):.3f}: trees={trees} loss={loss}" in said.out
    assert searching.latest()["metrics"] == {"error": min(values)}
    again = searching.run(
        "-p", "note=other", "-p", "trees=101"
    )  # which no trial sees: `loss` has no value to begin with
    assert searching.ran() == []
    assert f"best error {min(values):.3f}: trees={trees} loss={loss}" in again.out
    assert "3 of 3 stages from cache" in again.out


def test_the_same_search_elsewhere_tries_the_same(searching: Project, tmp_path: Path) -> None:
    searching.run("--store", str(tmp_path / "one"))
    first = searching.ran()
    searching.run("--store", str(tmp_path / "other"))
    assert searching.ran() == first


def test_a_longer_search_goes_on_from_the_shorter_one(searching: Project) -> None:
    searching.run()
    first = searching.ran()
    searching.pipeline(SPEC.format(trials=6, parallel=3))
    searching.run()
    assert searching.ran() == []  # how many run at once makes no other result
    searching.pipeline(SPEC.format(trials=8, parallel=1))
    said = searching.run("-o", "json")
    trials = [event for event in said.events() if event["type"] == "trial-ended"]
    assert [trial["cached"] for trial in trials] == [True] * 6 + [False] * 2
    assert not set(first) & set(searching.ran())
    searching.run("--from", "model")
    assert searching.ran()[:6] == first


def test_as_many_trials_run_at_once_as_are_asked_for_and_allowed(searching: Project) -> None:
    """Each waits until as many have begun as may be there at once, and none comes to more."""
    searching.write(
        "train.sh",
        """
        touch "$OUTSIDE/begun-$1"
        while [ "$(ls "$OUTSIDE" | grep -c begun)" -lt "$WANTED" ]; do sleep 0.05; done
        echo "{\\"error\\": $1}" > "$4"
        echo "$1" > "$3"
        """,
    )
    searching.pipeline(SPEC.format(trials=3, parallel=3))
    searching.run("--jobs", "3", environ={"WANTED": "3"})
    for file in searching.outside.iterdir():
        file.unlink()
    process = searching.start("run", "--force", "--jobs", "2", env=searching.environ | {"WANTED": "3"})
    until(lambda: len(list(searching.outside.iterdir())) == 2)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    assert len(list(searching.outside.iterdir())) == 2
    (searching.outside / "begun-by-us").touch()
    ended(process, 0)


def test_the_parameters_as_they_are_come_first_if_the_search_has_all_of_them(searching: Project) -> None:
    searching.run()
    searching.ran()
    spec = SPEC.replace("note: none", "loss: hinge")
    searching.pipeline(spec.format(trials=4, parallel=2))
    searching.run("--jobs", "1")
    assert searching.ran()[0] == "100 hinge"
    searching.run("--jobs", "1", "-p", "trees=333")
    again = searching.ran()
    assert again[0] == "333 hinge"
    searching.run("-p", "trees=7")  # which is no part of the space, so the search begins where it wants
    assert "7 hinge" not in searching.ran()


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGKILL], ids=lambda which: which.name)
def test_a_search_that_is_ended_from_outside_goes_on(searching: Project, which: signal.Signals) -> None:
    """The third trial waits until the search is over, and is the first that runs the next time."""
    searching.write(
        "train.sh", TRAIN + 'test -e "$OUTSIDE/fast" || test "$(wc -l < "$OUTSIDE/ran")" -lt 3 || sleep 600\n'
    )
    process, trace = searching.start("run"), searching.outside / "ran"
    until(lambda: trace.exists() and len(trace.read_text().splitlines()) == 3)
    process.send_signal(which)
    if which is signal.SIGTERM:
        assert "error[MLO818]: `model` was interrupted" in ended(process, 130).err
        assert searching.outcomes()["model"] == "interrupted"
    else:
        process.communicate()
    first = searching.ran()
    (searching.outside / "fast").touch()
    searching.run()
    assert searching.ran()[0] == first[2]
    assert len(search_of(searching)["trials"]) == 6


def test_trials_that_fail_are_left_out(searching: Project, snapshot: SnapshotAssertion) -> None:
    searching.write("train.sh", TRAIN + 'case "$2" in hinge) echo "no hinges"; exit 3;; esac\n')
    said = searching.run("-p", "note=any")
    search = search_of(searching)
    failed = [trial for trial in search["trials"] if trial["params"]["loss"] == "hinge"]
    assert failed
    assert {trial["value"] for trial in failed} == {None}
    assert {trial["why"] for trial in failed} == {"the command of `model` failed with exit code 3"}
    assert f"6 trials, {len(failed)} failed, best error" in said.out
    assert normalised(said.out, searching) == snapshot
    first, *_, last = [
        line for line in searching.mlopsctl("runs", "show", "latest").out.splitlines() if " trial " in line
    ]
    assert "error 13 " in first
    assert "failed " in last


def test_a_search_in_which_all_fail(searching: Project, snapshot: SnapshotAssertion) -> None:
    searching.write("train.sh", "echo no such data; exit 3\n")
    said = searching.run(code=1)
    assert searching.outcomes() == {"numbers": "done", "model": "failed", "copy": "skipped"}
    assert normalised(said.err, searching) == snapshot


def test_trials_without_the_metric_fail(searching: Project) -> None:
    searching.write("train.sh", TRAIN.replace("error", "errors"))
    said = searching.run(code=1)
    assert "error[MLO819]: all 6 trials of `model` failed" in said.err
    assert "trial 1: no metric `error`: it wrote errors" in said.err


def test_what_hinders_all_trials_ends_the_first(searching: Project) -> None:
    searching.pipeline(
        SPEC.format(trials=6, parallel=1).replace("sh train.sh", "KEY=${secrets.key} sh train.sh")
        + "secrets: {key: {secret: a, key: b}}\n"
    )
    said = searching.run(code=1)
    assert "error[MLO807]" in said.err
    assert "trial" not in said.out + said.err
    assert searching.ran() == []


def test_without_optuna_a_search_says_what_to_install(searching: Project, tmp_path: Path) -> None:
    """Nothing has run by then, and pipelines that search nothing don't miss it."""
    hidden = tmp_path / "without"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['optuna'] = None\n")
    without = {"PYTHONPATH": str(hidden)}
    said = searching.run(code=1, environ=without)
    assert "error[MLO820]: the search of `model` needs Optuna" in said.err
    assert "pip install 'mlopsctl[tune]'" in said.err
    assert searching.ran() == []
    searching.run("--only", "numbers", environ=without)
