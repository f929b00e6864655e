"""Where a stage works: folders of its own with the code that it runs, wherever that code comes from."""

from pathlib import Path
from typing import Protocol

from mlopsctl.runtime.step import Place
from mlopsctl.store import Store


class CodeChangedError(Exception):
    """A file of the code changed while the run began, so what would run is not what was fingerprinted."""


class Workplace(Protocol):
    """The folders of a run. `part` are a stage's `code.include`, which chooses what of the code it gets."""

    @property
    def folder(self) -> Path:
        """What is made in it is gone after the run."""

    def digest(self, part: tuple[str, ...]) -> str:
        """The digest of that part of the code, as it counts for keys."""

    def part(self, part: tuple[str, ...]) -> dict[str, str]:
        """The files of that part, with a mark of content and mode for each."""

    def place(self, label: str, attempt: int, part: tuple[str, ...]) -> Place:
        """Fresh folders for an attempt, with that part of the code. Raises CodeChangedError, StoreError."""

    def keep(self, place: Place, part: tuple[str, ...], store: Store) -> None:
        """Keep the code in the store, so that a stage can be run again from that alone. Raises StoreError."""
