"""What a cluster needs for trainings on several nodes, which runs make: none of it is applied, so nobody else asks."""

from collections.abc import Iterable, Iterator

from mlopsctl.cluster.objects import Objects
from mlopsctl.diagnostics import Diagnostic, Finding, Severity, Span, diagnostic
from mlopsctl.ir.model import Pipeline, TrainStage

JOB_SET = ("jobset.x-k8s.io/v1alpha2", "JobSet")
_QUEUE = ("kueue.x-k8s.io", "LocalQueue")


def lacking(objects: Objects, pipelines: Iterable[Pipeline]) -> Iterator[Diagnostic]:
    """What the cluster lacks, at the lines that ask for it; nothing is asked where nothing is distributed."""
    for stage in (stage for pipeline in pipelines for stage in pipeline.of_kind(TrainStage)):
        if stage.distributed is None:
            continue
        origin = stage.distributed.origin
        if objects.resources.of(*JOB_SET) is None:
            why = "the cluster has no JobSet"
            yield cannot_distribute(origin.name, stage.name, why, "https://jobset.sigs.k8s.io")
        if stage.distributed.queue and objects.resources.of_any_version(*_QUEUE) is None:
            why = "the cluster has no Kueue, so nobody reads `queue`"
            yield cannot_distribute(origin.value("queue"), stage.name, why, "https://kueue.sigs.k8s.io")


@diagnostic("MLO753", Severity.WARNING)
def cannot_distribute(span: Span, stage: str, why: str, where: str) -> Finding:
    """A training is distributed, and the cluster lacks what that takes: JobSet, or for a `queue` Kueue.

    What is applied is right, and can be applied: JobSets are made by runs. Without JobSet the stage will fail
    (MLO832); without Kueue its nodes begin one by one, as there is room for them.

    Example:
        distributed: {nodes: 4, queue: gpu}      # in a cluster without Kueue

    Fix: have it installed; or say in the `overrides` of the environment what holds there: `distributed: null`.
    """
    return Finding(message=f"`{stage}` is distributed: {why}", span=span, helps=(f"have it installed: {where}",))
