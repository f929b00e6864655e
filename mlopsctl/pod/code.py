"""The code of the one stage that a pod runs, from the store, as it was when the pipeline was applied."""

from pathlib import Path

from mlopsctl.engine.bundle import fetch_files, read_marks
from mlopsctl.runtime.step import Place
from mlopsctl.store import Store


class PinnedCode:
    """A workplace in `folder` whose code is that of a manifest in the store, or none where `manifest` is empty.

    What of the code the stage gets was chosen when it was pinned, so nobody has to choose here.
    """

    def __init__(self, folder: Path, store: Store, manifest: str) -> None:
        self._folder, self._store, self._manifest = folder, store, manifest
        self._marks: dict[str, str] | None = None

    @property
    def folder(self) -> Path:
        """What may be written to; the pod's end is its end."""
        return self._folder

    def digest(self, part: tuple[str, ...]) -> str:  # noqa: ARG002 - chosen already
        """The digest that the code was pinned to."""
        return self._manifest

    def part(self, part: tuple[str, ...]) -> dict[str, str]:  # noqa: ARG002 - chosen already
        """The files with their marks. Raises StoreError."""
        if self._marks is None:
            self._marks = read_marks(self._store, self._manifest) if self._manifest else {}
        return self._marks

    def place(self, label: str, attempt: int, part: tuple[str, ...]) -> Place:
        """Fresh folders with a verified copy of the code. Raises StoreError."""
        folder = self._folder / f"{label}-{attempt}"
        fetch_files(self._store, self.part(part), folder / "code")
        return Place(folder, folder / "code")

    def keep(self, place: Place, part: tuple[str, ...], store: Store) -> None:
        """Nothing: it came from there."""
