"""Rules about gates: that they can hold, can fail, and stand where something depends on them."""

from collections.abc import Iterator

from mlopsctl.check.meaning.mentions import may_read_variables, mentions
from mlopsctl.diagnostics import Finding, Related, Severity, Span, rule
from mlopsctl.ir.lower_stages import METRICS
from mlopsctl.ir.model import DeployStage, EvaluateStage, MonitorStage, Pipeline, Stage, TrainStage
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import Gate

_SHARES = frozenset({"auc", "roc_auc", "accuracy", "f1", "precision", "recall", "average_precision"})
_ERRORS = frozenset({"rmse", "mae", "mse", "mape", "msle", "log_loss", "logloss", "loss", "brier", "wape", "smape"})


@rule("MLO400")
def gate_bounds_reversed(pipeline: Pipeline) -> Iterator[Finding]:
    """A gate's `min` is above its `max`, so that nothing passes it.

    Example:
        - {metric: auc, min: 0.9, max: 0.8}

    Fix: exchange the two, or make two gates of them.
    """
    for _, gate in _gates(pipeline):
        if gate.minimum is not None and gate.maximum is not None and gate.minimum > gate.maximum:
            yield Finding(
                message=f"nothing passes the gate on `{gate.metric}`: its `min` is above its `max`",
                span=gate.origin.value("min"),
                related=(Related(gate.origin.value("max"), "below `min`"),),
            )


@rule("MLO401", Severity.WARNING)
def gate_twice(pipeline: Pipeline) -> Iterator[Finding]:
    """An evaluation has the same gate twice.

    Example:
        gates:
          - {metric: auc, min: 0.8}
          - {metric: auc, min: 0.8}

    Fix: remove one of them, or correct the one that should say something else.
    """
    for stage in pipeline.of_kind(EvaluateStage):
        first: list[Gate] = []
        for gate in stage.gates:
            if gate in first:
                where = first[first.index(gate)].origin.node.span
                yield Finding(
                    message=f"stage `{stage.name}` has this gate on `{gate.metric}` already",
                    span=gate.origin.node.span,
                    related=(Related(where, "first here"),),
                )
            first.append(gate)


@rule("MLO402", Severity.WARNING)
def gate_of_no_deploy(pipeline: Pipeline) -> Iterator[Finding]:
    """A gate compares with what serves, but no deploy waits for it.

    Example:
        quality: {kind: evaluate, gates: [{metric: auc, against: serving}], …}
        serve: {kind: deploy, model: model, …}       # and no `requires: [quality]`

    Fix: name the evaluation under `requires` of the deploy stage.
    """
    waited = {name for stage in pipeline.of_kind(DeployStage) for name in _before(pipeline, stage)}
    for stage, gate in _gates(pipeline) if pipeline.is_whole else ():
        if gate.against == "serving" and stage.name not in waited:
            yield Finding(
                message=f"`{stage.name}` compares with what serves, but no deploy stage waits for it",
                span=gate.origin.value("against"),
                helps=(f"name `{stage.name}` under `requires` of the deploy stage",),
            )


@rule("MLO403", Severity.WARNING)
def metrics_never_written(pipeline: Pipeline) -> Iterator[Finding]:
    """An evaluation has gates, but its command is not told where to write metrics.

    Example:
        quality:
          kind: evaluate
          run: python evaluate.py --model ${inputs.model}
          gates: [{metric: auc, min: 0.8}]

    Fix: write `${outputs.metrics}` in the command. Scripts that read `MLOPS_OUTPUT_METRICS` are not warned about.
    """
    for stage in pipeline.of_kind(EvaluateStage):
        is_said = mentions(stage, "outputs", METRICS) or stage.origin.has("outputs", METRICS)  # MLO217 otherwise
        if stage.gates and not is_said and not may_read_variables(pipeline, stage):
            yield Finding(
                message=f"the command of `{stage.name}` never mentions `${{outputs.metrics}}`, which its gates read",
                span=stage.origin.value("run"),
                related=(Related(stage.origin.key("gates"), "read there"),),
            )


@rule("MLO404", Severity.WARNING)
def evaluates_no_model(pipeline: Pipeline) -> Iterator[Finding]:
    """An evaluation reads no model that the pipeline trains.

    Example:
        model: {kind: train, …}
        quality: {kind: evaluate, inputs: {data: holdout}, …}

    Fix: read the model: `inputs: {model: model}`.
    """
    trained = {stage.name for stage in pipeline.of_kind(TrainStage)}
    for stage in pipeline.of_kind(EvaluateStage) if pipeline.is_whole and trained else ():
        if not trained & _before(pipeline, stage):
            yield Finding(
                message=f"stage `{stage.name}` evaluates, but reads no model that is trained here",
                span=stage.origin.name,
                helps=(f"read the model: `inputs: {{model: {min(trained)}}}`",),
            )


