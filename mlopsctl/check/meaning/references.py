"""Rules about what refers to what."""

from collections.abc import Iterable, Iterator

from mlopsctl.diagnostics import Finding, rule, similar
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.parts import StageOutput


@rule("MLO204")
def unknown_stage(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage reads from or waits for a stage that isn't there.

    Example:
        quality:
          kind: evaluate
          inputs: {model: modle}

    Fix: use the name of a stage of this pipeline.
    """
    known = [*pipeline.stages, *pipeline.broken]
    for stage in pipeline.stages.values():
        for upstream in stage.upstream():
            name = upstream.stage if isinstance(upstream, StageOutput) else upstream.name
            if name not in known:
                yield _unknown(stage, upstream, name, known)


def _unknown(stage: Stage, upstream: object, name: str, known: Iterable[str]) -> Finding:
    near = similar(name, (other for other in known if other != stage.name))
    verb, end = (
        ("reads", "which no stage produces") if isinstance(upstream, StageOutput) else ("names", "which is no stage")
    )
    return Finding(
        message=f"stage `{stage.name}` {verb} `{name}`, {end}",
        span=upstream.span,
        label=f"a stage with a similar name: `{near}`" if near else "",
        helps=() if near else (f"the stages are {', '.join(f'`{other}`' for other in known)}",),
    )
