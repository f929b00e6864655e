"""What a pipeline says that this engine doesn't do yet: said at the start of each run, so that nothing is silent."""

from collections.abc import Iterator

from mlopsctl.ir.model import Pipeline, Stage

# What a stage says that has a meaning here too, but a smaller one than in a cluster; and what has none here.
_LESS_HERE = {
    "rollout": "the new version takes all traffic at once",
    "onDrift": "said by `mlopsctl drift`, not done",
}
_CLUSTER_ONLY = ("image", "resources", "nodes", "pod", "replicas", "schedule")


def not_run_here(pipeline: Pipeline) -> tuple[str, ...]:
    """What a run on this machine leaves out, in a few words each, in the order written; last what is a cluster's."""
    stages = pipeline.stages.values()
    less = [part for stage in stages for part in _less(stage)]
    cluster = [f"{stage.name}.{key}" for stage in stages for key in _CLUSTER_ONLY if stage.origin.has(key)]
    cluster += [key for key in ("schedule", "notify") if pipeline.origin.has(key)]
    return (*less, *((f"for a cluster: {', '.join(cluster)}",) if cluster else ()))


def _less(stage: Stage) -> Iterator[str]:
    for key, meaning in _LESS_HERE.items():
        if stage.origin.has(key):
            yield f"{stage.name}.{key}: {meaning}"