@rule("MLO405")
def other_model_than_served(pipeline: Pipeline) -> Iterator[Finding]:
    """A gate compares with what serves, but the evaluation doesn't read the model that is served.

    The command runs a second time with the model that serves in the place of the new one, so it must read that one.

    Example:
        quality: {kind: evaluate, inputs: {model: baseline}, gates: [{metric: auc, against: serving}], …}
        serve: {kind: deploy, model: model, requires: [quality], …}

    Fix: read the stage that the deploy stage names as its `model`.
    """
    for stage in pipeline.of_kind(EvaluateStage):
        gate = next((gate for gate in stage.gates if gate.against == "serving"), None)
        deploys = [one for one in pipeline.of_kind(DeployStage) if stage.name in {named.name for named in one.requires}]
        read = {reference.name for reference in stage.inputs.values()}
        if gate is not None and deploys and not any(deploy.model.name in read for deploy in deploys):
            served = deploys[0].model
            yield Finding(
                message=f"`{stage.name}` compares with what serves, but doesn't read `{served.name}`, which is served",
                span=gate.origin.value("against"),
                related=(Related(served.span, f"`{deploys[0].name}` serves this"),),
            )


@rule("MLO406", Severity.WARNING)
def deployed_untested(pipeline: Pipeline) -> Iterator[Finding]:
    """A deploy stage waits for no evaluation with gates, so that every model is served, whatever it is worth.

    Example:
        serve:
          kind: deploy
          model: model
          server: {format: sklearn}

    Fix: add an evaluate stage with `gates`, and name it under `requires`.
    """
    gated = {stage.name for stage in pipeline.of_kind(EvaluateStage) if stage.gates}
    for stage in pipeline.of_kind(DeployStage) if pipeline.is_whole else ():
        if not gated & _before(pipeline, stage):
            candidates = f"`requires: [{min(gated)}]`" if gated else "an evaluate stage with `gates`, and require it"
            yield Finding(
                message=f"nothing tests what `{stage.name}` serves: no evaluation with gates comes before it",
                span=stage.origin.name,
                helps=(f"add {candidates}",),
            )


@rule("MLO407", Severity.WARNING)
def not_a_share(pipeline: Pipeline) -> Iterator[Finding]:
    """A bound is outside 0 to 1 for a metric that is always within.

    Example:
        - {metric: accuracy, min: 80}

    Fix: write it as a share: `min: 0.8`.
    """
    for metric, origin in _bounded(pipeline):
        for key in ("min", "max", "tolerance", "margin"):
            value = origin.number(key)
            if _last(metric) in _SHARES and value is not None and not 0 <= value <= 1:
                yield Finding(
                    message=f"`{metric}` is always from 0 to 1, the `{key}` here is {value}",
                    span=origin.value(key),
                    helps=(f"if it is meant in percent, write {value / 100:g}",) if value > 1 else (),
                )


@rule("MLO408", Severity.WARNING)
def more_error_is_better(pipeline: Pipeline) -> Iterator[Finding]:
    """A metric that measures errors is said to be better when it is larger.

    The `direction` of a comparison or a search is `maximize`, unless it says otherwise.

    Example:
        - {metric: rmse, against: serving, tolerance: 0.1}

    Fix: add `direction: minimize`.
    """
    for metric, span in _maximized(pipeline):
        if _last(metric) in _ERRORS:
            yield Finding(
                message=f"`{metric}` measures errors, but more of it counts as better here",
                span=span,
                helps=("add `direction: minimize`",),
            )


@rule("MLO270")
def sliced_by_what_is_personal(pipeline: Pipeline) -> Iterator[Finding]:
    """A gate judges a metric for each value of a column that is personal, and names the value that is lowest.

    Values of such a column stand in no report, no record and no log.

    Example:
        customers: {kind: data, contract: {columns: {email: {type: string, personal: true}}}, …}
        gates: [{metric: auc, slice: email, min: 0.7}]

    Fix: slice by a column that says nothing of anybody, such as an age group that the evaluation makes.
    """
    for stage, gate in _gates(pipeline):
        if gate.slice in pipeline.personal:
            yield Finding(
                message=f"`{stage.name}` judges each `{gate.slice}` by itself, which is personal",
                span=gate.origin.value("slice"),
                helps=("slice by a column that says nothing of anybody",),
            )


def _gates(pipeline: Pipeline) -> Iterator[tuple[EvaluateStage, Gate]]:
    return ((stage, gate) for stage in pipeline.of_kind(EvaluateStage) for gate in stage.gates)


def _before(pipeline: Pipeline, stage: Stage) -> set[str]:
    """The names of all stages that have to be done before this one."""
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        names = set(pipeline.needs(waiting.pop())) - found
        found |= names
        waiting.extend(pipeline.stages[name] for name in names)
    return found


def _bounded(pipeline: Pipeline) -> Iterator[tuple[str, Origin]]:
    """Every metric that has bounds, and the origin that they stand in."""
    yield from ((gate.metric, gate.origin) for _, gate in _gates(pipeline))
    for stage in pipeline.of_kind(MonitorStage):
        if stage.performance is not None:
            yield stage.performance.metric, stage.performance.origin


def _maximized(pipeline: Pipeline) -> Iterator[tuple[str, Span]]:
    for _, gate in _gates(pipeline):
        if gate.against is not None and gate.direction == "maximize":
            yield gate.metric, gate.origin.value("metric")
    for stage in pipeline.of_kind(TrainStage):
        if stage.tune is not None and stage.tune.direction == "maximize":
            yield stage.tune.metric, stage.tune.origin.value("objective", "metric")


def _last(metric: str) -> str:
    return metric.rpartition(".")[2].lower()
