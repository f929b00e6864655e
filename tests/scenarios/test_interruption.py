"""Runs that are ended from outside: nothing lives on, the record says so, the next run goes on."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.project import Project, ended, expect_gone, is_alive, pid_in, until

PIPELINE = """
    stages:
      numbers: {kind: data, run: 'echo data >> $OUTSIDE/ran; echo 1 > ${outputs.data}'}
      slow:
        kind: task
        inputs: {numbers: numbers}
        outputs: {made: made}
        run: |
          test -e $OUTSIDE/fast || {
            sh -c 'echo $$ > $OUTSIDE/grandchild; sleep 600' & echo $$ > $OUTSIDE/child; echo waiting; wait
          }
          cp ${inputs.numbers} ${outputs.made}
      after: {kind: task, inputs: {slow: slow}, outputs: {made: made}, run: 'cp ${inputs.slow} ${outputs.made}'}
    """


@pytest.fixture
def running(project: Project) -> tuple["subprocess.Popen[bytes]", list[int]]:
    """A run in the middle of its second stage, and the processes of that stage."""
    project.pipeline(PIPELINE)
    process = project.start("run")
    started = [pid_in(project.outside / name) for name in ("child", "grandchild")]
    until(lambda: any(b"waiting" in log.read_bytes() for log in project.folder.glob(".mlops/work/**/log.txt")))
    return process, started  # what is read of a command's output is read after its guard knows of it


def goes_on(project: Project) -> None:
    (project.outside / "fast").touch()
    project.ran()
    project.run()
    assert project.ran() == []  # the first stage was done before
    assert project.outcomes() == {"numbers": "cached", "slow": "done", "after": "done"}
    assert project.work_folders() == []


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM], ids=lambda which: which.name)
def test_a_run_that_is_asked_to_end(
    project: Project, running: tuple["subprocess.Popen[bytes]", list[int]], which: signal.Signals
) -> None:
    process, started = running
    process.send_signal(which)
    said = ended(process, 130)
    for pid in started:
        expect_gone(pid)
    assert "error[MLO818]: `slow` was interrupted" in said.err
    assert project.latest()["outcome"] == "interrupted"
    assert project.outcomes() == {"numbers": "done", "slow": "interrupted", "after": "skipped"}
    assert project.work_folders() == []
    goes_on(project)


def test_a_run_that_is_killed(project: Project, running: tuple["subprocess.Popen[bytes]", list[int]]) -> None:
    process, started = running
    process.kill()
    process.communicate()
    until(lambda: not any(map(is_alive, started)), seconds=30)
    assert len(project.work_folders()) == 1
    goes_on(project)


def test_ctrl_c_at_the_keyboard_reaches_mlopsctl_alone(project: Project) -> None:
    """The keyboard's signal goes to a whole group; the commands are in groups of their own and end in order."""
    project.pipeline("""
        stages:
          slow:
            kind: data
            run: |
              trap 'echo asked > $OUTSIDE/asked; exit 1' TERM; trap 'echo interrupted > $OUTSIDE/interrupted' INT
              echo $$ > $OUTSIDE/child; while :; do sleep 0.1; done; echo > ${outputs.data}
        """)
    process = project.start("run")
    pid_in(project.outside / "child")
    os.killpg(process.pid, signal.SIGINT)
    ended(process, 130)
    assert (project.outside / "asked").exists()
    assert not (project.outside / "interrupted").exists()


def test_waiting_for_a_retry_can_be_interrupted(project: Project) -> None:
    project.pipeline("""
        stages:
          flaky:
            kind: data
            retries: {limit: 1, backoff: 1h}
            run: echo $$ > $OUTSIDE/child; true ${outputs.data}; exit 1
        """)
    process = project.start("run")
    child = pid_in(project.outside / "child")
    expect_gone(child)
    process.send_signal(signal.SIGINT)
    ended(process, 130)


def test_two_runs_at_once_both_succeed(project: Project) -> None:
    project.pipeline("""
        stages:
          model:
            kind: data
            run: >-
              echo $$ > $OUTSIDE/$$; until [ $(ls $OUTSIDE | wc -l) = 2 ]; do sleep 0.02; done; echo 1 > ${outputs.data}
        """)
    both = [project.start("run"), project.start("run")]
    for process in both:
        ended(process, 0)
    assert len(list(Path(project.outside).iterdir())) == 2
    assert project.run().out.count("cached from 01") == 1
    assert len(project.mlopsctl("runs", "list").out.splitlines()) == 4
