"""Nothing written is ignored, what isn't written has its published default, what is broken is left out."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.check import structure
from mlopsctl.ir import lower
from mlopsctl.ir.model import DeployStage, EvaluateStage, MonitorStage, Pipeline, Stage, TrainStage
from mlopsctl.source.nodes import Entry, MappingNode, Node, Plain, ScalarNode, SequenceNode, scalars
from mlopsctl.source.nodes import Path as NodePath
from tests.unit.ir.documents import HEAD, lowered, stages, written

EXAMPLE = (Path(__file__).parents[1] / "language" / "full-pipeline.yaml").read_text(encoding="utf-8")
WHOLE = written(EXAMPLE)

# What may change without the IR being another, and why.
ELSEWHERE = {
    ("apiVersion",): "the header is read before anything is lowered",
    ("kind",): "the header is read before anything is lowered",
    ("metadata", "name"): "the header is read before anything is lowered",
    ("metadata", "description"): "for readers of the file; nothing shows it",
    ("metadata", "license"): "policies judge the document; nothing is made of it",
}


def other(value: Plain) -> Plain:
    """Another value of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    text = str(value)
    if re.fullmatch(r"[0-9.]+(ms|s|m|h|d)", text):
        return "17s"
    if text.endswith("%"):
        return "17%"
    words = {"minimize": "maximize", "maximize": "minimize", "serving": "naive", "naive": "serving"}
    return words.get(text, f"{text}x")


def with_value(node: Node, path: NodePath, value: Plain) -> Node:
    """A copy of `node` with another scalar at `path`, in the same place."""
    if not path:
        assert isinstance(node, ScalarNode)
        return replace(node, value=value, raw=json.dumps(value))
    step, *rest = path
    if isinstance(node, SequenceNode):
        items = tuple(
            with_value(item, tuple(rest), value) if at == step else item for at, item in enumerate(node.items)
        )
        return replace(node, items=items)
    assert isinstance(node, MappingNode)
    assert isinstance(step, str)
    entry = node.entries[step]
    return replace(node, entries={**node.entries, step: Entry(entry.key, with_value(entry.value, tuple(rest), value))})


def of(root: Node) -> Pipeline:
    assert isinstance(root, MappingNode)
    return lower.pipeline(WHOLE.source, root, "local", ()).pipeline


def values() -> Iterator[Any]:
    for path, node in scalars(WHOLE.source.root):
        is_stage_kind = path[-1] == "kind" and path[1:2] == ("stages",)
        if path not in ELSEWHERE and not is_stage_kind:
            yield pytest.param(path, node.value, id=".".join(map(str, path[1:])))


@pytest.mark.parametrize(("path", "value"), [*values()])
def test_every_value_of_the_language_counts(path: NodePath, value: Plain) -> None:
    assert of(with_value(WHOLE.source.root, path, other(value))) != of(WHOLE.source.root)


@pytest.mark.parametrize("path", ELSEWHERE, ids=".".join)
def test_what_does_not_count_is_known(path: tuple[str, ...]) -> None:
    assert of(with_value(WHOLE.source.root, path, "other")) == of(WHOLE.source.root)


