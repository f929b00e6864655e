"""Pipelines that are stopped: what a run says that would serve there, and how this machine knows of it.

In a cluster the route carries who stopped it. On this machine there is no route; the store says it.
"""

from dataclasses import replace

from mlopsctl.diagnostics import Finding, Span, diagnostic
from mlopsctl.engine.result import StageResult
from mlopsctl.events import Outcome
from mlopsctl.ir.model import DeployStage
from mlopsctl.plan.overrides import STOPPED, Override, annotations_of, override_of
from mlopsctl.store import Store


def read_stop(store: Store, pipeline: str, environment: str) -> Override | None:
    """Who stopped a pipeline in an environment that is no cluster; None if nobody did, or somebody resumed it."""
    pointer = store.read_pointer(_name(pipeline, environment))
    return None if pointer is None else override_of({"name": pipeline, "annotations": pointer.value})


def write_stop(store: Store, environment: str, override: Override) -> None:
    """Stop a pipeline that nobody stopped. Raises PointerMoved if somebody does at the same time."""
    _move(store, override.pipeline, environment, annotations_of(override))


def lift_stop(store: Store, pipeline: str, environment: str) -> None:
    """Let a pipeline serve again. Raises PointerMoved if somebody else does something with it at the same time."""
    _move(store, pipeline, environment, {})


def held_by(override: Override, stage: DeployStage, environment: str, result: StageResult | None = None) -> StageResult:
    """A deploy stage that is refused because people have stopped its pipeline; `result` is how it was until then."""
    found = result or StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.REFUSED)
    fault = is_stopped(stage.origin.name, stage.name, override, environment)
    return replace(found, outcome=Outcome.REFUSED, summary="stopped", diagnostics=(fault,))


def _move(store: Store, pipeline: str, environment: str, value: dict[str, str]) -> None:
    name = _name(pipeline, environment)
    before = store.read_pointer(name)
    store.move_pointer(name, value, expect=before.version if before else None)


def _name(pipeline: str, environment: str) -> str:
    return f"{STOPPED.rpartition('/')[2]}/{environment}/{pipeline}"


@diagnostic("MLO892")
def is_stopped(span: Span | None, stage: str, override: Override, environment: str) -> Finding:
    """A run built a model for a pipeline that people have stopped, so the model isn't put into service.

    What serves is what it was, nothing is removed, and the results of all other stages are kept.

    Example:
        mlopsctl stop churn --env staging      # while a run of it goes on

    Fix: nothing, as long as it is to be stopped. After `mlopsctl resume` run the pipeline again: all but the deploy
    stage comes from the cache.
    """
    when, why = override.moment and f", {override.moment}", override.why and f": {override.why}"
    return Finding(
        message=f"`{stage}` doesn't serve: `{override.pipeline}` was stopped by {override.by}{when}{why}",
        span=span,
        helps=(f"mlopsctl resume {override.pipeline} --env {environment}, then run it again",),
    )
