"""Releases in git held against what their runs left in the store: nothing serves that no run made, or was rejected."""

from collections.abc import Callable, Iterable, Iterator

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.engine.evidence import read_evidence
from mlopsctl.ir.release import Release as Written
from mlopsctl.release import faults
from mlopsctl.release.copying import RUNS
from mlopsctl.release.rejection import Rejection, rejection_of, standing
from mlopsctl.release.release_file import told_metrics
from mlopsctl.release.serving_faults import git_is_behind
from mlopsctl.store import BlobCorrupt, BlobMissing, RecordDamaged, RunRecord, Store, StoreError, short_run


def release_faults(
    releases: Iterable[Written], store: Store, is_turned_back: Callable[[Written], bool] = lambda _: False
) -> tuple[Diagnostic, ...]:
    """What is wrong with the releases that an environment with this store is to serve.

    A store that doesn't answer, or doesn't know a run, is a warning: the cluster verifies the model as it starts. So is
    a rejection of what `is_turned_back`: it gets no requests. That is asked only where the store says that it was.
    """
    found: list[Diagnostic] = []
    for written in releases:
        try:
            found.extend(_faults(written, store, standing(store), is_turned_back))
        except StoreError as error:
            found.append(faults.release_unverified(written.origin.value("run"), short_run(written.run), error.message))
    return tuple(found)


def _faults(
    written: Written, store: Store, rejections: list[Rejection], is_turned_back: Callable[[Written], bool]
) -> Iterator[Diagnostic]:
    short, place = short_run(written.run), written.origin.value("run")
    if rejection := rejection_of(written.run, written.digest, rejections):
        if rejection.turned_to and is_turned_back(written):
            yield git_is_behind(place, short, rejection.by, short_run(rejection.turned_to))
        else:
            yield faults.rejected(short, rejection.by, rejection.at, rejection.reason, place)
    document = store.read_record(RUNS, written.run)
    record = RunRecord.from_json(document) if document else None
    if record is None or record.release is None:
        why = f"`{store.url}` has no record of {'it' if record is None else 'a release of it'}"
        yield faults.release_unverified(place, short, why)
        return
    kept = record.release
    said: dict[tuple[str, ...], tuple[str, str]] = {
        ("commit",): (written.commit, kept.commit or written.commit),  # empty where the run's files were in no git
        ("model", "digest"): (written.digest, kept.model.digest),
        ("requirements",): (written.requirements, kept.requirements),
        ("evidence",): (written.evidence, kept.evidence),
        **{("data", name): (digest, kept.data.get(name, "")) for name, digest in written.data.items()},
    }
    measured = told_metrics(kept)
    said |= {
        ("metrics", name): (_figure(value), _figure(measured.get(name))) for name, value in written.metrics.items()
    }
    for path, (there, known) in said.items():
        if there != known:
            yield faults.release_forged(written.origin.value(*path), " ".join(path), short, known)
    if written.evidence == kept.evidence:
        yield from _evidence_faults(written, store)


def _evidence_faults(written: Written, store: Store) -> Iterator[Diagnostic]:
    """Evidence that is gone or damaged, or about another model than the one that is to serve."""
    try:
        evidence = read_evidence(store, written.evidence)
    except (BlobMissing, BlobCorrupt, RecordDamaged) as error:
        yield faults.evidence_wrong(short_run(written.run), error.message)
        return
    if evidence.model != written.digest:
        yield faults.evidence_wrong(short_run(written.run), f"it is about the model {evidence.model}")


def _figure(value: float | None) -> str:
    return "" if value is None else repr(float(value))
