"""Argo's objects: the pipeline as a WorkflowTemplate, and what starts it and its monitors by the clock."""

from collections.abc import Iterator

from mlopsctl.ir.fan_out import list_of, written_items
from mlopsctl.ir.model import DeployStage, MonitorStage, Pipeline, Stage
from mlopsctl.ir.names import monitor_schedule
from mlopsctl.ir.parts import Schedule
from mlopsctl.ir.values import declared_params, shown
from mlopsctl.manifest import Manifest
from mlopsctl.render import pods
from mlopsctl.render.access import account_of
from mlopsctl.render.contract import contract_name
from mlopsctl.render.nodes import image_of, is_distributed
from mlopsctl.render.rendering import STAGE, Maker, Rendering
from mlopsctl.render.search import has_trials, search
from mlopsctl.render.skeleton import Filled
from mlopsctl.render.sourced import placed
from mlopsctl.source.nodes import Json


def workflow_template(maker: Maker) -> Manifest:
    """The pipeline: its stages, and the order in which they run."""
    pipeline = maker.rendering.pipeline
    graph = [stage for stage in pipeline.ordered() if not isinstance(stage, MonitorStage)]
    values = {
        "account": pipeline.name,
        "contract": contract_name(pipeline),
        "parameters": list(_parameters(pipeline)),
        "tasks": [_task(pipeline, stage) for stage in graph],
        "stages": [filled for stage in pipeline.ordered() for filled in _stage(maker, stage)],
        "end": _end(maker),
        "monitors": any(True for _ in pipeline.of_kind(MonitorStage)),
    }
    return maker.make("argo/workflow-template.yaml", pipeline.name, values)


def cron_workflows(maker: Maker) -> Iterator[Manifest]:
    """What starts the pipeline and each of its monitors."""
    pipeline = maker.rendering.pipeline
    if pipeline.schedule is not None:
        yield _cron(maker, pipeline.name, pipeline.schedule, None)
    for stage in pipeline.of_kind(MonitorStage):
        if stage.schedule is not None:
            yield _cron(maker, monitor_schedule(pipeline, stage), stage.schedule, stage)


def parameter_name(name: str) -> str:
    """A parameter's name in Argo, which allows no dots: `model.depth` is `model__depth`."""
    return name.replace(".", "__")


def _cron(maker: Maker, name: str, schedule: Schedule, stage: Stage | None) -> Manifest:
    origin = schedule.origin
    said: dict[str, Json] = {
        "cron": placed(schedule.cron, origin.value("cron")),
        "timezone": placed(schedule.timezone, origin.value("timezone")),
        "concurrency": placed(schedule.concurrency, origin.value("concurrency")),
        "suspend": schedule.suspend,
    }
    entrypoint = stage.name if stage else "Pipeline"
    values = {
        "schedule": said,
        "entrypoint": entrypoint,
        "monitor": stage is not None,
        "template": maker.rendering.pipeline.name,
    }
    return maker.make("argo/cron-workflow.yaml", name, values, stage=stage)


def _parameters(pipeline: Pipeline) -> Iterator[Json]:
    """What a run may be given, with its defaults as texts, which is all that Argo has.

    A default with `{{` in it is left out, as Argo would read it as a template of its own; the contract has it.
    """
    for name, param in declared_params(pipeline).items():
        parameter: dict[str, Json] = {"name": parameter_name(name)}
        if param.default is not None:
            parameter["value"] = shown(param.default)
        if "{{" not in str(parameter.get("value", "")):
            yield placed(parameter, param.span)


def _end(maker: Maker) -> dict[str, Json]:
    """What the pod is told that keeps the record of a run."""
    rendering = maker.rendering
    environment = rendering.environment
    return {
        "image": rendering.image,
        "store": placed(environment.store, environment.origin.value("store")),
        "environment": environment.name,
        "project": rendering.project,
        "resources": pods.SMALL,
        "again_if": pods.PREEMPTED,
        "hooks": pods.hook_secrets(rendering.pipeline),
    }


