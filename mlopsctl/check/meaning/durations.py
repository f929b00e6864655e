"""Rules about lengths of time, wherever they are written."""

from collections.abc import Iterator

from mlopsctl.diagnostics import Finding, Related, Severity, rule
from mlopsctl.ir.model import DeployStage, Pipeline
from mlopsctl.source.nodes import Path, scalars

# Where a length of 0 can't be meant, below a stage. A pause of 0, such as `backoff` or `cooldown`, is none.
_POSITIVE: frozenset[Path] = frozenset(
    {
        ("timeout",),
        ("contract", "freshness"),
        ("checkpoint", "every"),
        ("loadTest", "duration"),
        ("loadTest", "p99"),
        ("rollout", "canary", "every"),
        ("rollout", "shadow", "for"),
        ("rollout", "split", "promote", "after"),
        ("rollout", "checks", "p99"),
    }
)
_LAST = frozenset(path[-1] for path in _POSITIVE)  # of few scalars all of the path is looked at


@rule("MLO337")
def no_time_at_all(pipeline: Pipeline) -> Iterator[Finding]:
    """A length of time is 0 where nothing could happen in it.

    Example:
        timeout: 0s

    Fix: write how long it may take, or leave the key out for no limit.
    """
    for stage in pipeline.stages.values():
        for path, node in scalars(stage.origin.node):
            keys = tuple(step for step in path if isinstance(step, str)) if path[-1] in _LAST else ()
            if keys in _POSITIVE and stage.origin.seconds(*path) == 0:
                yield Finding(message=f"`{keys[-1]}` of `{stage.name}` is no time at all", span=node.span)


@rule("MLO509")
def load_test_outlasts_timeout(pipeline: Pipeline) -> Iterator[Finding]:
    """A load test takes longer than its stage may.

    Example:
        timeout: 20s
        loadTest: {request: request.json, duration: 30s}

    Fix: shorten the test or lengthen the timeout.
    """
    for stage in pipeline.of_kind(DeployStage):
        if stage.load_test is not None and stage.timeout and stage.load_test.duration >= stage.timeout:
            yield Finding(
                message=f"the load test of `{stage.name}` takes longer than its timeout",
                span=stage.load_test.origin.value("duration"),
                related=(Related(stage.origin.value("timeout"), "the stage ends here"),),
            )


@rule("MLO510", Severity.WARNING)
def rollout_outlasts_timeout(pipeline: Pipeline) -> Iterator[Finding]:
    """The steps of a canary, or a shadow, take longer than their stage may.

    Example:
        timeout: 20m
        rollout: {canary: {steps: [5%, 25%, 50%], every: 10m}}

    Fix: lengthen the timeout, or shorten the steps or the shadow.
    """
    for stage in pipeline.of_kind(DeployStage):
        rollout = stage.rollout
        if rollout is None or not stage.timeout:
            continue
        if rollout.seconds > stage.timeout:
            kind = "canary" if rollout.canary else "shadow"
            yield Finding(
                message=f"the {kind} of `{stage.name}` takes longer than its timeout",
                span=rollout.origin.value(kind),
                related=(Related(stage.origin.value("timeout"), "the stage ends here"),),
            )
