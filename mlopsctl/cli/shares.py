"""Work that is divided among copies of this process, where there is much of it and more than one processor.

See docs/decisions/0035-rendering-in-several-processes.md.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

from mlopsctl.cli.interrupting import terminable

FEWEST = 25  # items that pay for a process
MOST = 4  # processes; more would win little, as what only one can do takes most of the time then
_ENDINGS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")
R = TypeVar("R")


def processes_for(count: int) -> int:
    """How many processes should share so many items: one if they are few, or if no copies can be made.

    In a copy there is only the thread that made it, and what another held stays locked. Where there is no telling, as
    on macOS, whose own libraries don't bear to be copied either, there is one process.
    """
    if count < 2 * FEWEST or sys.platform != "linux":
        return 1
    try:
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names alone
        own = Path("/proc/self/cgroup").read_text(encoding="utf-8").rpartition("0::/")[2].strip()
    except OSError:
        return 1
    if threads > 1:
        return 1
    usable = min(len(os.sched_getaffinity(0)), processors_of(Path("/sys/fs/cgroup", own)))
    return max(1, int(min(MOST, usable, count // FEWEST)))


def processors_of(group: Path) -> float:
    """How many processors a control group and those around it may use, as version 2 of them says; infinite if any."""
    limits = [float("inf")]
    for folder in (group, *group.parents):
        with suppress(OSError, ValueError):  # no group, or `max`
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            limits.append(int(quota) / int(period))
    return min(limits)


def in_shares(work: Callable[[Sequence[T]], R], items: Sequence[T], processes: int) -> list[R]:
    """What `work` makes of shares of the items, one for each process, in their order.

    The first is made here, each other one by a copy of this process. What the work returns is pickled; whatever else it
    does is gone with the copy. A share that its copy doesn't bring, because it was killed or the work raised, is made
    here: the same is returned and raised as by one process. Ctrl-C and SIGTERM end the copies at once.
    """
    if processes == 1:
        return [work(items)]
    import pickle

    edges = [len(items) * number // processes for number in range(processes + 1)]
    first, *others = (items[start:end] for start, end in pairwise(edges))
    with terminable(), ExitStack() as stack:
        copies = [stack.enter_context(_copy(work, share)) for share in others]
        made = [work(first)]
        for share, copy in zip(others, copies, strict=True):
            made.append(pickle.load(copy.result) if copy and copy.has_brought() else work(share))  # noqa: S301 - our own
        return made


@dataclass(slots=True)
class _Copy:
    """A copy of this process, and the file without a name that it puts its result into."""

    process: int
    result: IO[bytes]
    is_there: bool = True

    def has_brought(self) -> bool:
        """Whether its result is there, when the copy has ended."""
        _, status = os.waitpid(self.process, 0)
        self.is_there = False
        self.result.seek(0)
        return status == 0


@contextmanager
def _copy(work: Callable[[T], Any], share: T) -> Iterator[_Copy | None]:
    """A copy that works, ended with the block; None if the system gives no more processes or files."""
    from tempfile import TemporaryFile

    with ExitStack() as stack:
        copy = None
        with suppress(OSError):
            copy = _begun(work, share, stack.enter_context(TemporaryFile()))
        try:
            yield copy
        finally:
            if copy and copy.is_there:
                os.kill(copy.process, signal.SIGKILL)
                os.waitpid(copy.process, 0)


def _begun(work: Callable[[T], Any], share: T, result: IO[bytes]) -> _Copy:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)  # so that none is raised in the copy as well
    try:
        process = os.fork()
        if process == 0:
            _work(work, share, result)
        return _Copy(process, result)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(work: Callable[[T], Any], share: T, result: IO[bytes]) -> NoReturn:
    """What a copy does. It ends without a word, as all that it is a copy of goes on elsewhere."""
    import pickle

    status = 1
    try:
        for each in _ENDINGS:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
        pickle.dump(work(share), result, pickle.HIGHEST_PROTOCOL)
        result.flush()
        status = 0
    finally:
        os._exit(status)
