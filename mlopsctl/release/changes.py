"""What a promotion changes: the run against the one that git names now, as facts that a reviewer can judge."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlopsctl.engine.results import result_in
from mlopsctl.frozen import frozen
from mlopsctl.ir.release import Release as Written
from mlopsctl.release.card import card_of
from mlopsctl.release.copying import RUNS
from mlopsctl.release.git import Repository
from mlopsctl.release.promotion import Promotable
from mlopsctl.release.release_file import told_metrics
from mlopsctl.store import BlobCorrupt, BlobMissing, RunRecord, StageRecord, Store

_RELEASES = "releases"


@frozen(kw_only=True)
class Metric:
    """A number and what it is where it serves now, or None."""

    name: str
    value: float
    before: float | None


@frozen(kw_only=True)
class Data:
    """Data by digest; `rows` are None where nobody counted them, and what was before is empty where there was none."""

    stage: str
    digest: str
    rows: int | None
    digest_before: str
    rows_before: int | None


@frozen(kw_only=True)
class Param:
    """A parameter that had another value before."""

    name: str
    value: Any
    before: Any


@frozen(kw_only=True)
class Code:
    """The commits between two runs; `commits` is None where this repository doesn't know one of them."""

    commit: str
    commit_before: str
    commits: int | None
    files: tuple[str, ...]


@frozen(kw_only=True)
class Changes:
    """What is other than now. `serving` is the run that git names now, or empty; `card` the text of a model card."""

    serving: str
    metrics: tuple[Metric, ...]
    data: tuple[Data, ...]
    params: tuple[Param, ...]
    code: Code
    card: str


def changes_of(
    promotable: Promotable, written: Written | None, stores: tuple[Store, Store], repository: Repository, code: Path
) -> Changes:
    """What a promotion changes of the release that is `written` now. Raises StoreError.

    `stores` are where the run is, and where the one that serves now is; `code` is the pipeline's folder.
    """
    release = promotable.release
    record_before = _record(stores[1], written.run) if written else None
    known = written.metrics if written else {}
    return Changes(
        serving=written.run if written else "",
        metrics=tuple(
            Metric(name=name, value=value, before=known.get(name)) for name, value in told_metrics(release).items()
        ),
        data=tuple(_data(promotable, written, record_before, stores)),
        params=tuple(_params(promotable.record, record_before)),
        code=_code(release.commit, written.commit if written else "", repository, code),
        card=_card(promotable.record, stores[0]),
    )


def _data(
    promotable: Promotable, written: Written | None, before: RunRecord | None, stores: tuple[Store, Store]
) -> Iterator[Data]:
    for stage, digest in sorted(promotable.release.data.items()):
        yield Data(
            stage=stage,
            digest=digest,
            rows=_rows(promotable.record, stage, stores[0]),
            digest_before=written.data.get(stage, "") if written else "",
            rows_before=_rows(before, stage, stores[1]) if before else None,
        )


def _params(record: RunRecord, before: RunRecord | None) -> Iterator[Param]:
    for name, value in sorted(record.params.items()) if before else ():
        if before is not None and before.params.get(name) != value:
            yield Param(name=name, value=value, before=before.params.get(name))


def _code(commit: str, before: str, repository: Repository, folder: Path) -> Code:
    if not before or not (repository.has(commit) and repository.has(before)):
        return Code(commit=commit, commit_before=before, commits=None, files=())
    # Releases are what promotions change, and no code.
    paths = ("--", str(folder), f":(exclude){folder / _RELEASES}")
    changed = repository.said("diff", "--name-only", "--no-renames", before, commit, *paths) or ""
    return Code(
        commit=commit,
        commit_before=before,
        commits=int(repository.said("rev-list", "--count", "--no-merges", f"{before}..{commit}", *paths) or 0),
        files=tuple(changed.splitlines()),
    )


def _card(record: RunRecord, store: Store) -> str:
    """The text of the run's model card; empty if it has none, or the store no longer has it."""
    card = card_of(_results(record, store))
    try:
        return store.get_bytes(card.digest).decode(errors="replace") if card else ""
    except (BlobMissing, BlobCorrupt):
        return ""


def _rows(record: RunRecord, stage: str, store: Store) -> int | None:
    kept = record.stages.get(stage)
    result = result_in(store, record.run, kept) if kept else None
    rows = result.data.get("rows") if result else None
    return rows if isinstance(rows, int) else None


def _results(record: RunRecord, store: Store) -> Iterator[StageRecord]:
    found = (result_in(store, record.run, stage) for stage in record.stages.values())
    return (result for result in found if result is not None)


def _record(store: Store, run: str) -> RunRecord | None:
    document = store.read_record(RUNS, run)
    return RunRecord.from_json(document) if document else None
