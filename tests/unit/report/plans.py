"""Plans made by hand that the tests of text, Markdown and JSON share."""

from dataclasses import replace
from typing import Final

from mlopsctl.diagnostics import Position, Span
from mlopsctl.manifest import Key
from mlopsctl.plan.model import (
    ABSENT,
    Action,
    Check,
    Drift,
    Effect,
    FieldChange,
    Inventory,
    ObjectChange,
    Plan,
    Provenance,
    StageChange,
    Target,
)
from mlopsctl.plan.normal import SECRET
from mlopsctl.plan.overrides import Override

FILE: Final = "pipelines/flight-delays/pipeline.yaml"
GROUPS: Final = {
    "WorkflowTemplate": "argoproj.io",
    "CronWorkflow": "argoproj.io",
    "InferenceService": "serving.kserve.io",
    "HTTPRoute": "gateway.networking.k8s.io",
}
OLD_IMAGE: Final = "registry.example/flights/train@sha256:" + "91be" * 16
NEW_IMAGE: Final = "registry.example/flights/train@sha256:" + "77ac" * 16
SCRIPT: Final = "set -eu\npython train.py --trees 200\npython report.py\necho done\n"


def at(line: int, *, file: str = FILE) -> Span:
    return Span(file, Position(line, 9), Position(line, 20))


def key(kind: str, name: str, *, namespace: str = "flights-staging") -> Key:
    return Key(GROUPS.get(kind, ""), kind, namespace, name)


def field(path: str, before: object, after: object, line: int | None = None) -> FieldChange:
    return FieldChange(path=path, before=before, after=after, place=at(line) if line else None)


def document(of: Key) -> dict[str, object]:
    version = f"{of.group}/v1" if of.group else "v1"
    return {"apiVersion": version, "kind": of.kind, "metadata": {"name": of.name, "namespace": of.namespace}}


def change(action: Action, of: Key, *fields: FieldChange, note: str = "", wanted: object = None) -> ObjectChange:
    lives = action is not Action.CREATE
    whole = None if action is Action.DELETE else wanted or document(of)
    return ObjectChange(
        action=action,
        key=of,
        api_version=str(document(of)["apiVersion"]),
        pipeline="flight-delays",
        stage="",
        origin=None,
        fields=fields,
        wanted=whole,
        uid="6f1c0a9e-2a3b" if lives else "",
        version="4711" if lives else "",
        is_predicted=True,
        note=note,
    )


def stage(name: str, kind: str, effect: Effect, reason: str, last: float | None = None) -> StageChange:
    return StageChange(
        pipeline="flight-delays",
        stage=name,
        kind=kind,
        effect=effect,
        reason=reason,
        moved=(),
        before={},
        after={},
        last=last,
    )