# The published default of a field, and a text of which the field is what lowering made.
def defaults_of(schema: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every published default, by the definition or property that it stands at."""
    if isinstance(schema, list):
        for item in schema:
            yield from defaults_of(item, at)
    if not isinstance(schema, dict):
        return
    if (
        "default" in schema
        and ("description" in schema or "$ref" in schema)
        and not isinstance(schema["default"], dict)
    ):
        yield at, schema["default"]
    for key, below in schema.items():
        if key == "examples":
            continue
        step = (
            ""
            if key in ("properties", "$defs", "items", "additionalProperties", "allOf", "then", "else")
            else f".{key}"
        )
        yield from defaults_of(below, at + step)


def stage_of(text: str) -> Stage:
    return next(iter(stages(f"a: {text}").stages.values()))


def train(extra: str) -> Any:
    found = stage_of(f"{{kind: train, run: go, outputs: {{m: m}}, {extra}}}")
    assert isinstance(found, TrainStage)
    return found


def deploy(extra: str, server: str = "format: sklearn") -> Any:
    found = stage_of(f"{{kind: deploy, model: m, server: {{{server}}}, {extra}}}")
    assert isinstance(found, DeployStage)
    return found


def monitor() -> Any:
    said = "schedule: {cron: '0 0 * * *'}, onDrift: {do: alert}, performance: {metric: auc, min: 1, truth: t, 'on': id}"
    found = stage_of(f"{{kind: monitor, watches: s, reference: d, {said}}}")
    assert isinstance(found, MonitorStage)
    return found


def gate() -> Any:
    found = stage_of("{kind: evaluate, run: go, gates: [{metric: auc, min: 1}]}")
    assert isinstance(found, EvaluateStage)
    return found.gates[0]


def lowered_defaults() -> Mapping[str, Any]:
    """What lowering makes of a text that leaves the field out."""
    tune = train("tune: {trials: 9, objective: {metric: a}, space: {x: {int: [1, 2]}}}").tune
    checkpoint, distributed = train("checkpoint: {path: c}").checkpoint, train("distributed: {nodes: 2}").distributed
    load, served = deploy("loadTest: {request: r.json}").load_test, deploy("", server="run: go")
    canary = deploy("rollout: {canary: {steps: [5%]}}").rollout
    shadow = deploy("rollout: {shadow: {for: 1d}}").rollout
    schedule = monitor().schedule
    retries = train("retries: {limit: 1}").retries
    pipeline = stages("a: {kind: task, run: go}")
    return {
        ".spec.code.path": str(pipeline.code.folder.relative_to(pipeline.file.parent)),
        ".schedule.timezone": schedule.timezone,
        ".schedule.concurrency": schedule.concurrency,
        ".schedule.suspend": schedule.suspend,
        ".resources.gpu.type": train("resources: {gpu: {count: 1}}").resources["gpu"]["type"],
        ".retries.backoff": f"{retries.backoff:g}s",
        ".retries.on": list(retries.on),
        ".tune.parallel": tune.parallel,
        ".direction": tune.direction,
        ".distributed.framework": distributed.framework,
        ".checkpoint.every": f"{checkpoint.every / 60:g}m",
        ".gate.tolerance": gate().tolerance,
        ".gate.margin": gate().margin,
        ".gate.minSamples": gate().min_samples,
        ".server.health": served.server.health,
        ".replicas.min": served.replicas.minimum,
        ".loadTest.users": load.users,
        ".loadTest.duration": f"{load.duration:g}s",
        ".loadTest.errors": load.errors,
        ".verify.rows": deploy("verify: {data: d, label: y, metric: mae, max: 1}").verify.rows,
        ".scan.unsafe": served.scan.unsafe,
        ".scan.unknown": served.scan.unknown,
        ".rollout.canary.every": f"{(canary.every or 0) / 60:g}m",
        ".rollout.shadow.of": f"{shadow.shadow:.0%}",
        ".monitorStage.method": monitor().method,
        ".monitorStage.threshold": monitor().threshold,
        ".monitorStage.minSamples": monitor().min_samples,
        ".monitorStage.breaches": monitor().breaches,
        ".monitorStage.performance.within": f"{monitor().performance.within / 86400:g}d",
        ".monitorStage.onDrift.cooldown": f"{(monitor().cooldown or 0) / 3600:g}h",
    }


# Lowering keeps these mappings as they are written; whoever reads them knows the default.
KEPT_AS_WRITTEN = ("Column.", ".contract.closed", ".dimension.log", ".nodes.tolerations.operator")


def test_published_defaults_are_what_lowering_fills_in() -> None:
    published = {
        at: value
        for at, value in defaults_of(structure.schema("Pipeline"))
        if not any(kept in at for kept in KEPT_AS_WRITTEN)
    }
    assert lowered_defaults() == published


def test_a_replica_more_than_none_is_the_most_by_default() -> None:
    assert deploy("replicas: {min: 3}").replicas.maximum == 3
    assert deploy("replicas: {min: 0}").replicas.maximum == 1


def test_the_server_of_a_format_knows_its_own_health() -> None:
    assert deploy("").server.health is None


BROKEN = f"""{HEAD}  params: {{a b: 1}}
  secrets: {{x: 1}}
  schedule: {{}}
  notify: []
  code: 5
  stages:
    good: {{kind: task, run: go}}
    bad: {{kind: task}}
    worse: 1
"""


def test_what_is_broken_is_left_out_and_known_by_name() -> None:
    found = written(BROKEN)
    pipeline = lower.pipeline(found.source, found.source.root, "local", found.broken).pipeline
    assert list(pipeline.stages) == ["good"]
    assert list(pipeline.broken) == ["bad", "worse"]
    assert pipeline.broken_keys == {"params", "secrets", "schedule", "notify", "code"}
    assert (pipeline.params, pipeline.secrets, pipeline.schedule) == ({}, {}, None)
    assert not pipeline.is_whole


@pytest.mark.parametrize(
    "text", [f"{HEAD}  stages: 1\n", HEAD.replace("spec:\n", ""), f"{HEAD}", f"{HEAD}  stages: {{}}\n"]
)
def test_a_pipeline_without_stages_is_lowered_to_one(text: str) -> None:
    found = written(text)
    assert found.broken
    assert lower.pipeline(found.source, found.source.root, "local", found.broken).pipeline.stages == {}


def test_references_that_are_none_are_diagnosed() -> None:
    found = written(HEAD + "  stages: {a: {kind: task, run: 'go ${x y}', env: {A: '${'}}}\n")
    result = lower.pipeline(found.source, found.source.root, "local", ())
    assert [fault.code for fault in result.diagnostics] == ["MLO110", "MLO110"]


def test_params_of_a_stage_shadow_those_of_the_pipeline() -> None:
    text = HEAD + "  params: {a: 1, b: x}\n  stages: {s: {kind: task, run: go, params: {a: 2.5}}}\n"
    stage = lowered(text).stages["s"]
    assert {name: (param.type, param.default) for name, param in stage.params.items()} == {
        "a": ("float", 2.5),
        "b": ("string", "x"),
    }


@pytest.mark.parametrize(
    ("written_as", "kind", "default"),
    [
        ("200", "int", 200),
        ("2.0", "float", 2.0),
        ("1e3", "float", 1000.0),
        ("true", "bool", True),
        ("'200'", "string", "200"),
        ("2013-02", "string", "2013-02"),
        ("{type: float, default: 1}", "float", 1.0),
        ("{type: int, default: 2.0}", "int", 2),
        ("{type: int, default: 1e3}", "int", 1000),
        ("{type: int}", "int", None),
        ("{type: bool, default: false}", "bool", False),
    ],
)
def test_a_param_has_the_type_that_it_is_declared_or_looks_like(written_as: str, kind: str, default: Plain) -> None:
    param = lowered(f"{HEAD}  params: {{a: {written_as}}}\n  stages: {{s: {{kind: task, run: go}}}}\n").params["a"]
    assert (param.type, type(param.default), param.default) == (kind, type(default), default)


def test_stages_come_in_an_order_in_which_they_can_run() -> None:
    pipeline = stages("""\
d: {kind: evaluate, run: go, inputs: {m: c}, requires: [b]}
c: {kind: train, run: go, inputs: {x: a}, outputs: {m: m}}
b: {kind: task, run: go}
a: {kind: data, source: a.csv}
""")
    assert [stage.name for stage in pipeline.ordered()] == ["b", "a", "c", "d"]
    assert pipeline.needs(pipeline.stages["d"]) == ("b", "c")


def test_a_cycle_comes_last_and_loses_nobody() -> None:
    pipeline = stages("""\
a: {kind: task, run: go, requires: [b]}
b: {kind: task, run: go, requires: [a]}
c: {kind: task, run: go, requires: [c]}
""")
    assert [stage.name for stage in pipeline.ordered()] == ["c", "a", "b"]
