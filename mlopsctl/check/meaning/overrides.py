"""Rules about what an environment overrides."""

from collections.abc import Iterator

from mlopsctl.check.advice import closest
from mlopsctl.diagnostics import Finding, rule
from mlopsctl.ir.model import Pipeline
from mlopsctl.source.nodes import MappingNode, at
from mlopsctl.source.overrides import stages_of_nothing
from mlopsctl.source.project import Sources

Pipelines = tuple[Pipeline, ...]


@rule("MLO700")
def override_of_nothing(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """An environment overrides a pipeline that isn't there.

    Example:
        overrides:
          flight-delay: {…}           # the pipeline is called flight-delays

    Fix: use the name of a pipeline, as its `metadata` has it.
    """
    known = [source.name for source in sources.pipelines]
    for environment in (*sources.environments, *sources.ephemeral):
        overrides = at(environment.root, ("spec", "overrides"))
        for name, entry in overrides.entries.items() if isinstance(overrides, MappingNode) else ():
            if name not in known:
                yield Finding(
                    message=f"environment `{environment.name}` overrides `{name}`, which is no pipeline",
                    span=entry.key,
                    **closest(name, known, "pipeline"),
                )


@rule("MLO709")
def override_of_no_stage(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """An environment overrides a stage that the pipeline doesn't have.

    An override may also add a stage; then it has a `kind` and all that a stage needs.

    Example:
        overrides:
          churn: {stages: {sevre: {replicas: {min: 2}}}}

    Fix: use the name of a stage of the pipeline, or give the new stage its `kind`.
    """
    for environment in (*sources.environments, *sources.ephemeral):
        for pipeline in sources.pipelines:
            stages = at(pipeline.root, ("spec", "stages"))
            known = list(stages.entries) if isinstance(stages, MappingNode) else []
            for name, entry in stages_of_nothing(pipeline, environment).items():
                what = f"`{name}`, which is no stage of `{pipeline.name}`"
                yield Finding(
                    message=f"environment `{environment.name}` overrides {what}",
                    span=entry.key,
                    **closest(name, known, "stage"),
                )
