"""Where what is fetched lands, whole or not at all, and where the request to stop is heard."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from mlopsctl.runtime.fetch.outcome import FetchFailed, FetchStopped
from mlopsctl.runtime.stop import Stop
from mlopsctl.store.beside import written_beside


def land_file(chunks: Iterable[bytes], to: Path, *, stop: Stop | None) -> None:
    """Make `to` of chunks, whose iterator raises no OSError of its own. Raises FetchFailed, FetchStopped."""
    with _disk_faults(to), written_beside(to, durable=False) as copy:
        for chunk in chunks:
            heed(stop)
            copy.write(chunk)


@contextmanager
def landed_folder(to: Path) -> Iterator[Path]:
    """A new folder that becomes `to` when the block ends well, and vanishes when it doesn't. Raises FetchFailed."""
    beside = to.with_name(f".{os.urandom(8).hex()}.part")
    with _disk_faults(to):
        beside.mkdir()
        try:
            yield beside
            beside.replace(to)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def heed(stop: Stop | None) -> None:
    """Raises FetchStopped if that is wanted."""
    if stop is not None and stop.is_set():
        raise FetchStopped("fetching was stopped")


def pause(seconds: float, *, stop: Stop | None) -> None:
    """Wait, but not for longer than until `stop`. Raises FetchStopped."""
    if stop is None:
        time.sleep(seconds)
        return
    with DefaultSelector() as selector:
        selector.register(stop, EVENT_READ)
        selector.select(seconds)
    heed(stop)


@contextmanager
def _disk_faults(to: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        message = f"cannot write `{to}`: {(fault.strerror or str(fault)).lower()}"
        raise FetchFailed(message, "look at the space and the rights there, then run the same command again") from fault
