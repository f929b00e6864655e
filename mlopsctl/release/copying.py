"""From one store to another: all that a release needs to serve there, and to be traced back.

Blobs first, then the records that name them, the run's own last: whoever sees the run there sees all of it. What is
there already isn't sent again, so what was interrupted goes on where it stopped.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.bundle import read_marks
from mlopsctl.engine.releases import served_by
from mlopsctl.engine.results import RECORDS, record_name
from mlopsctl.frozen import frozen
from mlopsctl.release import faults
from mlopsctl.release.card import card_of
from mlopsctl.store import (
    Artifact,
    BlobCorrupt,
    BlobMissing,
    RecordExists,
    Release,
    RunRecord,
    StageRecord,
    Store,
    canonical_json,
    short_run,
)

RUNS = "runs"
_EXECUTABLE = "+x"


@frozen(kw_only=True)
class Cargo:
    """What a release needs in a store: artifacts with what people call them, other blobs by digest, records by kind.

    `described` are the bytes of what serves, as its server is started from them.
    """

    run: str
    artifacts: tuple[tuple[str, Artifact], ...]
    blobs: tuple[tuple[str, str], ...]
    records: tuple[tuple[str, str], ...]
    described: bytes

    @property
    def size(self) -> int:
        """The bytes of the artifacts, which are nearly all there is to copy."""
        return sum(artifact.size for _, artifact in self.artifacts)


def address_of(store: Store) -> str:
    """The address of a store as a URI, also of a folder: two stores with one address are the same."""
    return store.url if "://" in store.url else Path(store.url).resolve().as_uri()


def is_same(one: Store, other: Store) -> bool:
    """Whether two stores are one."""
    return address_of(one) == address_of(other)


def cargo_of(store: Store, record: RunRecord, release: Release, references: Collection[str]) -> Cargo:
    """What a run's release needs. Raises DiagnosedError if its code can't be read, StoreError.

    `references` are the stages whose data requests are compared with. Other data stays where it is: records tell its
    digests, and nothing that serves reads it.
    """
    names = [record_name(stage.key, stage.cached_from or record.run) for stage in record.stages.values() if stage.key]
    found = {name: document for name in names if (document := store.read_record(RECORDS, name))}
    results = [StageRecord.from_json(document) for document in found.values()]
    code = {release.server.get("code"), *(result.parts.get("code") for result in results)}
    manifests = sorted(str(digest) for digest in code if digest)
    blobs = [("the evidence", release.evidence)]
    if card := card_of(results):
        blobs.append(("the model card", card.digest))
    blobs += [("the provenance", digest) for digest in (release.provenance, *record.provenance.values()) if digest]
    if release.requirements:
        blobs.append(("the lock file", release.requirements))
    for manifest in manifests:
        blobs += [("the code", digest) for digest in _code(store, record.run, manifest)]
    data = [result for result in results if result.stage in references]
    return Cargo(
        run=record.run,
        artifacts=(
            ("the model", release.model),
            *((f"the data of `{result.stage}`", made) for result in data for made in result.outputs.values()),
        ),
        blobs=tuple(dict.fromkeys(blobs)),
        records=(*((RECORDS, name) for name in found), (RUNS, record.run)),
        described=canonical_json(served_by(release)),
    )


def bring(cargo: Cargo, source: Store, target: Store, tell: Callable[[int], None]) -> int:
    """Bring it from one store to the other; how many bytes of artifacts are there. Raises DiagnosedError, StoreError.

    All bytes are read and held against their digests, also where both are the same store. `tell` is told how many
    bytes of artifacts are done.
    """
    done = 0
    with TemporaryDirectory() as folder:
        for number, (what, artifact) in enumerate(cargo.artifacts):
            if is_same(source, target) or not target.artifact_is_whole(artifact):
                _bring_artifact(cargo.run, what, artifact, (source, target), Path(folder) / str(number))
            done += artifact.size
            tell(done)
        for what, digest in cargo.blobs:
            _bring_blob(cargo.run, what, digest, (source, target), Path(folder) / "blob")
    target.put_bytes(cargo.described)
    if not is_same(source, target):
        for kind, name in cargo.records:
            _bring_record(kind, name, source, target)
    return done


def _bring_artifact(run: str, what: str, artifact: Artifact, stores: tuple[Store, Store], place: Path) -> None:
    source, target = stores
    place.mkdir()
    try:
        source.fetch_artifact(artifact, place / artifact.name)
    except (BlobMissing, BlobCorrupt) as error:
        raise DiagnosedError(faults.blob_damaged(short_run(run), what, error.message)) from error
    if not is_same(source, target) and target.put_artifact(place / artifact.name).digest != artifact.digest:
        raise DiagnosedError(faults.blob_damaged(short_run(run), what, "it changed on its way"))


def _bring_blob(run: str, what: str, digest: str, stores: tuple[Store, Store], place: Path) -> None:
    source, target = stores
    try:
        source.fetch(digest, place)
    except (BlobMissing, BlobCorrupt) as error:
        raise DiagnosedError(faults.blob_damaged(short_run(run), what, error.message)) from error
    if not is_same(source, target):
        target.put_file(place)


def _bring_record(kind: str, name: str, source: Store, target: Store) -> None:
    document = source.read_record(kind, name)
    if document is None:
        return
    try:
        target.add_record(kind, name, document)
    except RecordExists:
        if target.read_record(kind, name) != document:
            raise DiagnosedError(faults.record_differs(f"{kind}/{name}", target.url)) from None


def _code(store: Store, run: str, manifest: str) -> Iterator[str]:
    """The manifest of some code, after the blobs that it names."""
    try:
        yield from (mark.removesuffix(_EXECUTABLE) for mark in read_marks(store, manifest).values())
    except (BlobMissing, BlobCorrupt) as error:
        raise DiagnosedError(faults.blob_damaged(short_run(run), "the code", error.message)) from error
    yield manifest
