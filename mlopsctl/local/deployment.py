"""Deploy stages on this machine: the candidate answers and stands its load test, and only then it is what serves."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults
from mlopsctl.engine.endpoint import NotReady
from mlopsctl.engine.rejudging import judged_again
from mlopsctl.engine.releases import Decision, Serving, is_same, move_serving, read_serving
from mlopsctl.engine.releasing import Before, deployment_record, judged_anew, release_of
from mlopsctl.engine.result import StageResult, as_kept
from mlopsctl.engine.serving import READY_SECONDS, Machine, endpoint, server_of
from mlopsctl.engine.session import Session
from mlopsctl.engine.stops import held_by, read_stop
from mlopsctl.engine.trying import refused, tried, under_load, with_scan
from mlopsctl.engine.work import begin, cached, refuse_if_left_out
from mlopsctl.events import Check, StageOutput
from mlopsctl.ir.fingerprint import deploy_parts, key_of
from mlopsctl.ir.lower_stages import DATA
from mlopsctl.ir.model import DeployStage
from mlopsctl.store import (
    Artifact,
    PointerMoved,
    Release,
    digest_bytes,
    short_run,
)


def run_deploy_stage(
    session: Session, stage: DeployStage, model: Artifact, before: Mapping[str, StageResult]
) -> StageResult:
    """Try the candidate, unless it was tried before, and let it serve. Raises DiagnosedError.

    `before` are the results of the stages so far, of which the release keeps digests, metrics and evidence.
    """
    override = read_stop(session.store, session.pipeline.name, session.pipeline.environment)
    if override is not None:
        return held_by(override, stage, session.pipeline.environment)
    serving = read_serving(session.store, session.pipeline.name, session.pipeline.environment)
    rejudged = judged_again(session, stage, {name: as_kept(other) for name, other in before.items()}, serving.release)
    if rejudged.refused is not None:
        return rejudged.refused
    request = _request(session, stage)
    around = session.around(stage)
    digest = digest_bytes(request) if request is not None else ""
    params = session.values.of(stage)
    parts = deploy_parts(stage, model=model.digest, request=digest, params=params, around=around)
    result = cached(session, stage, key_of(parts))
    if result is None:
        refuse_if_left_out(session, stage)
        reason = begin(session, stage, parts)
        result = _tried(session, stage, model, request, reason)
        record = deployment_record(session, stage, parts, model, result)
        session.results.keep(record)
        if not result.opens_the_way:
            return result
        session.results.note(stage.name, record)
        result = replace(result, record=record)
    else:
        checks = tuple(Check(**check) for check in (result.record.checks if result.record else ()))
        result = replace(result, checks=checks)
    data = {name: other.artifact(DATA) for name, other in before.items() if other.kind == "data"}
    release = release_of(session, stage, model, Before(stages=rejudged.stages, data=data), result.checks)
    _let_serve(session, stage, release, serving)
    return result


def _let_serve(session: Session, stage: DeployStage, release: Release, serving: Serving) -> None:
    """Move the pointer to the release, unless the one that serves is as good. Raises DiagnosedError if it moved."""
    if serving.release is not None and is_same(serving.release, release):
        anew = judged_anew(session.store, serving.release, release)
        if anew is None:
            return
        release = anew
    decision, environment = Decision(who=session.who), session.pipeline.environment
    try:
        move_serving(session.store, release, environment, expect=serving.version, decision=decision)
    except PointerMoved as error:
        now = Release.from_json(error.now.value) if error.now else None
        if now is None or not is_same(now, release):
            other = short_run(now.run) if now else "unknown"
            raise DiagnosedError(faults.serving_moved(stage.origin.name, session.pipeline.name, other)) from error


def _tried(session: Session, stage: DeployStage, model: Artifact, request: bytes | None, reason: str) -> StageResult:
    """The candidate looked into, started, asked, and under load."""
    from mlopsctl.engine.scanning import scan_stored  # here, as what passed before isn't looked into again

    started = datetime.now(UTC)
    place = session.workspace.place(stage.name, 1, stage.code_include)
    scan = scan_stored(session.store, stage, model, place.folder)
    if scan.refused:
        return refused(stage, scan, reason)
    session.keep_code(stage, place)
    machine = Machine(
        store=session.store,
        environment=session.python.get(lambda line: session.emit(StageOutput(stage=stage.name, line=line))),
        environ=session.environ,
        folder=place.folder,
        root=session.root,
    )
    try:
        with endpoint(server_of(session, stage), session.pipeline.name, model, machine) as candidate:
            candidate.wait_ready(READY_SECONDS, session.stop)
            report = under_load(stage, candidate.predict_url, request, session.stop)
    except NotReady as error:
        if session.stop.is_set():
            raise DiagnosedError(faults.interrupted(stage.origin.name, stage.name)) from error
        span = stage.origin.key("server")
        raise DiagnosedError(
            faults.not_ready(span, stage.name, error.message, error.log_tail[-5:], error.hint)
        ) from error
    if session.stop.is_set():
        raise DiagnosedError(faults.interrupted(stage.origin.name, stage.name))
    return with_scan(tried(stage, report, reason, (datetime.now(UTC) - started).total_seconds()), scan)


def _request(session: Session, stage: DeployStage) -> bytes | None:
    if stage.load_test is None:
        return None
    path: Path = session.pipeline.file.parent / stage.load_test.request
    try:
        return path.read_bytes()
    except OSError as error:
        span = stage.origin.value("loadTest", "request")
        why = f"{stage.load_test.request}: {error.strerror}"
        raise DiagnosedError(faults.source_unreadable(span, stage.name, why, "")) from error
