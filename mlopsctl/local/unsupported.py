"""What a pipeline says that this engine doesn't do yet: said at the start of each run, so that nothing is silent."""

from collections.abc import Iterator

from mlopsctl.ir.model import Pipeline, Stage

_MEANINGS = {
    "each": "no fan-out yet, so neither it nor what follows runs",
    "image": "runs in the pipeline's own environment",
    "resources": "no limits here",
    "nodes": "there is one",
    "pod": "there is none",
}
_BY_KIND = {
    "train": {
        "tune": "one training, with the parameters as they are",
        "distributed": "on this machine alone",
        "checkpoint": "nothing is kept of a training that fails",
    },
    "deploy": {
        "replicas": "one server",
        "rollout": "the new version takes all traffic at once",
        "fallback": "not started",
        "log": "predictions are not kept",
    },
}


def not_run_here(pipeline: Pipeline) -> tuple[str, ...]:
    """The parts that a run on this machine leaves out, each in a few words, in the order written."""
    found = [part for stage in pipeline.stages.values() for part in _parts(stage)]
    if pipeline.schedule is not None:
        found.append("schedule: runs begin by hand here")
    if pipeline.origin.has("notify"):
        found.append("notify: nobody is told from here")
    return tuple(found)


def _parts(stage: Stage) -> Iterator[str]:
    for key, meaning in (_MEANINGS | _BY_KIND.get(stage.kind, {})).items():
        if stage.origin.has(key):
            yield f"{stage.name}.{key}: {meaning}"
    if stage.kind == "monitor":
        yield f"{stage.name}: drift is not checked"
