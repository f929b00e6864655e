"""The data that requests are compared with: a sample of what the run that serves read, drawn once and then kept."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import drift_faults
from mlopsctl.engine.results import result_in
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DataStage, MonitorStage, Pipeline
from mlopsctl.ir.parts import StageOutput
from mlopsctl.runtime import data_contract
from mlopsctl.runtime.data_contract.check import files_of
from mlopsctl.runtime.data_contract.sample import Wanted, sample_report
from mlopsctl.runtime.process import Command, run_command
from mlopsctl.runtime.stop import Stop
from mlopsctl.source.nodes import Json
from mlopsctl.store import Artifact, PointerMoved, RunRecord, Store, digest_json

MOST_ROWS = 50_000  # so many that chance moves no distance as much as a few hundred requests do


@frozen(kw_only=True)
class Reader:
    """What data is read with: `python` gives the pipeline's own, which is needed for parquet alone.

    `pinned` are files of the project by address, where there are none but these.
    """

    store: Store
    python: Callable[[], Path]
    stop: Stop
    pinned: Mapping[str, Artifact] | None = None


@frozen(kw_only=True)
class Reference:
    """A sample of the reference: cells by column, how many rows all of it has, and what each column is declared as.

    Columns that are `personal` are not among them: requests are kept without these.
    """

    artifact: Artifact
    rows: int
    columns: dict[str, list[Any]]
    declared: dict[str, str]
    personal: frozenset[str]


def read_reference(reader: Reader, pipeline: Pipeline, monitor: MonitorStage, run: str) -> Reference:
    """The reference of a monitor as the run had it. Raises DiagnosedError, StoreError."""
    assert monitor.reference is not None, "only a monitor with a reference compares with one"
    artifact = _artifact(reader.store, pipeline, monitor, monitor.reference, run)
    contract = _contract(pipeline, monitor.reference)
    columns = sorted(named.name for named in monitor.columns) or None
    wanted = Wanted(columns, MOST_ROWS, without=sorted(pipeline.personal))
    sample = _sample(reader, monitor, artifact, wanted)
    return Reference(
        artifact=artifact,
        rows=sample["rows"],
        columns=sample["columns"],
        declared={name: str(column.get("type", "")) for name, column in contract.items()},
        personal=pipeline.personal,
    )


def _artifact(store: Store, pipeline: Pipeline, monitor: MonitorStage, reference: StageOutput, run: str) -> Artifact:
    """What the run had where the monitor points. Raises DiagnosedError if the store doesn't know."""
    document = store.read_record("runs", run)
    stage = RunRecord.from_json(document).stages.get(reference.stage) if document else None
    result = result_in(store, run, stage) if stage is not None else None
    artifact = result.outputs.get(pipeline.output_of(reference)) if result else None
    if artifact is None:
        raise DiagnosedError(drift_faults.no_reference(reference.span, monitor.name, reference.stage, run))
    return artifact


def _contract(pipeline: Pipeline, reference: StageOutput) -> Mapping[str, Mapping[str, Json]]:
    stage = pipeline.stages.get(reference.stage)
    return stage.contract.columns if isinstance(stage, DataStage) and stage.contract is not None else {}


def _sample(reader: Reader, monitor: MonitorStage, artifact: Artifact, wanted: Wanted) -> dict[str, Any]:
    """The sample from the store, or drawn and put there: the same data and columns give the same one."""
    store = reader.store
    identity = digest_json(["sample", 2, artifact.digest, wanted.to_json()])
    name = f"samples/{identity.removeprefix('sha256:')}"
    pointer = store.read_pointer(name)
    if pointer is not None:
        kept: dict[str, Any] = json.loads(store.get_bytes(str(pointer.value["blob"])))
        return kept
    with TemporaryDirectory(prefix="mlopsctl-reference-") as folder:
        path = Path(folder) / artifact.name
        store.fetch_artifact(artifact, path, link=True)
        drawn = sampled(reader, path, wanted)
    if "unreadable" in drawn:
        assert monitor.reference is not None, "it was just read"
        raise DiagnosedError(
            drift_faults.reference_unreadable(monitor.reference.span, monitor.name, str(drawn["unreadable"]))
        )
    with suppress(PointerMoved):  # by another check, to the same
        store.move_pointer(name, {"blob": store.put_bytes(json.dumps(drawn).encode()).digest}, expect=None)
    return drawn


def sampled(reader: Reader, path: Path, wanted: Wanted) -> dict[str, Any]:
    """Some rows of a file or folder, as `data_contract.sample.sample_report` gives them."""
    try:
        needs_packages = any(file.suffix.lower() == ".parquet" for file in files_of(path))
    except OSError as error:
        return {"unreadable": error.strerror}
    if not needs_packages:
        return sample_report(path, wanted)
    with TemporaryDirectory(prefix="mlopsctl-sample-") as folder:
        return _sampled_by_packages(reader, path, wanted, Path(folder))


def _sampled_by_packages(reader: Reader, path: Path, wanted: Wanted, folder: Path) -> dict[str, Any]:
    """The same, by the pipeline's Python, whose files are in a folder of its own."""
    spec, report = folder / "spec.json", folder / "report.json"
    spec.write_text(json.dumps({"path": str(path.absolute()), "sample": wanted.to_json()}), encoding="utf-8")
    argv = tuple(data_contract.command(reader.python(), spec, report))
    command = Command(argv=argv, cwd=folder, env={}, log=folder / "log.txt")
    ending = run_command(command, on_line=lambda _: None, stop=reader.stop)
    if ending.exit_code != 0:
        return {"unreadable": "; ".join(ending.last_lines[-3:]) or "its reader was ended"}
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found
