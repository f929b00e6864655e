"""What objects are called in a cluster, as far as more than one room has to know it."""

import hashlib

from mlopsctl.ir.model import MonitorStage, Pipeline

LONGEST_NAME = 63
LONGEST_CRON_NAME = 52  # of a CronWorkflow, as Argo appends a time to the names of what it starts
_LONGEST_OF_RUN = 50  # what of a pipeline's name is in those of its workflows, of which Argo makes those of its pods
_HASH = 8


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """The name, or what of it there is room for with a hash of all of it, so that it stays its own."""
    if len(name) <= longest:
        return name
    return f"{name[: longest - _HASH - 1].rstrip('-')}-{short_hash(name)}"


def short_hash(text: str) -> str:
    """Eight characters that names of other texts don't have."""
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def run_name(pipeline: str, own: str) -> str:
    """The name of a run's workflow: the pipeline's, and in its own eight characters what sets it apart."""
    return f"{shortened(pipeline, _LONGEST_OF_RUN)}-{own}"


def monitor_schedule(pipeline: Pipeline, monitor: MonitorStage) -> str:
    """The name of what starts a monitor by the clock."""
    return shortened(f"{pipeline.name}-{monitor.name}", LONGEST_CRON_NAME)


def schedules(pipeline: Pipeline) -> tuple[str, ...]:
    """The names of all that starts something by the clock: the pipeline, and its monitors."""
    own = (pipeline.name,) if pipeline.schedule is not None else ()
    monitors = (each for each in pipeline.of_kind(MonitorStage) if each.schedule is not None)
    return (*own, *(monitor_schedule(pipeline, each) for each in monitors))
