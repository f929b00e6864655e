"""Evaluate stages: what the metrics are worth against the gates, and against the release that serves now."""

from collections.abc import Mapping
from dataclasses import replace

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine import refusals
from mlopsctl.engine.releases import read_serving
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.session import Session
from mlopsctl.engine.work import fresh, run_command_stage, wanted
from mlopsctl.events import Check, Outcome
from mlopsctl.ir.model import DeployStage, EvaluateStage, Pipeline
from mlopsctl.ir.parts import Gate
from mlopsctl.runtime import gate as gates
from mlopsctl.runtime.gate import GateResult, Serving
from mlopsctl.runtime.metrics import Metrics, metrics_from
from mlopsctl.store import Artifact, short_run


def run_evaluate_stage(session: Session, stage: EvaluateStage, inputs: Mapping[str, Artifact]) -> StageResult:
    """An evaluation and its gates. Gates are judged anew each time, as what serves may have changed."""
    result = run_command_stage(session, stage, inputs)
    if result.record is None or not stage.gates:
        return result
    metrics = metrics_from(result.record.metrics_document or {})
    serving = _serving(session, stage, inputs)
    judged = judged_gates(stage, metrics, serving)
    refused = tuple(_fault(stage, gate, found, serving) for gate, found in judged if not found.holds)
    return replace(
        result,
        outcome=Outcome.REFUSED if refused else result.outcome,
        checks=tuple(check_of(found) for _, found in judged),
        diagnostics=refused,
    )


def judged_gates(stage: EvaluateStage, metrics: Metrics, serving: Serving | None) -> list[tuple[Gate, GateResult]]:
    """The gates of a stage, each with how it is judged."""
    return [(gate, gates.evaluate_gate(_gate(gate), metrics, serving=serving)) for gate in stage.gates]


def check_of(found: GateResult) -> Check:
    """A judged gate as records have it."""
    return Check(expectation=found.expectation, observed=found.observed, verdict=found.verdict, holds=found.holds)


def expectations(stage: EvaluateStage) -> list[str]:
    """What the gates of a stage ask for, as their results say it: `auc ≥ 0.80`."""
    return [gates.expectation(_gate(gate)) for gate in stage.gates]


def definitions(stage: EvaluateStage) -> list[dict[str, object]]:
    """The gates of an evaluation as the language writes them, without what has its default."""
    return [_gate(gate).to_json() for gate in stage.gates]


def worded(definition: Mapping[str, object]) -> str:
    """What a gate expects, of what `definitions` gave, in words."""
    return gates.expectation(gates.Gate.from_json(definition))


def _serving(session: Session, stage: EvaluateStage, inputs: Mapping[str, Artifact]) -> Serving | None:
    """The release that serves, evaluated by the same command on the same data; None if nothing serves.

    Raises DiagnosedError if it can't be evaluated.
    """
    release = read_serving(session.store, session.pipeline.name, session.pipeline.environment).release
    gate = next((gate for gate in stage.gates if gate.against == "serving"), None)
    if release is None or gate is None:
        return None
    replaced = dict.fromkeys(model_inputs(session.pipeline, stage), release.model)
    want = wanted(session, stage, {**inputs, **replaced})
    record = session.results.find(want.key)
    if record is None:
        try:
            record, _ = fresh(session, want, label=f"{stage.folder_name}-serving")
        except DiagnosedError as error:
            span, why = gate.origin.value("against"), error.diagnostics[0].message
            raise DiagnosedError(
                refusals.serving_not_evaluated(span, stage.name, short_run(release.run), why), *error.diagnostics
            ) from error
        session.results.keep(record)
    return Serving(short_run(release.run), metrics_from(record.metrics_document or {}))


def model_inputs(pipeline: Pipeline, stage: EvaluateStage) -> list[str]:
    """The inputs that read the model which a deployment behind this evaluation serves."""
    deploys = pipeline.of_kind(DeployStage)
    served = {
        deploy.model.stage for deploy in deploys if stage.written_name in {named.name for named in deploy.requires}
    }
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


def _fault(stage: EvaluateStage, gate: Gate, found: GateResult, serving: Serving | None) -> Diagnostic:
    unchanged = f"what serves is unchanged: run {serving.run}" if serving else ""
    return refusals.gate_fails(gate.origin.node.span, stage.name, found, unchanged)
