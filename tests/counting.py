"""A store whose requests are counted on their way to a real one."""

from pathlib import Path
from typing import Any

from mlopsctl.store import Store
from mlopsctl.store.backend import Backend, Patience
from mlopsctl.store.folder import Folder


class Counting:
    """A backend that passes everything on and keeps what was asked, as (method, first argument)."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.asked: list[tuple[str, object]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._backend, name)
        if not callable(found):
            return found

        def ask(*arguments: Any, **named: Any) -> Any:
            self.asked.append((name, arguments[0]))
            return found(*arguments, **named)

        return ask


def counting_store(folder: Path) -> tuple[Store, list[tuple[str, object]]]:
    """A store in a folder, and what it is asked."""
    backend = Counting(Folder(folder, patience=Patience()))
    return Store(backend), backend.asked
