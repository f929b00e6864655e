"""Rules about the graph of stages as a whole: what nobody needs, what comes too late, what overwrites what."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import PurePosixPath

from mlopsctl.check.meaning.mentions import may_read_variables, mentions
from mlopsctl.diagnostics import Finding, Related, Severity, rule
from mlopsctl.ir.command import variable_name
from mlopsctl.ir.model import DataStage, DeployStage, EvaluateStage, MonitorStage, Pipeline, TrainStage


@rule("MLO211")
def waits_for_monitor(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage waits for a monitor, which is never done.

    Monitors run on their own schedule and not as a step of a run.

    Example:
        report:
          kind: task
          requires: [drift]      # a monitor

    Fix: remove the name from `requires`; what a monitor does about drift stands in its `onDrift`.
    """
    monitors = {stage.name: stage for stage in pipeline.of_kind(MonitorStage)}
    for stage in pipeline.stages.values():
        for required in stage.requires:
            if required.name in monitors and required.name != stage.name:
                yield Finding(
                    message=f"stage `{stage.name}` waits for the monitor `{required.name}`, which is never done",
                    span=required.span,
                    related=(Related(monitors[required.name].origin.name, "runs on its own schedule"),),
                )


@rule("MLO212", Severity.WARNING)
def trains_after_serving(pipeline: Pipeline) -> Iterator[Finding]:
    """A training waits until something is served.

    A run trains, then evaluates, then deploys. What should train again because of what is served is the next run.

    Example:
        model:
          kind: train
          requires: [serve]

    Fix: remove the name from `requires`; to train again on drift, use `onDrift: {do: retrain}` of a monitor.
    """
    deployed = {stage.name for stage in pipeline.of_kind(DeployStage)}
    for stage in pipeline.of_kind(TrainStage):
        for required in stage.requires:
            if required.name in deployed:
                yield Finding(
                    message=f"stage `{stage.name}` trains only after `{required.name}` is deployed", span=required.span
                )


@rule("MLO213", Severity.WARNING)
def required_twice(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage requires what it reads already.

    Example:
        quality:
          kind: evaluate
          inputs: {model: model}
          requires: [model]

    Fix: remove it from `requires`; who reads a stage waits for it.
    """
    for stage in pipeline.stages.values():
        names = {required.name for required in stage.requires}
        first = {upstream.name: upstream for upstream in stage.upstream() if upstream not in stage.requires}
        for required in stage.requires:
            if required.name in first and required.name in names and required.name != stage.name:
                yield Finding(
                    message=f"stage `{stage.name}` requires `{required.name}`, which it reads already",
                    span=required.span,
                    related=(Related(first[required.name].span, "read here"),),
                    helps=("remove it from `requires`",),
                )


@rule("MLO214", Severity.WARNING)
def unused_stage(pipeline: Pipeline) -> Iterator[Finding]:
    """Nothing uses what a stage makes.

    A data stage that nobody reads is fetched and checked for nothing. A model that is neither evaluated nor served,
    beside others that are, was most likely forgotten.

    Example:
        holdout: {kind: data, source: holdout.csv}
        quality: {kind: evaluate, inputs: {data: flights}, …}    # and nobody reads holdout

    Fix: read the stage, name it under `requires` if only its contract matters, or remove it.
    """
    used = {upstream.name for _, upstream in pipeline.references()}
    is_used_elsewhere = any(True for _ in pipeline.of_kind(EvaluateStage)) or any(
        True for _ in pipeline.of_kind(DeployStage)
    )
    for stage in pipeline.stages.values() if pipeline.is_whole else ():
        counts = isinstance(stage, DataStage) or (isinstance(stage, TrainStage) and is_used_elsewhere)
        if counts and stage.name not in used:
            yield Finding(
                message=f"nothing uses stage `{stage.name}`",
                span=stage.origin.name,
                helps=("read it, require it if only its contract matters, or remove it",),
            )


@rule("MLO215", Severity.WARNING)
def unused_output(pipeline: Pipeline) -> Iterator[Finding]:
    """Nothing reads one of the outputs of a data stage, though its others are read.

    Example:
        extract:
          kind: data
          run: python extract.py --train ${outputs.train} --test ${outputs.test}
          outputs: {train: train.csv, test: test.csv}
        model: {kind: train, inputs: {data: extract.train}, …}     # and nobody reads extract.test

    Fix: read the output, or leave it out.
    """
    read = {(source.name, reference.output or source.default_output()) for _, reference, source in pipeline.reads()}
    used = {name for name, _ in read}
    for stage in pipeline.of_kind(DataStage) if pipeline.is_whole else ():
        for name, output in stage.outputs.items():
            if stage.name in used and (stage.name, name) not in read and stage.origin.has("outputs", name):
                yield Finding(message=f"nothing reads the output `{name}` of `{stage.name}`", span=output.span)


@rule("MLO216", Severity.WARNING)
def unused_input(pipeline: Pipeline) -> Iterator[Finding]:
    """A command never mentions one of its inputs.

    Example:
        model:
          kind: train
          inputs: {flights: flights, weather: weather}
          run: python train.py --data ${inputs.flights}

    Fix: mention the input, or remove it. Scripts that read `MLOPS_INPUT_WEATHER` themselves are not warned about.
    """
    for stage in pipeline.stages.values():
        unseen = [name for name in stage.inputs if not mentions(stage, "inputs", name)]
        for name in unseen if unseen and not may_read_variables(pipeline, stage) else ():
            yield Finding(
                message=f"the command of `{stage.name}` never mentions its input `{name}`",
                span=stage.origin.key("inputs", name),
                helps=(f"write `${{inputs.{name}}}` in the command, or remove the input",),
            )


@rule("MLO217", Severity.WARNING)
def unwritten_output(pipeline: Pipeline) -> Iterator[Finding]:
    """A command never mentions one of its outputs, so that it can't know where to write it.

    Example:
        model:
          kind: train
          outputs: {model: model.joblib}
          run: python train.py --data ${inputs.flights}

    Fix: mention the output, or remove it. Scripts that read `MLOPS_OUTPUT_MODEL` themselves are not warned about.
    """
    for stage in pipeline.stages.values():
        unseen = [name for name in stage.outputs if not mentions(stage, "outputs", name)]
        declared = [name for name in unseen if stage.origin.has("outputs", name)]
        if isinstance(stage, DataStage) and stage.run is not None and unseen == [*stage.outputs]:
            declared = unseen
        for name in declared if declared and not may_read_variables(pipeline, stage) else ():
            yield Finding(
                message=f"the command of `{stage.name}` never mentions its output `{name}`",
                span=stage.outputs[name].span,
                helps=(f"write `${{outputs.{name}}}` in the command, or read `{variable_name('outputs', name)}`",),
            )


@rule("MLO218")
def overlapping_outputs(pipeline: Pipeline) -> Iterator[Finding]:
    """Two outputs of a stage have the same path, or one lies inside the other.

    Each output is stored by the digest of its own bytes, so none can be a part of another.

    Example:
        outputs: {plots: out, report: out/report.html}

    Fix: give each output a path of its own.
    """
    for stage in pipeline.stages.values():
        for first, second in combinations(stage.outputs.values(), 2):
            one, other = PurePosixPath(first.path), PurePosixPath(second.path)
            if one.is_relative_to(other) or other.is_relative_to(one):
                same = f"have the same path `{one}`" if one == other else f"overlap: `{one}` and `{other}`"
                yield Finding(
                    message=f"the outputs `{first.name}` and `{second.name}` of `{stage.name}` {same}",
                    span=second.span,
                    related=(Related(first.span, "the other one"),),
                )
