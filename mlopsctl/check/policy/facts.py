"""What a rule sees: a pipeline, its stages and the environment as JSON, in the names of the language.

Defaults are filled in, durations are in seconds and shares are fractions of 1. What isn't there is null, or empty where
it is a list or a mapping of the user's names. `fields` has the names.
"""

from collections.abc import Iterable

from mlopsctl.check.policy.fields import RELEASE
from mlopsctl.ir.model import (
    DataStage,
    DeployStage,
    EvaluateStage,
    MonitorStage,
    Pipeline,
    Stage,
    TaskStage,
    TrainStage,
)
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import (
    Contract,
    Dimension,
    Gate,
    LoadTest,
    Param,
    Performance,
    Rollout,
    Schedule,
    StageOutput,
    Tune,
)
from mlopsctl.source.header import Source
from mlopsctl.source.interpolation import Text
from mlopsctl.source.nodes import Json, MappingNode

Facts = dict[str, Json]


def of_pipeline(pipeline: Pipeline, source: Source, default_image: Json) -> Facts:
    """A pipeline with all of its stages by name; `default_image` is that of the environment, or null."""
    code, document = pipeline.code.origin, Origin(source.root, source.root.span)
    return {
        "name": pipeline.name,
        "owner": pipeline.owner,
        "license": document.text("metadata", "license"),
        "description": document.text("metadata", "description"),
        "labels": dict(pipeline.labels),
        "code": {
            "path": (code and code.text("path")) or ".",
            "python": pipeline.code.python,
            "requirements": code.text("requirements") if code else None,
        },
        "params": _params(pipeline.params.values()),
        "secrets": {name: {"secret": said.secret, "key": said.key} for name, said in pipeline.secrets.items()},
        "schedule": _schedule(pipeline.schedule),
        "notify": {
            "onFailure": [str(address) for address in pipeline.notify.on_failure],
            "onSuccess": [str(address) for address in pipeline.notify.on_success],
        },
        "stages": {name: of_stage(stage, default_image) for name, stage in pipeline.stages.items()},
    }


def of_environment(name: str, source: Source | None) -> Facts:
    """An environment; without a document it is this machine."""
    spec = source.root.get("spec") if source else None
    said = Origin(spec, spec.span) if isinstance(spec, MappingNode) else None
    gateway = said.mapping("gateway") if said else {}
    cluster = said.mapping("cluster") if said else {}
    namespace = cluster.get("namespace")
    return {
        "name": name,
        "cluster": {"context": cluster.get("context"), "namespace": namespace} if cluster else None,
        "store": said.text("store") if said else None,
        "image": said.text("image") if said else None,
        "gateway": {"namespace": namespace, **gateway} if gateway else None,
        "releases": (said and said.text("releases")) or "continuous",
        "promotesFrom": said.text("promotesFrom") if said else None,
        "approvals": {"required": said.integer("approvals", "required", default=0) if said else 0},
        "protected": said.flag("protected", default=False) if said else False,
    }


def of_release(source: Source | None) -> Json:
    """What git says serves of a pipeline, as it is written; null where it says nothing."""
    spec = source.root.get("spec") if source else None
    return {**dict.fromkeys(RELEASE), **Origin(spec, spec.span).mapping()} if isinstance(spec, MappingNode) else None


def of_stage(stage: Stage, default_image: Json) -> Facts:
    """One stage, with the fields of its kind."""
    resources: Facts = {"cpu": None, "memory": None, "disk": None, "gpu": None, **stage.resources}
    common: Facts = {
        "name": stage.name,
        "kind": stage.kind,
        "requires": [required.name for required in stage.requires],
        "inputs": {name: _reference(made) for name, made in stage.inputs.items()},
        "outputs": {name: output.path for name, output in stage.outputs.items()},
        "params": _params(stage.params.values()),
        "run": _text(stage.run),
        "env": {name: str(text) for name, text in stage.env.items()},
        "image": stage.image or default_image,
        "resources": resources,
        "retries": {"limit": stage.retries.limit, "backoff": stage.retries.backoff, "on": list(stage.retries.on)},
        "timeout": stage.timeout,
        "each": {
            name: _reference(values) if isinstance(values, StageOutput) else list(values)
            for name, values in stage.each.items()
        },
        "nodes": dict(stage.nodes),
        "pod": dict(stage.pod),
    }
    return common | _own(stage)


def _own(stage: Stage) -> Facts:
    """The fields that stages of other kinds don't have."""
    match stage:
        case DataStage():
            return {"source": _text(stage.source), "version": stage.version, "contract": _contract(stage.contract)}
        case TaskStage():
            return {}
        case TrainStage():
            return _training(stage)
        case EvaluateStage():
            return {"gates": [_gate(gate) for gate in stage.gates]}
        case DeployStage():
            return _deployment(stage)
        case MonitorStage():
            return _monitor(stage)


