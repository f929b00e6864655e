import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.runtime.process import CannotStart, Command, Ending, run_command
from mlopsctl.runtime.stop import Stop

Run = Callable[..., Ending]
PATIENCE = 30.0  # half of the minute that commands here would last by themselves


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody waited for doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_soon(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def children() -> set[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Any:
    processes, opened = children(), descriptors()
    yield
    assert children() == processes
    assert descriptors() == opened
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("wait for")] == []


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def run(tmp_path: Path, log: Path) -> Run:
    def run(*argv: str, lines: list[str] | None = None, stop: Stop | None = None, **options: Any) -> Ending:
        command = Command(argv=argv, cwd=tmp_path, env=dict(os.environ), log=log, **options)
        return run_command(command, on_line=(lines if lines is not None else []).append, stop=stop)

    return run


def shell(script: str) -> tuple[str, str, str]:
    return "/bin/sh", "-c", script


def python(script: str) -> tuple[str, str, str]:
    return sys.executable, "-c", script


def test_output_and_errors_arrive_in_order(run: Run, log: Path) -> None:
    lines: list[str] = []
    ending = run(*shell("echo one; echo two >&2; printf three"), lines=lines)
    assert lines == ["one", "two", "three"]
    assert ending.last_lines == ("one", "two", "three")
    assert log.read_bytes() == b"one\ntwo\nthree"
    assert (ending.exit_code, ending.signal, ending.reason) == (0, None, "exited")
    assert (ending.log_bytes, ending.truncated) == (13, False)


@pytest.mark.parametrize(
    ("script", "exit_code", "ended_by"),
    [
        pytest.param("exit 3", 3, None, id="exit code"),
        pytest.param("exit 137", 137, None, id="exit code that looks like a signal"),
        pytest.param("kill -9 $$", None, 9, id="signal"),
    ],
)
def test_exit_code_and_signal_are_told_apart(
    run: Run, script: str, exit_code: int | None, ended_by: int | None
) -> None:
    ending = run(*shell(script))
    assert (ending.exit_code, ending.signal, ending.reason) == (exit_code, ended_by, "exited")


def test_standard_input_is_empty(run: Run) -> None:
    lines: list[str] = []
    assert run("cat", timeout=5).exit_code == 0
    run(*shell("readlink /proc/self/fd/0"), lines=lines)
    assert lines == ["/dev/null"]


def test_only_the_given_environment_is_seen(tmp_path: Path, log: Path) -> None:
    lines: list[str] = []
    command = Command(argv=("/usr/bin/env",), cwd=tmp_path, env={"A": "1"}, log=log)
    run_command(command, on_line=lines.append)
    assert lines == ["A=1"]


def test_undecodable_bytes_are_replaced_for_people_and_kept_in_the_log(run: Run, log: Path) -> None:
    lines: list[str] = []
    run(*shell(r"printf 'a\377b\n'"), lines=lines)
    assert lines == ["a\ufffdb"]
    assert log.read_bytes() == b"a\xffb\n"


def test_time_over_ends_the_whole_group(run: Run, tmp_path: Path) -> None:
    ending = run(*shell("sleep 60 & echo $! > grandchild; wait"), timeout=0.3)
    assert (ending.reason, ending.signal) == ("timeout", signal.SIGTERM)
    assert gone_soon(int((tmp_path / "grandchild").read_text()))
    assert 0.3 <= ending.seconds < PATIENCE


def test_time_over_while_output_never_pauses(run: Run) -> None:
    ending = run("yes", timeout=0.3)
    assert ending.reason == "timeout"
    assert ending.seconds < PATIENCE


def test_time_over_after_the_output_was_closed(run: Run) -> None:
    ending = run(*shell("exec >&- 2>&-; sleep 60"), timeout=0.3)
    assert ending.reason == "timeout"
    assert ending.seconds < PATIENCE


def test_a_command_that_ignores_sigterm_is_killed_after_its_grace(run: Run) -> None:
    ending = run(*shell("trap '' TERM; echo ready; while :; do sleep 60; done"), timeout=0.3, grace=0.5)
    assert (ending.reason, ending.signal) == ("timeout", signal.SIGKILL)
    assert 0.8 <= ending.seconds < PATIENCE


def test_a_command_may_clean_up_in_its_grace(run: Run) -> None:
    lines: list[str] = []
    ending = run(*shell("trap 'echo saved; exit 7' TERM; sleep 60 & wait"), lines=lines, timeout=0.3)
    assert (ending.reason, ending.exit_code, lines) == ("timeout", 7, ["saved"])


def test_a_program_below_a_shell_has_the_whole_grace(run: Run) -> None:
    lines: list[str] = []
    saving = "trap 'sleep 1.5; echo saved; exit 7' TERM; sleep 60 & wait"
    ending = run(*shell(f"sh -c {shlex.quote(saving)}; true"), lines=lines, timeout=0.3)
    assert (ending.reason, lines) == ("timeout", ["saved"])
    assert ending.seconds < PATIENCE


def test_stop_ends_every_command_that_waits_for_it(run: Run, tmp_path: Path) -> None:
    endings: list[Ending] = []
    with Stop() as stop:
        commands = [
            Command(argv=("sleep", "60"), cwd=tmp_path, env={}, log=tmp_path / f"log{number}") for number in range(3)
        ]
        threads = [
            threading.Thread(target=lambda c=c: endings.append(run_command(c, on_line=print, stop=stop)))
            for c in commands
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        stop.set()
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert stop.is_set()
        assert [ending.reason for ending in endings] == ["stopped"] * 3
        assert run("sleep", "60", stop=stop).reason == "stopped"


def test_stop_after_the_end_changes_nothing(run: Run) -> None:
    with Stop() as stop:
        assert run("true", stop=stop).reason == "exited"
        assert not stop.is_set()


def test_a_background_process_that_holds_the_output_does_not_hang_the_run(run: Run, tmp_path: Path) -> None:
    ending = run(*shell("sleep 60 & echo $! > grandchild; echo done"))
    assert (ending.exit_code, ending.reason, ending.last_lines) == (0, "exited", ("done",))
    assert ending.seconds < PATIENCE
    assert gone_soon(int((tmp_path / "grandchild").read_text()))


def test_what_a_background_process_prints_shortly_after_is_kept(run: Run) -> None:
    assert run(*shell("(sleep 0.3; echo late) & echo early")).last_lines == ("early", "late")


def test_a_background_process_without_output_ends_too(run: Run, tmp_path: Path) -> None:
    run(*shell("sleep 60 >/dev/null 2>&1 & echo $! > grandchild"))
    assert gone_soon(int((tmp_path / "grandchild").read_text()))


def test_a_daemon_that_left_the_group_does_not_hang_the_run(run: Run, tmp_path: Path) -> None:
    ending = run(*shell("setsid sleep 60 & echo $! > daemon"))
    assert ending.exit_code == 0
    assert ending.seconds < PATIENCE
    os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)


def test_an_error_of_the_watcher_ends_the_command(tmp_path: Path, log: Path) -> None:
    def fail(line: str) -> None:
        raise LookupError(line)

    command = Command(argv=shell("echo $$; sleep 60"), cwd=tmp_path, env={}, log=log)
    with pytest.raises(LookupError) as caught:
        run_command(command, on_line=fail)
    assert gone_soon(int(str(caught.value)))


def test_the_command_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    driver = f"""
import os; from pathlib import Path; from mlopsctl.runtime.process import Command, run_command
argv = ("/bin/sh", "-c", "trap '' TERM HUP; sleep 61 & echo $$ $!; wait")
run_command(Command(argv=argv, cwd=Path({str(tmp_path)!r}), env=dict(os.environ), log=Path({str(tmp_path / "log")!r})),
            on_line=lambda line: print(line, flush=True))
"""
    with subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
        parent.kill()
    assert all(gone_soon(pid) for pid in pids)


def not_executable(folder: Path) -> str:
    (folder / "script").write_text("#!/bin/sh\n")
    return "./script"


def no_interpreter(folder: Path) -> str:
    script = folder / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    return "./script"


def no_first_line(folder: Path) -> str:
    script = folder / "script"
    script.write_text("echo hello\n")
    script.chmod(0o755)
    return "./script"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        pytest.param(lambda _: "no-such-program", "cannot run `no-such-program`: no such program", id="no program"),
        pytest.param(lambda _: "./missing", "cannot run `./missing`: no such program", id="no file"),
        pytest.param(not_executable, "cannot run `./script`: it is not executable", id="not executable"),
        pytest.param(no_interpreter, "cannot run `./script`: its interpreter does not exist", id="no interpreter"),
        pytest.param(
            no_first_line,
            "cannot run `./script`: it is neither a program nor a script with a first line",
            id="no first line",
        ),
        pytest.param(lambda _: "a\0b", "cannot run `a\0b`: embedded null byte", id="null byte"),
    ],
)
def test_what_cannot_start_says_why(run: Run, tmp_path: Path, program: Callable[[Path], str], message: str) -> None:
    with pytest.raises(CannotStart) as caught:
        run(program(tmp_path))
    assert caught.value.message == message
    assert caught.value.hint


def test_too_many_arguments_say_so(run: Run) -> None:
    with pytest.raises(CannotStart, match="its arguments are too long"):
        run("true", "x" * 3_000_000)


def test_a_missing_folder_is_named(tmp_path: Path, log: Path) -> None:
    with pytest.raises(CannotStart, match=r"in `.*/nowhere`: no such folder"):
        run_command(Command(argv=("true",), cwd=tmp_path / "nowhere", env={}, log=log), on_line=print)


def test_peak_memory_is_that_of_the_command(run: Run) -> None:
    size = 300 * 1024 * 1024
    assert size < run(*python(f"bytearray({size})[::4096] and bytearray(b'x' * {size})")).peak_memory < 3 * size


def test_a_full_disk_is_an_error_and_ends_the_command(tmp_path: Path) -> None:
    command = Command(argv=shell("echo hello; sleep 60"), cwd=tmp_path, env={}, log=Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        run_command(command, on_line=print)
