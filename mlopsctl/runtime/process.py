"""Runs a user's command so that it can't hang, flood, or outlive the run.

The command gets a session and process group of its own, which is ended as a whole: what it started ends with it. It is
waited for on descriptors alone (its output, its end, the stop signal), never by looking again and again.
"""

import errno
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self, cast

from mlopsctl.frozen import frozen
from mlopsctl.runtime.guard import Guard
from mlopsctl.runtime.memory import killed_for_memory
from mlopsctl.runtime.output import BoundedLog, LineFeed
from mlopsctl.runtime.stop import Stop

__all__ = [
    "OUT_OF_MEMORY",
    "TERMINATED",
    "CannotStart",
    "Command",
    "Ending",
    "Reason",
    "Stop",  # because run_command takes one
    "run_command",
]

CHUNK_BYTES = 256 * 1024
GRACE_SECONDS = 10.0
# How long what the command started may hold its output open after the command itself ended.
DRAIN_SECONDS = 1.0

# Exit codes of who is killed for want of memory, or asked to end, as shells and kubelets tell them.
OUT_OF_MEMORY, TERMINATED = 137, 143

Reason = Literal["exited", "timeout", "stopped"]


@frozen(kw_only=True)
class Command:
    """What to run. `timeout` and `grace` (between SIGTERM and SIGKILL) are seconds, `log_limit` is bytes."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    log: Path
    timeout: float | None = None
    grace: float = GRACE_SECONDS
    log_limit: int = 64 * 1024 * 1024


@frozen(kw_only=True)
class Ending:
    """How a command ended: by `exit_code` or by `signal`, the other is None.

    `reason` says who ended it; `lacked_memory`, that the kernel ended one of its processes, or another of the same
    container, for want of memory. `last_lines` are up to 20, whatever was left out elsewhere. `peak_memory` is bytes,
    of the largest of its processes that were waited for; the kernel counts from the moment before the command's
    program is loaded, so it is never less than what the starting process had.
    """

    exit_code: int | None
    signal: int | None
    reason: Reason
    seconds: float
    last_lines: tuple[str, ...]
    log_bytes: int
    truncated: bool
    peak_memory: int
    lacked_memory: bool = False


class CannotStart(Exception):
    """The command could not be started at all; `hint` says what to do, in one line."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def run_command(command: Command, *, on_line: Callable[[str], None], stop: Stop | None = None) -> Ending:
    """How the command ended, after all of it has.

    Its output goes to `command.log`, and by lines to `on_line` (LineFeed says how many). Time over and `stop` both send
    SIGTERM to the whole group, then SIGKILL after `grace` seconds. When the command's own process has ended by itself,
    whatever is left of its group is killed; if that still holds the output open, `DRAIN_SECONDS` later. One that was
    asked to end is waited for with all that holds its output open: a shell goes at once, and a program below it may
    still have something to keep.

    Raises CannotStart, and OSError if the log can't be written. An exception from `on_line` ends the command and comes
    through.
    """
    started, killed_before = time.monotonic(), killed_for_memory()
    lines = LineFeed(on_line)
    with BoundedLog(command.log, command.log_limit) as log, ExitStack() as closing:
        leader = _start(command, closing)
        running = _Running(command, leader)
        running.follow(log, lines, stop)
        lines.close()
        exit_code, ended_by = leader.wait()
    return Ending(
        exit_code=exit_code,
        signal=ended_by,
        reason=running.reason,
        seconds=time.monotonic() - started,
        last_lines=lines.last_lines(),
        log_bytes=log.size,
        truncated=log.truncated,
        peak_memory=leader.peak_memory,
        lacked_memory=killed_for_memory() > killed_before,
    )


