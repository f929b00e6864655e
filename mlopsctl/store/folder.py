"""A store in a folder: locks and renames make it safe for many processes at once, and for one that is killed.

Beside the layout that all stores share it has two folders of its own: `tmp`, where files are written before they are
renamed to their place, and `stamps`, which remembers what was verified so that it need not be read again.
"""

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mlopsctl.store.backend import Patience, Versioned
from mlopsctl.store.beside import make_folder, sync_folder, written_beside
from mlopsctl.store.contents import Blob
from mlopsctl.store.digest import RACY_NS, DigestCache, digest_bytes, refuse_changed, stamp_of
from mlopsctl.store.errors import BlobCorrupt, BlobMissing, StoreUnreachable, disk_faults
from mlopsctl.store.keys import blob_key

_CHUNK = 1 << 20
_LOCK_POLL = 0.005
# What a file system says that can't copy inside the kernel, or not between these two places.
_NO_KERNEL_COPY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


class Folder:
    """The backend for a folder on this machine or on a shared file system; made when it is first written to."""

    at_once = 1

    def __init__(self, root: Path, *, patience: Patience) -> None:
        self.url = str(root)
        self._root = root.absolute()
        self._patience = patience
        self._stamps = DigestCache(self._root / "stamps")
        self._remove_stale()

    def read(self, key: str) -> Versioned | None:
        """The whole value, or None if there is none."""
        with disk_faults(f"read `{key}` in `{self.url}`"):
            try:
                data = (self._root / key).read_bytes()
            except FileNotFoundError:
                return None
        return Versioned(data, digest_bytes(data))

    def write(self, key: str, data: bytes, *, expect: str | None) -> str | None:
        """Replace version `expect`, where None is "nothing there"; the new version, or None if it isn't `expect`."""
        place = self._root / key
        with disk_faults(f"write `{key}` in `{self.url}`"), self._locked(place.parent), self._temporary() as stream:
            there = self.read(key)
            if (there.version if there else None) != expect:
                return None
            stream.write(data)
            _settle(stream, place)
        return digest_bytes(data)

    def remove(self, key: str) -> None:
        """Remove a value, if it is there."""
        with disk_faults(f"remove `{key}` in `{self.url}`"):
            (self._root / key).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """The names right under `folder`, in no order."""
        with disk_faults(f"list `{folder}` in `{self.url}`"):
            try:
                return [path.name for path in (self._root / folder).iterdir()]
            except FileNotFoundError:
                return []

    def put_file(self, source: Path) -> Blob:
        """Keep a file's bytes under their digest. Raises SourceChanged if it is written to meanwhile."""
        with disk_faults(f"store `{source}` in `{self.url}`"), source.open("rb") as stream:
            before = stamp_of(os.fstat(stream.fileno()))
            with self._temporary() as copy:
                blob = _copy_and_digest(stream, copy)
                refuse_changed(source, before, stamp_of(os.fstat(stream.fileno())))
                self._keep(copy, blob)
        return blob

    def put_bytes(self, data: bytes) -> Blob:
        """Keep bytes under their digest."""
        blob = Blob(digest_bytes(data), len(data))
        if not self.is_whole(blob.digest, blob.size):
            with disk_faults(f"store {len(data)} bytes in `{self.url}`"), self._temporary() as copy:
                copy.write(data)
                self._keep(copy, blob)
        return blob

    def fetch(self, digest: str, to: Path, *, link: bool) -> None:
        """Put a verified copy at `to`, or a hard link if the file systems allow it."""
        place = self._root / blob_key(digest)
        with disk_faults(f"fetch `{digest}` from `{self.url}` to `{to}`"):
            if not place.is_file():
                raise BlobMissing(f"`{self.url}` has no blob `{digest}`")
            if self._stamps.digest(place) != digest:
                raise BlobCorrupt(f"the bytes of blob `{digest}` in `{self.url}` changed since they were stored")
            if not (link and _linked(place, to)):
                with place.open("rb") as blob, written_beside(to, durable=False) as copy:
                    _copy(blob, copy)

    def is_whole(self, digest: str, size: int) -> bool:
        """Whether the blob is there with the right bytes; it is read only if its stamp moved since it last was."""
        place = self._root / blob_key(digest)
        with disk_faults(f"look at blob `{digest}` in `{self.url}`"):
            try:
                if place.stat().st_size != size:
                    return False
            except FileNotFoundError:
                return False
        return self._stamps.digest(place) == digest

    def _keep(self, copy: BinaryIO, blob: Blob) -> None:
        if self.is_whole(blob.digest, blob.size):
            return
        place = self._root / blob_key(blob.digest)
        copy.flush()
        os.fchmod(copy.fileno(), 0o444)
        # Dated back beyond the racy span, so that its stamp can be trusted at once: whoever writes to it moves it.
        settled = time.time_ns() - RACY_NS
        os.utime(copy.fileno(), ns=(settled, settled))
        _settle(copy, place)
        self._stamps.remember(place, stamp_of(place.stat()), blob.digest)

    @contextmanager
    def _temporary(self) -> Iterator[BinaryIO]:
        """A new file in `tmp`, gone at the end of the block unless it was renamed to its place.

        Its lock says that its writer lives: the kernel drops it with the process, however that ends.
        """
        folder = self._root / "tmp"
        make_folder(folder)
        stream = _new_locked_file(folder)
        try:
            with stream:
                yield stream
        finally:
            Path(stream.name).unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        """Remove what killed processes left in `tmp`; whoever may not do that leaves it to one who may."""
        with suppress(OSError):
            for path in (self._root / "tmp").iterdir():
                with suppress(OSError), path.open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()

    @contextmanager
    def _locked(self, folder: Path) -> Iterator[None]:
        """Nobody else writes in `folder` meanwhile. Raises StoreUnreachable if another holds the lock for too long."""
        make_folder(folder)
        deadline = time.monotonic() + self._patience.seconds
        with (folder / ".lock").open("ab") as lock:
            while not _lock(lock):
                if time.monotonic() > deadline:
                    raise StoreUnreachable(
                        f"another process holds the lock `{folder / '.lock'}` for {self._patience.seconds:g} s",
                        "see which one with `fuser` and whether it still works",
                    )
                time.sleep(_LOCK_POLL)
            yield


