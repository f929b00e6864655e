"""A store in a bucket: S3, Google Cloud Storage or Azure, and whatever speaks S3.

Conditional puts give compare-and-swap. Blobs need none: whoever puts a digest puts the same bytes.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from mlopsctl.store.backend import Patience, Versioned
from mlopsctl.store.beside import written_beside
from mlopsctl.store.bucket import CHUNK_BYTES, CONFLICT, bucket_faults, open_bucket
from mlopsctl.store.contents import Blob
from mlopsctl.store.digest import digest_bytes, digest_file
from mlopsctl.store.errors import BlobCorrupt, BlobMissing, SourceChanged, StoreUnreachable, disk_faults
from mlopsctl.store.keys import blob_key

if TYPE_CHECKING:
    from obstore import PutMode

_PARTS_AT_ONCE = 4
# S3 takes no more than 10,000 parts.
_MOST_PARTS = 9_000


class ObjectStore:
    """The backend for a bucket, reached through obstore."""

    at_once = 8

    def __init__(self, url: str, *, patience: Patience) -> None:
        self.url = url
        self._patience = patience
        self._bucket = open_bucket(url, patience)
        # A conditional put that is repeated below us can meet its own success and call it a conflict.
        self._bucket_once = open_bucket(url, Patience(patience.seconds, retries=0))

    def read(self, key: str) -> Versioned | None:
        """The whole value, or None if there is none."""
        try:
            with self._faults(f"read `{key}`"):
                got = obstore.get(self._bucket, key)
                return Versioned(bytes(got.bytes()), got.meta["e_tag"] or "")
        except FileNotFoundError:
            return None

    def write(self, key: str, data: bytes, *, expect: str | None) -> str | None:
        """Replace version `expect`, where None is "nothing there"; the new version, or None if it isn't `expect`."""
        mode: PutMode = "create" if expect is None else {"e_tag": expect}
        deadline = time.monotonic() + 2 * self._patience.seconds
        attempt = 0
        while True:
            try:
                with self._faults(f"write `{key}`"):
                    return obstore.put(self._bucket_once, key, data, mode=mode, use_multipart=False)["e_tag"]
            except CONFLICT:
                return self._version_if(key, data) if attempt else None
            except StoreUnreachable:
                if attempt == self._patience.retries or time.monotonic() > deadline:
                    raise
            time.sleep(self._patience.wait(attempt))
            attempt += 1

    def remove(self, key: str) -> None:
        """Remove a value, if it is there."""
        with suppress(FileNotFoundError), self._faults(f"remove `{key}`"):
            obstore.delete(self._bucket, key)

    def names(self, folder: str) -> list[str]:
        """The names right under `folder`, in no order."""
        with self._faults(f"list `{folder}`"):
            found = obstore.list_with_delimiter(self._bucket, folder)["objects"]
        return [each["path"].rpartition("/")[2] for each in found]

    def put_file(self, source: Path) -> Blob:
        """Keep a file's bytes under their digest. Raises SourceChanged if it is written to meanwhile."""
        with disk_faults(f"read `{source}`"):
            if source.stat().st_size <= CHUNK_BYTES:
                return self.put_bytes(source.read_bytes())
            blob = Blob(digest_file(source), source.stat().st_size)
            if not self.is_whole(blob.digest, blob.size):
                self._upload(source, blob)
        return blob

    def put_bytes(self, data: bytes) -> Blob:
        """Keep bytes under their digest."""
        blob = Blob(digest_bytes(data), len(data))
        if not self.is_whole(blob.digest, blob.size):
            with self._faults(f"store {len(data)} bytes"):
                obstore.put(self._bucket, blob_key(blob.digest), data, use_multipart=False)
        return blob

    def fetch(self, digest: str, to: Path, *, link: bool) -> None:  # noqa: ARG002  # nothing here to link to
        """Put a verified copy at `to`."""
        size = self._size(digest)
        if size is None:
            raise BlobMissing(f"`{self.url}` has no blob `{digest}`")
        found = hashlib.sha256()
        with disk_faults(f"fetch `{digest}` from `{self.url}` to `{to}`"), written_beside(to, durable=False) as copy:
            for start in range(0, size, CHUNK_BYTES):
                with self._faults(f"read blob `{digest}`"):
                    chunk = obstore.get_range(self._bucket, blob_key(digest), start=start, length=CHUNK_BYTES)
                found.update(chunk)
                copy.write(chunk)
            if f"sha256:{found.hexdigest()}" != digest:
                raise BlobCorrupt(f"the bytes of blob `{digest}` in `{self.url}` changed since they were stored")

    def is_whole(self, digest: str, size: int) -> bool:
        """Whether the blob is there with the right size: a server keeps whole objects, and `fetch` verifies."""
        return self._size(digest) == size

    def _size(self, digest: str) -> int | None:
        try:
            with self._faults(f"look at blob `{digest}`"):
                return obstore.head(self._bucket, blob_key(digest))["size"]
        except FileNotFoundError:
            return None

    def _upload(self, source: Path, blob: Blob) -> None:
        with self._faults(f"store `{source}`"):
            obstore.put(
                self._bucket,
                blob_key(blob.digest),
                _chunks(source, blob.digest),
                chunk_size=max(CHUNK_BYTES, blob.size // _MOST_PARTS),
                max_concurrency=_PARTS_AT_ONCE,
            )

    def _version_if(self, key: str, data: bytes) -> str | None:
        """The version of `key` if it holds `data`: an earlier try of ours arrived although its answer did not."""
        there = self.read(key)
        return there.version if there and there.data == data else None

    def _faults(self, action: str) -> AbstractContextManager[None]:
        return bucket_faults(f"{action} in `{self.url}`", self._patience)


def _chunks(source: Path, digest: str) -> Iterator[bytes]:
    """The file's bytes; raises SourceChanged instead of ending if they aren't those of `digest`.

    An upload whose source raises is given up, so nothing is kept.
    """
    found = hashlib.sha256()
    with source.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            found.update(chunk)
            yield chunk
    if f"sha256:{found.hexdigest()}" != digest:
        raise SourceChanged(f"`{source}` changed while it was read", "wait until nothing writes to it, then try again")
