"""What objects are called in a cluster, as far as more than one room has to know it."""

import hashlib

from mlopsctl.ir.model import MonitorStage, Pipeline

LONGEST_NAME = 63
LONGEST_CRON_NAME = 52  # of a CronWorkflow, as Argo appends a time to the names of what it starts
_HASH = 8


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """The name, or what of it there is room for with a hash of all of it, so that it stays its own."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    return f"{name[: longest - _HASH - 1].rstrip('-')}-{digest}"


def monitor_schedule(pipeline: Pipeline, monitor: MonitorStage) -> str:
    """The name of what starts a monitor by the clock."""
    return shortened(f"{pipeline.name}-{monitor.name}", LONGEST_CRON_NAME)


def schedules(pipeline: Pipeline) -> tuple[str, ...]:
    """The names of all that starts something by the clock: the pipeline, and its monitors."""
    own = (pipeline.name,) if pipeline.schedule is not None else ()
    monitors = (each for each in pipeline.of_kind(MonitorStage) if each.schedule is not None)
    return (*own, *(monitor_schedule(pipeline, each) for each in monitors))
