"""The Python environment of a pipeline: made once for each lock file, then found again within a millisecond.

A stage runs with exactly the packages that its lock file names. What is installed is kept under the digest of what it
came from, so a changed lock is a new environment and an old one is never altered.
"""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mlopsctl.frozen import frozen
from mlopsctl.runtime.process import CannotStart, Command, Ending, run_command
from mlopsctl.runtime.stop import Stop

_UNREACHABLE = "the package index can't be reached: check the network, the proxy and the index's address"
_NO_PYTHON = "install that Python, or set `python` of the pipeline's `code` to one that is there"
_UNKNOWN_PACKAGE = "correct the name or the version in the requirements and lock them again"
# Set where uv manages some other environment, and in the way of naming ours.
_OF_ANOTHER_ENVIRONMENT = ("VIRTUAL_ENV", "UV_SYSTEM_PYTHON", "UV_MANAGED_PYTHON", "UV_PYTHON_PREFERENCE", "UV_PYTHON")
# What uv says, in lower case, and what to do about it; the first that fits counts.
_HINTS = (
    (("no space left on device",), "free some space, or set MLOPS_CACHE to a folder on a larger disk"),
    (("no interpreter found", "failed to inspect python"), _NO_PYTHON),
    (("hash mismatch",), "the index has other files than the lock was made with: find out why before you lock again"),
    (("`--require-hashes`",), "lock the requirements again, with hashes for every one of them"),
    (("error sending request", "failed to fetch", "dns error", "could not connect", "timed out"), _UNREACHABLE),
    (("network connectivity is disabled", "network was disabled"), "unset UV_OFFLINE, or fetch the packages before"),
    (("not found in the package registry", "no version of", "no solution found"), _UNKNOWN_PACKAGE),
    (("couldn't parse",), "correct that line of the requirements"),
    (("failed to build", "build backend"), "the package has no wheel for this machine: choose a version that has one"),
)


@frozen(kw_only=True)
class Environment:
    """An installed environment: its interpreter, its folder of programs, and whether this call made it."""

    python: Path
    bin: Path
    digest: str
    created: bool


class EnvironmentFailed(Exception):
    """An environment could not be made; `output_tail` is what the installer said last, `hint` what to do."""

    def __init__(self, message: str, output_tail: tuple[str, ...], hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.output_tail = output_tail
        self.hint = hint


def environment_for(
    lock: Path | None,
    *,
    python: str | None,
    cache: Path,
    on_line: Callable[[str], None],
    stop: Stop | None = None,
) -> Environment:
    """The environment with the packages of `lock`, or with none, for the Python version asked for, such as `3.11`.

    Without `python` it is the version that mlopsctl runs with. It is made if it isn't there yet, and `on_line` is told
    how that goes. Raises EnvironmentFailed, and OSError if `lock` can't be read.
    """
    wanted = _Wanted(lock and lock.absolute(), python or _running_version(), cache.absolute())
    if wanted.is_ready():
        return wanted.environment(created=False)
    try:
        return _make(wanted, on_line, partial(run_command, on_line=on_line, stop=stop))
    except (OSError, CannotStart) as error:
        hint = error.hint if isinstance(error, CannotStart) else _hint(str(error))
        raise EnvironmentFailed(f"cannot make the Python environment in `{cache}`: {error}", (), hint) from error


def environment_folder(lock: Path | None, *, python: str | None, cache: Path) -> Path:
    """Where that environment stands once it is made. Raises OSError if `lock` can't be read."""
    return _Wanted(lock and lock.absolute(), python or _running_version(), cache.absolute()).folder


class _Wanted:
    """What is asked for, and where it stands or will stand."""

    def __init__(self, lock: Path | None, version: str, cache: Path) -> None:
        self.lock = lock
        self.requirements = lock.read_bytes() if lock else b""
        self.version = version
        self.digest = _digest(self.requirements, version)
        self.folder = cache / "environments" / self.digest
        self.python = self.folder / "bin" / "python"
        self.log = self.folder.with_suffix(".log")
        self._marker = self.folder / ".complete"

    def is_ready(self) -> bool:
        """Whether it is installed to the end; if so, this counts as use of it.

        The time of the marker is the last use, by which environments that nobody needs any more can be told.
        """
        try:
            os.utime(self._marker)
        except OSError:
            return False
        return self.python.exists()  # a link, that an upgrade of the system's Python can break

    def mark_ready(self) -> None:
        """Say that everything is in place. Until this, an interrupted installation is started anew."""
        self._marker.touch()

    def environment(self, *, created: bool) -> Environment:
        """The environment that stands there."""
        return Environment(python=self.python, bin=self.python.parent, digest=self.digest, created=created)


def _digest(requirements: bytes, version: str) -> str:
    machine = os.uname()
    identity = f"{version}\0{machine.sysname}\0{machine.machine}\0".encode() + requirements
    return hashlib.sha256(identity).hexdigest()[:32]  # half of it, because scripts name their interpreter in 127 bytes


def _make(wanted: _Wanted, on_line: Callable[[str], None], run: Callable[[Command], Ending]) -> Environment:
    with alone_at(wanted.folder, on_line):
        if wanted.is_ready():  # made by another process while this one waited
            return wanted.environment(created=False)
        if wanted.folder.exists():
            shutil.rmtree(wanted.folder)
        _run(wanted, _venv(wanted), f"no environment for Python {wanted.version}", run)
        if wanted.lock is not None:
            _run(wanted, _install(wanted), f"cannot install `{wanted.lock.name}`", run)
        wanted.mark_ready()
    return wanted.environment(created=True)


@contextmanager
def alone_at(folder: Path, on_line: Callable[[str], None]) -> Iterator[None]:
    """Let nobody else make the environment that is to stand in this folder. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_line("waiting for another run that installs the same environment")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _running_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _venv(wanted: _Wanted) -> list[str]:
    interpreter = sys.executable if wanted.version == _running_version() else wanted.version
    found_not_fetched = ["--no-python-downloads", "--no-managed-python"]
    return ["venv", "--no-project", *found_not_fetched, "--python", interpreter, str(wanted.folder)]


def _install(wanted: _Wanted) -> list[str]:
    hashes = ["--require-hashes"] if b"--hash=" in wanted.requirements else []
    return ["pip", "install", *hashes, "--python", str(wanted.python), "--requirement", str(wanted.lock)]


def _run(wanted: _Wanted, arguments: list[str], failure: str, run: Callable[[Command], Ending]) -> None:
    from uv import find_uv_bin  # here, because an environment that is there already needs no uv

    command = Command(
        argv=(find_uv_bin(), "--color", "never", "--no-progress", *arguments),
        cwd=wanted.lock.parent if wanted.lock else wanted.folder.parent,  # requirements may name files beside them
        env={name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_ENVIRONMENT},
        log=wanted.log,
    )
    ending = run(command)
    if ending.reason == "stopped":
        raise EnvironmentFailed(f"{failure}: stopped", ending.last_lines, "the next run starts it anew")
    if ending.exit_code != 0:
        hint = _hint("\n".join(ending.last_lines)) or f"read `{wanted.log}`"
        raise EnvironmentFailed(failure, ending.last_lines, hint)


def _hint(said: str) -> str:
    said = said.lower()
    return next((hint for signs, hint in _HINTS if any(sign in said for sign in signs)), "")
