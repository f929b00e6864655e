"""Rules about training: searches over parameters, retries and checkpoints."""

from collections.abc import Iterator
from math import prod
from pathlib import PurePosixPath

from mlopsctl.check.meaning.mentions import may_read_variables, mentions
from mlopsctl.diagnostics import Finding, Related, Severity, rule
from mlopsctl.ir.lower_stages import METRICS
from mlopsctl.ir.model import Pipeline, TrainStage
from mlopsctl.ir.parts import Dimension, Tune
from mlopsctl.ir.values import fault_of, shown


@rule("MLO330")
def empty_range(pipeline: Pipeline) -> Iterator[Finding]:
    """A search over a parameter ends where it begins, or before.

    Example:
        tune:
          space: {trees: {int: [500, 50]}}

    Fix: write the smallest value first, then the largest.
    """
    for _, tune in _searches(pipeline):
        for name, dimension in _ranges(tune):
            if dimension.least >= dimension.most:
                least, most = (tune.origin.text("space", name, dimension.type, end) for end in (0, 1))
                yield Finding(
                    message=f"the range of `{name}` is empty: it goes from {least} to {most}",
                    span=tune.origin.value("space", name, dimension.type),
                    helps=("the smallest value comes first",),
                )


@rule("MLO331")
def logarithm_of_nothing(pipeline: Pipeline) -> Iterator[Finding]:
    """A search on a logarithmic scale begins at 0 or below, where there is no logarithm.

    Example:
        space: {rate: {float: [0, 0.3], log: true}}

    Fix: begin above 0, such as at 0.0001, or remove `log`.
    """
    for _, tune in _searches(pipeline):
        for name, dimension in _ranges(tune):
            if dimension.log and dimension.least <= 0 and dimension.least < dimension.most:
                least = tune.origin.text("space", name, dimension.type, 0)
                yield Finding(
                    message=f"the logarithmic range of `{name}` begins at {least}, it must begin above 0",
                    span=tune.origin.value("space", name, dimension.type, 0),
                    related=(Related(tune.origin.key("space", name, "log"), "logarithmic"),),
                )


@rule("MLO332", Severity.WARNING)
def more_at_once_than_trials(pipeline: Pipeline) -> Iterator[Finding]:
    """A search runs more trials at once than it has.

    Example:
        tune: {trials: 4, parallel: 10, …}

    Fix: lower `parallel` or raise `trials`.
    """
    for stage, tune in _searches(pipeline):
        if tune.parallel > tune.trials:
            yield Finding(
                message=f"`{stage.name}` runs {tune.parallel} trials at once, but has only {tune.trials}",
                span=tune.origin.value("parallel"),
                related=(Related(tune.origin.value("trials"), "all there are"),),
            )


@rule("MLO333")
def nothing_to_optimize(pipeline: Pipeline) -> Iterator[Finding]:
    """A search has an objective, but the stage writes no metrics.

    Each trial writes its metrics to `${outputs.metrics}`, a JSON file of numbers; the best trial is chosen by them.

    Example:
        model:
          kind: train
          outputs: {model: model.joblib}
          tune: {objective: {metric: auc}, …}

    Fix: add `metrics: metrics.json` to `outputs`, and write the file in the command.
    """
    for stage, tune in _searches(pipeline):
        if METRICS not in stage.outputs:
            yield Finding(
                message=f"the search of `{stage.name}` looks at `{tune.metric}`, but the stage has no output `metrics`",
                span=tune.origin.value("objective", "metric"),
                related=(Related(stage.origin.key("outputs"), "the outputs"),),
                helps=("add `metrics: metrics.json` to the outputs, and write it in the command",),
            )


@rule("MLO334", Severity.WARNING)
def searched_for_nothing(pipeline: Pipeline) -> Iterator[Finding]:
    """A search varies a parameter that the command never reads.

    Example:
        run: python train.py --trees ${params.trees} …
        tune:
          space: {trees: {int: [50, 500]}, depth: {int: [3, 16]}}

    Fix: write `${params.depth}` in the command, or remove it from the space.
    """
    for stage, tune in _searches(pipeline):
        unseen = [name for name in tune.space if not mentions(stage, "params", name)]
        for name in unseen if unseen and not may_read_variables(pipeline, stage) else ():
            yield Finding(
                message=f"the search of `{stage.name}` varies `{name}`, which its command never mentions",
                span=tune.origin.key("space", name),
                helps=(f"write `${{params.{name}}}` in the command",),
            )


