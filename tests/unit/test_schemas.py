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
    "patch": "patch.yaml",
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
    "/spec/merge",
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
    return json.loads((SCHEMAS / f"{kind}.json").read_text("utf-8"))


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
    assert free <= {"/$defs/pod", "/spec/merge", "/spec/overrides/*"}


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


def faults() -> Iterator[Any]:
    table = yaml.safe_load((DOCUMENTS / "faults.yaml").read_text("utf-8"))
    for kind, rows in table.items():
        for number, row in enumerate(rows):
            yield pytest.param(kind, row, id=f"{kind}-{number}-{row['fails']}")


@pytest.mark.parametrize(("kind", "fault"), [*faults()])
def test_one_fault_fails_one_keyword_at_its_place(kind: str, fault: dict[str, Any]) -> None:
    path = fault.get("set") or fault["remove"]
    document = changed(example_of(kind), path, fault.get("to") if "set" in fault else REMOVED)
    place = fault.get("at", path).removeprefix("root")
    assert failures(kind, document) == [(fault["fails"], place)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.stages.flights.source", "s3://flights/2013-02/"),
        ("spec.stages.flights.source", "../../data/flights.csv"),
        ("spec.stages.flights.source", "${params.root}/flights.csv"),
        ("spec.stages.model.inputs.flights", "features[*]"),
        ("spec.stages.drift.performance", REMOVED),
        ("spec.stages.drift.reference", REMOVED),
        ("spec.stages.features.resources.cpu", 0.5),
        ("spec.stages.serve.log.requests", 0.1),
        ("spec.stages.serve.log.requests", "100%"),
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
