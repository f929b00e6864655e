"""Who the pods of a pipeline are in the cluster, and what they may do there: as little as can be."""

from collections.abc import Iterator, Mapping

from mlopsctl.diagnostics import Diagnostic, Finding, Severity, Span, diagnostic
from mlopsctl.ir.model import DeployStage, MonitorStage, Stage
from mlopsctl.ir.names import schedules
from mlopsctl.manifest import Manifest
from mlopsctl.render.nodes import is_distributed
from mlopsctl.render.rendering import Maker, Rendering

_TEMPLATES = ("access/service-account.yaml", "access/role.yaml", "access/role-binding.yaml")
# What an account may do beside what the pod of any stage does.
_NOTHING: Mapping[str, object] = {
    "acts": False,
    "starts_runs": False,
    "version_verbs": [],
    "route_names": [],
    "schedule_names": [],
    "makes_nodes": False,
}


def access(maker: Maker) -> Iterator[Manifest]:
    """An account for stages, and those for what acts in the cluster: deployments, monitors, distributed trainings."""
    rendering = maker.rendering
    name = rendering.pipeline.name
    yield from _account(maker, name)
    stages = rendering.pipeline.stages.values()
    if any(_deploys(rendering, stage) for stage in stages):
        does = {"route_names": _routes(rendering), "version_verbs": ["get", "list", "create", "patch", "delete"]}
        yield from _account(maker, _deployer(name), does)
    actions = {stage.action for stage in stages if isinstance(stage, MonitorStage) and _acts(rendering, stage)}
    if actions:
        yield from _account(maker, _monitor(name), _done_by(rendering, actions))
    if any(is_distributed(stage) for stage in stages):
        yield from _account(maker, _nodes(name), {"makes_nodes": True})


def account_of(rendering: Rendering, stage: Stage) -> str | None:
    """The account of a stage's pod; None if it is the one of most stages."""
    if _deploys(rendering, stage):
        return _deployer(rendering.pipeline.name)
    if isinstance(stage, MonitorStage) and _acts(rendering, stage):
        return _monitor(rendering.pipeline.name)
    return _nodes(rendering.pipeline.name) if is_distributed(stage) else None


def unanswered(rendering: Rendering) -> Iterator[Diagnostic]:
    """Monitors that are to do what automation may not, or can't, where they are."""
    for stage in rendering.pipeline.of_kind(MonitorStage):
        if why := _only_tells(rendering, stage):
            name = rendering.environment.name
            yield only_tells(stage.origin.value("onDrift", "do"), stage.name, stage.action, name, why)


def _acts(rendering: Rendering, stage: MonitorStage) -> bool:
    return stage.action != "alert" and not _only_tells(rendering, stage)


def _only_tells(rendering: Rendering, stage: MonitorStage) -> str:
    """Why nothing is done there of what a monitor is to do; empty if it is."""
    environment = rendering.environment
    if stage.action == "rollback" and environment.releases == "pinned":
        return "its releases are `pinned`, so git says what serves"
    if stage.action in ("rollback", "stop") and environment.gateway is None:
        return "it has no `gateway`, so no route leads requests to the model"
    return ""


def _done_by(rendering: Rendering, actions: set[str]) -> dict[str, object]:
    """What a monitor's account may do for these actions."""
    may: dict[str, object] = {"starts_runs": "retrain" in actions}
    if actions & {"rollback", "stop"}:
        may["route_names"] = _routes(rendering)
    if "rollback" in actions:
        may["version_verbs"] = ["get", "list", "create", "patch"]
    if "stop" in actions:
        may["schedule_names"] = list(schedules(rendering.pipeline))
    return may


def _routes(rendering: Rendering) -> list[str]:
    return [rendering.pipeline.name] if rendering.environment.gateway else []


def _deploys(rendering: Rendering, stage: Stage) -> bool:
    """Whether its pod puts models into service; where releases are pinned, `apply` does."""
    return isinstance(stage, DeployStage) and rendering.environment.releases == "continuous"


def _deployer(pipeline: str) -> str:
    return f"{pipeline}-deploy"


def _monitor(pipeline: str) -> str:
    return f"{pipeline}-monitor"


def _nodes(pipeline: str) -> str:
    return f"{pipeline}-nodes"


def _account(maker: Maker, name: str, does: Mapping[str, object] | None = None) -> Iterator[Manifest]:
    for template in _TEMPLATES:
        yield maker.make(template, name, {**_NOTHING, **(does or {}), "acts": does is not None})


@diagnostic("MLO739", Severity.WARNING)
def only_tells(span: Span, monitor: str, action: str, environment: str, why: str) -> Finding:
    """What a monitor is to do about drift isn't automation's to do in this environment, so there it only tells.

    Where releases are `pinned`, turning back is a commit. Without a `gateway` there is no route that could lead
    requests elsewhere. The monitor tells then as with `alert`: its workflow fails, and `notify.onFailure` is told.

    Example:
        onDrift: {do: rollback}        # rendered for an environment with `releases: pinned`

    Fix: say in that environment's `overrides` what is to happen there: `onDrift: {do: alert}`. `stop` works where
    releases are `pinned`, too.
    """
    return Finding(
        message=f"`{monitor}` does no `{action}` in {environment}: {why}",
        span=span,
        label="tells only, like `alert`",
        helps=(f"say so in the `overrides` of {environment}: `onDrift: {{do: alert}}`",),
    )
