"""Deploy stages on this machine: the candidate answers and stands its load test, and only then it is what serves."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.events import Check, Outcome, StageOutput
from mlopsctl.ir.fingerprint import deploy_parts, key_of
from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.parts import LoadTest
from mlopsctl.local import faults, refusals
from mlopsctl.local.endpoint import Endpoint, NotReady
from mlopsctl.local.releases import move_serving, read_serving
from mlopsctl.local.result import StageResult
from mlopsctl.local.serving import READY_SECONDS, Machine, endpoint, server_of
from mlopsctl.local.session import Session
from mlopsctl.local.work import begin, cached, refuse_if_left_out
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import (
    Artifact,
    PointerMoved,
    Release,
    StageRecord,
    canonical_json,
    digest_bytes,
    short_run,
    timestamp,
)

if TYPE_CHECKING:
    from mlopsctl.runtime.load_test import LoadReport


def run_deploy_stage(
    session: Session, stage: DeployStage, model: Artifact, before: Mapping[str, StageResult]
) -> StageResult:
    """Try the candidate, unless it was tried before, and let it serve. Raises DiagnosedError.

    `before` are the results of the stages so far, of which the release keeps digests, metrics and evidence.
    """
    serving = read_serving(session.store, session.pipeline.name, session.pipeline.environment)
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
        record = _record(session, stage, parts, model, result)
        session.results.keep(record)
        if not result.opens_the_way:
            return result
        session.results.note(stage.name, record)
        result = replace(result, record=record)
    else:
        checks = tuple(Check(**check) for check in (result.record.checks if result.record else ()))
        result = replace(result, checks=checks)
    release = _release(session, stage, model, before, result)
    if serving.release is not None and _same(serving.release, release):
        return result
    try:
        move_serving(session.store, release, session.pipeline.environment, expect=serving.version)
    except PointerMoved as error:
        now = Release.from_json(error.now.value) if error.now else None
        if now is None or not _same(now, release):
            other = short_run(now.run) if now else "unknown"
            raise DiagnosedError(faults.serving_moved(stage.origin.name, session.pipeline.name, other)) from error
    return result


def _tried(session: Session, stage: DeployStage, model: Artifact, request: bytes | None, reason: str) -> StageResult:
    """The candidate started, asked, and under load."""
    started = datetime.now(UTC)
    place = session.workspace.place(stage.name, 1, stage.code_include)
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
            test = stage.load_test
            report = _load(test, candidate, request, session.stop) if test and request is not None else None
    except NotReady as error:
        if session.stop.is_set():
            raise DiagnosedError(faults.interrupted(stage.origin.name, stage.name)) from error
        span = stage.origin.key("server")
        raise DiagnosedError(
            faults.not_ready(span, stage.name, error.message, error.log_tail[-5:], error.hint)
        ) from error
    if session.stop.is_set():
        raise DiagnosedError(faults.interrupted(stage.origin.name, stage.name))
    judged = tuple(_judged(stage, stage.load_test, report)) if stage.load_test and report else ()
    failed = tuple(fault for _, fault in judged if fault is not None)
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=Outcome.REFUSED if failed else Outcome.DONE,
        summary=_summary(report, stage.load_test),
        reason=reason,
        seconds=(datetime.now(UTC) - started).total_seconds(),
        checks=tuple(check for check, _ in judged),
        diagnostics=failed,
    )


def _load(test: LoadTest, endpoint: Endpoint, request: bytes, stop: Stop) -> "LoadReport":
    from mlopsctl.runtime.load_test import LoadTest as Load  # here, as what passed before isn't tested again
    from mlopsctl.runtime.load_test import run_load_test

    load = Load(url=endpoint.predict_url, users=test.users, duration=test.duration, body=request)
    return run_load_test(load, stop=stop)


def _judged(stage: DeployStage, test: LoadTest, report: "LoadReport") -> list[tuple[Check, Diagnostic | None]]:
    """The load test's bounds, each with its fault if it isn't kept. Without a bound on errors, none is allowed."""
    allowed = test.errors or 0.0
    sample = f", first: {report.first_errors[0]}" if report.first_errors else ""
    words = (f"errors ≤ {allowed:.1%}", f"{report.error_rate:.1%}{sample}")
    judged = [_bound(stage, "errors", words, holds=report.error_rate <= allowed)]
    if test.p99 is not None:
        most, p99 = test.p99 * 1000, report.p99
        words = (f"p99 ≤ {most:,.0f} ms", "no answer" if p99 is None else _latency(p99))
        judged.append(_bound(stage, "p99", words, holds=p99 is not None and p99 <= most))
    return judged


def _bound(stage: DeployStage, key: str, words: tuple[str, str], *, holds: bool) -> tuple[Check, Diagnostic | None]:
    expectation, observed = words
    check = Check(expectation=expectation, observed=observed, verdict="holds" if holds else "fails", holds=holds)
    span = stage.origin.value("loadTest", key)
    return check, None if holds else refusals.load_test_fails(span, stage.name, expectation, observed)


def _summary(report: "LoadReport | None", test: LoadTest | None) -> str:
    if report is None or test is None:
        return "ready"
    latency = "no answer" if report.p99 is None else f"p99 {_latency(report.p99)}"
    errors = f"{report.error_rate:.1%} errors" if report.errors else "no errors"
    return f"{latency} at {test.users} users, {errors}"


def _latency(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 1 else "under 1 ms"


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


def _release(
    session: Session, stage: DeployStage, model: Artifact, before: Mapping[str, StageResult], result: StageResult
) -> Release:
    gated = [before[named.name] for named in stage.requires if named.name in before]
    evidence = [asdict(check) for other in (*gated, result) for check in other.checks]
    data = {name: other.artifact("") for name, other in before.items() if other.kind == "data"}
    return Release(
        run=session.run,
        commit=session.commit.digest,
        pipeline=session.pipeline.name,
        model=model,
        data={name: artifact.digest for name, artifact in data.items() if artifact is not None},
        requirements=session.requirements,
        metrics={name: value for other in gated if other.record for name, value in other.record.metrics.items()},
        evidence=session.store.put_bytes(canonical_json(evidence)).digest,
        server=asdict(server_of(session, stage)),
        since=timestamp(datetime.now(UTC)),
    )


def _same(serving: Release, release: Release) -> bool:
    """Whether a release would change nothing of what answers."""
    return (serving.model.digest, serving.server, serving.requirements) == (
        release.model.digest,
        json.loads(json.dumps(release.server)),
        release.requirements,
    )


def _record(
    session: Session, stage: DeployStage, parts: dict[str, object], model: Artifact, result: StageResult
) -> StageRecord:
    now = timestamp(datetime.now(UTC))
    return StageRecord(
        key=key_of(parts),
        stage=stage.name,
        kind=stage.kind,
        parts=dict(parts),  # type: ignore[arg-type]  # parts are JSON, which has no type of its own
        outcome="done" if result.opens_the_way else "refused",
        started=now,
        ended=now,
        seconds=result.seconds,
        attempts=1,
        run=session.run,
        outputs={"model": model},
        data={"summary": result.summary},
        checks=[asdict(check) for check in result.checks],
    )
