"""The artifact store behind one URL: blobs by digest, append-only records, compare-and-swap pointers."""

from mlopsctl.store.backend import Patience
from mlopsctl.store.contents import Artifact, Blob, Pointer
from mlopsctl.store.digest import DigestCache, canonical_json, digest_bytes, digest_file, digest_json, digest_parts
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
from mlopsctl.store.manifest import artifact_of, entries_of
from mlopsctl.store.outage import Outage
from mlopsctl.store.records import (
    DriftCheck,
    Kept,
    PredictionBatch,
    Release,
    RunRecord,
    RunStage,
    StageRecord,
    timestamp,
)
from mlopsctl.store.search import SearchRecord, TrialRecord
from mlopsctl.store.store import Store
from mlopsctl.store.trial import Trial
from mlopsctl.store.ulid import new_ulid, run_id, short_run, ulid_time

__all__ = [
    "Artifact",
    "Blob",
    "BlobCorrupt",
    "BlobMissing",
    "DigestCache",
    "DriftCheck",
    "Kept",
    "Outage",
    "Patience",
    "Pointer",
    "PointerMoved",
    "PredictionBatch",
    "RecordDamaged",
    "RecordExists",
    "Release",
    "RunRecord",
    "RunStage",
    "SearchRecord",
    "SourceChanged",
    "StageRecord",
    "Store",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreUnreachable",
    "Trial",
    "TrialRecord",
    "UnsupportedStore",
    "artifact_of",
    "canonical_json",
    "digest_bytes",
    "digest_file",
    "digest_json",
    "digest_parts",
    "entries_of",
    "new_ulid",
    "open_store",
    "run_id",
    "short_run",
    "timestamp",
    "ulid_time",
]
