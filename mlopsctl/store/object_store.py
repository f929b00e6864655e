"""A store in a bucket: S3, Google Cloud Storage or Azure, and whatever speaks S3.

Conditional puts give compare-and-swap. Blobs need none: whoever puts a digest puts the same bytes.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from mlopsctl.store.backend import Patience, Versioned
from mlopsctl.store.beside import written_beside
from mlopsctl.store.contents import Blob
from mlopsctl.store.digest import digest_bytes, digest_file
from mlopsctl.store.errors import (
    BlobCorrupt,
    BlobMissing,
    SourceChanged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnreachable,
    disk_faults,
)
from mlopsctl.store.keys import blob_key

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ClientConfig, RetryConfig

Bucket = S3Store | GCSStore | AzureStore

# One request carries no more than this, so that a bound on the time of a request suits large blobs too.
_CHUNK = 8 << 20
_PARTS_AT_ONCE = 4
# S3 takes no more than 10,000 parts.
_MOST_PARTS = 9_000
_FIRST_WAIT = timedelta(seconds=0.2)
_LONGEST_WAIT = timedelta(seconds=2)
_CONFLICT = (exceptions.AlreadyExistsError, exceptions.PreconditionError)
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist")
_STATUS = re.compile(r"status code: (\d{3})( [A-Za-z ]+)?")
_TOO_MANY_REQUESTS, _SERVER_FAULT, _FULL = 429, 500, 507


class ObjectStore:
    """The backend for a bucket, reached through obstore."""

    at_once = 8

    def __init__(self, url: str, *, patience: Patience) -> None:
        self.url = url
        self._patience = patience
        self._bucket = _opened(url, patience)
        # A conditional put that is repeated below us can meet its own success and call it a conflict.
        self._bucket_once = _opened(url, Patience(patience.seconds, retries=0))

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
            except _CONFLICT:
                return self._version_if(key, data) if attempt else None
            except StoreUnreachable:
                if attempt == self._patience.retries or time.monotonic() > deadline:
                    raise
            time.sleep(min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT).total_seconds())
            attempt += 1

    def names(self, folder: str) -> list[str]:
        """The names right under `folder`, in no order."""
        with self._faults(f"list `{folder}`"):
            found = obstore.list_with_delimiter(self._bucket, folder)["objects"]
        return [each["path"].rpartition("/")[2] for each in found]

    def put_file(self, source: Path) -> Blob:
        """Keep a file's bytes under their digest. Raises SourceChanged if it is written to meanwhile."""
        with disk_faults(f"read `{source}`"):
            if source.stat().st_size <= _CHUNK:
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
            for start in range(0, size, _CHUNK):
                with self._faults(f"read blob `{digest}`"):
                    chunk = obstore.get_range(self._bucket, blob_key(digest), start=start, length=_CHUNK)
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
                chunk_size=max(_CHUNK, blob.size // _MOST_PARTS),
                max_concurrency=_PARTS_AT_ONCE,
            )

    def _version_if(self, key: str, data: bytes) -> str | None:
        """The version of `key` if it holds `data`: an earlier try of ours arrived although its answer did not."""
        there = self.read(key)
        return there.version if there and there.data == data else None

    @contextmanager
    def _faults(self, action: str) -> Iterator[None]:
        """Turn what the client raises into ours, but for what callers decide on: nothing there, and a conflict."""
        try:
            yield
        except (FileNotFoundError, exceptions.BaseError) as fault:
            text = str(fault)
            if _NO_BUCKET.search(text) is None and isinstance(fault, (FileNotFoundError, *_CONFLICT)):
                raise
            raise self._worded(text, action) from fault

    def _worded(self, fault: str, action: str) -> StoreError:
        if _NO_BUCKET.search(fault):
            return StoreError(f"cannot {action} in `{self.url}`: there is no such bucket", "make the bucket first")
        status = _STATUS.search(fault)
        message = f"cannot {action} in `{self.url}`: {_reason(fault, status, self._patience)}"
        code = int(status[1]) if status else None
        if code in (401, 403):
            return StoreDenied(message, "check the store's credentials in the environment, and what they may do")
        if code == _FULL:
            return StoreFull(message, "free some space or choose another store, then run the same command again")
        if code is None or code == _TOO_MANY_REQUESTS or code >= _SERVER_FAULT:
            return StoreUnreachable(message, "look whether the store is up and the address is right, then try again")
        return StoreError(message)


def _opened(url: str, patience: Patience) -> Bucket:
    scheme, _, rest = url.partition("://")
    bucket, _, path = rest.partition("/")
    prefix = path.strip("/") or None
    client, retry = _client(patience), _retry(patience)
    try:
        if scheme == "gs":
            return GCSStore(bucket, prefix=prefix, client_options=client, retry_config=retry)
        if scheme == "az":
            return AzureStore(bucket, prefix=prefix, client_options=client, retry_config=retry)
        return S3Store(bucket, prefix=prefix, client_options=client, retry_config=retry, conditional_put="etag")
    except exceptions.BaseError as fault:
        reason = str(fault).partition("\n")[0]
        raise StoreError(f"cannot open `{url}`: {reason}", "set what the store needs in the environment") from fault


def _client(patience: Patience) -> "ClientConfig":
    endpoints = (os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"))
    seconds = timedelta(seconds=patience.seconds)
    return {
        "timeout": seconds,
        "connect_timeout": min(seconds, timedelta(seconds=5)),
        # Who writes http:// means it: stores inside a cluster often have no certificate.
        "allow_http": any(endpoint.startswith("http://") for endpoint in endpoints),
    }


def _retry(patience: Patience) -> "RetryConfig":
    return {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=2 * patience.seconds),
        "backoff": {"init_backoff": _FIRST_WAIT, "max_backoff": _LONGEST_WAIT, "base": 2},
    }


def _chunks(source: Path, digest: str) -> Iterator[bytes]:
    """The file's bytes; raises SourceChanged instead of ending if they aren't those of `digest`.

    An upload whose source raises is given up, so nothing is kept.
    """
    found = hashlib.sha256()
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
            yield chunk
    if f"sha256:{found.hexdigest()}" != digest:
        raise SourceChanged(f"`{source}` changed while it was read", "wait until nothing writes to it, then try again")


def _reason(fault: str, status: re.Match[str] | None, patience: Patience) -> str:
    if status:
        return f"the server answers {status[1]}{status[2] or ''}"
    if "kind: Timeout" in fault:
        return f"no answer within {patience.seconds:g} s"
    if "kind: Connect" in fault:
        return "no connection"
    return fault.partition("\n")[0]
