"""The store itself: what it promises is written here once, over any place that can hold bytes."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mlopsctl.store.backend import Backend, Versioned
from mlopsctl.store.contents import Artifact, Blob, Pointer
from mlopsctl.store.digest import canonical_json, digest_bytes
from mlopsctl.store.errors import (
    BlobCorrupt,
    BlobMissing,
    PointerMoved,
    RecordDamaged,
    RecordExists,
    StoreError,
    disk_faults,
)
from mlopsctl.store.keys import blob_key, pointer_key, record_id, record_key, records_folder
from mlopsctl.store.manifest import Entry, entries_of, files_in, is_executable, manifest_of
from mlopsctl.store.outage import Outage, Waiting
from mlopsctl.store.trial import Trial, try_out

_SMALL = 4  # times as many records as blobs are read at once, as they are small

T = TypeVar("T")
R = TypeVar("R")


class Store:
    """Blobs by digest, append-only records and compare-and-swap pointers.

    Put first, then point: a record or a pointer is written only once the blobs that it names were put.
    Every method raises StoreError, or the child of it that fits, and nothing else.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def url(self) -> str:
        """The address it was opened by."""
        return self._backend.url

    def waiting(self, outage: Outage) -> "Store":
        """The same store, which is waited for where it is out of reach."""
        return Store(Waiting(self._backend, outage))

    def put_file(self, path: Path) -> Blob:
        """Keep a file's bytes. Raises SourceChanged if it is written to meanwhile."""
        return self._backend.put_file(path)

    def put_bytes(self, data: bytes) -> Blob:
        """Keep bytes."""
        return self._backend.put_bytes(data)

    def get_bytes(self, digest: str) -> bytes:
        """The bytes of a blob. Raises BlobMissing, BlobCorrupt."""
        there = self._backend.read(blob_key(digest))
        if there is None:
            raise BlobMissing(f"`{self.url}` has no blob `{digest}`")
        if digest_bytes(there.data) != digest:
            raise BlobCorrupt(f"the bytes of blob `{digest}` in `{self.url}` changed since they were stored")
        return there.data

    def fetch(self, digest: str, to: Path, *, link: bool = False) -> None:
        """A verified copy of a blob at `to`, in place of what was there. Raises BlobMissing, BlobCorrupt.

        With `link`, a store in a folder gives a read-only hard link to the blob itself where it can.
        """
        self._backend.fetch(digest, to, link=link)

    def fetch_all(self, files: Mapping[Path, str]) -> None:
        """Verified copies of blobs, digests by where they go; some at once if that is faster here.

        Raises BlobMissing, BlobCorrupt.
        """
        self._each(lambda item: self.fetch(item[1], item[0]), files.items())

    def is_whole(self, digest: str, size: int) -> bool:
        """Whether the blob is there and its bytes are right."""
        return self._backend.is_whole(digest, size)

    def put_artifact(self, path: Path) -> Artifact:
        """Keep a file, or a folder with all files in it; links inside the folder are followed.

        Raises SourceChanged if a file is written to meanwhile.
        """
        name = path.absolute().name
        if not path.is_dir():
            blob = self.put_file(path)
            return Artifact(blob.digest, blob.size, "file", name)
        entries = dict(self._each(self._put_entry, files_in(path)))
        manifest = self.put_bytes(manifest_of(entries))
        return Artifact(manifest.digest, sum(entry.blob.size for entry in entries.values()), "folder", name)

    def join(self, name: str, parts: Mapping[str, Artifact]) -> Artifact:
        """A folder called `name` with artifacts as its entries, all of which are there already; nothing is copied.

        Raises BlobMissing, BlobCorrupt.
        """
        entries: dict[str, Entry] = {}
        for entry, artifact in parts.items():
            if artifact.kind == "file":
                entries[entry] = Entry(Blob(artifact.digest, artifact.size), executable=False)
            else:
                below = entries_of(self.get_bytes(artifact.digest))
                entries |= {f"{entry}/{path}": found for path, found in below.items()}
        manifest = self.put_bytes(manifest_of(entries))
        return Artifact(manifest.digest, sum(entry.blob.size for entry in entries.values()), "folder", name)

    def fetch_artifact(self, artifact: Artifact, to: Path, *, link: bool = False) -> None:
        """A verified copy of an artifact at `to`: a file takes the place of one, a folder must not be there yet.

        Raises BlobMissing, BlobCorrupt. `link` is as for `fetch`.
        """
        if artifact.kind == "file":
            return self.fetch(artifact.digest, to, link=link)
        with disk_faults(f"fetch the folder `{artifact.name}` from `{self.url}` to `{to}`"):
            return self._fetch_folder(entries_of(self.get_bytes(artifact.digest)), to, link=link)

    def artifact_is_whole(self, artifact: Artifact) -> bool:
        """Whether all blobs of an artifact are there and their bytes are right."""
        if artifact.kind == "file":
            return self.is_whole(artifact.digest, artifact.size)
        try:
            entries = entries_of(self.get_bytes(artifact.digest))
        except (BlobMissing, BlobCorrupt):
            return False
        return all(self._each(lambda entry: self.is_whole(entry.blob.digest, entry.blob.size), entries.values()))

    def add_record(self, kind: str, id: str, value: Mapping[str, object]) -> None:  # noqa: A002  # see record_key
        """Keep a record. Raises RecordExists if there is one of this kind and id."""
        if self._backend.write(record_key(kind, id), self._as_json(value), expect=None) is None:
            raise RecordExists(f"`{self.url}` already has the {kind} record `{id}`")

    def read_record(self, kind: str, id: str) -> dict[str, Any] | None:  # noqa: A002  # see record_key
        """A record, or None if there is none."""
        key = record_key(kind, id)
        there = self._backend.read(key)
        return self._from_json(key, there) if there else None

    def read_records(self, kind: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The records of a kind by id; those that aren't there or are damaged are left out.

        Many at once where each waits for a network.
        """

        def read(id: str) -> dict[str, Any] | None:  # noqa: A002  # see record_key
            with suppress(RecordDamaged):
                return self.read_record(kind, id)
            return None

        names = list(ids)
        found = zip(names, self._each(read, names, at_once=self._backend.at_once * _SMALL), strict=True)
        return {name: record for name, record in found if record is not None}

    def record_ids(self, kind: str, *, prefix: str = "") -> list[str]:
        """The ids of a kind's records that start with `prefix`, newest first where ids are ULIDs."""
        ids = map(record_id, self._backend.names(records_folder(kind)))
        return sorted((found for found in ids if found is not None and found.startswith(prefix)), reverse=True)

    def read_pointer(self, name: str) -> Pointer | None:
        """Where a pointer points, or None if there is no such pointer."""
        key = pointer_key(name)
        there = self._backend.read(key)
        if there is None:
            return None
        value = self._from_json(key, there).get("value")
        if not isinstance(value, dict):
            raise StoreError(f"`{key}` in `{self.url}` is not a pointer", "restore it from a backup")
        return Pointer(value, there.version)

    def move_pointer(self, name: str, value: Mapping[str, object], *, expect: str | None) -> Pointer:
        """Move a pointer that is at version `expect`, or make it if `expect` is None.

        Raises PointerMoved if it is elsewhere: of many who move it from one version, one does.
        """
        # The nonce makes every version new, also when a pointer comes back to a value that it had.
        document = self._as_json({"nonce": os.urandom(8).hex(), "value": value})
        version = self._backend.write(pointer_key(name), document, expect=expect)
        if version is None:
            raise PointerMoved(
                f"somebody else moved the pointer `{name}` in `{self.url}`",
                "look at where it points now, then decide again",
                now=self.read_pointer(name),
            )
        return Pointer(json.loads(document)["value"], version)

    def try_out(self) -> Trial:
        """Write, read, replace and remove a value, to see whether a store can be kept there.

        Raises StoreError where it can't, also if of two who write at once both would be told that they were the one.
        """
        return try_out(self._backend)

    def _fetch_folder(self, entries: Mapping[str, Entry], to: Path, *, link: bool) -> None:
        beside = to.with_name(f".{os.urandom(8).hex()}.part")

        def fetch(item: tuple[str, Entry]) -> None:
            file, entry = beside / item[0], item[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            self.fetch(entry.blob.digest, file, link=link and not entry.executable)
            if entry.executable:
                file.chmod(entry.mode)

        beside.mkdir()
        try:
            self._each(fetch, entries.items())
            beside.replace(to)
        finally:
            _remove(beside)

    def _put_entry(self, item: tuple[str, Path]) -> tuple[str, Entry]:
        inside, file = item
        return inside, Entry(self.put_file(file), is_executable(file))

    def _each(self, do: Callable[[T], R], items: Iterable[T], *, at_once: int = 0) -> list[R]:
        """Do it for each, some at once if that is faster here, or so many; the first fault ends it."""
        if self._backend.at_once == 1:
            return [do(item) for item in items]
        from concurrent.futures import ThreadPoolExecutor  # needed for a network only, and slow to import

        with ThreadPoolExecutor(at_once or self._backend.at_once) as pool:
            return list(pool.map(do, items))

    def _as_json(self, value: Mapping[str, object]) -> bytes:
        try:
            return canonical_json(value)
        except (ValueError, TypeError) as fault:
            raise StoreError(f"this can't be kept as JSON: {fault}") from fault

    def _from_json(self, key: str, there: Versioned) -> dict[str, Any]:
        try:
            value = json.loads(there.data)
        except ValueError as fault:
            raise RecordDamaged(f"`{key}` in `{self.url}` is not JSON: {fault}", "restore it from a backup") from fault
        if not isinstance(value, dict):
            raise RecordDamaged(f"`{key}` in `{self.url}` is not a JSON object", "restore it from a backup")
        return value


def _remove(folder: Path) -> None:
    import shutil  # it loads every compressor; needed here only

    shutil.rmtree(folder, ignore_errors=True)