def _contract(contract: Contract | None) -> Json:
    if contract is None:
        return None
    rows = contract.spec.get("rows")
    columns: Facts = {
        name: {**said, "nullable": said.get("nullable", False), "personal": said.get("personal", False)}
        for name, said in contract.columns.items()
    }
    return {
        "rows": {"min": None, "max": None, **(rows if isinstance(rows, dict) else {})},
        "freshness": contract.freshness,
        "columns": columns,
        "unique": contract.spec.get("unique", []),
        "closed": contract.spec.get("closed", False),
    }


def _training(stage: TrainStage) -> Facts:
    distributed, checkpoint = stage.distributed, stage.checkpoint
    return {
        "tune": _search(stage.tune),
        "distributed": {"nodes": distributed.nodes, "framework": distributed.framework, "queue": distributed.queue}
        if distributed
        else None,
        "checkpoint": {"path": checkpoint.path, "every": checkpoint.every} if checkpoint else None,
    }


def _search(tune: Tune | None) -> Json:
    if tune is None:
        return None
    return {
        "trials": tune.trials,
        "parallel": tune.parallel,
        "objective": {"metric": tune.metric, "direction": tune.direction},
        "space": {name: _dimension(dimension) for name, dimension in tune.space.items()},
    }


def _dimension(dimension: Dimension) -> Json:
    if dimension.type == "choice":
        return {"in": list(dimension.choices)}
    return {dimension.type: [dimension.least, dimension.most], "log": dimension.log}


def _gate(gate: Gate) -> Json:
    return {
        "metric": gate.metric,
        "min": gate.minimum,
        "max": gate.maximum,
        "against": gate.against,
        "tolerance": gate.tolerance,
        "margin": gate.margin,
        "direction": gate.direction,
        "slice": gate.slice,
        "minSamples": gate.min_samples,
    }


def _deployment(stage: DeployStage) -> Facts:
    server, replicas = stage.server, stage.replicas
    return {
        "model": _reference(stage.model),
        "server": {
            "format": server.format,
            "runtime": server.runtime,
            "run": _text(server.run),
            "health": server.health,
        },
        "replicas": {
            "min": replicas.minimum,
            "max": replicas.maximum,
            "target": {"concurrency": replicas.concurrency},
        },
        "loadTest": _load_test(stage.load_test),
        "rollout": _rollout(stage.rollout),
        "fallback": {"run": str(stage.fallback)} if stage.fallback else None,
        "scan": {"unsafe": stage.scan.unsafe, "unknown": stage.scan.unknown, "allow": list(stage.scan.allow)},
        "log": None if stage.log_requests is None else {"requests": stage.log_requests},
    }


def _load_test(test: LoadTest | None) -> Json:
    if test is None:
        return None
    return {
        "users": test.users,
        "duration": test.duration,
        "request": test.request,
        "p99": test.p99,
        "errors": test.errors,
    }


def _rollout(rollout: Rollout | None) -> Json:
    if rollout is None:
        return None
    promote = rollout.promote
    split: Json = {
        "champion": rollout.champion,
        "challengers": dict(rollout.challengers),
        "promote": {"metric": promote.metric, "after": promote.after} if promote else None,
    }
    return {
        "canary": {"steps": list(rollout.canary), "every": rollout.every} if rollout.canary else None,
        "split": split if rollout.champion is not None else None,
        "shadow": None if rollout.shadow is None else {"of": rollout.shadow, "for": rollout.shadow_for},
        "checks": [dict(check) for check in rollout.checks],
    }


def _monitor(stage: MonitorStage) -> Facts:
    return {
        "watches": stage.watches.name,
        "schedule": _schedule(stage.schedule),
        "reference": _reference(stage.reference) if stage.reference else None,
        "columns": [column.name for column in stage.columns],
        "method": stage.method,
        "threshold": stage.threshold,
        "minSamples": stage.min_samples,
        "breaches": stage.breaches,
        "onDrift": {"do": stage.action, "cooldown": stage.cooldown},
        "performance": _performance(stage.performance),
    }


def _performance(performance: Performance | None) -> Json:
    if performance is None:
        return None
    return {
        "metric": performance.metric,
        "min": performance.minimum,
        "max": performance.maximum,
        "truth": _text(performance.truth),
        "on": performance.on,
        "outcome": performance.outcome,
        "prediction": performance.prediction,
        "within": performance.within,
    }


def _schedule(schedule: Schedule | None) -> Json:
    if schedule is None:
        return None
    return {
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "concurrency": schedule.concurrency,
        "suspend": schedule.suspend,
    }


def _params(params: Iterable[Param]) -> Json:
    return {param.name: param.default for param in params}


def _reference(made: StageOutput) -> str:
    return f"{made.stage}{'[*]' if made.every else ''}{f'.{made.output}' if made.output else ''}"


def _text(text: Text | None) -> str | None:
    return None if text is None else str(text)
