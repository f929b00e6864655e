"""Work in several processes is done as one would do it, whatever becomes of the others.

Each test has processes of its own, as copies are made of those alone that have one thread, which pytest's may not be.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlopsctl.cli.shares import FEWEST, MOST, processors_of

BEGINNING = """\
import json, os, resource, signal, sys, threading, time
from pathlib import Path
from mlopsctl.cli.shares import in_shares, processes_for
here = os.getpid()
"""
# With this many processors, which the machine of the tests may not have.
USABLE = "os.sched_getaffinity = lambda _: range(int(sys.argv[1]))\n"
PATIENCE = 60  # seconds

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes are copied on Linux alone")


def python(script: str, *arguments: object) -> str:
    """What a script prints."""
    command = [sys.executable, "-c", BEGINNING + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_every_item_is_in_one_share_and_in_its_order(processes: int) -> None:
    said = python(f"print(json.dumps(in_shares(lambda share: (list(share), os.getpid()), range(11), {processes})))")
    made = json.loads(said)
    assert [item for share, _ in made for item in share] == list(range(11))
    assert len({process for _, process in made}) == len(made) == processes
    assert {len(share) for share, _ in made} <= {11 // processes, 11 // processes + 1}


def test_a_share_without_items_is_worked_on_as_well() -> None:
    assert python("print(in_shares(list, [], 1), in_shares(list, [7], 3))") == "[[]] [[], [], [7]]\n"


def test_what_a_killed_copy_does_not_bring_is_made_here() -> None:
    script = """
def work(share):
    if os.getpid() != here and 3 in share:
        os.kill(os.getpid(), signal.SIGKILL)
    return [(item, os.getpid() == here) for item in share]
print(in_shares(work, range(6), 3))
"""
    first, killed, other = [(0, True), (1, True)], [(2, True), (3, True)], [(4, False), (5, False)]
    assert python(script) == f"{[first, killed, other]}\n"


def test_what_raises_does_so_as_in_one_process() -> None:
    script = """
def work(share):
    for item in share:
        if item in (3, 5):
            raise KeyError(item, os.getpid() == here)
try:
    in_shares(work, range(6), 3)
except KeyError as error:
    print(error)
print(os.path.exists(f"/proc/{here}/task/{here}/children") and Path(f"/proc/{here}/task/{here}/children").read_text())
"""
    assert python(script) in ("(3, True)\n\n", "(3, True)\nFalse\n")  # and no copy is left


def test_where_the_system_gives_no_more_files_all_is_made_here() -> None:
    script = """
in_shares(list, range(2), 2)  # which imports what it needs
resource.setrlimit(resource.RLIMIT_NOFILE, (0, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
print(in_shares(lambda share: [os.getpid() == here for _ in share], range(4), 2))
"""
    assert python(script) == "[[True, True], [True, True]]\n"


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM], ids=lambda which: which.name)
def test_who_ends_the_process_ends_its_copies(which: signal.Signals, tmp_path: Path) -> None:
    script = """
def work(share):
    Path(sys.argv[1], f"{os.getpid()}.made").touch()
    time.sleep(300)
try:
    in_shares(work, range(3), 3)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    command = [sys.executable, "-c", BEGINNING + script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + PATIENCE
        while len(files := list(tmp_path.iterdir())) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(which)
        assert process.communicate(timeout=PATIENCE) == ("interrupted\n", "")  # whose pipes the copies have, too
    assert not [file for file in files if Path("/proc", file.stem).exists()]


def test_few_items_are_not_divided() -> None:
    script = USABLE + "print(*map(processes_for, map(int, sys.argv[2:])))"
    counts = (0, 2 * FEWEST - 1, 2 * FEWEST, 3 * FEWEST, 1000)
    assert python(script, 8, *counts) == f"1 1 2 3 {MOST}\n"
    assert python(script, 2, *counts) == "1 1 2 2 2\n"
    assert python(script, 1, *counts) == "1 1 1 1 1\n"


def test_a_process_with_threads_is_not_copied() -> None:
    script = """
threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
print(processes_for(1000))
"""
    assert python(USABLE + script, 8) == "1\n"


def test_the_processors_that_are_allowed_are_those_used() -> None:
    script = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(processes_for(1000))"
    assert python(script) == "1\n"


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, float("inf")),
        ({"": "max 100000"}, float("inf")),
        ({"a": "150000 100000"}, 1.5),
        ({"a": "800000 100000", "a/b": "200000 100000"}, 2),
        ({"a": "200000 100000", "a/b": "max 100000"}, 2),
        ({"a": "what is this"}, float("inf")),
    ],
)
def test_control_groups_say_how_many_processors_there_are(
    limits: dict[str, str], expected: float, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for folder, limit in limits.items():
        (tmp_path / folder / "cpu.max").write_text(f"{limit}\n")
    assert processors_of(tmp_path / "a" / "b") == expected
    assert processors_of(tmp_path / "a" / "b" / "gone") == expected


def test_a_copy_prints_nothing_twice() -> None:
    script = """
sys.stdout.write("once")
in_shares(list, range(2), 2)
"""
    assert python(script) == "once"


def test_signals_are_as_before() -> None:
    script = """
before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
in_shares(list, range(2), 2)
assert before == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
"""
    assert python(script) == ""
