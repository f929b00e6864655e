"""What a command keeps of its state while it runs, so that an attempt after a failure goes on from there.

Every so often a copy of the folder is put into the store, and then pointed at. No copy has files that are just being
written: it is taken when nothing in the folder has changed for a moment, and counts if nothing did until all was put.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from mlopsctl.frozen import frozen
from mlopsctl.runtime.process import Ending
from mlopsctl.store import Artifact, PointerMoved, Store, StoreError, timestamp

QUIET = 1.0  # seconds without a change, after which nobody is taken to be in the middle of writing
_FIRST_SHELL_CODE_OF_SIGNALS = 128  # what a shell ends with, and more, if a signal ended its command
_FOLDER_STATE = Mapping[str, tuple[int, int, int]]


@frozen(kw_only=True)
class Checkpoint:
    """The state of a command that works for the result `key`: in the folder `path`, kept every so many seconds.

    With `anew` only state that this `run` has kept counts, as for a result that is made again because it was asked for.
    """

    key: str
    run: str
    path: str
    every: float
    anew: bool = False


@frozen
class Saved:
    """State in the store, and when it was kept, as ISO 8601 with UTC offset."""

    artifact: Artifact
    at: str


def saved(checkpoint: Checkpoint, store: Store) -> Saved | None:
    """The state that the next attempt begins from, if there is any. Raises StoreError."""
    pointer = store.read_pointer(_name(checkpoint))
    value = pointer.value if pointer else {}
    if not value or (checkpoint.anew and value["run"] != checkpoint.run):
        return None
    return Saved(Artifact(**value["artifact"]), value["at"])


def forget(checkpoint: Checkpoint, store: Store) -> None:
    """Point at nothing any more: the result is there. Raises StoreError."""
    pointer = store.read_pointer(_name(checkpoint))
    if pointer is not None and pointer.value:
        with suppress(PointerMoved):  # by another run that makes the same
            store.move_pointer(_name(checkpoint), {}, expect=pointer.version)


def restore(checkpoint: Checkpoint, store: Store, folder: Path, say: Callable[[str], None]) -> None:
    """The state in its folder, in place of what the code has there; without any, what the code has, or nothing.

    What can't be had any more is said, and costs time alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{os.urandom(8).hex()}.state")
    try:
        found = saved(checkpoint, store)
        if found is not None:
            store.fetch_artifact(found.artifact, beside)
            shutil.rmtree(folder)
            beside.rename(folder)
    except StoreError as error:
        say(f"mlopsctl: begins from the start, as the checkpoint can't be had: {error}")


class Keeper:
    """Keeps the state of a command that runs."""

    def __init__(self, checkpoint: Checkpoint, store: Store, folder: Path, say: Callable[[str], None]) -> None:
        self._checkpoint, self._store, self._folder, self._say = checkpoint, store, folder, say
        self._ended = threading.Event()
        self._kept = _state(folder)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep it as often as is asked for, until the command has ended."""
        thread = threading.Thread(target=self._keep_on, name=f"checkpoints {self._checkpoint.key}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def at_end(self, ending: Ending) -> None:
        """Keep what a command that failed has left, unless it was killed while it may have been writing."""
        state = _state(self._folder)
        was_killed = ending.signal is not None or (ending.exit_code or 0) > _FIRST_SHELL_CODE_OF_SIGNALS
        newest = max((changed for _, changed, _ in state.values()), default=0)
        if not was_killed or time.time_ns() - newest > QUIET * 1e9:
            self._keep(state)

    def _keep_on(self) -> None:
        while not self._ended.wait(self._checkpoint.every):
            state = _state(self._folder)
            while not self._ended.wait(QUIET):
                before, state = state, _state(self._folder)
                if state == before and self._keep(state):
                    break

    def _keep(self, state: _FOLDER_STATE) -> bool:
        """Keep the folder as it is in that state; whether there is no reason to look again soon."""
        if not state or state == self._kept:
            return True
        try:
            artifact = self._store.put_artifact(self._folder)
            if _state(self._folder) != state:
                return False
            self._point(artifact)
        except StoreError as error:
            if _state(self._folder) != state:
                return False
            self._say(f"mlopsctl: the checkpoint was not kept: {error}")
        else:
            self._kept = state
        return True

    def _point(self, artifact: Artifact) -> None:
        name = _name(self._checkpoint)
        value = {"artifact": asdict(artifact), "run": self._checkpoint.run, "at": timestamp(datetime.now(UTC))}
        pointer = self._store.read_pointer(name)
        with suppress(PointerMoved):  # by another run that makes the same: its state will do
            self._store.move_pointer(name, value, expect=pointer.version if pointer else None)


def _state(folder: Path) -> _FOLDER_STATE:
    """What tells whether files have changed: of each its size, its time and which file it is."""
    found = {}
    for place, _, names in os.walk(folder, followlinks=True):
        for path in (Path(place, name) for name in names):
            with suppress(OSError):  # gone again, which the next look shows
                said = path.stat()
                found[str(path)] = (said.st_size, said.st_mtime_ns, said.st_ino)
    return found


def _name(checkpoint: Checkpoint) -> str:
    return f"checkpoints/{checkpoint.key}"
