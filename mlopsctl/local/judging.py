"""Evaluate stages: what the metrics are worth against the gates, and against the release that serves now."""

from collections.abc import Mapping
from dataclasses import replace

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.events import Check, Outcome
from mlopsctl.ir.model import DeployStage, EvaluateStage
from mlopsctl.ir.parts import Gate
from mlopsctl.local import refusals
from mlopsctl.local.releases import read_serving
from mlopsctl.local.result import StageResult
from mlopsctl.local.session import Session
from mlopsctl.local.work import fresh, run_command_stage, wanted
from mlopsctl.runtime import gate as gates
from mlopsctl.runtime.gate import GateResult, Serving
from mlopsctl.runtime.metrics import metrics_from
from mlopsctl.store import Artifact, short_run


def run_evaluate_stage(session: Session, stage: EvaluateStage, inputs: Mapping[str, Artifact]) -> StageResult:
    """An evaluation and its gates. Gates are judged anew each time, as what serves may have changed."""
    result = run_command_stage(session, stage, inputs)
    if result.record is None or not stage.gates:
        return result
    metrics = metrics_from(result.record.metrics_document or {})
    serving = _serving(session, stage, inputs)
    judged = [(gate, gates.evaluate_gate(_gate(gate), metrics, serving=serving)) for gate in stage.gates]
    refused = tuple(_fault(stage, gate, found, serving) for gate, found in judged if not found.holds)
    return replace(
        result,
        outcome=Outcome.REFUSED if refused else result.outcome,
        checks=tuple(_check(found) for _, found in judged),
        diagnostics=refused,
    )


def _serving(session: Session, stage: EvaluateStage, inputs: Mapping[str, Artifact]) -> Serving | None:
    """The release that serves, evaluated by the same command on the same data; None if nothing serves.

    Raises DiagnosedError if it can't be evaluated.
    """
    release = read_serving(session.store, session.pipeline.name, session.pipeline.environment).release
    gate = next((gate for gate in stage.gates if gate.against == "serving"), None)
    if release is None or gate is None:
        return None
    replaced = dict.fromkeys(_model_inputs(session, stage), release.model)
    want = wanted(session, stage, {**inputs, **replaced})
    record = session.results.find(want.key)
    if record is None:
        try:
            record, _ = fresh(session, want, label=f"{stage.name}-serving")
        except DiagnosedError as error:
            span, why = gate.origin.value("against"), error.diagnostics[0].message
            raise DiagnosedError(
                refusals.serving_not_evaluated(span, stage.name, short_run(release.run), why), *error.diagnostics
            ) from error
        session.results.keep(record)
    return Serving(short_run(release.run), metrics_from(record.metrics_document or {}))


def _model_inputs(session: Session, stage: EvaluateStage) -> list[str]:
    """The inputs that read the model which a deployment behind this evaluation serves."""
    deploys = [other for other in session.pipeline.stages.values() if isinstance(other, DeployStage)]
    served = {deploy.model.stage for deploy in deploys if stage.name in {named.name for named in deploy.requires}}
    return [name for name, reference in stage.inputs.items() if reference.stage in served]


def _gate(gate: Gate) -> gates.Gate:
    return gates.Gate(
        metric=gate.metric,
        min=gate.minimum,
        max=gate.maximum,
        against=gate.against,
        tolerance=gate.tolerance,
        margin=gate.margin,
        direction=gate.direction,
        slice=gate.slice,
        min_samples=gate.min_samples,
    )


def _check(found: GateResult) -> Check:
    return Check(expectation=found.expectation, observed=found.observed, verdict=found.verdict, holds=found.holds)


def _fault(stage: EvaluateStage, gate: Gate, found: GateResult, serving: Serving | None) -> Diagnostic:
    unchanged = f"what serves is unchanged: run {serving.run}" if serving else ""
    return refusals.gate_fails(gate.origin.node.span, stage.name, found, unchanged)
