"""Rules about names that become something else: environment variables and Kubernetes objects."""

from collections.abc import Iterable, Iterator

from mlopsctl.diagnostics import Finding, Related, Span, rule
from mlopsctl.ir.command import variable_name
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.ir.names import LONGEST_CRON_NAME, LONGEST_NAME


@rule("MLO220")
def colliding_variables(pipeline: Pipeline) -> Iterator[Finding]:
    """Two names become the same environment variable.

    Variables are in capitals and have no `-`, so `train-set` and `train_set` are both MLOPS_INPUT_TRAIN_SET.

    Example:
        inputs: {train-set: flights, train_set: holdout}

    Fix: rename one of them.
    """
    yield from _colliding("secrets", pipeline.origin.entries("secrets"))
    yield from _colliding("params", pipeline.origin.entries("params"))
    for stage in pipeline.stages.values():
        for root in ("params", "inputs", "outputs"):
            yield from _colliding(root, stage.origin.entries(root))


@rule("MLO221")
def reserved_variable(pipeline: Pipeline) -> Iterator[Finding]:
    """An `env` sets a variable that mlopsctl sets itself.

    Example:
        env: {MLOPS_INPUT_FLIGHTS: data.csv}

    Fix: use another name; names that begin with MLOPS_ are mlopsctl's.
    """
    for stage in pipeline.stages.values():
        for name in stage.env:
            if name.upper().startswith("MLOPS_"):
                yield Finding(
                    message=f"the variable `{name}` of `{stage.name}` is reserved: `MLOPS_…` are set by mlopsctl",
                    span=stage.origin.key("env", name),
                )


@rule("MLO222")
def long_name(pipeline: Pipeline) -> Iterator[Finding]:
    """The names of a pipeline and a stage are together too long for Kubernetes.

    What is made for a stage in a cluster is called `<pipeline>-<stage>`: at most 63 characters, and 52 for a monitor,
    because the runs of a CronWorkflow have a time appended to its name.

    Example:
        metadata: {name: predicting-delays-of-all-domestic-flights}
        stages: {distribution-of-departure-delays: {kind: monitor, …}}

    Fix: shorten one of the two.
    """
    for stage in pipeline.stages.values():
        name = f"{pipeline.name}-{stage.name}"
        limit = LONGEST_CRON_NAME if isinstance(stage, MonitorStage) else LONGEST_NAME
        if len(name) > limit:
            yield Finding(
                message=f"`{name}` is too long for a name in Kubernetes: {len(name)} characters of at most {limit}",
                span=stage.origin.name,
                helps=("shorten the name of the pipeline or of the stage",),
            )


def _colliding(root: str, entries: Iterable[tuple[str, Span, object]]) -> Iterator[Finding]:
    first: dict[str, tuple[str, Span]] = {}
    for name, span, _ in entries:
        variable = variable_name(root, name)
        if variable in first:
            other, where = first[variable]
            yield Finding(
                message=f"`{other}` and `{name}` both become the variable `{variable}`",
                span=span,
                related=(Related(where, "the other one"),),
                helps=("rename one of the two",),
            )
        first.setdefault(variable, (name, span))
