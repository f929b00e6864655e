"""One run from its beginning to its record."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, similar
from mlopsctl.events import Event, Outcome, RunEnded, RunStarted
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DataStage, DeployStage, Pipeline
from mlopsctl.ir.values import Values, read_values, source_text
from mlopsctl.local import faults
from mlopsctl.local.cache import default_cache
from mlopsctl.local.engine import Engine
from mlopsctl.local.git import commit_of
from mlopsctl.local.releases import read_serving
from mlopsctl.local.result import StageResult
from mlopsctl.local.results import Results
from mlopsctl.local.session import Session, SharedEnvironment
from mlopsctl.local.unsupported import not_run_here
from mlopsctl.local.workspace import LARGEST_CODE, CodeTooLargeError, CodeTree, read_code, state_folder, workspace
from mlopsctl.runtime.stop import Stop
from mlopsctl.source.code import code_files
from mlopsctl.store import DigestCache, RunRecord, RunStage, Store, digest_file, new_ulid, timestamp

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
    again, only, needed = _selected(request)
    state = state_folder(request.root)
    code = _code(request, values)
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
            workspace=closing.enter_context(workspace(state, run_id, code)),
            digests=DigestCache(state / "digests"),
            commit=commit,
            started=started,
            emit=emit,
            stop=stop,
            environ=environ,
            again=again,
            only=only,
            needed=needed,
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


def _selected(request: Request) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The stages that run even if they are cached, those that may run at all, and these with all that they need."""
    names = frozenset(request.pipeline.stages)
    for option, name in (("--from", request.begin), ("--only", request.only)):
        if name is not None and name not in names:
            known = tuple(request.pipeline.stages)
            raise DiagnosedError(faults.unknown_stage(option, name, similar(name, known), known))
    again = frozenset[str]()
    if request.force:
        again = names
    elif request.begin is not None:
        again = _and_downstream(request.pipeline, request.begin)
    if request.only is None:
        return again, names, names
    return again & {request.only}, frozenset({request.only}), _and_upstream(request.pipeline, request.only)


def _and_downstream(pipeline: Pipeline, first: str) -> frozenset[str]:
    found = {first}
    for stage in pipeline.ordered():
        if found & set(pipeline.needs(stage)):
            found.add(stage.name)
    return frozenset(found)


def _and_upstream(pipeline: Pipeline, last: str) -> frozenset[str]:
    found = {last}
    for stage in reversed(pipeline.ordered()):
        if stage.name in found:
            found.update(pipeline.needs(stage))
    return frozenset(found)


def _code(request: Request, values: Values) -> CodeTree:
    folder = request.pipeline.code.folder
    not_code = frozenset(_brought(request.pipeline, values))
    try:
        return read_code(code_files(folder, without=request.documents | not_code))
    except CodeTooLargeError as error:
        origin = request.pipeline.code.origin
        span = origin.value("path") if origin else None
        largest = tuple(f"{path} ({_megabytes(size)})" for path, size in error.largest)
        raise DiagnosedError(
            faults.code_too_large(span, _megabytes(error.size), _megabytes(LARGEST_CODE), largest)
        ) from error


def _brought(pipeline: Pipeline, values: Values) -> Iterator[Path]:
    """The files that reach a stage in another way: as data, whose digest is an input's, or as a load test's request."""
    folder = pipeline.file.parent
    for stage in pipeline.stages.values():
        if isinstance(stage, DataStage) and stage.source is not None:
            yield folder / source_text(stage.source, values.of(stage), {})
        elif isinstance(stage, DeployStage) and stage.load_test is not None:
            yield folder / stage.load_test.request


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.0f} MiB"


def _beginning(session: Session) -> RunStarted:
    return RunStarted(
        run=session.run,
        pipeline=session.pipeline.name,
        environment=session.pipeline.environment,
        commit=session.commit.short,
        changed_files=session.commit.changed_files,
        stages=tuple((stage.name, stage.kind) for stage in session.pipeline.ordered()),
        not_run=not_run_here(session.pipeline),
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
        stages={name: _stage(result) for name, result in results.items()},
        release=serving if serving and serving.run == session.run else None,
    )


def _stage(result: StageResult) -> RunStage:
    return RunStage(
        kind=result.kind,
        key=result.record.key if result.record else None,
        outcome=result.outcome.value,
        reason=result.reason,
        seconds=result.seconds,
        summary=result.summary,
        cached_from=result.cached_from,
        checks=[asdict(check) for check in result.checks],
        metrics=result.record.metrics if result.record else {},
    )


def _end(record: RunRecord, outcome: Outcome, seconds: float, store: Store) -> RunEnded:
    serving = read_serving(store, record.pipeline, record.environment).release
    return RunEnded(
        run=record.run,
        pipeline=record.pipeline,
        outcome=outcome,
        seconds=seconds,
        stages=len(record.stages),
        cached=sum(stage.outcome == Outcome.CACHED for stage in record.stages.values()),
        serving=serving.run if serving else "",
    )
