"""The folders that a run works in, below `.mlops/` of the project: its code as it was at the start, and each attempt.

A run owns its folder by a lock that dies with it, so that a later run can tell what a killed one left behind and
remove it.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlopsctl.frozen import frozen
from mlopsctl.runtime.step import Place
from mlopsctl.source.code import included
from mlopsctl.store import digest_file

STATE = ".mlops"
LARGEST_CODE = 100 * 1024 * 1024  # bytes
_LOCK = "lock"


class CodeChangedError(Exception):
    """A file of the code changed while the run began, so what would run is not what was fingerprinted."""


class CodeTooLargeError(Exception):
    """The code is more than travels with a stage; `largest` are the heaviest files, with their sizes in bytes."""

    def __init__(self, size: int, largest: list[tuple[str, int]]) -> None:
        super().__init__(f"{size} bytes")
        self.size = size
        self.largest = largest


@frozen
class CodeTree:
    """The code at the start of a run: its files, and a mark of content and mode for each. Paths are relative."""

    files: Mapping[str, Path]
    marks: Mapping[str, str]

    def part(self, patterns: tuple[str, ...]) -> dict[str, str]:
        """The marks of those files that a stage's `code.include` names; of all if it names none."""
        chosen = included(self.files, patterns)
        return {path: self.marks[path] for path in chosen}


def read_code(files: Mapping[str, Path]) -> CodeTree:
    """Fingerprint the files. Raises CodeTooLargeError, and OSError for a file that can't be read or named."""
    for path in files:
        if any("\udc80" <= character <= "\udcff" for character in path):  # as Python shows bytes that are no text
            raise OSError(errno.EILSEQ, "the name of this file is not UTF-8", path)
    sizes = {path: file.stat().st_size for path, file in files.items()}
    if sum(sizes.values()) > LARGEST_CODE:
        heaviest = sorted(sizes.items(), key=lambda item: -item[1])
        raise CodeTooLargeError(sum(sizes.values()), heaviest[:3])
    return CodeTree(files, {path: _mark(file) for path, file in files.items()})


def _mark(file: Path) -> str:
    return digest_file(file) + ("+x" if os.access(file, os.X_OK) else "")


@dataclass(slots=True)
class Workspace:
    """The folder of one run."""

    folder: Path
    code: CodeTree

    def place(self, stage: str, attempt: int, part: tuple[str, ...]) -> Place:
        """Fresh folders for an attempt, with a copy of the code that the stage asks for.

        Raises CodeChangedError if the code isn't what it was at the start of the run.
        """
        folder = self.folder / f"{stage}-{attempt}"
        code = folder / "code"
        code.mkdir(parents=True)
        for path in self.code.part(part):
            target = code / path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy(self.code.files[path], target)
            except FileNotFoundError as error:
                raise CodeChangedError(path) from error
            if _mark(target) != self.code.marks[path]:
                raise CodeChangedError(path)
        return Place(folder, code)


@contextmanager
def workspace(state: Path, run: str, code: CodeTree) -> Iterator[Workspace]:
    """A folder for the run that is gone after it; what killed runs left is removed too."""
    folder = state / "work" / run
    folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as closing:
        # A folder that another run is just making has no lock yet, and would look abandoned.
        with (state / "work.lock").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            folder.mkdir()
            closing.callback(shutil.rmtree, folder, ignore_errors=True)
            lock = closing.enter_context((folder / _LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_abandoned(folder)
        yield Workspace(folder, code)


def state_folder(root: Path) -> Path:
    """The `.mlops` folder of a project, made if need be; it tells git to ignore it."""
    folder = root / STATE
    if not (folder / ".gitignore").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return folder


def _remove_abandoned(own: Path) -> None:
    for folder in own.parent.iterdir():
        if folder != own and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True  # killed before it had a lock, or while it removed its folder
    except OSError:
        return False
    return True
