"""What a pipeline says that this engine doesn't do yet: said at the start of each run, so that nothing is silent."""

from collections.abc import Iterator

from mlopsctl.ir.model import MonitorStage, Pipeline, Stage

# What a stage says that has a meaning here too, but a smaller one than in a cluster; and what has none here.
_LESS_HERE = {
    "each": "no fan-out yet, so neither it nor what follows runs",
    "tune": "one training, with the parameters as they are",
    "distributed": "on this machine alone",
    "checkpoint": "nothing is kept of a training that fails",
    "rollout": "the new version takes all traffic at once",
    "fallback": "not started",
    "log": "predictions are not kept",
}
_CLUSTER_ONLY = ("image", "resources", "nodes", "pod", "replicas")


def not_run_here(pipeline: Pipeline) -> tuple[str, ...]:
    """What a run on this machine leaves out, in a few words each, in the order written; last what is a cluster's."""
    stages = pipeline.stages.values()
    less = [part for stage in stages for part in _less(stage)]
    cluster = [f"{stage.name}.{key}" for stage in stages for key in _CLUSTER_ONLY if stage.origin.has(key)]
    cluster += [key for key in ("schedule", "notify") if pipeline.origin.has(key)]
    return (*less, *((f"for a cluster: {', '.join(cluster)}",) if cluster else ()))


def _less(stage: Stage) -> Iterator[str]:
    if isinstance(stage, MonitorStage):
        yield f"{stage.name}: drift is not checked"
    for key, meaning in _LESS_HERE.items():
        if stage.origin.has(key):
            yield f"{stage.name}.{key}: {meaning}"
