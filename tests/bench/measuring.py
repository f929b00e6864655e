"""Two commands in turns, and what each of them cost."""

import os
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Literal, NamedTuple

MOST_MEMORY = 300  # MiB
LOOK = 0.02  # seconds between two looks at memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command, where and with which variables it runs, and what has to be done before each time."""

    argv: Sequence[str | Path]
    folder: Path
    env: Mapping[str, str]
    before: Callable[[], None] = lambda: None


class Cost(NamedTuple):
    """What one process and all that it waited for cost; times in seconds."""

    cpu: float
    wall: float
    peak: float  # the most memory that one of them had at once, in MiB, or what this process has when it begins it


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A comparison. Each ratio is the peer's cost by ours, so more is better; the median of them is judged."""

    title: str
    peer: str
    of: Literal["cpu", "wall"]
    wanted: float
    pairs: Sequence[tuple[Cost, Cost]]
    together: float = 0  # the most memory that our processes had together, what they share counted once, in MiB
    modules: tuple[int, int] | None = None  # how many Python modules both load, which no clock can blur
    requests: tuple[int, int] | None = None  # how many requests both make, likewise

    @property
    def ratios(self) -> list[float]:
        """One ratio for each pair of runs."""
        return [self._seconds(theirs) / self._seconds(ours) for ours, theirs in self.pairs]

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def cpu_ratio(self) -> float:
        """The median of the ratios of CPU time, which other programs on the machine blur less."""
        return statistics.median(theirs.cpu / ours.cpu for ours, theirs in self.pairs)

    @property
    def ours(self) -> float:
        """Our median cost."""
        return statistics.median(self._seconds(ours) for ours, _ in self.pairs)

    @property
    def theirs(self) -> float:
        """The peer's median cost."""
        return statistics.median(self._seconds(theirs) for _, theirs in self.pairs)

    @property
    def peak(self) -> float:
        """The most memory that our processes had at once, in MiB."""
        return max(self.together, *(ours.peak for ours, _ in self.pairs))

    @property
    def holds(self) -> bool:
        """Whether the figure is as wanted, in no more memory than any may take."""
        return self.ratio >= self.wanted and self.peak <= MOST_MEMORY

    def shown(self, seconds: float) -> str:
        """A cost as people read it."""
        return f"{seconds:.3f} s {self.of}"

    def _seconds(self, cost: Cost) -> float:
        return cost.cpu if self.of == "cpu" else cost.wall


def in_turns(ours: Program, theirs: Program, *, times: int) -> list[tuple[Cost, Cost]]:
    """The costs of both, run one after the other, after one run of each that warms what can be warm."""
    return [(_cost(ours), _cost(theirs)) for _ in range(times + 1)][1:]


def memory_of(program: Program) -> float:
    """The most memory that its processes have together, in MiB; 0 where Linux isn't there to say it."""
    program.before()
    most = 0.0
    with subprocess.Popen(program.argv, cwd=program.folder, env=program.env, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, sum(map(_memory, _with_children(process.pid))))
            sleep(LOOK)
    return most


def _with_children(process: int) -> Iterator[int]:
    yield process
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in file.read_text(encoding="ascii").split():
                yield from _with_children(int(child))


def _memory(process: int) -> float:
    """What a process has, of what it shares with others its part."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0


def modules_of(ours: Program, theirs: Program) -> tuple[int, int]:
    """How many modules the Python processes of both import, all of them together."""
    return _imports(ours), _imports(theirs)


def _imports(program: Program) -> int:
    program.before()
    env = {**program.env, "PYTHONPROFILEIMPORTTIME": "1"}
    told = subprocess.run(program.argv, cwd=program.folder, env=env, check=True, capture_output=True, text=True).stderr
    return told.count("import time:") - told.count("import time: self [us]")


def _cost(program: Program) -> Cost:
    program.before()
    here = Path.cwd()
    os.chdir(program.folder)
    try:
        return _ran([str(part) for part in program.argv], program.env)
    finally:
        os.chdir(here)


def _ran(argv: list[str], env: Mapping[str, str]) -> Cost:
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = perf_counter()
    process = os.posix_spawn(argv[0], argv, env, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    wall = perf_counter() - start
    if status != 0:
        raise SystemExit(f"{' '.join(argv)} failed, so there is nothing to compare")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)
