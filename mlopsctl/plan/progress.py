"""What happens while a plan is carried out, as values: whoever applies says them, report shows them."""

from enum import StrEnum

from mlopsctl.frozen import frozen
from mlopsctl.manifest import Key
from mlopsctl.plan.health import State
from mlopsctl.plan.model import Action, Target


class Task(StrEnum):
    """What is done with a plan."""

    APPLY = "apply"
    DESTROY = "destroy"  # its deletions are all that there is


class Result(StrEnum):
    """How it went for one object."""

    DONE = "done"
    UNCHANGED = "unchanged"  # it was so already
    FAILED = "failed"


class ApplyOutcome(StrEnum):
    """How an apply ended."""

    DONE = "done"
    CONFLICT = "conflict"  # someone else changed an object in the meantime, or owns one of its fields
    FAILED = "failed"
    UNHEALTHY = "unhealthy"  # applied, but not all of it is ready
    INTERRUPTED = "interrupted"


@frozen(kw_only=True)
class Counts:
    """How many objects there are to which each of these happens, or happened."""

    added: int = 0
    changed: int = 0
    replaced: int = 0
    deleted: int = 0
    unchanged: int = 0


@frozen(kw_only=True)
class Serving:
    """Which run's model answers at which URL; both are empty if that isn't known."""

    pipeline: str
    stage: str
    run: str
    url: str


@frozen(kw_only=True)
class ApplyStarted:
    """An apply begins.

    `digest` is that of its plan, `commit` is empty outside of git, `planned` is all there is to do.
    """

    target: Target
    digest: str
    commit: str
    planned: Counts
    task: Task = Task.APPLY


@frozen(kw_only=True)
class LockAwaited:
    """Another apply has the lock and is waited for. `holder` is who and what it is, `since` an RFC 3339 time."""

    holder: str
    since: str


@frozen(kw_only=True)
class ObjectApplied:
    """An object was made, changed or replaced, or that failed. `why` says why it failed, else it is empty."""

    key: Key
    action: Action
    result: Result
    seconds: float
    why: str = ""


@frozen(kw_only=True)
class WaitingFor:
    """An object is not ready yet, for another reason than before. `state` is never that of what is ready."""

    key: Key
    state: State
    why: str


@frozen(kw_only=True)
class ObjectReady:
    """An object is as it should be, that long after the wait began.

    `why` is what is worth knowing of it all the same, such as that a schedule's last start failed; else it is empty.
    """

    key: Key
    seconds: float
    why: str = ""


@frozen(kw_only=True)
class Pruned:
    """An object that git doesn't have any more was deleted, or that failed. `why` says why it failed."""

    key: Key
    result: Result
    seconds: float
    why: str = ""


@frozen(kw_only=True)
class ApplyEnded:
    """The apply is over: what it did and what serves.

    `left` is how many objects of the plan it didn't come to, `unready` are those that it did but that are not ready.
    """

    target: Target
    outcome: ApplyOutcome
    seconds: float
    done: Counts
    left: int = 0
    unready: tuple[Key, ...] = ()
    serving: tuple[Serving, ...] = ()
    task: Task = Task.APPLY


ApplyEvent = ApplyStarted | LockAwaited | ObjectApplied | WaitingFor | ObjectReady | Pruned | ApplyEnded
