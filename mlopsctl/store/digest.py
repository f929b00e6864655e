"""Digests of files, bytes and JSON values, and a memory of the digests of big files that haven't changed."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from mlopsctl.store.beside import written_beside
from mlopsctl.store.errors import SourceChanged, disk_faults

# A file that changes twice within the clock's grain can keep its time stamp (git calls it racily clean), so
# the stamp of a file that changed this recently proves nothing.
RACY_NS = 2_000_000_000
_SMALL = 128 * 1024  # bytes

Stamp = tuple[int, int, int]
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def digest_bytes(data: bytes) -> str:
    """`sha256:` and the hexadecimal digest of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_parts(parts: Iterable[bytes]) -> str:
    """The digest of the bytes of all parts together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def digest_file(path: Path) -> str:
    """The digest of a file's bytes. Raises SourceChanged if it was written to meanwhile, StoreError if unreadable."""
    with disk_faults(f"read `{path}`"), path.open("rb") as stream:
        before = stamp_of(os.fstat(stream.fileno()))
        # `file_digest` begins with a buffer of 256 KiB, which takes longer than to digest a small file.
        is_small = before[0] < _SMALL
        digest = hashlib.sha256(stream.read()) if is_small else hashlib.file_digest(stream, "sha256")
        refuse_changed(path, before, stamp_of(os.fstat(stream.fileno())))
    return f"sha256:{digest.hexdigest()}"


def canonical_json(value: object) -> bytes:
    """One spelling for one value: sorted keys, no spaces, UTF-8.

    Raises ValueError for NaN, infinities and text that isn't Unicode, TypeError for what JSON doesn't know.
    """
    return _canonical(value).encode()


def digest_json(value: object) -> str:
    """The digest of a value's canonical JSON. Raises as `canonical_json` does."""
    return digest_bytes(canonical_json(value))


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes when a file is written to or replaced: size, time of change in ns, inode."""
    return status.st_size, status.st_mtime_ns, status.st_ino


def refuse_changed(path: Path, before: Stamp, after: Stamp) -> None:
    """Raise SourceChanged unless both stamps are the same."""
    if before != after:
        raise SourceChanged(f"`{path}` changed while it was read", "wait until nothing writes to it, then try again")


class DigestCache:
    """Remembers digests in `folder`, one small file for each file, so that big unchanged files aren't read again.

    What it can't read or write it forgets: the answer is then slower, never another one.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._folder = folder
        self._clock = clock

    def digest(self, path: Path) -> str:
        """The digest of a file's bytes. Raises as `digest_file` does."""
        with disk_faults(f"read `{path}`"):
            stamp = stamp_of(path.stat())
        known = self._recall(path, stamp)
        if known is not None:
            return known
        digest = digest_file(path)
        self.remember(path, stamp, digest)
        return digest

    def remember(self, path: Path, stamp: Stamp, digest: str) -> None:
        """Keep `digest` for as long as the file has this stamp, unless the stamp is too young to be trusted."""
        if self._clock() - stamp[1] < RACY_NS:
            return
        place = self._place(path)
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(place, durable=False) as stream:
                stream.write(canonical_json([*stamp, digest]))

    def _recall(self, path: Path, stamp: Stamp) -> str | None:
        try:
            size, changed, inode, digest = json.loads(self._place(path).read_bytes())
        except (OSError, ValueError, TypeError):
            return None
        return digest if (size, changed, inode) == stamp and isinstance(digest, str) else None

    def _place(self, path: Path) -> Path:
        name = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
        return self._folder / name[:2] / name[2:]
