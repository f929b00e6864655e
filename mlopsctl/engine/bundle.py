"""The code of a stage in the store: its files as blobs, and a manifest that says which path has which.

The digest of the manifest is what stages are pinned to and what counts for their keys, so whoever has it and the store
has the code as it was.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from mlopsctl.ir.code import CodeTree
from mlopsctl.ir.contract import runs_code
from mlopsctl.ir.model import Pipeline
from mlopsctl.store import BlobCorrupt, SourceChanged, Store, canonical_json

_EXECUTABLE = "+x"


def put_code(store: Store, files: Mapping[str, Path], marks: Mapping[str, str]) -> str:
    """Keep the files with these marks; the digest of the manifest. Nothing is sent that is there already.

    Raises SourceChanged if a file is no longer what its mark says, StoreError.
    """
    for path, mark in marks.items():
        blob = store.put_file(files[path])
        if blob.digest != mark.removesuffix(_EXECUTABLE):
            raise SourceChanged(f"`{path}` changed since it was fingerprinted", "run the same command again")
    return store.put_bytes(canonical_json(dict(marks))).digest


def put_pipeline(store: Store, pipeline: Pipeline, code: CodeTree, data: Iterable[str]) -> None:
    """Keep all that the pods of a pipeline ask the store for: the code of each stage, the lock file, data by address.

    Raises SourceChanged if a file is no longer what its mark says, StoreError.
    """
    for part in {stage.code_include for stage in pipeline.stages.values() if runs_code(stage)}:
        put_code(store, code.files, code.part(part))
    if pipeline.code.requirements is not None:
        store.put_file(pipeline.code.requirements)
    for address in data:
        store.put_artifact(pipeline.file.parent / address)


def read_marks(store: Store, manifest: str) -> dict[str, str]:
    """The marks of a manifest by path. Raises StoreError, also for a path that leads out of the code."""
    try:
        marks = {_inside(path): str(mark) for path, mark in json.loads(store.get_bytes(manifest)).items()}
    except (ValueError, AttributeError) as fault:
        raise BlobCorrupt(f"`{manifest}` is not the manifest of any code: {fault}") from fault
    return marks


def fetch_code(store: Store, manifest: str, to: Path) -> None:
    """The code of a manifest, as it was when it ran, in a new folder. Raises StoreError."""
    fetch_files(store, read_marks(store, manifest), to)


def fetch_files(store: Store, marks: Mapping[str, str], to: Path) -> None:
    """Verified copies of the files with these marks, in a new folder. Raises StoreError."""
    to.mkdir(parents=True)
    for folder in {(to / path).parent for path in marks}:
        folder.mkdir(parents=True, exist_ok=True)
    store.fetch_all({to / path: mark.removesuffix(_EXECUTABLE) for path, mark in marks.items()})
    for path, mark in marks.items():
        (to / path).chmod(0o755 if mark.endswith(_EXECUTABLE) else 0o644)


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or os.fspath(parts) in ("", "."):
        raise ValueError(f"`{path}` leads out of the code")
    return path
