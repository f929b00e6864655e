"""Rules about monitors: that they watch something that can be watched, and that what they do can be done."""

from collections.abc import Iterator

from mlopsctl.check.meaning.schedules import interval
from mlopsctl.diagnostics import Finding, Related, Severity, rule, similar
from mlopsctl.ir.model import DataStage, DeployStage, EvaluateStage, MonitorStage, Pipeline, TrainStage

_FOR_NUMBERS = frozenset({"ks", "wasserstein"})
_FOR_CATEGORIES = frozenset({"chi2"})
_NUMBERS = frozenset({"number", "integer"})
_CATEGORIES = frozenset({"string", "boolean"})
_LARGEST = {"ks": 1.0, "jensenshannon": 1.0}  # the greatest distance that a method can find
_SHIFTED = 1.0  # a population stability index four times above what counts as a large shift
_SLIP = 0.85  # how similar names are that differ by a slip; `arr_delay` and `dep_delay` are 0.78
_DEFAULT_BREACHES = 2


@rule("MLO607")
def watches_no_deploy(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor watches a stage that serves nothing.

    Example:
        drift: {kind: monitor, watches: model, …}      # a train stage

    Fix: name a deploy stage.
    """
    for stage in pipeline.of_kind(MonitorStage):
        watched = pipeline.stages.get(stage.watches.name)
        if watched is not None and watched.name != stage.name and not isinstance(watched, DeployStage):
            deploys = [deploy.name for deploy in pipeline.of_kind(DeployStage)]
            yield Finding(
                message=f"`{stage.name}` watches `{watched.name}`, which is of kind {watched.kind} and serves nothing",
                span=stage.watches.span,
                helps=(f"watch a deploy stage: `{deploys[0]}`",) if deploys else ("add a deploy stage to watch",),
            )


@rule("MLO608")
def reference_is_no_data(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor compares requests with something that is no data.

    Example:
        drift: {kind: monitor, watches: serve, reference: model, …}     # a train stage

    Fix: name the data that the model was trained on.
    """
    for stage in pipeline.of_kind(MonitorStage):
        source = pipeline.stages.get(stage.reference.name) if stage.reference is not None else None
        if stage.reference is not None and isinstance(source, TrainStage | EvaluateStage):
            yield Finding(
                message=f"`{stage.name}` compares with `{source.name}`, which is of kind {source.kind} and no data",
                span=stage.reference.span,
                related=(Related(source.origin.value("kind"), "its kind"),),
                helps=("name the data that the model was trained on",),
            )


@rule("MLO609", Severity.WARNING)
def unknown_column(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor compares a column that the contract of its reference doesn't name.

    Warned about if the contract is `closed`, or has a column with a similar name.

    Example:
        flights: {kind: data, contract: {columns: {dep_delay: {type: number}}}, …}
        drift: {kind: monitor, reference: flights, columns: [dep_dely], …}

    Fix: correct the name, or add the column to the contract.
    """
    for stage in pipeline.of_kind(MonitorStage):
        columns, is_closed = _reference_columns(pipeline, stage)
        for column in stage.columns:
            near = similar(column.name, columns, cutoff=_SLIP) if column.name not in columns else None
            if near or (is_closed and columns and column.name not in columns):
                yield Finding(
                    message=f"`{stage.name}` compares the column `{column.name}`, which its reference does not have",
                    span=column.span,
                    label=f"a column with a similar name: `{near}`" if near else "",
                )


@rule("MLO610")
def method_of_other_type(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor's method can't compare columns of that type.

    `ks` and `wasserstein` compare numbers, `chi2` compares categories; `psi` and `jensenshannon` compare both.

    Example:
        flights: {kind: data, contract: {columns: {carrier: {type: string}}}, …}
        drift: {kind: monitor, reference: flights, columns: [carrier], method: ks, …}

    Fix: use `psi`, or a monitor for each type of column.
    """
    for stage in pipeline.of_kind(MonitorStage):
        columns, _ = _reference_columns(pipeline, stage)
        for column in stage.columns:
            kind = columns.get(column.name, "")
            is_wrong = (stage.method in _FOR_NUMBERS and kind in _CATEGORIES) or (
                stage.method in _FOR_CATEGORIES and kind in _NUMBERS
            )
            if is_wrong:
                yield Finding(
                    message=f"`{stage.method}` can't compare the column `{column.name}`, which is of type {kind}",
                    span=column.span,
                    related=(Related(stage.origin.value("method"), "the method"),),
                    helps=("`psi` and `jensenshannon` compare numbers and categories",),
                )


@rule("MLO611")
def threshold_of_nothing(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor's threshold is 0, so that any two samples count as drift.

    Example:
        threshold: 0

    Fix: write a distance that matters. For `psi`, 0.1 is a small shift and 0.25 a large one.
    """
    for stage in pipeline.of_kind(MonitorStage):
        if stage.threshold <= 0:
            yield Finding(
                message=f"with a threshold of 0, `{stage.name}` takes any difference for drift",
                span=stage.origin.value("threshold"),
            )


@rule("MLO612", Severity.WARNING)
def threshold_out_of_reach(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor's threshold is so large that nothing will count as drift.

    Example:
        method: psi
        threshold: 10       # 0.1 was meant

    Fix: lower it. For `psi`, 0.25 is a large shift; `ks` and `jensenshannon` are never above 1.
    """
    for stage in pipeline.of_kind(MonitorStage):
        limit = _LARGEST.get(stage.method)
        is_large = stage.method == "psi" and stage.threshold > _SHIFTED
        if is_large or (limit is not None and stage.threshold >= limit):
            yield Finding(
                message=f"with `{stage.method}` and a threshold of {stage.threshold:g}, `{stage.name}` finds no drift",
                span=stage.origin.value("threshold"),
                helps=("for `psi`, 0.1 is a small shift and 0.25 a large one",) if is_large else (),
            )


@rule("MLO613")
def nothing_to_retrain(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor starts the pipeline again on drift, but the pipeline trains nothing.

    Example:
        drift: {kind: monitor, onDrift: {do: retrain}, …}      # in a pipeline without a train stage

    Fix: choose another action: `rollback`, `stop` or `alert`.
    """
    trains = pipeline.broken or any(True for _ in pipeline.of_kind(TrainStage))
    for stage in pipeline.of_kind(MonitorStage) if not trains else ():
        if stage.action == "retrain":
            yield Finding(
                message=f"`{stage.name}` retrains on drift, but no stage of the pipeline trains",
                span=stage.origin.value("onDrift", "do"),
                helps=("choose `rollback`, `stop` or `alert`",),
            )


@rule("MLO614", Severity.WARNING)
def acts_before_it_can_know(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor's pause after an action is shorter than the checks that lead to the next one.

    It takes `breaches` checks in a row to act. A shorter `cooldown` has no effect.

    Example:
        schedule: {cron: "0 3 * * *"}
        breaches: 2
        onDrift: {do: retrain, cooldown: 6h}      # two checks are a day apart

    Fix: lengthen `cooldown`, or remove it.
    """
    for stage in pipeline.of_kind(MonitorStage):
        between = interval(stage.schedule) if stage.schedule is not None else None
        checks = stage.origin.integer("breaches", default=_DEFAULT_BREACHES) - 1
        is_said = stage.origin.has("onDrift", "cooldown")
        if is_said and between is not None and 0 < (stage.cooldown or 0) <= between.total_seconds() * checks:
            yield Finding(
                message=f"the `cooldown` of `{stage.name}` is over before it could act again",
                span=stage.origin.value("onDrift", "cooldown"),
                related=(Related(stage.origin.value("schedule", "cron"), "checks are this far apart"),),
            )


@rule("MLO615")
def nothing_kept_to_compare(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor watches a stage that keeps no requests, so that there is nothing to compare.

    Example:
        serve: {kind: deploy, model: model, server: {format: sklearn}}
        drift: {kind: monitor, watches: serve, reference: flights}

    Fix: let the deploy stage keep a share of its requests: `log: {requests: 10%}`.
    """
    for stage in pipeline.of_kind(MonitorStage):
        watched = pipeline.stages.get(stage.watches.name)
        if isinstance(watched, DeployStage) and not watched.log_requests:
            yield Finding(
                message=f"`{stage.name}` watches `{watched.name}`, which keeps no requests",
                span=stage.watches.span,
                related=(Related(watched.origin.name, "has no `log`"),) if not watched.origin.has("log") else (),
                helps=(f"add `log: {{requests: 10%}}` to `{watched.name}`",),
            )


@rule("MLO616", Severity.WARNING)
def stops_without_fallback(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor stops what it watches on drift, and nothing answers in its place.

    Example:
        serve: {kind: deploy, …}            # without a `fallback`
        drift: {kind: monitor, watches: serve, onDrift: {do: stop}, …}

    Fix: give the deploy stage a `fallback`, or choose another action.
    """
    for stage in pipeline.of_kind(MonitorStage):
        watched = pipeline.stages.get(stage.watches.name)
        if stage.action == "stop" and isinstance(watched, DeployStage) and watched.fallback is None:
            yield Finding(
                message=f"`{stage.name}` stops `{watched.name}` on drift, and nothing answers in its place",
                span=stage.origin.value("onDrift", "do"),
                related=(Related(watched.origin.name, "has no `fallback`"),),
                helps=(f"add `fallback: {{run: …}}` to `{watched.name}`",),
            )


@rule("MLO617")
def performance_reversed(pipeline: Pipeline) -> Iterator[Finding]:
    """The `min` of a monitor's performance is above its `max`, so that every model fails it.

    Example:
        performance: {metric: auc, min: 0.9, max: 0.8, …}

    Fix: exchange the two.
    """
    for stage in pipeline.of_kind(MonitorStage):
        found = stage.performance
        if found is None or found.minimum is None or found.maximum is None or found.minimum <= found.maximum:
            continue
        yield Finding(
            message=f"no model holds the `performance` of `{stage.name}`: its `min` is above its `max`",
            span=found.origin.value("min"),
            related=(Related(found.origin.value("max"), "below `min`"),),
        )


def _reference_columns(pipeline: Pipeline, stage: MonitorStage) -> tuple[dict[str, str], bool]:
    """The types of the columns that the reference's contract names, and whether there are no others."""
    source = pipeline.stages.get(stage.reference.name) if stage.reference is not None else None
    if not isinstance(source, DataStage) or source.contract is None:
        return {}, False
    contract = source.contract.origin
    types = {name: contract.text("columns", name, "type") or "" for name, _, _ in contract.entries("columns")}
    return types, contract.flag("closed", default=False)