def _new_locked_file(folder: Path) -> BinaryIO:
    while True:
        stream = (folder / os.urandom(16).hex()).open("xb")
        fcntl.flock(stream, fcntl.LOCK_SH)
        if os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()  # whoever opened the store just then took it for stale before it was locked


def _lock(stream: BinaryIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _settle(stream: BinaryIO, place: Path) -> None:
    stream.flush()
    os.fsync(stream.fileno())
    make_folder(place.parent)
    Path(stream.name).replace(place)
    sync_folder(place.parent)


def _copy_and_digest(source: BinaryIO, to: BinaryIO) -> Blob:
    """Copy a stream and digest the very bytes that are written."""
    digest, size, buffer = hashlib.sha256(), 0, memoryview(bytearray(_CHUNK))
    while count := source.readinto(buffer):  # type: ignore[attr-defined]  # typeshed's BinaryIO lacks it
        digest.update(buffer[:count])
        to.write(buffer[:count])
        size += count
    return Blob(f"sha256:{digest.hexdigest()}", size)


def _copy(source: BinaryIO, to: BinaryIO) -> None:
    """Copy inside the kernel, where some file systems share the blocks; what it leaves is copied through memory."""
    try:
        while os.copy_file_range(source.fileno(), to.fileno(), 1 << 30):
            pass
    except OSError as fault:
        if fault.errno not in _NO_KERNEL_COPY:
            raise
    while chunk := source.read(_CHUNK):
        to.write(chunk)


def _linked(place: Path, to: Path) -> bool:
    beside = to.with_name(f".{os.urandom(8).hex()}.part")
    try:
        os.link(place, beside)
    except OSError:
        return False
    try:
        beside.replace(to)
    finally:
        beside.unlink(missing_ok=True)
    return True
