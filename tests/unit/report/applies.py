"""The events of a few applies, as whoever applies would say them."""

from dataclasses import replace
from typing import Final

from mlopsctl.plan.health import State
from mlopsctl.plan.model import Action
from mlopsctl.plan.progress import (
    ApplyEnded,
    ApplyEvent,
    ApplyOutcome,
    ApplyStarted,
    Counts,
    LockAwaited,
    ObjectApplied,
    ObjectReady,
    Pruned,
    Result,
    Serving,
    Task,
    WaitingFor,
)
from tests.unit.report.plans import EMPTY, key

SERVICE: Final = key("InferenceService", "flight-delays-8c1f")
ROUTE: Final = key("HTTPRoute", "flight-delays", namespace="gateways")
STARTED: Final = ApplyStarted(
    target=EMPTY.target,
    digest="sha256:" + "5d" * 32,
    commit="3f2c91a",
    planned=Counts(added=1, changed=1, replaced=1, deleted=1),
)
SERVES: Final = Serving(
    pipeline="flight-delays",
    stage="serve",
    run="01JD3WQ7B4M2X8T6V0KZ9C5HNE",
    url="https://models.example/flight-delays",
)
ENDED: Final = ApplyEnded(
    target=EMPTY.target,
    outcome=ApplyOutcome.DONE,
    seconds=74.3,
    done=Counts(added=1, changed=1, replaced=1, deleted=1, unchanged=9),
    serving=(SERVES,),
)
FIRST_STEPS: Final[tuple[ApplyEvent, ...]] = (
    STARTED,
    ObjectApplied(key=key("ServiceAccount", "flight-delays"), action=Action.CREATE, result=Result.DONE, seconds=0.04),
    ObjectApplied(key=SERVICE, action=Action.UPDATE, result=Result.DONE, seconds=0.21),
)
GOOD: Final[tuple[ApplyEvent, ...]] = (
    LockAwaited(holder="ann on laptop, mlopsctl apply --env staging", since="2026-11-03T14:01:58+01:00"),
    *FIRST_STEPS,
    ObjectApplied(key=key("Job", "backfill"), action=Action.REPLACE, result=Result.DONE, seconds=1.3),
    ObjectApplied(key=ROUTE, action=Action.UPDATE, result=Result.UNCHANGED, seconds=0.1),
    WaitingFor(key=SERVICE, state=State.PROGRESSING, why="its controller has not seen the change yet"),
    ObjectReady(key=ROUTE, seconds=2.1),
    WaitingFor(
        key=SERVICE,
        state=State.FAILING,
        why="the container kserve-container of the pod flight-delays-8c1f-predictor-0 can't pull its image",
    ),
    ObjectReady(key=SERVICE, seconds=68.2),
    ObjectReady(key=key("CronWorkflow", "flight-delays"), seconds=0.1, why="its last start failed: no such template"),
    Pruned(key=key("CronWorkflow", "flight-delays-nightly"), result=Result.DONE, seconds=0.1),
    ENDED,
)
UNHEALTHY: Final[tuple[ApplyEvent, ...]] = (
    *FIRST_STEPS,
    WaitingFor(key=SERVICE, state=State.FAILED, why=""),
    replace(
        ENDED,
        outcome=ApplyOutcome.UNHEALTHY,
        seconds=600.2,
        done=Counts(added=1, changed=1),
        left=1,
        unready=(SERVICE, ROUTE),
        serving=(replace(SERVES, run="01JCZX44Q2A7R5S8T1V3W6Y9ZB", url=""),),
    ),
)
CONFLICT: Final[tuple[ApplyEvent, ...]] = (
    STARTED,
    ObjectApplied(
        key=SERVICE,
        action=Action.UPDATE,
        result=Result.FAILED,
        seconds=0.2,
        why="kubectl-edit owns spec.predictor.minReplicas",
    ),
    replace(ENDED, outcome=ApplyOutcome.CONFLICT, seconds=0.4, done=Counts(), left=4, serving=()),
)
INTERRUPTED: Final[tuple[ApplyEvent, ...]] = (
    *FIRST_STEPS,
    Pruned(key=key("CronWorkflow", "old"), result=Result.FAILED, seconds=0.2, why="the API server went away"),
    replace(ENDED, outcome=ApplyOutcome.INTERRUPTED, seconds=12.0, done=Counts(added=1, changed=1), left=2, serving=()),
)
FAILED: Final[tuple[ApplyEvent, ...]] = (
    STARTED,
    replace(ENDED, outcome=ApplyOutcome.FAILED, seconds=3.0, done=Counts(added=1), left=1, serving=()),
)
MANY: Final[tuple[ApplyEvent, ...]] = (
    replace(STARTED, planned=Counts(added=3000)),
    replace(
        ENDED,
        seconds=4000,
        done=Counts(added=3000),
        serving=tuple(replace(SERVES, pipeline=f"p{number}") for number in range(30)),
    ),
)
DESTROYED: Final[tuple[ApplyEvent, ...]] = (
    replace(STARTED, planned=Counts(deleted=1), task=Task.DESTROY),
    Pruned(key=SERVICE, result=Result.DONE, seconds=0.1),
    replace(ENDED, seconds=3.1, done=Counts(deleted=1), serving=(), task=Task.DESTROY),
)
HALF_DESTROYED: Final[tuple[ApplyEvent, ...]] = (
    replace(STARTED, planned=Counts(deleted=2), task=Task.DESTROY),
    Pruned(key=SERVICE, result=Result.FAILED, seconds=0.1, why="the API server went away"),
    replace(
        ENDED,
        outcome=ApplyOutcome.FAILED,
        seconds=3.1,
        done=Counts(deleted=1),
        left=1,
        serving=(),
        task=Task.DESTROY,
    ),
)
APPLIES: Final = {
    "good": GOOD,
    "unhealthy": UNHEALTHY,
    "conflict": CONFLICT,
    "interrupted": INTERRUPTED,
    "failed": FAILED,
    "many": MANY,
    "destroyed": DESTROYED,
    "half destroyed": HALF_DESTROYED,
}
