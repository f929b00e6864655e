"""The artifact store behind one URL: blobs by digest, append-only records, compare-and-swap pointers."""

from mlopsctl.store.backend import Patience
from mlopsctl.store.contents import Artifact, Blob, Pointer
from mlopsctl.store.digest import DigestCache, canonical_json, digest_bytes, digest_file, digest_json
from mlopsctl.store.errors import (
    BlobCorrupt,
    BlobMissing,
    PointerMoved,
    RecordDamaged,
    RecordExists,
    SourceChanged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnreachable,
    UnsupportedStore,
)
from mlopsctl.store.location import open_store
from mlopsctl.store.records import Release, RunRecord, RunStage, StageRecord, timestamp
from mlopsctl.store.store import Store
from mlopsctl.store.trial import Trial
from mlopsctl.store.ulid import new_ulid, short_run

__all__ = [
    "Artifact",
    "Blob",
    "BlobCorrupt",
    "BlobMissing",
    "DigestCache",
    "Patience",
    "Pointer",
    "PointerMoved",
    "RecordDamaged",
    "RecordExists",
    "Release",
    "RunRecord",
    "RunStage",
    "SourceChanged",
    "StageRecord",
    "Store",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreUnreachable",
    "Trial",
    "UnsupportedStore",
    "canonical_json",
    "digest_bytes",
    "digest_file",
    "digest_json",
    "new_ulid",
    "open_store",
    "short_run",
    "timestamp",
]