class _Leader:
    """The command's first process, which gives its number to its session and group.

    A thread waits for it, because that works on every Unix and yields its resource usage, and makes `ended` readable.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.output = cast("IO[bytes]", process.stdout)  # _start asks for a pipe
        self.ended, self._wake = os.pipe()
        self._process = process
        self._thread = threading.Thread(target=self._reap, name=f"wait for {process.pid}", daemon=True)
        self._thread.start()

    def send(self, which: signal.Signals) -> None:
        """Send a signal to the whole group, if any of it is left."""
        # A group keeps its number from being given away for as long as it has members.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, which)

    def wait(self) -> tuple[int | None, int | None]:
        """Exit code and signal, one of them None."""
        self._thread.join()
        code = self._process.returncode
        return (code, None) if code >= 0 else (None, -code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send(signal.SIGKILL)
        self._thread.join()
        self.output.close()
        os.close(self.ended)

    def _reap(self) -> None:
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.peak_memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        os.close(self._wake)


class _Running:
    """A command between its start and its end: what it waits for, and what happens when the time for that is over."""

    def __init__(self, command: Command, leader: _Leader) -> None:
        self.reason: Reason = "exited"
        self._grace = command.grace
        self._leader = leader
        self._leader_ended = False
        self._output_open = True
        self._selector = selectors.DefaultSelector()
        self._deadline: float | None = None
        self._overdue: Callable[[], None] = partial(self._terminate, "timeout")
        if command.timeout is not None:
            self._after(command.timeout, self._overdue)

    def follow(self, log: BoundedLog, lines: LineFeed, stop: Stop | None) -> None:
        """Pass on what the command prints until it has ended and its output with it."""
        with self._selector as selector:
            selector.register(self._leader.output, selectors.EVENT_READ, partial(self._read, log, lines))
            selector.register(self._leader.ended, selectors.EVENT_READ, self._end)
            if stop is not None:
                selector.register(stop, selectors.EVENT_READ, partial(self._stop, stop))
            while self._output_open or not self._leader_ended:
                for key, _ in selector.select(_sooner(self._remaining(), lines.seconds_to_renew())):
                    key.data()
                lines.renew()
                if self._remaining() == 0:
                    self._overdue()

    def _remaining(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _after(self, seconds: float, overdue: Callable[[], None]) -> None:
        self._deadline = time.monotonic() + seconds
        self._overdue = overdue

    def _read(self, log: BoundedLog, lines: LineFeed) -> None:
        chunk = os.read(self._leader.output.fileno(), CHUNK_BYTES)
        if chunk:
            log.write(chunk)
            lines.write(chunk)
        else:
            self._close_output()

    def _end(self) -> None:
        self._leader_ended = True
        self._selector.unregister(self._leader.ended)
        if self.reason == "exited":  # one that was asked to end has its grace, and so has what it started
            self._after(DRAIN_SECONDS, self._kill)

    def _stop(self, stop: Stop) -> None:
        self._selector.unregister(stop)
        if not self._leader_ended:
            self._terminate("stopped")

    def _terminate(self, reason: Reason) -> None:
        if self.reason == "exited":
            self.reason = reason
            self._leader.send(signal.SIGTERM)
            self._after(self._grace, self._kill)

    def _kill(self) -> None:
        self._leader.send(signal.SIGKILL)
        self._after(DRAIN_SECONDS, self._give_up_output)

    def _give_up_output(self) -> None:
        # What still holds the output open has left the group, so it is not ours to end or to wait for.
        self._deadline = None
        self._close_output()

    def _close_output(self) -> None:
        if self._output_open:
            self._output_open = False
            self._selector.unregister(self._leader.output)


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)


def _start(command: Command, closing: ExitStack) -> _Leader:
    try:
        guard = closing.enter_context(Guard())
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise _cannot_start(command, error) from error
    guard.watch(process.pid)  # first of all: a kill of ours before this leaves the command to itself
    return closing.enter_context(_Leader(process))


def _cannot_start(command: Command, error: OSError | ValueError) -> CannotStart:
    program = command.argv[0]
    if not command.cwd.is_dir():
        return CannotStart(f"cannot run `{program}` in `{command.cwd}`: no such folder", "name a folder that exists")
    match error:
        case FileNotFoundError() if Path(command.cwd, program).is_file():
            hint = f"the first line of `{program}` names a program that is not there"
            return CannotStart(f"cannot run `{program}`: its interpreter does not exist", hint)
        case FileNotFoundError():
            hint = "check its spelling, and that the requirements or the image bring it"
            return CannotStart(f"cannot run `{program}`: no such program", hint)
        case PermissionError():
            return CannotStart(f"cannot run `{program}`: it is not executable", f"chmod +x {program}")
        case OSError(errno=errno.ENOEXEC):
            hint = "start it with a line such as `#!/usr/bin/env python3`, or name the interpreter in the command"
            return CannotStart(f"cannot run `{program}`: it is neither a program nor a script with a first line", hint)
        case OSError(errno=errno.E2BIG):
            return CannotStart(f"cannot run `{program}`: its arguments are too long", "pass long lists as a file")
        case OSError():
            return CannotStart(f"cannot run `{program}`: {error.strerror}", "see what the system says")
        case _:
            return CannotStart(f"cannot run `{program}`: {error}", "remove the null character from its arguments")
