"""A store that is out of reach for a while, such as one that is started again: it is waited for."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeVar

from mlopsctl.frozen import frozen
from mlopsctl.store.backend import Backend, Versioned
from mlopsctl.store.contents import Blob
from mlopsctl.store.errors import StoreUnreachable

T = TypeVar("T")
_BETWEEN = 2.0  # seconds between two tries


@frozen(kw_only=True)
class Outage:
    """For how long, in seconds, a store is waited for that is out of reach: one that has answered, and one that hasn't.

    `tell` is called with what is wrong when the waiting begins. `pause` waits for some seconds and says whether there
    is still somebody to wait.
    """

    known: float
    unknown: float
    tell: Callable[[str], None]
    pause: Callable[[float], bool]


class Waiting:
    """A backend that waits for another one to be back. Each try is as patient as that one is by itself."""

    def __init__(self, backend: Backend, outage: Outage) -> None:
        self.url, self.at_once = backend.url, backend.at_once
        self._backend, self._outage = backend, outage
        self._lock = Lock()
        self._has_answered = self._is_away = False

    def read(self, key: str) -> Versioned | None:
        """The whole value, or None if there is none."""
        return self._sooner_or_later(lambda: self._backend.read(key))

    def write(self, key: str, data: bytes, *, expect: str | None) -> str | None:
        """Replace version `expect`, where None is "nothing there"; the new version, or None if it isn't `expect`."""
        tries = 0

        def write() -> str | None:
            nonlocal tries
            tries += 1
            version = self._backend.write(key, data, expect=expect)
            if version is not None or tries == 1:
                return version
            there = self._backend.read(key)  # an earlier try may have arrived although its answer did not
            return there.version if there and there.data == data else None

        return self._sooner_or_later(write)

    def remove(self, key: str) -> None:
        """Remove a value, if it is there."""
        self._sooner_or_later(lambda: self._backend.remove(key))

    def names(self, folder: str) -> list[str]:
        """The names right under `folder`, in no order."""
        return self._sooner_or_later(lambda: self._backend.names(folder))

    def put_file(self, source: Path) -> Blob:
        """Keep a file's bytes under their digest. Raises SourceChanged if it is written to meanwhile."""
        return self._sooner_or_later(lambda: self._backend.put_file(source))

    def put_bytes(self, data: bytes) -> Blob:
        """Keep bytes under their digest."""
        return self._sooner_or_later(lambda: self._backend.put_bytes(data))

    def fetch(self, digest: str, to: Path, *, link: bool) -> None:
        """Put a verified copy at `to`, or where that is possible a hard link. Raises BlobMissing, BlobCorrupt."""
        self._sooner_or_later(lambda: self._backend.fetch(digest, to, link=link))

    def is_whole(self, digest: str, size: int) -> bool:
        """Whether the blob is there with the right bytes."""
        return self._sooner_or_later(lambda: self._backend.is_whole(digest, size))

    def _sooner_or_later(self, do: Callable[[], T]) -> T:
        began = time.monotonic()
        while True:
            try:
                found = do()
            except StoreUnreachable as error:
                self._say(error)
                longest = self._outage.known if self._has_answered else self._outage.unknown
                if time.monotonic() - began >= longest:
                    raise StoreUnreachable(f"{error.message}, for {longest:g} s", error.hint) from error
                if not self._outage.pause(_BETWEEN):
                    raise
            else:
                self._has_answered, self._is_away = True, False
                return found

    def _say(self, error: StoreUnreachable) -> None:
        """Tell of an outage once, however many wait."""
        with self._lock:
            is_new, self._is_away = not self._is_away, True
        if is_new:
            self._outage.tell(f"the store is out of reach: {error.message}")
