"""Lowering what stages are made of. Each function reads one part from its origin; None where the text has none."""

from mlopsctl.diagnostics import Span
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import (
    Checkpoint,
    Contract,
    Dimension,
    Direction,
    Distributed,
    Gate,
    LoadTest,
    Param,
    Promotion,
    Replicas,
    Retries,
    Rollout,
    Schedule,
    StageOutput,
    Tune,
    Verification,
)
from mlopsctl.source.nodes import Json, MappingNode, Node, Plain, ScalarNode, SequenceNode, plain

_TYPES = {bool: "bool", int: "int", float: "float", str: "string"}


def read_params(origin: Origin) -> dict[str, Param]:
    """The parameters that a pipeline or a stage declares, in their short and their long form."""
    return {name: _param(name, Origin(_as_mapping(node), span), node) for name, span, node in origin.entries("params")}


def _param(name: str, origin: Origin, node: Node) -> Param:
    value: Plain = node.value if isinstance(node, ScalarNode) else None
    declared = origin.text("type") or _TYPES.get(type(value), "string")
    return Param(
        name=name,
        type=declared,  # type: ignore[arg-type]  # the schema lists the same four
        default=_as_declared(value if isinstance(node, ScalarNode) else origin.scalar("default"), declared),
        minimum=origin.number("min"),
        maximum=origin.number("max"),
        choices=tuple(
            _as_declared(item.value, declared) for item in origin.items("in") if isinstance(item, ScalarNode)
        ),
        help=origin.text("help") or "",
        span=origin.name,
    )


def _as_declared(value: Plain, declared: str) -> Plain:
    """A number as its type says, so that 1 and 1.0 are one value, however it is given."""
    if isinstance(value, bool) or not isinstance(value, int | float) or declared not in ("int", "float"):
        return value
    return int(value) if declared == "int" else float(value)


def read_schedule(origin: Origin) -> Schedule | None:
    """The schedule of a pipeline or a monitor, or None."""
    below = origin.below("schedule")
    if below is None:
        return None
    return Schedule(
        cron=below.text("cron") or "",
        timezone=below.text("timezone") or "UTC",
        concurrency=below.text("concurrency") or "Forbid",
        suspend=below.flag("suspend", default=False),
        origin=below,
    )


def _as_mapping(node: Node) -> MappingNode:
    return node if isinstance(node, MappingNode) else MappingNode({}, node.span)


def read_reference(written: str, span: Span) -> StageOutput:
    """`stage`, `stage.output`, `stage[*]` or `stage[*].output`."""
    stage, _, output = written.partition(".")
    return StageOutput(stage.removesuffix("[*]"), output, stage.endswith("[*]"), span)


def read_retries(stage: Origin) -> Retries:
    """How failed attempts of a stage are repeated; by default not at all."""
    return Retries(
        limit=stage.integer("retries", "limit", default=0),
        backoff=stage.seconds("retries", "backoff", default=0.0),
        on=stage.texts("retries", "on") or ("preempted", "oom", "error"),
    )


def read_resources(stage: Origin) -> dict[str, Json]:
    """What a stage asks for, as written; a GPU is of the most common type where none is named."""
    resources = stage.mapping("resources")
    gpu = resources.get("gpu")
    return {**resources, "gpu": {"type": "nvidia.com/gpu", **gpu}} if isinstance(gpu, dict) else resources


def read_each(node: Node) -> tuple[Plain, ...] | StageOutput:
    """The values of a fan-out: a list, or the output of a stage that will hold one."""
    if isinstance(node, SequenceNode):
        return tuple(item.value for item in node.items if isinstance(item, ScalarNode))
    return read_reference(str(plain(node)), node.span)


def read_contract(stage: Origin) -> Contract | None:
    """What a data set must look like."""
    below = stage.below("contract")
    return None if below is None else Contract(below.mapping(), below.seconds("freshness"), below)


def read_tune(stage: Origin) -> Tune | None:
    """A search over parameters."""
    below = stage.below("tune")
    return (
        None
        if below is None
        else Tune(
            trials=below.integer("trials", default=1),
            parallel=below.integer("parallel", default=1),
            metric=below.text("objective", "metric") or "",
            direction=_direction(below.text("objective", "direction")),
            space={key: _dimension(below, key) for key, _, _ in below.entries("space")},
            origin=below,
        )
    )


