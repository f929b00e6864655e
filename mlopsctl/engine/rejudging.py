"""Gates against what serves, once more before a model takes its place: another may have come to serve since.

Nothing is evaluated for that. Whoever let the other model serve has evaluated it, and the same evaluation on the same
data has the same key, whichever run it is of.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.engine import refusals
from mlopsctl.engine.judging import check_of, judged_gates, model_inputs
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.results import result_in
from mlopsctl.engine.session import Session
from mlopsctl.events import Check, Outcome
from mlopsctl.frozen import frozen
from mlopsctl.ir.fingerprint import key_of
from mlopsctl.ir.model import DeployStage, EvaluateStage
from mlopsctl.runtime.gate import Serving
from mlopsctl.runtime.metrics import metrics_from
from mlopsctl.store import Release, RunStage, StageRecord, short_run


@frozen(kw_only=True)
class Rejudged:
    """The stages before a deployment, with their gates as they are judged by what serves now.

    `refused` is how the deployment ends if any of them doesn't hold any more; else it is None.
    """

    stages: Mapping[str, RunStage]
    refused: StageResult | None = None


@frozen(kw_only=True)
class _Gated:
    """An evaluation with a gate against what serves, or a part of one: how it ended, and its result if it has one."""

    stage: EvaluateStage
    found: RunStage
    record: StageRecord | None


def judged_again(
    session: Session, stage: DeployStage, before: Mapping[str, RunStage], release: Release | None
) -> Rejudged:
    """The gates that a deployment requires, against the release that serves now. Raises StoreError.

    `before` is how the stages before it ended. While nothing serves, what was judged then holds.
    """
    if release is None:
        return Rejudged(stages=before)
    stages = dict(before)
    faults: list[Diagnostic] = []
    for name, gated in _gated(session, stage, before):
        checks, wrong = _judged(session, stage, gated, release)
        stages[name] = replace(gated.found, checks=[asdict(check) for check in checks])
        faults += wrong
    return Rejudged(stages=stages, refused=_refused(stage, faults) if faults else None)


def _gated(session: Session, stage: DeployStage, before: Mapping[str, RunStage]) -> Iterator[tuple[str, _Gated]]:
    required = {named.name for named in stage.requires}
    for name, found in before.items():
        written = found.part_of or name
        evaluation = session.pipeline.stages.get(written)
        if written not in required or not isinstance(evaluation, EvaluateStage):
            continue
        if any(gate.against == "serving" for gate in evaluation.gates):
            record = result_in(session.store, session.run, found)
            yield name, _Gated(stage=evaluation, found=found, record=record)


def _judged(
    session: Session, stage: DeployStage, gated: _Gated, release: Release
) -> tuple[list[Check], list[Diagnostic]]:
    then = [Check(**check) for check in gated.found.checks]
    theirs = _evaluation_of(session, gated, release)
    serves, span = short_run(release.run), stage.origin.name
    if gated.record is None or theirs is None:
        now = (f"run {serves} was not evaluated on the data of this run",)
        return then, [refusals.serving_changed(span, stage.name, gated.stage.name, serves, (*_said(then), *now))]
    serving = Serving(serves, metrics_from(theirs.metrics_document or {}))
    judged = judged_gates(gated.stage, metrics_from(gated.record.metrics_document or {}), serving)
    checks = [check_of(found) for _, found in judged]
    failing = tuple(
        f"now: {check.expectation}: {check.observed}, {check.verdict}" for check in checks if not check.holds
    )
    if not failing:
        return checks, []
    return checks, [refusals.serving_changed(span, stage.name, gated.stage.name, serves, (*_said(then), *failing))]


def _evaluation_of(session: Session, gated: _Gated, release: Release) -> StageRecord | None:
    """The same evaluation of the release's model, if anybody made it."""
    if gated.record is None:
        return None
    parts = gated.record.parts
    inputs = dict(parts["inputs"])  # type: ignore[arg-type]  # parts are JSON, which has no type of its own
    inputs.update(dict.fromkeys(model_inputs(session.pipeline, gated.stage), release.model.digest))
    return session.results.find(key_of({**parts, "inputs": inputs}))


def _said(then: list[Check]) -> Iterator[str]:
    return (f"judged then: {check.expectation}: {check.observed}" for check in then)


def _refused(stage: DeployStage, faults: list[Diagnostic]) -> StageResult:
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=Outcome.REFUSED,
        summary="another model serves than the one that it was compared with",
        diagnostics=tuple(faults),
    )
