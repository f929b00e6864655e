"""What came true: outcomes by the id that joins them to predictions, read anew each time, as they come late."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine import drift_faults, faults
from mlopsctl.engine.reference import Reader, sampled
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.ir.parts import Performance
from mlopsctl.ir.values import Values, source_text
from mlopsctl.runtime.data_contract.sample import Wanted
from mlopsctl.runtime.drift.columns import is_missing, label

MOST_ROWS = 500_000  # which are held in memory


class TruthMissing(DiagnosedError):
    """There is nothing where the truth is to be, as `why` says."""

    def __init__(self, why: str, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.why = why


@frozen(kw_only=True)
class Truth:
    """The outcomes that are known, by their ids, and how many rows the truth has."""

    rows: int
    outcomes: Mapping[str, Any]


def read_truth(reader: Reader, pipeline: Pipeline, monitor: MonitorStage, now: datetime, check: str) -> Truth:
    """The truth of a monitor, for the check with this id.

    Raises DiagnosedError, of which TruthMissing is one, and StoreError.
    """
    performance = monitor.performance
    assert performance is not None, "only a monitor with a performance has a truth"
    assert performance.truth is not None, "the schema asks for it"
    known = {"run.id": check, "run.date": now.date().isoformat(), "environment.name": pipeline.environment}
    address = source_text(performance.truth, Values({}).of(monitor), known)
    with TemporaryDirectory(prefix="mlopsctl-truth-") as folder:
        path = _brought(reader, pipeline, monitor, address, Path(folder))
        wanted = sorted({performance.on, performance.outcome}) if performance.outcome else None
        found = sampled(reader, path, Wanted(wanted, MOST_ROWS))
    if "unreadable" in found:
        raise _unreadable(monitor, str(found["unreadable"]))
    if found["rows"] > MOST_ROWS:
        raise _unreadable(monitor, f"it has {found['rows']:,} rows, and at most {MOST_ROWS:,} are held in memory")
    columns: dict[str, list[Any]] = found["columns"]
    outcome = _outcome(monitor, performance, tuple(columns))
    # Of several rows with one id the last counts, which is how corrections are appended.
    pairs = zip(columns[performance.on], columns[outcome], strict=True)
    outcomes = {label(key): value for key, value in pairs if not is_missing(key) and not is_missing(value)}
    return Truth(rows=found["rows"], outcomes=outcomes)


def _brought(reader: Reader, pipeline: Pipeline, monitor: MonitorStage, address: str, folder: Path) -> Path:
    """The truth as a file or folder of this machine. Raises DiagnosedError, StoreError."""
    if "://" in address:
        return _fetched(reader, monitor, address, folder)
    if reader.pinned is None:
        local = (pipeline.file.parent / address).resolve()
        if not local.exists():
            raise _missing(monitor, f"there is no `{address}`")
        return local
    artifact = reader.pinned.get(address)
    if artifact is None:
        raise _missing(monitor, f"`{address}` was no file of the project when the pipeline was applied")
    path = folder / artifact.name
    reader.store.fetch_artifact(artifact, path, link=True)
    return path


def _fetched(reader: Reader, monitor: MonitorStage, address: str, folder: Path) -> Path:
    from mlopsctl.runtime.fetch import (  # a client of the network, which few checks need
        FetchFailed,
        FetchStopped,
        NothingThere,
        fetch,
        file_name,
    )

    try:
        return fetch(address, folder / file_name(address), stop=reader.stop).path
    except FetchStopped as error:
        raise DiagnosedError(faults.interrupted(monitor.origin.name, monitor.name)) from error
    except NothingThere as error:
        raise _missing(monitor, error.message, error.hint) from error
    except FetchFailed as error:
        raise _unreadable(monitor, error.message, error.hint) from error


def _outcome(monitor: MonitorStage, performance: Performance, names: tuple[str, ...]) -> str:
    """The column of the truth that says what came true. Raises DiagnosedError."""
    others = [name for name in names if name != performance.on]
    if performance.on not in names or len(others) != 1:
        raise DiagnosedError(drift_faults.truth_unclear(monitor.name, performance, names))
    return others[0]


def _missing(monitor: MonitorStage, why: str, hint: str = "") -> TruthMissing:
    return TruthMissing(why, *_unreadable(monitor, why, hint).diagnostics)


def _unreadable(monitor: MonitorStage, why: str, hint: str = "") -> DiagnosedError:
    assert monitor.performance is not None, "it was just read"
    return DiagnosedError(drift_faults.truth_unreadable(monitor.name, monitor.performance, why, hint))
