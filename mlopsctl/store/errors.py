"""How a store can fail, in words for people: every fault of a disk or of a server ends as one of these."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mlopsctl.store.contents import Pointer

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


class StoreError(Exception):
    """The store can't do what was asked; `hint` says what to do next and may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StoreUnreachable(StoreError):
    """The store doesn't answer, or answers with faults of its own, also after a few more tries."""


class StoreDenied(StoreError):
    """The store is there and refuses us."""


class StoreFull(StoreError):
    """There is no space left; nothing half-written stays behind."""


class BlobMissing(StoreError):
    """There is no blob of this digest."""


class BlobCorrupt(StoreError):
    """The blob is there, but its bytes are not those of its digest."""


class SourceChanged(StoreError):
    """A file changed while it was being read, so what was read is neither the old file nor the new one."""


class RecordExists(StoreError):
    """Records are append-only, and there is one of this kind and id already."""


class RecordDamaged(StoreError):
    """What is kept there is not what was written: it isn't JSON, or not of its kind."""


class PointerMoved(StoreError):
    """Somebody else moved the pointer first; `now` is where it points, or None if it is gone."""

    def __init__(self, message: str, hint: str = "", *, now: Pointer | None) -> None:
        super().__init__(message, hint)
        self.now = now


class UnsupportedStore(StoreError):
    """This is not the address of a store."""


@contextmanager
def disk_faults(action: str) -> Iterator[None]:
    """Turn the operating system's complaints into ours; `action` completes the sentence that starts `cannot`."""
    try:
        yield
    except OSError as fault:
        raise _worded(fault, action) from fault


def _worded(fault: OSError, action: str) -> StoreError:
    at = f" at `{fault.filename}`" if fault.filename else ""
    message = f"cannot {action}: {(fault.strerror or str(fault)).lower()}{at}"
    if fault.errno in _FULL:
        return StoreFull(message, "free some space or choose another store, then run the same command again")
    if fault.errno in _DENIED:
        return StoreDenied(message, "give this user the right to read and write there, or choose another store")
    return StoreError(message)
