"""The schemas are a contract with users and their editors: complete, closed, described, precise when they fail."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SCHEMAS: Final = Path(__file__).parents[2] / "schemas" / "v1"
DOCUMENTS: Final = Path(__file__).parent / "language"
KINDS: Final = {
    "project": "project.yaml",
    "pipeline": "full-pipeline.yaml",
    "environment": "environment.yaml",
    "release": "release.yaml",
    "policy": "policy.yaml",
}
# Objects whose keys are the user's own choice, by where they stand in a schema.
FREE_MAPS: Final = {
    "/$defs/contract/columns",
    "/$defs/deployStage/challengers",
    "/$defs/each",
    "/$defs/env",
    "/$defs/inputs",
    "/$defs/labels",
    "/$defs/nodes/selector",
    "/$defs/outputs",
    "/$defs/params",
    "/$defs/pod",
    "/$defs/rollout/split/challengers",
    "/$defs/tune/space",
    "/spec/data",
    "/spec/metrics",
    "/spec/overrides",
    "/spec/overrides/*",
    "/spec/secrets",
    "/spec/stages",
}
# These only choose another definition, which is closed.
SELECTORS: Final = {"/$defs/stage", "/$defs/column", "/$defs/longParam"}
REMOVED: Final = object()

Schema = dict[str, Any]


def schema_of(kind: str) -> Schema:
    return json.loads((SCHEMAS / f"{kind}.json").read_text("utf-8"))  # type: ignore[no-any-return]  # an object by construction


def example_of(kind: str) -> Any:
    return yaml.safe_load((DOCUMENTS / KINDS[kind]).read_text("utf-8"))


def subschemas(schema: Schema, at: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema in a schema but the tests of `if`; its path leaves out `properties`, `then` and `else`."""
    yield at, schema
    children = [(at, branch) for branch in schema.get("allOf", [])]
    children += [(at, schema[keyword]) for keyword in ("then", "else", "propertyNames") if keyword in schema]
    children += [(f"{at}/*", schema[keyword]) for keyword in ("items", "additionalProperties") if keyword in schema]
    children += [(f"{at}/{name}", found) for name, found in schema.get("properties", {}).items()]
    children += [(f"{at}/$defs/{name}", found) for name, found in schema.get("$defs", {}).items()]
    for place, child in children:
        if isinstance(child, dict):
            yield from subschemas(child, place)


def definition(root: Schema, schema: Schema) -> Schema:
    """The definition that `schema` refers to, or `schema` itself."""
    target = schema.get("$ref", "").removeprefix("#/$defs/")
    return root["$defs"][target] if target else schema


def is_opaque(schema: Schema) -> bool:
    """Whether a failure of a keyword in it says nothing to people: a regular expression, a ban, one way of several."""
    conditional = "type" not in schema
    return isinstance(schema.get("pattern"), str) or "not" in schema or (conditional and "required" in schema)


def failures(kind: str, document: Any) -> list[tuple[str, str]]:
    found = Draft202012Validator(schema_of(kind)).iter_errors(document)
    return sorted((str(error.validator), ".".join(map(str, error.absolute_path))) for error in found)


def changed(document: Any, path: str, value: object) -> Any:
    """A copy of `document` in which the value at the dotted `path` is another, or is removed."""
    document = copy.deepcopy(document)
    *parents, last = (int(part) if part.isdecimal() else part for part in path.split("."))
    target = document
    for part in parents:
        target = target[part]
    if value is REMOVED:
        del target[last]
    else:
        target[last] = value
    return document


all_files = pytest.mark.parametrize("kind", [*KINDS, "document"])
all_kinds = pytest.mark.parametrize("kind", KINDS)


@all_files
def test_is_a_valid_schema_of_the_draft_it_names(kind: str) -> None:
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"https://mlopsctl.dev/schemas/v1/{kind}.json"


@all_kinds
def test_the_example_is_valid(kind: str) -> None:
    assert failures(kind, example_of(kind)) == []


