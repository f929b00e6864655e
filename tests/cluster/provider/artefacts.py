"""What is built once for the same inputs: a folder in the cache, found by the digest of what it was built from."""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tests.cluster.provider.folders import cache_folder

_KEPT = 2  # versions of one artefact: switching between two branches builds nothing anew


def say(text: str) -> None:
    """Tell of progress, with the time of day: builds take minutes, and their readers want to see that they move."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
    sys.stderr.flush()


def digest_of(*values: str, files: Iterable[Path] = ()) -> str:
    """A digest of texts and of the contents of files and folders, in this order; names inside folders count, too."""
    whole = hashlib.sha256()
    for value in values:
        whole.update(hashlib.sha256(value.encode()).digest())
    for path in _files_in(files):
        whole.update(hashlib.sha256(path.name.encode()).digest() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


@dataclass(frozen=True)
class Artefact:
    """A folder that `build` fills, the same for the same digest of what it is built from."""

    name: str
    digest: str
    build: Callable[[Path], None]

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return cache_folder() / "artefacts" / self.name / self.digest

    @property
    def is_built(self) -> bool:
        """Whether it is there."""
        return self.folder.is_dir()

    def built(self) -> Path:
        """The folder, built if need be.

        A build that fails or is killed leaves nothing that a later one could take for whole. Two at once wait for
        another.
        """
        with locked(self.folder.parent / "lock"):
            if not self.is_built:
                self._build()
            os.utime(self.folder)
            _forget_old(self.folder.parent)
        return self.folder

    def _build(self) -> None:
        beside = self.folder.with_suffix(".new")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        begin = time.monotonic()
        say(f"{self.name}: building")
        self.build(beside)
        beside.rename(self.folder)
        say(f"{self.name}: built in {time.monotonic() - begin:.0f} s")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this file; wait for it, and say so if that takes long. It falls when the process ends.

    Whoever holds the lock may remove the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            _lock(file, path)
            if _is_at(path, file):
                yield
                return


def _lock(file: TextIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for another process that holds {path}")
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_at(path: Path, file: TextIO) -> bool:
    """Whether this is still the file that others lock: it may have been removed while we waited."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _forget_old(family: Path) -> None:
    built = sorted((path for path in family.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in built[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _files_in(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (
                found for found in sorted(path.rglob("*")) if found.is_file() and "__pycache__" not in found.parts
            )
        else:
            yield path
