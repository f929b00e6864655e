"""The folders that a run works in, below `.mlops/` of the project: its code as it was at the start, and each attempt.

A run owns its folder by a lock that dies with it, so that a later run can tell what a killed one left behind and
remove it.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlopsctl.engine.bundle import put_code
from mlopsctl.engine.workplace import CodeChangedError
from mlopsctl.ir.code import CodeTree, mark
from mlopsctl.runtime.step import Place
from mlopsctl.store import Store

STATE = ".mlops"
_LOCK = "lock"


@dataclass(slots=True)
class Workspace:
    """The folder of one run, its code, and the lock file of its environment if it has one."""

    folder: Path
    code: CodeTree
    requirements: Path | None = None

    def digest(self, part: tuple[str, ...]) -> str:
        """The digest of what a stage's `code.include` names."""
        return self.code.digest(part)

    def part(self, part: tuple[str, ...]) -> dict[str, str]:
        """The marks of those files."""
        return self.code.part(part)

    def keep(self, place: Place, part: tuple[str, ...], store: Store) -> None:
        """Keep the code of a place, and what its environment is made from."""
        marks = self.code.part(part)
        put_code(store, {path: place.code / path for path in marks}, marks)
        if self.requirements is not None:
            store.put_file(self.requirements)

    def place(self, label: str, attempt: int, part: tuple[str, ...]) -> Place:
        """Fresh folders for an attempt, with a copy of the code that the stage asks for.

        Raises CodeChangedError if the code isn't what it was at the start of the run.
        """
        folder = self.folder / f"{label}-{attempt}"
        code = folder / "code"
        code.mkdir(parents=True)
        for path in self.code.part(part):
            target = code / path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy(self.code.files[path], target)
            except FileNotFoundError as error:
                raise CodeChangedError(path) from error
            if mark(target) != self.code.marks[path]:
                raise CodeChangedError(path)
        return Place(folder, code)


@contextmanager
def workspace(state: Path, run: str, code: CodeTree, requirements: Path | None = None) -> Iterator[Workspace]:
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
        yield Workspace(folder, code, requirements)


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