def _dimension(tune: Origin, name: str) -> Dimension:
    path, log = ("space", name), tune.flag("space", name, "log", default=False)
    if tune.has(*path, "int"):
        least, most = (tune.integer(*path, "int", end, default=0) for end in (0, 1))
        return Dimension(type="int", least=least, most=most, log=log)
    if tune.has(*path, "float"):
        lowest, highest = (float(tune.number(*path, "float", end) or 0) for end in (0, 1))
        return Dimension(type="float", least=lowest, most=highest, log=log)
    items = tune.items(*path, "in")
    return Dimension(type="choice", choices=tuple(item.value for item in items if isinstance(item, ScalarNode)))


def read_distributed(stage: Origin) -> Distributed | None:
    """One training job on several nodes."""
    below = stage.below("distributed")
    return (
        None
        if below is None
        else Distributed(
            nodes=below.integer("nodes", default=1),
            framework=below.text("framework") or "torch",
            queue=below.text("queue"),
            origin=below,
        )
    )


def read_checkpoint(stage: Origin) -> Checkpoint | None:
    """Where a long training leaves its state."""
    below = stage.below("checkpoint")
    return None if below is None else Checkpoint(below.text("path") or "", below.seconds("every", default=600.0), below)


def read_gates(stage: Origin) -> tuple[Gate, ...]:
    """The gates of an evaluation, in the order written."""
    return tuple(_gate(gate) for index in range(len(stage.items("gates"))) if (gate := stage.below("gates", index)))


def _gate(gate: Origin) -> Gate:
    against = gate.text("against")
    return Gate(
        metric=gate.text("metric") or "",
        minimum=gate.number("min"),
        maximum=gate.number("max"),
        against="serving" if against == "serving" else "naive" if against == "naive" else None,
        tolerance=gate.number("tolerance") or 0.0,
        margin=gate.number("margin") or 0.0,
        direction=_direction(gate.text("direction")),
        slice=gate.text("slice"),
        min_samples=gate.integer("minSamples", default=1),
        origin=gate,
    )


def read_replicas(stage: Origin) -> Replicas:
    """How many servers; by default one."""
    least = stage.integer("replicas", "min", default=1)
    return Replicas(
        minimum=least,
        maximum=stage.integer("replicas", "max", default=max(least, 1)),
        concurrency=stage.integer("replicas", "target", "concurrency", default=0) or None,
        origin=stage.below("replicas"),
    )


def read_load_test(stage: Origin) -> LoadTest | None:
    """Load on the candidate before any traffic; by default 10 users for 10 seconds."""
    below = stage.below("loadTest")
    return (
        None
        if below is None
        else LoadTest(
            users=below.integer("users", default=10),
            duration=below.seconds("duration", default=10.0),
            request=below.text("request") or "",
            p99=below.seconds("p99"),
            errors=below.fraction("errors") or 0.0,
            origin=below,
        )
    )


def read_rollout(stage: Origin) -> Rollout | None:
    """How traffic moves to a new version."""
    below = stage.below("rollout")
    if below is None:
        return None
    challengers = {
        key: below.fraction("split", "challengers", key) for key, _, _ in below.entries("split", "challengers")
    }
    steps = range(len(below.items("canary", "steps")))
    has_shadow = below.has("shadow")
    return Rollout(
        canary=tuple(below.fraction("canary", "steps", step) or 0.0 for step in steps),
        every=below.seconds("canary", "every", default=600.0) if steps else None,
        champion=below.fraction("split", "champion"),
        challengers={key: share or 0.0 for key, share in challengers.items()},
        promote=_promotion(below),
        shadow=below.fraction("shadow", "of") if below.has("shadow", "of") else 1.0 if has_shadow else None,
        shadow_for=below.seconds("shadow", "for"),
        checks=tuple(_check(below, index) for index in range(len(below.items("checks")))),
        origin=below,
    )


def _promotion(rollout: Origin) -> Promotion | None:
    below = rollout.below("split", "promote")
    return None if below is None else Promotion(below.text("metric") or "", below.seconds("after", default=0.0))


def _check(rollout: Origin, index: int) -> dict[str, float]:
    found = {"errors": rollout.fraction("checks", index, "errors"), "p99": rollout.seconds("checks", index, "p99")}
    return {key: value for key, value in found.items() if value is not None}


def _direction(written: str | None) -> Direction:
    return "minimize" if written == "minimize" else "maximize"


def read_verification(stage: Origin) -> Verification | None:
    """What the live endpoint must be worth; by default on 1,000 rows."""
    below = stage.below("verify")
    return (
        None
        if below is None
        else Verification(
            data=read_reference(below.text("data") or "", below.value("data")),
            label=below.text("label") or "",
            metric=below.text("metric") or "",
            minimum=below.number("min"),
            maximum=below.number("max"),
            columns=below.texts("columns"),
            prediction=below.text("prediction") or "",
            rows=below.integer("rows", default=1000),
            origin=below,
        )
    )
