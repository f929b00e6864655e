"""Stages that run a command: their cache key, their result, and what is read out of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults, refusals
from mlopsctl.engine.attempts import AttemptFailedError, Attempts
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.session import Session
from mlopsctl.events import Outcome, StageStarted
from mlopsctl.frozen import frozen
from mlopsctl.ir.fingerprint import Parts, command_parts, key_of
from mlopsctl.ir.lower_stages import METRICS
from mlopsctl.ir.model import EvaluateStage, Stage, TrainStage
from mlopsctl.ir.values import in_short
from mlopsctl.runtime.checkpoints import Checkpoint, forget, saved
from mlopsctl.runtime.figures import figure
from mlopsctl.runtime.metrics import Metrics, MetricsUnreadable, read_metrics
from mlopsctl.source.nodes import Plain
from mlopsctl.store import Artifact, SearchRecord, StageRecord, short_run, timestamp

_MOST_METRICS = 3


@frozen(kw_only=True)
class Wanted:
    """The result that a stage needs: its key, and what went into it."""

    stage: Stage
    key: str
    parts: Parts
    params: Mapping[str, Plain]
    inputs: Mapping[str, Artifact]


def wanted(
    session: Session, stage: Stage, inputs: Mapping[str, Artifact], params: Mapping[str, Plain] | None = None
) -> Wanted:
    """The result that the stage needs with these inputs, and with the run's parameters if none are given."""
    values = session.values.of(stage) if params is None else params
    digests = {name: artifact.digest for name, artifact in inputs.items()}
    parts = command_parts(stage, params=values, inputs=digests, around=session.around(stage))
    return Wanted(stage=stage, key=key_of(parts), parts=parts, params=values, inputs=inputs)


def cached(session: Session, stage: Stage, key: str) -> StageResult | None:
    """The result with this key from an earlier run, unless the stage has to run again."""
    if stage.written_name in session.again:
        return None
    record = session.results.find(key)
    if record is None:
        return None
    session.results.note(stage.name, record)
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=Outcome.CACHED,
        summary=summary_of(stage, record),
        reason=f"cached from {short_run(record.run)}",
        cached_from=record.run,
        record=record,
    )


def refuse_if_left_out(session: Session, stage: Stage) -> None:
    """Raises DiagnosedError for a stage that `--only` leaves out: its result had to come from the cache."""
    if stage.written_name not in session.only:
        needed_by = ", ".join(sorted(session.only))
        raise DiagnosedError(faults.not_in_cache(stage.origin.name, stage.name, needed_by))


def fresh(session: Session, want: Wanted, *, label: str = "") -> tuple[StageRecord, Path]:
    """Run the stage's command and keep what it makes; also the folder of its outputs, until the run ends.

    `label` names a second run of the same stage on other inputs. Raises DiagnosedError.
    """
    stage = want.stage
    attempts = Attempts(
        session=session,
        stage=stage,
        label=label or stage.folder_name,
        params=want.params,
        inputs=want.inputs,
        checkpoint=_checkpoint(session, want),
    )
    try:
        result, place = attempts.run()
        metrics = _metrics(stage, result.paths)
    except DiagnosedError as error:
        session.results.keep(_record(session, want, attempts, outcome="failed"))
        if isinstance(error, AttemptFailedError):
            raise
        raise AttemptFailedError(*error.diagnostics, log=attempts.log) from error
    record = _record(
        session,
        want,
        attempts,
        outputs=dict(result.outputs),
        metrics=metrics.values if metrics else {},
        metrics_document=metrics.document if metrics else None,
    )
    return record, place.folder / "outputs"


def keep(session: Session, want: Wanted, record: StageRecord) -> None:
    """Keep a result that is there, in place of the state of the command that made it. Raises StoreError."""
    session.results.keep(record)
    if checkpoint := _checkpoint(session, want):
        forget(checkpoint, session.store)


def run_command_stage(session: Session, stage: Stage, inputs: Mapping[str, Artifact]) -> StageResult:
    """A train, task or evaluate stage, from the cache or by its command. Raises DiagnosedError."""
    want = wanted(session, stage, inputs)
    found = cached(session, stage, want.key)
    if found is not None:
        return found
    refuse_if_left_out(session, stage)
    reason = begin(session, stage, want.parts, goes_on=_goes_on(session, want))
    record, _ = fresh(session, want)
    keep(session, want, record)
    session.results.note(stage.name, record)
    return done(stage, record, reason)


