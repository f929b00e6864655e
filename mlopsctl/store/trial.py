"""Whether a store can be kept in a place: all that one needs, done once with a value of our own."""

import os
import time

from mlopsctl.frozen import frozen
from mlopsctl.store.backend import Backend
from mlopsctl.store.errors import StoreDenied, StoreError, StoreFull

_OVERWRITES = (
    "two runs at once would overwrite each other's records: choose a server that honours `If-Match` and `If-None-Match`"
)


@frozen
class Trial:
    """What a store that works is like. `left` is the key of the value that we could write and not remove, or empty."""

    seconds: float
    left: str = ""


def try_out(backend: Backend) -> Trial:
    """Write, read, replace and remove a value under a key that nobody else has. Raises StoreError."""
    key = f"doctor-{os.urandom(8).hex()}"
    started = time.monotonic()
    backend.read(key)
    try:
        first = backend.write(key, b"first", expect=None)
    except (StoreDenied, StoreFull) as error:
        raise type(error)(f"it can be read, but not written: {error.message}", error.hint) from error
    try:
        _use(backend, key, first)
    finally:
        left = _removed(backend, key)
    return Trial(time.monotonic() - started, left)


def _use(backend: Backend, key: str, first: str | None) -> None:
    if first is None:
        raise StoreError(f"`{backend.url}` takes nothing new: it says that there is a value already", _OVERWRITES)
    if backend.write(key, b"second", expect=None) is not None:
        raise StoreError(f"`{backend.url}` replaces a value that may only be written where there is none", _OVERWRITES)
    second = backend.write(key, b"second", expect=first)
    if second is None or backend.write(key, b"third", expect=first) is not None:
        raise StoreError(f"`{backend.url}` replaces whatever version of a value it has", _OVERWRITES)
    there = backend.read(key)
    if there is None or there.data != b"second":
        raise StoreError(
            f"`{backend.url}` gives back something else than was written last",
            "choose a server whose reads see the writes before them",
        )


def _removed(backend: Backend, key: str) -> str:
    """Nothing if the value could be removed, else its key: a store whose credentials remove nothing is well kept."""
    try:
        backend.remove(key)
    except StoreError:
        return key
    return ""
