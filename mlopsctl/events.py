"""What happens during a run, as values: the engine says them, report shows them as text, progress or NDJSON."""

from collections.abc import Mapping
from enum import StrEnum

from mlopsctl.frozen import frozen


class Outcome(StrEnum):
    """How a stage ended."""

    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    REFUSED = "refused"  # its command went well, a gate or a data contract did not hold
    SKIPPED = "skipped"  # something before it did not end well, or it was not asked for
    NOT_RUN = "not-run"  # a part of the language that this engine doesn't run yet
    INTERRUPTED = "interrupted"


@frozen(kw_only=True)
class RunStarted:
    """A run begins. `commit` is short, with a remark if files changed since; both are empty outside git."""

    run: str
    pipeline: str
    environment: str
    commit: str
    changed_files: int
    stages: tuple[tuple[str, str], ...]  # name and kind, in the order they are shown
    not_run: tuple[str, ...] = ()  # what the pipeline says that this engine leaves out
    parts: tuple[str, ...] = ()  # of stages that fan out over lists which stand in the pipeline


@frozen(kw_only=True)
class StageWaiting:
    """A stage in a cluster can't begin or go on yet; `why` is what it waits for. `is_trouble`: somebody should know."""

    stage: str
    kind: str
    why: str
    is_trouble: bool


@frozen(kw_only=True)
class StageStarted:
    """A stage's command begins; `reason` says why it can't come from the cache."""

    stage: str
    kind: str
    attempt: int
    reason: str


@frozen(kw_only=True)
class StageOutput:
    """One line that a stage's command printed, without its line break."""

    stage: str
    line: str


@frozen(kw_only=True)
class StageRetried:
    """An attempt failed and another follows after `wait` seconds."""

    stage: str
    attempt: int
    limit: int
    wait: float
    why: str


@frozen(kw_only=True)
class TrialEnded:
    """A trial of a search is over.

    `value` is what it measured, None if it failed, and then `why` says how; `best` is the best value so far.
    """

    stage: str
    trial: int
    trials: int
    params: Mapping[str, str | int | float | bool | None]
    metric: str
    value: float | None
    seconds: float
    cached: bool
    best: float | None
    why: str = ""


@frozen(kw_only=True)
class Check:
    """One gate, data contract or load test result, worded for people: `auc ≥ 0.80`, `0.871`, `holds`."""

    expectation: str
    observed: str
    verdict: str
    holds: bool


@frozen(kw_only=True)
class StageEnded:
    """A stage is over. `summary` is what is worth knowing of its result, `reason` why it ran or didn't."""

    stage: str
    kind: str
    outcome: Outcome
    seconds: float
    summary: str
    reason: str
    checks: tuple[Check, ...] = ()
    part_of: str = ""  # the stage that fans out, if this is one of its parts


@frozen(kw_only=True)
class RunEnded:
    """The run is over. `serving` is the run whose release serves now, or empty."""

    run: str
    pipeline: str
    outcome: Outcome
    seconds: float
    stages: int
    cached: int
    serving: str


Event = RunStarted | StageWaiting | StageStarted | StageOutput | StageRetried | TrialEnded | StageEnded | RunEnded
