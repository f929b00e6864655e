"""Files and folders from buckets: S3, Google Cloud Storage or Azure, and whatever speaks S3."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import PreconditionError

from mlopsctl.runtime.fetch.landing import heed, land_file, landed_folder
from mlopsctl.runtime.fetch.outcome import FetchFailed, NothingThere
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Patience, StoreDenied, StoreError, StoreUnreachable
from mlopsctl.store.bucket import CHUNK_BYTES, bucket_faults, open_bucket

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

MOST_OBJECTS = 100_000
_AT_ONCE = 8


def fetch_objects(uri: str, to: Path, *, patience: Patience, stop: Stop | None) -> float | None:
    """An object, or all objects below a prefix, at `to`; the newest change in seconds.

    Raises FetchFailed, FetchStopped.
    """
    scheme, _, rest = uri.partition("://")
    name, _, key = rest.partition("/")
    if not name or "@" in name:
        hint = f"write {scheme}://bucket/path, and put credentials into the environment"
        raise FetchFailed("the address of the data names no bucket", hint)
    return _Source(f"{scheme}://{name}", patience, stop).fetch(key, to)


class _Source:
    """A bucket that is read from; its keys are taken literally, as its own tools do."""

    def __init__(self, url: str, patience: Patience, stop: Stop | None) -> None:
        self._url = url
        self._patience = patience
        self._stop = stop
        with _as_failure():
            self._bucket = open_bucket(url, patience)

    def fetch(self, key: str, to: Path) -> float | None:
        """The object of this key, or else the objects below it; when the newest changed."""
        heed(self._stop)
        found = None if key.endswith("/") or not key else self._head(key)
        if found is None:
            return self._fetch_below(key.rstrip("/"), to)
        self._fetch_object(found, to)
        return found["last_modified"].timestamp()

    def _fetch_below(self, prefix: str, to: Path) -> float | None:
        found = self._below(prefix)
        if not found:
            raise NothingThere(
                f"there is nothing at `{self._url}/{prefix}`", "check the spelling of the address and its case"
            )
        with landed_folder(to) as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda each: self._fetch_into(folder, prefix, each), found))
        return max(each["last_modified"].timestamp() for each in found)

    def _below(self, prefix: str) -> "list[ObjectMeta]":
        found: list[ObjectMeta] = []
        with self._faults(f"list `{self._url}/{prefix}`"):
            for chunk in obstore.list(self._bucket, prefix or None, chunk_size=1000):
                heed(self._stop)
                found.extend(chunk)
                if len(found) > MOST_OBJECTS:
                    message = f"there are more than {MOST_OBJECTS:,} objects below `{self._url}/{prefix}`"
                    raise FetchFailed(message, "name a smaller folder, or pack the files into fewer")
        return found

    def _fetch_into(self, folder: Path, prefix: str, found: "ObjectMeta") -> None:
        heed(self._stop)
        # Consoles mark a folder by an empty object, which is listed without the slash that its key ends in.
        if found["size"] == 0 and self._head(found["path"]) is None:
            return
        to = folder / found["path"].removeprefix(prefix).lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        self._fetch_object(found, to)

    def _fetch_object(self, found: "ObjectMeta", to: Path) -> None:
        land_file(self._chunks(found), to, stop=self._stop)

    def _chunks(self, found: "ObjectMeta") -> Iterator[bytes]:
        """The object's bytes; raises instead of ending if it changes meanwhile."""
        key, size = found["path"], found["size"]
        for start in range(0, size, CHUNK_BYTES):
            options: GetOptions = {"range": (start, min(start + CHUNK_BYTES, size)), "if_match": found["e_tag"]}
            try:
                with self._faults(f"read `{self._url}/{key}`"):
                    chunk = bytes(obstore.get(self._bucket, key, options=options).bytes())
            except (FileNotFoundError, PreconditionError) as fault:
                message = f"`{self._url}/{key}` changed while it was read"
                raise FetchFailed(message, "wait until nothing writes to it, then try again") from fault
            yield chunk

    def _head(self, key: str) -> "ObjectMeta | None":
        try:
            with self._faults(f"look at `{self._url}/{key}`"):
                return obstore.head(self._bucket, key)
        except FileNotFoundError:
            return None

    @contextmanager
    def _faults(self, action: str) -> Iterator[None]:
        with _as_failure(), bucket_faults(action, self._patience):
            try:
                yield
            except ValueError as fault:  # what the client says to a key that no object can have
                message = f"cannot {action}: this can't be a key"
                raise FetchFailed(message, "write no empty parts and no `..`") from fault


@contextmanager
def _as_failure() -> Iterator[None]:
    try:
        yield
    except StoreError as fault:
        raise FetchFailed(fault.message, _hint(fault)) from fault


def _hint(fault: StoreError) -> str:
    match fault:
        case StoreDenied():
            return "check the credentials in the environment, and that they may read and list there"
        case StoreUnreachable():
            return "check that this machine is online and the endpoint in the environment is right, then try again"
        case _:
            return "check the address, and the settings in the environment"
