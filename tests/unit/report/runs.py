"""The events of a few runs, as the engine would say them."""

from dataclasses import replace

from mlopsctl.events import (
    Check,
    Event,
    Outcome,
    RunEnded,
    RunStarted,
    StageEnded,
    StageOutput,
    StageRetried,
    StageStarted,
    TrialEnded,
)

RUN = "01JD3WQ7B4M2X8T6V0KZ9C5HNE"
SERVING = "01JCZX44Q2A7R5S8T1V3W6Y9ZB"
STAGES = (("flights", "data"), ("holdout", "data"), ("model", "train"), ("quality", "evaluate"), ("serve", "deploy"))
STARTED = RunStarted(
    run=RUN, pipeline="flight-delays", environment="local", commit="3f2c91a", changed_files=2, stages=STAGES
)


def ended(
    stage: str,
    outcome: Outcome,
    *,
    seconds: float = 0,
    summary: str = "",
    reason: str = "",
    checks: tuple[Check, ...] = (),
) -> StageEnded:
    kind = dict(STAGES)[stage]
    return StageEnded(
        stage=stage, kind=kind, outcome=outcome, seconds=seconds, summary=summary, reason=reason, checks=checks
    )


def run_ended(outcome: Outcome, *, cached: int = 2, serving: str = SERVING) -> RunEnded:
    return RunEnded(
        run=RUN, pipeline="flight-delays", outcome=outcome, seconds=46.8, stages=5, cached=cached, serving=serving
    )


_DATA: tuple[Event, ...] = (
    STARTED,
    ended("flights", Outcome.CACHED, summary="28,834 rows, contract holds", reason="cached from 01JD2R1K"),
    ended("holdout", Outcome.CACHED, summary="12,001 rows", reason="cached from 01JD2R1K"),
    StageStarted(stage="model", kind="train", attempt=1, reason="code changed: train.py"),
)
GOOD: tuple[Event, ...] = (
    *_DATA,
    StageOutput(stage="model", line="fitting 200 trees on 28,834 rows"),
    StageOutput(stage="model", line=""),
    ended("model", Outcome.DONE, seconds=41.2, summary="trees=200 depth=8", reason="code changed: train.py"),
    StageStarted(stage="quality", kind="evaluate", attempt=1, reason="its input model changed"),
    ended(
        "quality",
        Outcome.DONE,
        seconds=3.1,
        summary="auc 0.871",
        checks=(
            Check(expectation="auc ≥ 0.80", observed="0.871", verdict="holds", holds=True),
            Check(
                expectation="auc within 0.01 of serving",
                observed="0.871 against 0.868",
                verdict="holds",
                holds=True,
            ),
            Check(expectation="auc ≥ 0.70 for every carrier", observed="lowest HA 0.731", verdict="holds", holds=True),
        ),
    ),
    StageStarted(stage="serve", kind="deploy", attempt=1, reason="a new model"),
    ended("serve", Outcome.DONE, seconds=2.4, summary="p99 18 ms at 20 users, no errors"),
    run_ended(Outcome.DONE, serving=RUN),
)
REFUSED: tuple[Event, ...] = (
    *_DATA,
    ended("model", Outcome.DONE, seconds=41.2, reason="code changed: train.py"),
    ended(
        "quality",
        Outcome.REFUSED,
        seconds=3.0,
        summary="auc 0.842",
        checks=(
            Check(expectation="auc ≥ 0.80", observed="0.842", verdict="holds", holds=True),
            Check(
                expectation="auc within 0.01 of serving",
                observed="0.842 against 0.868",
                verdict="short by 0.016",
                holds=False,
            ),
        ),
    ),
    ended("serve", Outcome.SKIPPED, reason="quality did not hold"),
    run_ended(Outcome.REFUSED),
)
FAILED: tuple[Event, ...] = (
    *_DATA,
    StageOutput(stage="model", line="out of memory"),
    StageRetried(stage="model", attempt=1, limit=2, wait=30, why="exit code 137, killed for want of memory"),
    StageStarted(stage="model", kind="train", attempt=2, reason="code changed: train.py"),
    *(StageOutput(stage="model", line=f"epoch {number} \x1b[31mloss\x1b[0m") for number in range(1, 1225)),
    ended(
        "model", Outcome.FAILED, seconds=125, summary="exit code 1 after 2 attempts", reason="code changed: train.py"
    ),
    ended("quality", Outcome.SKIPPED, reason="model failed"),
    ended("serve", Outcome.NOT_RUN, reason="this engine does not serve yet"),
    run_ended(Outcome.FAILED, serving=""),
)
INTERRUPTED: tuple[Event, ...] = (
    replace(STARTED, not_run=("serve.rollout: the new version takes all traffic at once", "schedule: by hand here")),
    *_DATA[1:],
    ended("model", Outcome.INTERRUPTED, seconds=12.5, reason="code changed: train.py"),
    run_ended(Outcome.INTERRUPTED, cached=0),
)


def trial(number: int, value: float | None, best: float | None, *, cached: bool = False, why: str = "") -> TrialEnded:
    return TrialEnded(
        stage="model",
        trial=number,
        trials=40,
        params={"trees": 50 * number, "rate": 0.01234567 / number, "loss": "log"},
        metric="auc",
        value=value,
        seconds=12.3,
        cached=cached,
        best=best,
        why=why,
    )


SEARCHED: tuple[Event, ...] = (
    *_DATA,
    trial(1, None, None, why="the command of `model` failed with exit code 1"),
    trial(2, 0.85, 0.85, cached=True),
    trial(3, 0.8412, 0.85),
    StageOutput(stage="model", line="4 │ fitting 200 trees on 28,834 rows"),
    trial(4, 0.871, 0.871),
    ended(
        "model",
        Outcome.DONE,
        seconds=492.0,
        summary="40 trials, 1 failed, best auc 0.871: trees=200 rate=0.00309 loss=log",
        reason="new flights",
    ),
    run_ended(Outcome.DONE, serving=""),
)
RUNS = {"good": GOOD, "refused": REFUSED, "failed": FAILED, "interrupted": INTERRUPTED, "searched": SEARCHED}