EMPTY: Final = Plan(
    target=Target(
        environment="staging",
        context="staging",
        server="https://10.0.0.1:6443",
        namespace="flights-staging",
        cluster="3d5f-11ee",
    ),
    provenance=Provenance(
        project="flights",
        version="0.1.0",
        commit="3f2c91a04be1d6f7a8c9d0e1f2a3b4c5d6e7f809",
        branch="main",
        changed_files=0,
        made="2026-11-03T14:02:11Z",
    ),
    inventory=Inventory(id="applyset-xyz-v1", version="17", size=12),
    drift=(),
    changes=(),
    unchanged=12,
    stages=(),
    checks=(),
)
DIRTY: Final = replace(EMPTY.provenance, branch="trees-400", changed_files=2)
GATES: Final = ("auc ≥ 0.85", "auc 0.003 above naive", "auc within 0.02 of serving", "auc ≥ 0.70 for every carrier")
CHECKS: Final = (
    *(Check(pipeline="flight-delays", stage="quality", what=gate) for gate in GATES),
    Check(pipeline="flight-delays", stage="serve", what="load test: p99 ≤ 2 s at 5 users, no errors"),
    Check(pipeline="flight-delays", stage="serve", what="approval by one of ops-research"),
)
DRIFT: Final = Drift(
    key=key("InferenceService", "flight-delays-8c1f"),
    manager="kubectl-edit",
    at="2026-11-03T11:40:00Z",
    fields=(field("spec.predictor.minReplicas", 2, 5, 61),),
    is_reverted=True,
)
LEFT: Final = Drift(
    key=key("InferenceService", "flight-delays-8c1f"),
    manager="kube-annotator",
    at="2026-11-01T14:02:11Z",
    fields=(field('metadata.annotations["team.example/owner"]', ABSENT, "ann"),),
    is_reverted=False,
)
TREES: Final = change(
    Action.UPDATE,
    key("WorkflowTemplate", "flight-delays"),
    field("stages.model.params.trees", 200, 400, 21),
)
MODEL: Final = replace(
    stage("model", "train", Effect.TRAINING, "params changed: trees", 221.3),
    moved=("params.trees",),
    before={"command": "python train.py", "code": "sha256:" + "91be" * 16, "params.depth": 4, "params.trees": 200},
    after={"command": "python train.py", "code": "sha256:" + "91be" * 16, "params.depth": 4, "params.trees": 400},
)
QUALITY: Final = replace(
    stage("quality", "evaluate", Effect.EVALUATION, "its input model changes", 19.7),
    moved=("inputs.model",),
    before={"command": "python evaluate.py", "inputs.model": "sha256:" + "1f0d" * 16},
    after={"command": "python evaluate.py", "inputs.model": "(known when model has run)"},
)
SERVE: Final = stage("serve", "deploy", Effect.SERVING, "if quality's 4 gates hold: 5% → 25% → 50% → 100%, 10 min each")
IDLE: Final = tuple(stage(name, "data", Effect.COSMETIC, "same data, same contract") for name in ("flights", "holdout"))
USUAL: Final = replace(
    EMPTY,
    drift=(DRIFT,),
    changes=(
        TREES,
        change(
            Action.CREATE, key("CronWorkflow", "flight-delays-drift"), note="every 30 minutes, next 14:30 Europe/Paris"
        ),
        change(Action.DELETE, key("CronWorkflow", "flight-delays-nightly")),
    ),
    unchanged=9,
    stages=(*IDLE, MODEL, QUALITY, SERVE),
    checks=CHECKS,
)
FIRST: Final = replace(
    EMPTY,
    provenance=DIRTY,
    inventory=Inventory(id="", version="", size=0),
    unchanged=0,
    changes=tuple(
        replace(change(Action.CREATE, of), is_predicted=of.kind == "Namespace")
        for of in (
            key("Namespace", "flights-staging", namespace=""),
            key("ServiceAccount", "flight-delays"),
            key("WorkflowTemplate", "flight-delays"),
            key("InferenceService", "flight-delays"),
            key("HTTPRoute", "flight-delays", namespace="gateways"),
        )
    ),
    stages=(
        stage("flights", "data", Effect.TRAINING, "never run here"),
        stage("model", "train", Effect.TRAINING, "never run here"),
        SERVE,
    ),
)
VALUES: Final = replace(
    EMPTY,
    provenance=replace(EMPTY.provenance, commit="", branch=""),
    changes=(
        change(
            Action.UPDATE,
            key("WorkflowTemplate", "flight-delays"),
            field("spec.templates[model].container.image", OLD_IMAGE, NEW_IMAGE, 9),
            field(
                "spec.templates[model].script.source",
                SCRIPT,
                SCRIPT.replace("200", "400").replace("echo done\n", ""),
                34,
            ),
            field(
                "spec.templates[quality].container.args[0]",
                "python evaluate.py --model /in/model --data /in/holdout --metrics /out/metrics.json --folds 3 -s 7",
                "python evaluate.py --model /in/model --data /in/holdout --metrics /out/metrics.json --folds 5 -s 7",
                47,
            ),
            field(
                "spec.templates[quality].tolerations",
                ABSENT,
                [
                    {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
                    {"key": "spot", "operator": "Exists", "effect": "NoSchedule"},
                ],
                52,
            ),
            field("spec.suspend", {"until": "Monday"}, ABSENT),
            field("spec.priority", 1, "1", 58),
            field("metadata.labels.tier", None, "", 59),
            field('metadata.annotations["mlopsctl.dev/owner"]', "ann", "ops-research", 4),
        ),
        change(Action.UPDATE, key("Secret", "store"), field("data.token", SECRET, SECRET, 70)),
        change(
            Action.UPDATE,
            key("ConfigMap", "flight-delays"),
            *(field(f"data.line{number}", number, number + 1, number) for number in range(10, 36)),
        ),
    ),
)
REPLACED: Final = replace(
    EMPTY,
    drift=(DRIFT, LEFT),
    changes=(
        change(
            Action.REPLACE,
            key("Job", "flight-delays-backfill"),
            field("spec.completions", 1, 4, 80),
        ),
        change(Action.CREATE, key("ConfigMap", "flight-delays-contract"), note="read by all stages"),
    ),
)
ONLY_DRIFT: Final = replace(EMPTY, drift=(LEFT,))
WHOLE: Final = replace(
    EMPTY,
    changes=(
        change(
            Action.CREATE,
            key("Secret", "store"),
            wanted={**document(key("Secret", "store")), "data": {"token": "c2VjcmV0LXRva2Vu"}},
        ),
        change(
            Action.CREATE,
            key("ConfigMap", "code"),
            wanted={**document(key("ConfigMap", "code")), "data": {"run.sh": SCRIPT}},
        ),
    ),
)
TWO: Final = replace(
    EMPTY,
    changes=(TREES,),
    stages=(
        MODEL,
        QUALITY,
        replace(MODEL, pipeline="churn", last=None),
        *(replace(one, pipeline="churn") for one in IDLE),
    ),
    checks=(*CHECKS, Check(pipeline="churn", stage="quality", what="auc ≥ 0.70")),
)


def many(count: int) -> Plan:
    """What one label, a new param and a few removals do to `count` pipelines."""
    names = [f"pipeline-{number:04}" for number in range(count)]
    changes = [
        change(
            Action.UPDATE,
            key("WorkflowTemplate", name),
            field("metadata.labels.tier", "silver", "gold", 4),
            replace(
                field("spec.arguments.parameters[seed].value", ABSENT, str(number)),
                place=at(12, file=f"pipelines/{name}.yaml"),
            ),
        )
        for number, name in enumerate(names)
    ]
    changes += [change(Action.CREATE, key("ServiceAccount", name), note=f"for {name}") for name in names]
    changes += [change(Action.DELETE, key("CronWorkflow", f"{name}-old")) for name in names[:30]]
    return replace(
        EMPTY,
        drift=tuple(replace(DRIFT, key=key("InferenceService", name)) for name in names[:50]),
        changes=tuple(changes),
        stages=tuple(
            replace(one, pipeline=name, last=None if number % 10 == 0 else one.last)
            for number, name in enumerate(names)
            for one in (*IDLE, MODEL, QUALITY)
        ),
        checks=tuple(replace(check, pipeline=name) for name in names for check in CHECKS[:2]),
    )


def diverse(count: int) -> Plan:
    """Objects of which no two change in the same way."""
    changes = [
        change(
            Action.UPDATE,
            key("ConfigMap", f"settings-{number:04}"),
            field(f"data.value{number}", number, number + 1, number + 1),
        )
        for number in range(count)
    ]
    return replace(EMPTY, changes=(*changes, change(Action.DELETE, key("Secret", "the-last"))))


STOPPED: Final = Override(
    pipeline="flight-delays",
    by="ann",
    at="2026-11-03T14:02:11+01:00",
    why="wrong labels in the feed",
    led=("flight-delays-8c1f",),
)
PLANS: Final = {
    "usual": USUAL,
    "first apply": FIRST,
    "values": VALUES,
    "replaced": REPLACED,
    "no changes": EMPTY,
    "stopped": replace(EMPTY, overrides=(STOPPED,)),
    "no changes, drift": ONLY_DRIFT,
    "nothing at all": replace(EMPTY, unchanged=0, provenance=DIRTY),
    "whole": WHOLE,
    "two pipelines": TWO,
    "only cosmetic": replace(EMPTY, changes=(TREES,), stages=IDLE),
    "thousand pipelines": many(1000),
    "thousand unlike": diverse(1000),
}