@all_kinds
def test_the_example_uses_every_property(kind: str) -> None:
    schema, document = schema_of(kind), example_of(kind)
    used: dict[str, bool] = {}  # a field that several stages share is known by its definition
    for at, found in subschemas(schema):
        for name, shared in list(found.get("properties", {}).items()):
            if "not" not in shared:
                field = f"{name}: {shared.get('$ref', at)}"
                found["properties"][name] = False
                used[field] = used.get(field, False) or not Draft202012Validator(schema).is_valid(document)
                found["properties"][name] = shared
    assert [field for field, seen in used.items() if not seen] == []


@all_kinds
def test_every_property_has_a_description(kind: str) -> None:
    schema = schema_of(kind)
    silent = [
        f"{at}/{name}"
        for at, found in subschemas(schema)
        for name, described in found.get("properties", {}).items()
        if "not" not in described and not (described.get("description") or definition(schema, described)["description"])
    ]
    assert silent == []


@all_files
def test_no_keyword_fails_without_saying_which_branch_was_meant(kind: str) -> None:
    text = (SCHEMAS / f"{kind}.json").read_text("utf-8")
    assert '"oneOf"' not in text
    assert '"anyOf"' not in text
    assert '"dependentRequired"' not in text  # fails at the object, `not` at the key that is too many


@all_kinds
def test_objects_are_closed(kind: str) -> None:
    is_open = {
        at
        for at, found in subschemas(schema_of(kind))
        if found.get("type") == "object" and found.get("additionalProperties") is not False
    }
    assert is_open - FREE_MAPS - SELECTORS == set()


@all_kinds
def test_only_merge_patches_take_anything(kind: str) -> None:
    free = {at for at, found in subschemas(schema_of(kind)) if found.get("additionalProperties") is True}
    assert free <= {"/$defs/pod", "/spec/overrides/*"}


@all_kinds
def test_what_no_message_could_explain_says_what_it_expects(kind: str) -> None:
    schema = schema_of(kind)
    mute = [at for at, found in subschemas(schema) if is_opaque(found) and "x-expected" not in found]
    assert mute == []


@all_kinds
def test_definitions_are_all_used(kind: str) -> None:
    schema = schema_of(kind)
    used = {found["$ref"] for _, found in subschemas(schema) if "$ref" in found}
    assert used == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_a_definition_is_the_same_in_every_file() -> None:
    seen: Schema = {}
    for kind in KINDS:
        for name, found in schema_of(kind)["$defs"].items():
            assert seen.setdefault(name, found) == found, f"{name} differs in {kind}.json"


@all_kinds
def test_examples_and_defaults_are_valid_themselves(kind: str) -> None:
    schema = schema_of(kind)
    root = Draft202012Validator(schema)
    for at, found in subschemas(schema):
        for value in [*found.get("examples", []), *([found["default"]] if "default" in found else [])]:
            assert root.evolve(schema={**found, "$defs": schema["$defs"]}).is_valid(value), f"{at}: {value!r}"


@all_kinds
def test_document_selects_the_schema_by_kind(kind: str) -> None:
    files = [Resource.from_contents(schema_of(name)) for name in KINDS]
    registry = files @ Registry()
    validator = Draft202012Validator(schema_of("document"), registry=registry)
    document = example_of(kind)
    assert validator.is_valid(document)
    unknown = changed(document, "spec", {"surprise": 1})
    errors = {(error.validator, tuple(error.absolute_path)) for error in validator.iter_errors(unknown)}
    assert ("additionalProperties", ("spec",)) in errors


def test_document_knows_every_kind() -> None:
    errors = list(
        Draft202012Validator(schema_of("document")).iter_errors({"apiVersion": "mlopsctl.dev/v1", "kind": "Job"})
    )
    assert [error.validator for error in errors] == ["enum"]