def _task(pipeline: Pipeline, stage: Stage) -> dict[str, object]:
    """A node of the graph. Of a fan-out Argo knows the names of the items, in which nothing is a template to it."""
    needs = [pipeline.stages[name] for name in pipeline.needs(stage)]
    made = list_of(stage)
    return {
        "name": placed(stage.name, stage.origin.name),
        "depends": " && ".join(_ended_well(other) for other in needs if not isinstance(other, MonitorStage)),
        "each": bool(stage.each),
        "names": [item.name for item in written_items(stage)],
        "list": f"{{{{tasks.{made.stage}.outputs.parameters.{pipeline.output_of(made)}}}}}" if made else None,
    }


def _ended_well(stage: Stage) -> str:
    """What Argo says of a stage after which others may run: it skips what fans out over an empty list."""
    return f"({stage.name}.Succeeded || {stage.name}.Skipped)" if list_of(stage) else f"{stage.name}.Succeeded"


def _lists(pipeline: Pipeline, stage: Stage) -> dict[str, str]:
    """The outputs of a stage that others fan out over, with the file in which the pod leaves the items' names."""
    made = (list_of(other) for other in pipeline.stages.values())
    names = {pipeline.output_of(output) for output in made if output and output.stage == stage.name}
    return {name: pods.list_file(name) for name in sorted(names)}


def _stage(maker: Maker, stage: Stage) -> Iterator[Filled]:
    """The template of a stage, or those of its search."""
    rendering, origin = maker.rendering, stage.origin
    patch = {} if _starts_others(stage) else pods.pod_patch(stage)
    labels, annotations = patch.get("labels"), patch.get("annotations")
    view: dict[str, object] = {
        "name": placed(stage.name, origin.name),
        "kind": stage.kind,
        "labels": {STAGE: stage.name, **(labels if isinstance(labels, dict) else {})},
        "annotations": annotations,
        "account": account_of(rendering, stage),
        "mutex": account_of(rendering, stage) if isinstance(stage, DeployStage) else None,
        "args": ["monitor" if isinstance(stage, MonitorStage) else "stage", stage.name],
        "each": bool(stage.each),
        "lists": _lists(rendering.pipeline, stage),
        "is_given_any": any(_parameters(rendering.pipeline)),
        # How long nodes have to wait for each other, or in a queue, is no part of it.
        "timeout": None if is_distributed(stage) else pods.timeout(stage),
        "makes_nodes": is_distributed(stage),
        "retries": pods.retries(stage),
        "store": placed(rendering.environment.store, rendering.environment.origin.value("store")),
        "environment": rendering.environment.name,
        "namespace": rendering.environment.namespace,
        "releases": rendering.environment.releases,
        "is_trial": False,
        "hooks": pods.hook_secrets(rendering.pipeline) if isinstance(stage, MonitorStage) else [],
        **_machine(rendering, stage),
    }
    if has_trials(stage) and not view["lists"]:
        yield from search(maker, stage, view)
    else:
        yield maker.templates.fill("argo/stage.yaml", {"stage": view}, origin=origin.name)


def _starts_others(stage: Stage) -> bool:
    """Whether what it says of machines is about others than the pod that starts these: servers, nodes that train."""
    return isinstance(stage, DeployStage) or is_distributed(stage)


def _machine(rendering: Rendering, stage: Stage) -> dict[str, object]:
    """What the pod of a stage runs in and on."""
    if _starts_others(stage):
        nothing = dict.fromkeys(("selector", "tolerations", "patch"))
        return {"image": rendering.image, "resources": pods.SMALL, "secrets": [], **nothing}
    return {
        "image": image_of(rendering, stage),
        "resources": pods.resources(stage),
        **pods.nodes(stage),
        "patch": pods.spec_patch(stage),
        "secrets": pods.secrets(rendering.pipeline, stage),
    }