def begin(session: Session, stage: Stage, parts: Mapping[str, Any], *, goes_on: str = "") -> str:
    """Say that the stage runs, and why."""
    if stage.written_name in session.again:
        reason = "asked for"
    else:
        reason = session.results.why(stage.name, parts, session.code_of(stage))
    reason = f"{reason}; {goes_on}" if goes_on else reason
    session.emit(StageStarted(stage=stage.name, kind=stage.kind, attempt=1, reason=reason))
    return reason


def _checkpoint(session: Session, want: Wanted) -> Checkpoint | None:
    """Where the command keeps its state, if it does. Of a result that was asked for anew, earlier runs have none."""
    stage = want.stage
    if not isinstance(stage, TrainStage) or stage.checkpoint is None:
        return None
    path, every = stage.checkpoint.path, stage.checkpoint.every
    anew = stage.written_name in session.again
    return Checkpoint(key=want.key, run=session.run, path=path, every=every, anew=anew)


def _goes_on(session: Session, want: Wanted) -> str:
    """From when the state is that the command goes on from, in words; empty if it begins from the start."""
    checkpoint = _checkpoint(session, want)
    found = saved(checkpoint, session.store) if checkpoint else None
    return f"goes on from its state of {found.at.replace('T', ' ').partition('.')[0]}" if found else ""


def done(stage: Stage, record: StageRecord, reason: str) -> StageResult:
    """The result of a stage that ran."""
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=Outcome.DONE,
        summary=summary_of(stage, record),
        reason=reason,
        seconds=record.seconds,
        record=record,
    )


def summary_of(stage: Stage, record: StageRecord) -> str:
    """What is worth knowing of a result, in a few words."""
    if record.search is not None:
        return _found_by(record.search, stage)
    if record.metrics:
        gated = [gate.metric for gate in stage.gates] if isinstance(stage, EvaluateStage) else []
        names = [name for name in dict.fromkeys((*gated, *record.metrics)) if name in record.metrics]
        return "  ".join(f"{name} {figure(record.metrics[name])}" for name in names[:_MOST_METRICS])
    if "summary" in record.data:
        return str(record.data["summary"])
    if "rows" in record.data:
        contract = ", contract holds" if record.data.get("contract") else ""
        rows = record.data["rows"]
        return f"{rows:,} row{'' if rows == 1 else 's'}{contract}"
    params = record.parts.get("params")
    if isinstance(params, dict) and params:
        return "params " + " ".join(f"{name}={value}" for name, value in params.items())
    return ""


def _found_by(search: SearchRecord, stage: Stage) -> str:
    best, count = search.best_trial, len(search.trials)
    failed = sum(trial.value is None for trial in search.trials)
    trials = f"{count} trial{'' if count == 1 else 's'}{f', {failed} failed' if failed else ''}"
    value = "" if best.value is None else figure(best.value)
    space = stage.tune.space if isinstance(stage, TrainStage) and stage.tune else ()
    params = {name: best.params[name] for name in space if name in best.params}  # in the order in which it is written
    return f"{trials}, best {search.metric} {value}: {in_short(params)}"


def _metrics(stage: Stage, paths: Mapping[str, Path]) -> Metrics | None:
    path = paths.get(METRICS)
    if path is None or not path.is_file():
        return None
    try:
        return read_metrics(path)
    except MetricsUnreadable as error:
        if not isinstance(stage, EvaluateStage):
            return None  # an output of that name that isn't ours to read
        span = stage.origin.value("run")
        raise DiagnosedError(refusals.metrics_unreadable(span, stage.name, str(error), error.hint)) from error


def _record(session: Session, want: Wanted, attempts: Attempts, **more: Any) -> StageRecord:
    ended = datetime.now(UTC)
    made = StageRecord(
        key=want.key,
        stage=want.stage.name,
        kind=want.stage.kind,
        parts=dict(want.parts),  # type: ignore[arg-type]  # parts are JSON, which has no type of its own
        outcome="done",
        started=timestamp(attempts.started),
        ended=timestamp(ended),
        seconds=round((ended - attempts.started).total_seconds(), 3),
        attempts=attempts.count,
        run=session.run,
        log=attempts.log,
    )
    return replace(made, **more)