STAGES = "spec.stages"
PIPELINE_FAULTS: Final = [
    # path, value, the keyword that fails, and where: "" at the path itself, "@" at the root
    ("apiVersion", "mlopsctl.dev/v2", "const", ""),
    ("kind", REMOVED, "required", "@"),
    ("surprise", 1, "additionalProperties", "@"),
    ("metadata.name", "Flight Delays", "pattern", ""),
    ("metadata.name", "f" * 41, "maxLength", ""),
    ("metadata.name", REMOVED, "required", "metadata"),
    ("metadata.labels.tier", 1, "type", ""),
    ("metadata.labels.-x", "a", "pattern", "metadata.labels"),
    ("spec", None, "type", ""),
    ("spec.stages", {}, "minProperties", ""),
    ("spec.stages", REMOVED, "required", "spec"),
    ("spec.code.python", 3.1, "type", ""),
    ("spec.code.python", "2.7", "pattern", ""),
    ("spec.code.requirements", "/etc/requirements.lock", "pattern", ""),
    ("spec.params.trees", None, "type", ""),
    ("spec.params.trees", [1], "type", ""),
    ("spec.params.depth.type", "integer", "enum", ""),
    ("spec.params.depth.type", REMOVED, "required", "spec.params.depth"),
    ("spec.params.depth.default", "8", "type", ""),
    ("spec.params.depth.default", 8.5, "type", ""),
    ("spec.params.full.min", 0, "additionalProperties", "spec.params.full"),
    ("spec.params.rate.in", [0.1, 0.1], "uniqueItems", ""),
    ("spec.params.9x", 1, "pattern", "spec.params"),
    ("spec.schedule.cron", "0 3 * *", "pattern", ""),
    ("spec.schedule.timezone", "EST", "pattern", ""),
    ("spec.schedule.concurrency", "forbid", "enum", ""),
    ("spec.secrets.warehouse.key", REMOVED, "required", "spec.secrets.warehouse"),
    ("spec.secrets.warehouse", "hunter2", "type", ""),
    ("spec.notify.onFailure.0", "ops@example.com", "pattern", ""),
    (f"{STAGES}.Model", {"kind": "task", "run": "true"}, "pattern", STAGES),
    (f"{STAGES}.model", "python train.py", "type", ""),
    (f"{STAGES}.model", None, "type", ""),
    (f"{STAGES}.model.kind", "training", "enum", ""),
    (f"{STAGES}.model.kind", REMOVED, "required", f"{STAGES}.model"),
    (f"{STAGES}.model.gates", [], "additionalProperties", f"{STAGES}.model"),
    (f"{STAGES}.model.run", "", "minLength", ""),
    (f"{STAGES}.model.run", REMOVED, "required", f"{STAGES}.model"),
    (f"{STAGES}.model.outputs", {}, "minProperties", ""),
    (f"{STAGES}.model.outputs.model", "../model.joblib", "pattern", ""),
    (f"{STAGES}.model.outputs.model", "/tmp/model.joblib", "pattern", ""),
    (f"{STAGES}.model.inputs.flights", "features.table.x", "pattern", ""),
    (f"{STAGES}.model.inputs.flights", ["features"], "type", ""),
    (f"{STAGES}.model.each.part", [], "minItems", ""),
    (f"{STAGES}.model.each.carrier", ["AA"], "maxProperties", f"{STAGES}.model.each"),
    (f"{STAGES}.model.tune.trials", 0, "minimum", ""),
    (f"{STAGES}.model.tune.space.trees", {"int": [50]}, "minItems", f"{STAGES}.model.tune.space.trees.int"),
    (f"{STAGES}.model.tune.space.trees", {}, "required", ""),
    (f"{STAGES}.model.tune.space.trees", [50, 500], "type", ""),
    (f"{STAGES}.model.tune.space.trees.float", [0.1, 1], "not", ""),
    (f"{STAGES}.model.tune.space.rate.in", [0.1, 1], "not", ""),
    (f"{STAGES}.model.tune.space.loss.log", True, "not", ""),
    (f"{STAGES}.model.distributed.nodes", 1, "minimum", ""),
    (f"{STAGES}.model.checkpoint.every", 600, "type", ""),
    (f"{STAGES}.flights.version", "sha256:91be", "pattern", ""),
    (f"{STAGES}.flights.source", REMOVED, "required", f"{STAGES}.flights"),
    (f"{STAGES}.flights.source", "ftp://example.com/flights.csv", "pattern", ""),
    (f"{STAGES}.flights.source", "/data/flights.csv", "pattern", ""),
    (f"{STAGES}.flights.outputs", {"data": "x.csv"}, "not", ""),
    (f"{STAGES}.holdout.source", "holdout.csv", "not", ""),
    (f"{STAGES}.flights.contract.rows.min", -1, "minimum", ""),
    (f"{STAGES}.flights.contract.freshness", "36 hours", "pattern", ""),
    (f"{STAGES}.flights.contract.unique", ["carrier"], "type", f"{STAGES}.flights.contract.unique.0"),
    (f"{STAGES}.flights.contract.columns.carrier.type", "text", "enum", ""),
    (
        f"{STAGES}.flights.contract.columns.carrier.min",
        1,
        "additionalProperties",
        f"{STAGES}.flights.contract.columns.carrier",
    ),
    (f"{STAGES}.flights.contract.columns.carrier.in.3", 9, "type", ""),
    (f"{STAGES}.flights.contract.columns.day.min", "1/2/2013", "pattern", ""),
    (f"{STAGES}.flights.contract.columns.dep_delay.max", "1500", "type", ""),
    (f"{STAGES}.features.resources.memory", "4GB", "pattern", ""),
    (f"{STAGES}.features.resources.cpu", -1, "minimum", ""),
    (f"{STAGES}.features.resources.gpu.count", 0.5, "type", ""),
    (f"{STAGES}.features.retries.on.1", "killed", "enum", ""),
    (f"{STAGES}.features.retries.limit", REMOVED, "required", f"{STAGES}.features.retries"),
    (f"{STAGES}.features.timeout", "2 h", "pattern", ""),
    (f"{STAGES}.features.env.OMP_NUM_THREADS", 2, "type", ""),
    (f"{STAGES}.features.env.A-B", "x", "pattern", f"{STAGES}.features.env"),
    (f"{STAGES}.features.requires", "holdout", "type", ""),
    (f"{STAGES}.features.code.include", [], "minItems", ""),
    (f"{STAGES}.features.nodes.tolerations.0.effect", "Never", "enum", ""),
    (f"{STAGES}.features.pod", [], "type", ""),
    (f"{STAGES}.quality.gates.0.min", REMOVED, "required", f"{STAGES}.quality.gates.0"),
    (f"{STAGES}.quality.gates.0.tolerance", 0.1, "not", ""),
    (f"{STAGES}.quality.gates.0.minSamples", 10, "not", ""),
    (f"{STAGES}.quality.gates.0.direction", "minimize", "not", ""),
    (f"{STAGES}.quality.gates.2.against", "production", "enum", ""),
    (f"{STAGES}.quality.gates.2.margin", 0.1, "not", ""),
    (f"{STAGES}.quality.gates.2.tolerance", -0.1, "minimum", ""),
    (f"{STAGES}.quality.gates.3.tolerance", 0.1, "not", ""),
    (f"{STAGES}.quality.gates.3.direction", "down", "enum", ""),
    (f"{STAGES}.quality.gates.0", "auc > 0.8", "type", ""),
    (f"{STAGES}.serve.model", REMOVED, "required", f"{STAGES}.serve"),
    (f"{STAGES}.serve.server", {}, "required", ""),
    (f"{STAGES}.serve.server.format", "scikit", "enum", ""),
    (f"{STAGES}.serve-split.server.format", "onnx", "not", ""),
    (f"{STAGES}.serve-split.server.health", "healthz", "pattern", ""),
    (f"{STAGES}.serve.server.health", "/healthz", "not", ""),
    (f"{STAGES}.serve-split.server.runtime", "mlserver", "not", ""),
    (f"{STAGES}.serve.replicas", 2, "type", ""),
    (f"{STAGES}.serve.replicas.min", -1, "minimum", ""),
    (f"{STAGES}.serve.loadTest.errors", "1", "pattern", ""),
    (f"{STAGES}.serve.loadTest.users", 0, "minimum", ""),
    (f"{STAGES}.serve.rollout.canary.steps.0", "150%", "pattern", ""),
    (f"{STAGES}.serve.rollout.canary.steps.2", 101, "maximum", ""),
    (f"{STAGES}.serve.rollout.shadow", {"for": "1d"}, "not", ""),
    (f"{STAGES}.serve-split.rollout.shadow", {"for": "1d"}, "not", ""),
    (f"{STAGES}.serve.rollout.checks.0", {}, "minProperties", ""),
    (f"{STAGES}.drift.method", "kl", "enum", ""),
    (f"{STAGES}.drift.watches", "serve.model", "pattern", ""),
    (f"{STAGES}.drift.onDrift.do", REMOVED, "required", f"{STAGES}.drift.onDrift"),
    (f"{STAGES}.drift.performance.truth", REMOVED, "required", f"{STAGES}.drift.performance"),
    (f"{STAGES}.drift.breaches", 0, "minimum", ""),
]
OTHER_FAULTS: Final = [
    ("project", "spec.pipelines", "pipelines/*.yaml", "type", ""),
    ("project", "spec.templates", "/templates", "pattern", ""),
    ("project", "spec.pipeline", [], "additionalProperties", "spec"),
    ("environment", "spec.store", REMOVED, "required", "spec"),
    ("environment", "spec.store", "ftp://artifacts", "pattern", ""),
    ("environment", "spec.cluster", REMOVED, "not", "spec.gateway"),
    ("environment", "spec.cluster.namespace", REMOVED, "required", "spec.cluster"),
    ("environment", "spec.releases", "latest", "enum", ""),
    ("environment", "spec.approvals.required", -1, "minimum", ""),
    ("environment", "spec.protected", "yes", "type", ""),
    ("environment", "spec.overrides.flight-delays", 3, "type", ""),
    ("environment", "spec.gateway.host", "https://models", "pattern", ""),
    ("release", "spec.model.digest", "md5:1", "pattern", ""),
    ("release", "spec.evidence", REMOVED, "required", "spec"),
    ("release", "spec.commit", 3912345, "type", ""),
    ("release", "spec.metrics.auc", "0.871", "type", ""),
    ("release", "spec.data.flights", "flights.csv", "pattern", ""),
    ("policy", "spec.rule", REMOVED, "required", "spec"),
    ("policy", "spec.severity", "info", "enum", ""),
    ("policy", "spec.appliesTo.stageKind", "deployment", "enum", ""),
]
FAULTS: Final = [("pipeline", *fault) for fault in PIPELINE_FAULTS] + OTHER_FAULTS


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=f"{number}-{fault[1]}-{fault[3]}") for number, fault in enumerate(FAULTS)]
)
def test_one_fault_fails_one_keyword_at_its_place(fault: tuple[str, str, object, str, str]) -> None:
    kind, path, value, keyword, at = fault
    place = {"": path, "@": ""}.get(at, at)
    assert failures(kind, changed(example_of(kind), path, value)) == [(keyword, place)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{STAGES}.flights.source", "s3://flights/2013-02/"),
        (f"{STAGES}.flights.source", "../../data/flights.csv"),
        (f"{STAGES}.flights.source", "${params.root}/flights.csv"),
        (f"{STAGES}.model.inputs.flights", "features[*].table"),
        (f"{STAGES}.drift.performance", REMOVED),
        (f"{STAGES}.drift.reference", REMOVED),
        (f"{STAGES}.features.resources.cpu", 0.5),
        (f"{STAGES}.serve.log.requests", 0.1),
        (f"{STAGES}.serve.log.requests", "100%"),
        ("spec.schedule.timezone", "America/Argentina/Buenos_Aires"),
        ("spec.schedule.cron", "0 3 1-7 JAN,JUL MON"),
        ("spec.params.rate.default", 1),
    ],
)
def test_other_ways_to_write_it_are_valid(path: str, value: object) -> None:
    assert failures("pipeline", changed(example_of("pipeline"), path, value)) == []


@pytest.mark.parametrize("kind", ["project", "environment"])
def test_everything_in_the_spec_has_a_default(kind: str) -> None:
    assert failures(kind, changed(example_of(kind), "spec", {})) == []
