"""Trainings that are killed in the middle and go on where their last state was."""

import json
import signal

import pytest

from tests.scenarios.project import Project, ended, until

TRAIN = """
    import os, pathlib, signal, sys, time

    outside, state = pathlib.Path(os.environ["OUTSIDE"]), pathlib.Path("state")
    assert state.resolve() == pathlib.Path(os.environ["MLOPS_CHECKPOINT"])
    kept = state / "epoch"
    first = int(kept.read_text()) if kept.exists() else 0
    with (outside / "begins").open("a") as begins:
        print(first, file=begins)
    for epoch in range(first + 1, 4):
        beside = state / ".epoch"
        beside.write_text(str(epoch))
        beside.rename(kept)
        if epoch == 2 and first < 2:
            fails = (outside / "fails").read_text()
            if fails == "exit":
                sys.exit(3)
            time.sleep(60)  # until somebody ends it
    open(sys.argv[1], "w").write("model")
    """
# What keeps its state when it is asked to end, in place of what would sleep on.
ASKED = "signal.signal(signal.SIGTERM, bye); (outside / 'ready').touch(); time.sleep(60)"
PIPELINE = """
    stages:
      model:
        kind: train
        outputs: {model: model}
        run: python train.py ${outputs.model}
        checkpoint: {path: state, every: 1s}
        retries: {limit: 1, backoff: 0s, on: [error]}
    """


@pytest.fixture
def training(project: Project) -> Project:
    project.write("train.py", TRAIN)
    project.write("state/epoch", "0")  # what is kept takes the place of what the code has there
    project.pipeline(PIPELINE)
    return project


def begins(project: Project) -> list[str]:
    return (project.outside / "begins").read_text().splitlines()


def test_a_retry_goes_on_where_the_attempt_before_failed(training: Project) -> None:
    (training.outside / "fails").write_text("exit")
    said = training.run()
    assert begins(training) == ["0", "2"]
    assert "Left out" not in said.out
    training.run("--force", environ={})
    assert begins(training) == ["0", "2", "0", "2"], "what is asked for anew begins from the start"


def test_a_run_after_one_that_was_killed_goes_on(training: Project) -> None:
    (training.outside / "fails").write_text("hang")
    process = training.start("run")
    pointers = training.folder / ".mlops" / "store" / "pointers" / "checkpoints"
    until(lambda: any(pointers.glob("*.json")) and begins(training) == ["0"])
    process.kill()
    process.communicate()

    said = training.run("--output", "json")
    started = next(event for event in said.events() if event["type"] == "stage-started")
    assert started["reason"].startswith("first run; goes on from its state of 20")
    assert begins(training) == ["0", "2"]
    (kept,) = pointers.glob("*.json")
    assert json.loads(kept.read_text())["value"] == {}, "nobody needs it any more"
    assert training.run().out.count("cached") >= 1


def test_what_a_command_keeps_when_it_is_asked_to_end_is_there(training: Project) -> None:
    training.write("train.py", TRAIN.replace("time.sleep(60)", ASKED))
    bye = "def bye(*_):\n    (state / 'epoch').write_text('3')\n    sys.exit(0)\n"
    path = training.folder / "train.py"
    path.write_text(path.read_text().replace("kept = state", f"{bye}kept = state", 1))
    training.pipeline(PIPELINE.replace("every: 1s", "every: 1h"))
    (training.outside / "fails").write_text("hang")
    process = training.start("run")
    until((training.outside / "ready").exists)
    process.send_signal(signal.SIGTERM)
    ended(process, 130)
    training.run()
    assert begins(training) == ["0", "3"]
