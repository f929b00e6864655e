"""Data stages: bring the data, see that it is the version that was pinned, and hold it against its contract."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine import faults, refusals
from mlopsctl.engine.environment import Environment
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.session import Session, base_environment
from mlopsctl.engine.sources import bring
from mlopsctl.engine.work import begin, cached, done, fresh, refuse_if_left_out, wanted
from mlopsctl.events import Check, Outcome, StageOutput
from mlopsctl.ir.fingerprint import Parts, data_parts, key_of
from mlopsctl.ir.lower_stages import DATA
from mlopsctl.ir.model import DataStage
from mlopsctl.ir.values import source_text
from mlopsctl.runtime import data_contract
from mlopsctl.runtime.process import Command, run_command
from mlopsctl.store import Artifact, StageRecord, timestamp

_READABLE = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".parquet")


def run_data_stage(session: Session, stage: DataStage, inputs: Mapping[str, Artifact]) -> StageResult:
    """A data stage, from the cache or anew. Raises DiagnosedError."""
    if stage.source is None:
        return _made(session, stage, inputs)
    address = source_text(stage.source, session.values.of(stage), session.known())
    pinned = _pinned(session, stage, address)
    if pinned is not None:
        return pinned
    source = bring(session, stage, address)
    if stage.version is not None and source.digest != stage.version:
        span = stage.origin.value("version")
        raise DiagnosedError(refusals.other_version(span, stage.name, stage.version, source.digest))
    old = _too_old(stage, source.modified)
    if old is not None:
        return StageResult(
            stage=stage.name, kind=stage.kind, outcome=Outcome.REFUSED, summary=old.message, diagnostics=(old,)
        )
    parts = data_parts(stage, source.digest)
    key = key_of(parts)
    found = cached(session, stage, key)
    if found is not None:
        return found
    refuse_if_left_out(session, stage)
    reason = begin(session, stage, parts)
    started = datetime.now(UTC)
    artifact = source.artifact or session.store.put_artifact(source.path)
    if artifact.digest != source.digest:
        span, why = stage.origin.value("source"), f"`{address}` changed while it was read"
        raise DiagnosedError(faults.source_unreadable(span, stage.name, why, "wait until nothing writes to it"))
    record = _record(session, stage, parts, {DATA: artifact})
    return _checked(session, stage, replace(record, started=timestamp(started)), source.path, reason)


def _pinned(session: Session, stage: DataStage, address: str) -> StageResult | None:
    """The result for pinned data that isn't here, if there is one already: then nothing needs to be fetched."""
    if "://" in address:
        digest = stage.version
    else:
        artifact = (session.pinned or {}).get(address)
        digest = artifact.digest if artifact and stage.version in (None, artifact.digest) else None
    return cached(session, stage, key_of(data_parts(stage, digest))) if digest else None


def _made(session: Session, stage: DataStage, inputs: Mapping[str, Artifact]) -> StageResult:
    want = wanted(session, stage, inputs)
    found = cached(session, stage, want.key)
    if found is not None and not _is_old(stage, found.record):
        return found
    refuse_if_left_out(session, stage)
    reason = (
        begin(session, stage, want.parts)
        if found is None
        else f"older than {stage.origin.text('contract', 'freshness')}"
    )
    record, outputs = fresh(session, want)
    return _checked(session, stage, record, outputs / stage.outputs[DATA].path, reason)


def _checked(session: Session, stage: DataStage, record: StageRecord, path: Path, reason: str) -> StageResult:
    """Hold the data against its contract and keep the result, if the contract holds."""
    report = _report(session, stage, path)
    record = replace(
        record, data={key: report[key] for key in ("rows", "bytes", "columns", "statistics") if key in report}
    )
    record.data["contract"] = stage.contract is not None
    now = datetime.now(UTC)
    seconds = (now - datetime.fromisoformat(record.started)).total_seconds()
    record = replace(record, ended=timestamp(now), seconds=round(seconds, 3))
    problems = report.get("problems", [])
    if problems:
        session.results.keep(replace(record, outcome="refused"))
        return StageResult(
            stage=stage.name,
            kind=stage.kind,
            outcome=Outcome.REFUSED,
            summary=f"contract broken in {len(problems)} place{'s' if len(problems) > 1 else ''}",
            reason=reason,
            seconds=record.seconds,
            checks=tuple(_check(problem) for problem in problems),
            diagnostics=tuple(_broken(stage, problem) for problem in problems),
        )
    session.results.keep(record)
    session.results.note(stage.name, record)
    return done(stage, record, reason)


