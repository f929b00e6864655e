"""A folder as one value: the manifest that says which blobs are its files."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mlopsctl.frozen import frozen
from mlopsctl.store.contents import Artifact, Blob
from mlopsctl.store.digest import canonical_json, digest_bytes, digest_file
from mlopsctl.store.errors import BlobCorrupt, StoreError, disk_faults

_EXECUTABLE = 0o100


@frozen
class Entry:
    """One file of a folder. Of its mode only counts whether it can be run, as in git: umasks differ."""

    blob: Blob
    executable: bool

    @property
    def mode(self) -> int:
        """The permission bits it is given when it is fetched."""
        return 0o755 if self.executable else 0o644


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file under `folder` with its path relative to it, sorted; empty folders don't count.

    Raises StoreError for a link that leads out of the folder, and for what is neither file nor folder.
    """
    with disk_faults(f"read `{folder}`"):
        yield from sorted(_walk(folder, inside=folder.resolve(), above=()))


def manifest_of(entries: dict[str, Entry]) -> bytes:
    """The canonical JSON of a folder's entries. Raises StoreError for a file name that isn't Unicode."""
    document = {
        path: {"digest": entry.blob.digest, "mode": f"{entry.mode:o}", "size": entry.blob.size}
        for path, entry in entries.items()
    }
    try:
        return canonical_json(document)
    except UnicodeEncodeError as fault:
        raise StoreError(f"a file name in the folder is not UTF-8: {fault.object!a}", "rename the file") from fault


def entries_of(manifest: bytes) -> dict[str, Entry]:
    """The entries of a manifest. Raises BlobCorrupt if it isn't one or has a path that leads out of the folder."""
    try:
        return {
            _inside(path): Entry(Blob(entry["digest"], entry["size"]), executable=entry["mode"] == "755")
            for path, entry in json.loads(manifest).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BlobCorrupt(f"this is not the manifest of a folder: {fault}") from fault


def artifact_of(path: Path) -> Artifact:
    """What `put_artifact` gives for a file or a folder, without keeping anything.

    Raises SourceChanged if a file is written to meanwhile, StoreError.
    """
    name = path.absolute().name
    if not path.is_dir():
        digest = digest_file(path)
        with disk_faults(f"read `{path}`"):
            return Artifact(digest, path.stat().st_size, "file", name)
    with disk_faults(f"read `{path}`"):
        entries = {
            inside: Entry(Blob(digest_file(file), file.stat().st_size), is_executable(file))
            for inside, file in files_in(path)
        }
    size = sum(entry.blob.size for entry in entries.values())
    return Artifact(digest_bytes(manifest_of(entries)), size, "folder", name)


def is_executable(path: Path) -> bool:
    """Whether its owner may run the file."""
    with disk_faults(f"read `{path}`"):
        return bool(path.stat().st_mode & _EXECUTABLE)


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or not parts.parts or ".." in parts.parts:
        raise ValueError(f"`{path}` leads out of the folder")
    return path


def _walk(folder: Path, *, inside: Path, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    above = (*above, folder.resolve())
    for place in folder.iterdir():
        target = _target(place)
        if not target.is_relative_to(inside):
            raise StoreError(f"the link `{place}` leads out of its folder to `{target}`", "put a copy in its place")
        if target in above:
            raise StoreError(f"the link `{place}` leads back to a folder that it is in", "remove the link")
        if target.is_dir():
            for below, file in _walk(place, inside=inside, above=above):
                yield f"{place.name}/{below}", file
        elif target.is_file():
            yield place.name, place
        else:
            raise StoreError(f"`{place}` is neither a file nor a folder", "remove it or write the data elsewhere")


def _target(place: Path) -> Path:
    try:
        return place.resolve()
    except RuntimeError as fault:  # how pathlib before 3.13 complains about a circle of links
        raise StoreError(f"the link `{place}` leads to itself", "remove the link") from fault
