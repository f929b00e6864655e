"""Commands that fail: what is said, what is tried again, what goes on where it failed, and what doesn't live on."""

import subprocess
import sys
import time

import pytest

from tests.scenarios.project import MLOPSCTL, Project, expect_gone, is_alive, pid_in

MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

DATA = "numbers: {kind: data, run: 'echo data >> $OUTSIDE/ran; echo 1 > ${outputs.data}'}"


def stage(command: str, more: str = "") -> str:
    """A pipeline whose second stage is `command`."""
    return f"""
        stages:
          {DATA}
          work:
            kind: task
            inputs: {{numbers: numbers}}
            outputs: {{made: made.txt}}
            run: |
              : ${{inputs.numbers}} ${{outputs.made}}
              {command}
            {more}
        """


def test_a_run_goes_on_where_it_failed(project: Project) -> None:
    project.pipeline("""
        stages:
          one: {kind: data, run: 'echo one >> $OUTSIDE/ran; echo 1 > ${outputs.data}'}
          two:
            kind: task
            inputs: {one: one}
            outputs: {made: made}
            run: echo two >> $OUTSIDE/ran; cp ${inputs.one} ${outputs.made}
          three:
            kind: task
            inputs: {two: two}
            outputs: {made: made}
            run: echo three >> $OUTSIDE/ran; test -e $OUTSIDE/mended; cp ${inputs.two} ${outputs.made}
          four: {kind: task, inputs: {three: three}, outputs: {made: made}, run: 'cp ${inputs.three} ${outputs.made}'}
        """)
    failed = project.run(code=1)
    assert "error[MLO801]: the command of `three` failed with exit code 1" in failed.err
    assert project.ran() == ["one", "two", "three"]
    assert project.outcomes() == {"one": "done", "two": "done", "three": "failed", "four": "skipped"}
    (project.outside / "mended").touch()
    project.run()
    assert project.ran() == ["three"]
    assert project.outcomes() == {"one": "cached", "two": "cached", "three": "done", "four": "done"}


def test_what_the_graph_allows_runs_at_the_same_time(project: Project) -> None:
    clock = "date +%s.%N >> $OUTSIDE/NAME; sleep 0.5; date +%s.%N >> $OUTSIDE/NAME; touch ${outputs.data}"
    project.pipeline(f"""
        stages:
          left: {{kind: data, run: '{clock.replace("NAME", "left")}; echo > ${{outputs.data}}'}}
          right: {{kind: data, run: '{clock.replace("NAME", "right")}; echo > ${{outputs.data}}'}}
        """)
    project.run("--jobs", "2")
    (begin, end), (other_begin, other_end) = (
        [float(line) for line in (project.outside / name).read_text().split()] for name in ("left", "right")
    )
    assert max(begin, other_begin) < min(end, other_end)
    project.run("--jobs", "1", "--force")
    _, _, begin, end = map(float, (project.outside / "left").read_text().split())
    _, _, other_begin, other_end = map(float, (project.outside / "right").read_text().split())
    assert max(begin, other_begin) >= min(end, other_end)


def test_retries_are_counted_and_wait_longer_each_time(project: Project) -> None:
    count = "date +%s.%N >> $OUTSIDE/tries; test $(wc -l < $OUTSIDE/tries) = 3; echo > ${outputs.made}"
    project.pipeline(stage(count, "retries: {limit: 2, backoff: 200ms}"))
    said = project.run()
    first, second, third = map(float, (project.outside / "tries").read_text().split())
    assert second - first >= 0.2
    assert third - second >= 0.4
    assert "retry 1 of 2 in 0.2s · error" in said.out
    assert "retry 2 of 2 in 0.4s · error" in said.out
    assert project.outcomes()["work"] == "done"


@pytest.mark.parametrize(
    ("ending", "on", "tries"),
    [
        ("exit 1", "error", 2),
        ("exit 1", "oom, preempted", 1),
        ("exit 137", "oom", 2),
        ("exit 137", "error, preempted", 1),
        ("kill -9 $$", "oom", 2),
        ("kill -15 $$", "preempted", 2),
        ("kill -15 $$", "oom, error", 1),
    ],
)
def test_only_the_failures_named_are_tried_again(project: Project, ending: str, on: str, tries: int) -> None:
    project.pipeline(stage(f"echo try >> $OUTSIDE/tries; {ending}", f"retries: {{limit: 1, on: [{on}]}}"))
    assert "error[MLO801]" in project.run(code=1).err
    assert (project.outside / "tries").read_text().count("try") == tries


def test_a_timeout_ends_everything_that_was_started_and_is_not_tried_again(project: Project) -> None:
    nested = "sh -c 'echo $$ > $OUTSIDE/grandchild; sleep 600' & echo $$ > $OUTSIDE/child; wait"
    project.pipeline(stage(f"echo try >> $OUTSIDE/tries; {nested}", "timeout: 1s\n            retries: {limit: 2}"))
    said = project.run(code=1)
    assert "error[MLO802]: `work` did not end within its timeout of 1s" in said.err
    expect_gone(pid_in(project.outside / "child"))
    expect_gone(pid_in(project.outside / "grandchild"))
    assert (project.outside / "tries").read_text().count("try") == 1