def _report(session: Session, stage: DataStage, path: Path) -> dict[str, Any]:
    """What the check says: rows, statistics and problems."""
    if stage.contract is None and not path.name.endswith(_READABLE):
        return {}
    environment = _reader(session, stage, path)
    folder = session.workspace.folder / f"{stage.folder_name}-contract"
    folder.mkdir()
    spec, report = folder / "spec.json", folder / "report.json"
    spec.write_text(json.dumps({"path": str(path), "contract": stage.contract.spec if stage.contract else {}}))
    command = Command(
        argv=tuple(data_contract.command(environment.python, spec, report)),
        cwd=folder,
        env=base_environment(session.environ, environment),
        log=folder / "log.txt",
        timeout=stage.timeout,
    )
    ending = run_command(
        command, on_line=lambda line: session.emit(StageOutput(stage=stage.name, line=line)), stop=session.stop
    )
    if ending.exit_code != 0:
        raise DiagnosedError(_check_failed(stage, ending.reason, ending.last_lines))
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _reader(session: Session, stage: DataStage, path: Path) -> Environment:
    """The Python that reads the data: the pipeline's only for what needs a package, as it may not be made yet."""
    if data_contract.needs_a_package(path):
        return session.python.get(lambda line: session.emit(StageOutput(stage=stage.name, line=line)))
    ours = Path(sys.executable)
    return Environment(python=ours, bin=ours.parent, digest="", created=False)


def _check_failed(stage: DataStage, reason: str, tail: tuple[str, ...]) -> Diagnostic:
    span = stage.origin.key("contract")
    if reason == "stopped":
        return faults.interrupted(span, stage.name)
    return faults.command_failed(span, stage.name, "an error while its contract was checked", tail[-5:])


def _broken(stage: DataStage, problem: Mapping[str, Any]) -> Diagnostic:
    span = stage.origin.value("contract", *problem.get("key", ()))
    examples = tuple(_worded(example) for example in problem.get("examples", ()))
    return refusals.contract_broken(span, stage.name, problem["message"], examples)


def _worded(example: Mapping[str, Any]) -> str:
    value = "empty" if example["value"] in ("", None) else example["value"]
    return f"row {example['row']:,}: {value}" + (f" in {example['file']}" if example.get("file") else "")


def _check(problem: Mapping[str, Any]) -> Check:
    key = ".".join(str(step) for step in problem.get("key", ())) or "contract"
    return Check(expectation=key, observed=problem["message"], verdict="broken", holds=False)


def _is_old(stage: DataStage, record: StageRecord | None) -> bool:
    freshness = stage.contract.freshness if stage.contract else None
    if freshness is None or record is None:
        return False
    return (datetime.now(UTC) - datetime.fromisoformat(record.ended)).total_seconds() > freshness


def _too_old(stage: DataStage, modified: float | None) -> Diagnostic | None:
    freshness = stage.contract.freshness if stage.contract else None
    if freshness is None or modified is None or time.time() - modified <= freshness:
        return None
    span = stage.origin.value("contract", "freshness")
    allowed = stage.origin.text("contract", "freshness") or ""
    return refusals.too_old(span, stage.name, _age(time.time() - modified), allowed)


def _age(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} seconds"


def _record(session: Session, stage: DataStage, parts: Parts, outputs: dict[str, Artifact]) -> StageRecord:
    now = timestamp(datetime.now(UTC))
    return StageRecord(
        key=key_of(parts),
        stage=stage.name,
        kind=stage.kind,
        parts=dict(parts),  # type: ignore[arg-type]  # parts are JSON, which has no type of its own
        outcome="done",
        started=now,
        ended=now,
        seconds=0.0,
        attempts=1,
        run=session.run,
        outputs=outputs,
    )