@rule("MLO335", Severity.WARNING)
def more_trials_than_values(pipeline: Pipeline) -> Iterator[Finding]:
    """A search has more trials than there are values to try.

    Example:
        tune:
          trials: 40
          space: {loss: {in: [logistic, hinge]}}

    Fix: lower `trials`, or widen the space.
    """
    for stage, tune in _searches(pipeline):
        sizes = [_size(dimension) for dimension in tune.space.values()]
        if None not in sizes and (count := prod(size or 1 for size in sizes)) < tune.trials:
            yield Finding(
                message=f"the search of `{stage.name}` has {tune.trials} trials for {count} different values",
                span=tune.origin.value("trials"),
                related=(Related(tune.origin.key("space"), f"{count} in all"),),
            )


@rule("MLO347")
def searched_beyond_param(pipeline: Pipeline) -> Iterator[Finding]:
    """A search gives a parameter values that its declaration doesn't allow: of another type, or beyond its bounds.

    Example:
        params: {trees: {type: int, default: 200, max: 400}}
        tune:
          space: {trees: {int: [50, 500]}}

    Fix: narrow the space, or widen what the parameter allows. A number with a point is a float: `rate: 1.0`.
    """
    for stage, tune in _searches(pipeline):
        for name, dimension in tune.space.items():
            param = stage.params.get(name)
            values = dimension.choices if dimension.type == "choice" else _ends(dimension)
            faults = [(value, fault) for value in values if param and (fault := fault_of(param, value))]
            if param and faults:
                value, fault = faults[0]
                yield Finding(
                    message=f"the search of `{stage.name}` gives `{name}` values such as {shown(value)}: {fault}",
                    span=tune.origin.value("space", name),
                    related=(Related(param.span, "declared here"),),
                )


@rule("MLO336", Severity.WARNING)
def no_retry_after_all(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage says how it is retried, but not once.

    Example:
        retries: {limit: 0, backoff: 30s}

    Fix: raise `limit`, or remove `retries`.
    """
    for stage in pipeline.stages.values():
        says_how = stage.origin.has("retries", "backoff") or stage.origin.has("retries", "on")
        if says_how and stage.retries.limit == 0:
            yield Finding(
                message=f"stage `{stage.name}` says how it is retried, but its limit is 0",
                span=stage.origin.value("retries", "limit"),
            )


@rule("MLO338")
def checkpoint_in_output(pipeline: Pipeline) -> Iterator[Finding]:
    """A training keeps its checkpoints where one of its outputs is.

    They would become a part of the result, which would be another one each time.

    Example:
        outputs: {model: out}
        checkpoint: {path: out/checkpoints}

    Fix: give checkpoints a folder of their own.
    """
    for stage in pipeline.of_kind(TrainStage):
        if stage.checkpoint is None:
            continue
        for output in stage.outputs.values():
            one, other = PurePosixPath(stage.checkpoint.path), PurePosixPath(output.path)
            if one.is_relative_to(other) or other.is_relative_to(one):
                yield Finding(
                    message=f"the checkpoints of `{stage.name}` lie in the path of its output `{output.name}`",
                    span=stage.checkpoint.origin.value("path"),
                    related=(Related(output.span, "the output"),),
                )


@rule("MLO339", Severity.WARNING)
def checkpoint_without_retries(pipeline: Pipeline) -> Iterator[Finding]:
    """A training keeps checkpoints, but is never retried, so that nothing goes on from them.

    Example:
        checkpoint: {path: checkpoints}

    Fix: add `retries: {limit: 3}`, or remove `checkpoint`.
    """
    for stage in pipeline.of_kind(TrainStage):
        if stage.checkpoint is not None and stage.retries.limit == 0 and not stage.origin.has("retries"):
            yield Finding(
                message=f"stage `{stage.name}` keeps checkpoints, but has no `retries` that would go on from them",
                span=stage.checkpoint.origin.name,
                helps=("add `retries: {limit: 3}`",),
            )


def _searches(pipeline: Pipeline) -> Iterator[tuple[TrainStage, Tune]]:
    return ((stage, stage.tune) for stage in pipeline.of_kind(TrainStage) if stage.tune is not None)


def _ranges(tune: Tune) -> Iterator[tuple[str, Dimension]]:
    """The parameters that a search varies between two numbers."""
    return ((name, dimension) for name, dimension in tune.space.items() if dimension.type != "choice")


def _ends(dimension: Dimension) -> tuple[float, float]:
    return dimension.least, dimension.most


def _size(dimension: Dimension) -> int | None:
    """How many values a parameter can have in a search; None if they can't be counted."""
    if dimension.type == "choice":
        return len(dimension.choices)
    is_countable = dimension.type == "int" and dimension.least < dimension.most
    return int(dimension.most - dimension.least) + 1 if is_countable else None