def test_what_ignores_sigterm_is_killed(project: Project) -> None:
    project.pipeline(stage("trap '' TERM; echo $$ > $OUTSIDE/pid; while :; do sleep 1; done", "timeout: 500ms"))
    begun = time.monotonic()
    assert "error[MLO802]" in project.run(code=1).err
    expect_gone(pid_in(project.outside / "pid"))
    assert time.monotonic() - begun > 10  # the time that it is given to end by itself


@pytest.mark.parametrize(
    ("command", "sentence", "advice"),
    [
        ("no-such-program", "failed with exit code 127", "the shell found no such program"),
        ("echo '#!/bin/sh' > it; ./it", "failed with exit code 126", "is the file executable?"),
        ("exit 137", "failed with exit code 137", "most likely for using too much memory"),
        ("kill -SEGV $$", "failed with signal SIGSEGV", ""),
        ("echo the last words; exit 3", "failed with exit code 3", "= note: the last words"),
        ("false; echo > ${outputs.made}", "failed with exit code 1", ""),
        (
            ": 'nothing at all'",
            "`work` left no output `made`",
            "write it to `${outputs.made}`, which ends in `made.txt`",
        ),
        ("mkdir ${outputs.made}", "`work` left no output `made`", ""),
        ("chmod u+w ${inputs.numbers}; echo 2 > ${inputs.numbers}; echo > ${outputs.made}", "MLO806", "read-only"),
    ],
    ids=["127", "126", "137", "signal", "last-words", "first-failure-counts", "no-output", "empty-folder", "harm"],
)
def test_how_a_command_fails(project: Project, command: str, sentence: str, advice: str) -> None:
    project.pipeline(stage(command))
    said = project.run(code=1)
    assert sentence in said.err
    assert advice in said.err
    assert project.outcomes()["work"] == "failed"


def test_an_input_that_was_written_to_is_made_again(project: Project) -> None:
    harm = "test -e $OUTSIDE/mended || { chmod u+w ${inputs.numbers}; echo 2 > ${inputs.numbers}; }"
    project.pipeline(stage(f"{harm}; cp ${{inputs.numbers}} ${{outputs.made}}; cp ${{inputs.numbers}} $OUTSIDE/made"))
    said = project.run(code=1)
    assert "error[MLO806]: the command of `work` changed its input" in said.err
    (project.outside / "mended").touch()
    project.ran()
    said = project.run()
    assert "its earlier result is no longer whole" in said.out
    assert project.ran() == ["data"]
    assert (project.outside / "made").read_text() == "1\n"


def test_what_a_command_leaves_in_the_background_ends_with_it(project: Project) -> None:
    leave = "sh -c 'echo $$ > $OUTSIDE/left; sleep 600' & sleep 0.2; echo > ${outputs.made}"
    project.pipeline(stage(leave))
    project.run()
    expect_gone(pid_in(project.outside / "left"))


def test_a_daemon_that_holds_the_output_open_is_not_waited_for(project: Project) -> None:
    leave = "setsid sh -c 'echo $$ > $OUTSIDE/daemon; exec sleep 5' & sleep 0.2; echo > ${outputs.made}"
    project.pipeline(stage(leave))
    project.run()
    daemon = pid_in(project.outside / "daemon")
    assert is_alive(daemon)  # it left the group on purpose, and the run is over before it is


def test_closed_output_is_no_end(project: Project) -> None:
    project.pipeline(stage("exec >&- 2>&-; sleep 0.3; echo late > ${outputs.made}"))
    project.run()
    assert project.blob_with(b"late\n")


def test_whatever_is_printed_reaches_no_terminal_raw(project: Project) -> None:
    printed = r"printf 'clear \033[2J bell \007 latin \351 bar 1%%\rbar 2%%\n'; printf '\303'; exit 1"
    project.pipeline(stage(printed))
    said = project.run("-v", code=1)
    assert "\x1b" not in said.out + said.err
    assert "\x07" not in said.out + said.err
    assert "bar 2%" in said.out


@pytest.mark.parametrize(
    "flood", ["yes", "yes | tr -d '\\n'", "head -c 300000000 /dev/zero"], ids=["lines", "one-line", "zeros"]
)
def test_a_flood_is_bounded(project: Project, flood: str) -> None:
    project.pipeline(stage(f"{flood} | head -c 300000000; echo the end; echo > ${{outputs.made}}"))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, MLOPSCTL, "run", "-v"],
        cwd=project.folder,
        env=project.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    code, kilobytes = map(int, done.stdout.split())
    assert code == 0
    assert kilobytes < 150_000
    logs = [blob for blob in project.blobs() if blob.read_bytes().endswith(b"the end\n")]
    assert [log.stat().st_size <= 64 * 1024 * 1024 + 100 for log in logs] == [True]
