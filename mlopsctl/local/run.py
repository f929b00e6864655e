"""One run from its beginning to its record."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine.actor import who_here
from mlopsctl.engine.cache import default_cache
from mlopsctl.engine.provenance import building_of, keep_statements
from mlopsctl.engine.releases import read_serving
from mlopsctl.engine.result import StageResult, as_kept
from mlopsctl.engine.results import Results
from mlopsctl.engine.selection import select
from mlopsctl.engine.session import Session, SharedEnvironment
from mlopsctl.engine.suggesting import need_optuna
from mlopsctl.events import Event, Outcome, RunEnded, RunStarted
from mlopsctl.frozen import frozen
from mlopsctl.ir.code import code_of
from mlopsctl.ir.fan_out import written_parts
from mlopsctl.ir.model import Pipeline, TrainStage
from mlopsctl.ir.values import read_values
from mlopsctl.local.engine import Engine
from mlopsctl.local.git import commit_of
from mlopsctl.local.unsupported import not_run_here
from mlopsctl.local.workspace import state_folder, workspace
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import DigestCache, RunRecord, Store, digest_file, new_ulid, timestamp

RUNS = "runs"


@frozen(kw_only=True)
class Request:
    """What is asked for. `begin` and `only` name stages; `documents` are files that are no part of the code."""

    root: Path
    project: str
    documents: frozenset[Path]
    pipeline: Pipeline
    params: Mapping[str, str]
    begin: str | None
    only: str | None
    force: bool
    jobs: int


@frozen(kw_only=True)
class Finished:
    """How a run ended: its record, and why it didn't end well."""

    record: RunRecord
    outcome: Outcome
    diagnostics: tuple[Diagnostic, ...]


def run(
    request: Request, store: Store, emit: Callable[[Event], None], stop: Stop, environ: Mapping[str, str]
) -> Finished:
    """Run a pipeline and keep its record. Raises DiagnosedError if it can't begin, StoreError if it can't be kept."""
    pipeline, started = request.pipeline, datetime.now(UTC)
    values, wrong = read_values(pipeline, request.params)
    if wrong:
        raise DiagnosedError(*wrong)
    selection = select(pipeline, begin=request.begin, only=request.only, force=request.force)
    need_optuna([stage for stage in pipeline.of_kind(TrainStage) if stage.name in selection.only])
    state = state_folder(request.root)
    code = code_of(pipeline, values, request.documents)
    run_id = new_ulid(time.time_ns() // 1_000_000, os.urandom(10))
    commit = commit_of(pipeline.file.parent)
    requirements = pipeline.code.requirements
    with ExitStack() as closing:
        session = Session(
            run=run_id,
            root=request.root,
            pipeline=pipeline,
            values=values,
            store=store,
            results=Results(store, pipeline.name, pipeline.environment),
            workspace=closing.enter_context(workspace(state, run_id, code, requirements)),
            digests=DigestCache(state / "digests"),
            commit=commit,
            who=who_here(environ),
            started=started,
            emit=emit,
            stop=stop,
            environ=environ,
            again=selection.again,
            only=selection.only,
            needed=selection.needed,
            jobs=request.jobs,
            requirements=digest_file(requirements) if requirements else "",
            python=SharedEnvironment(pipeline.code, default_cache(environ), stop),
        )
        emit(_beginning(session))
        results = Engine(session, request.jobs).run()
    return _finished(session, request.project, results)


def _finished(session: Session, project: str, results: Mapping[str, StageResult]) -> Finished:
    """Keep the record of a run and tell its end. Raises what a stage met that is a bug of ours."""
    for result in results.values():
        if result.bug is not None:
            raise result.bug
    outcome = _outcome(session, results)
    record = _record(session, project, results, outcome)
    session.store.add_record(RUNS, session.run, record.to_json())
    session.emit(_end(record, outcome, (datetime.now(UTC) - session.started).total_seconds(), session.store))
    return Finished(
        record=record,
        outcome=outcome,
        diagnostics=tuple(fault for result in results.values() for fault in result.diagnostics),
    )


def _beginning(session: Session) -> RunStarted:
    return RunStarted(
        run=session.run,
        pipeline=session.pipeline.name,
        environment=session.pipeline.environment,
        commit=session.commit.short,
        changed_files=session.commit.changed_files,
        stages=tuple((stage.name, stage.kind) for stage in session.pipeline.ordered()),
        not_run=not_run_here(session.pipeline),
        parts=written_parts(session.pipeline),
    )


def _outcome(session: Session, results: Mapping[str, StageResult]) -> Outcome:
    """The run's outcome: the gravest of the stages asked for, of which those that are not run here don't count."""
    outcomes = {results[name].outcome for name in session.needed}
    if session.stop.is_set():
        return Outcome.INTERRUPTED
    for grave in (Outcome.FAILED, Outcome.REFUSED):
        if grave in outcomes:
            return grave
    if Outcome.SKIPPED in outcomes:
        return Outcome.FAILED
    return Outcome.CACHED if outcomes <= {Outcome.CACHED, Outcome.NOT_RUN} else Outcome.DONE


def _record(session: Session, project: str, results: Mapping[str, StageResult], outcome: Outcome) -> RunRecord:
    serving = read_serving(session.store, session.pipeline.name, session.pipeline.environment).release
    stages = {name: as_kept(result) for name, result in results.items()}
    return RunRecord(
        run=session.run,
        pipeline=session.pipeline.name,
        environment=session.pipeline.environment,
        project=project,
        commit=session.commit.digest,
        changed_files=session.commit.changed_files,
        started=timestamp(session.started),
        ended=timestamp(datetime.now(UTC)),
        outcome=outcome.value,
        params=session.values.all(session.pipeline),
        stages=stages,
        release=serving if serving and serving.run == session.run else None,
        provenance=keep_statements(session.store, building_of(session), stages),
    )


def _end(record: RunRecord, outcome: Outcome, seconds: float, store: Store) -> RunEnded:
    serving = read_serving(store, record.pipeline, record.environment).release
    stages = record.written_stages()
    return RunEnded(
        run=record.run,
        pipeline=record.pipeline,
        outcome=outcome,
        seconds=seconds,
        stages=len(stages),
        cached=sum(stage.outcome == Outcome.CACHED for stage in stages),
        serving=serving.run if serving else "",
    )
