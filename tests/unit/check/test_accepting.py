"""The quick yes or no is that of jsonschema, for every schema of ours and whatever is broken in a document."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.check import structure
from mlopsctl.check.accepting import accepts
from mlopsctl.source.document import parse
from mlopsctl.source.header import Kind
from mlopsctl.source.nodes import Json, plain

LANGUAGE = Path(__file__).parents[1] / "language"
KINDS: dict[str, Kind] = {kind.lower(): kind for kind in get_args(Kind)}
STRANGE: tuple[Json, ...] = (None, True, 0, 1, -1, 1.5, 2.0, 10**20, "", "x", "x\n", "5m", [], ["x", "x"], {}, {"x": 1})
VALUES: tuple[Any, ...] = (
    *(*STRANGE, False, "a", "ab", "abc", "a\n", [1], [1, True], [1, 1.0], [{"a": 1}, {"a": 1.0}], [[0], [False]]),
    *({"a": 1}, {"a": "a", "b": 2}, {"b": 2}, {"abc": {"abc": {}}}, {"abc": {"abc": 1}}, 3, 2.5),
)
SCHEMAS: tuple[dict[str, Any], ...] = (
    {},
    {"type": "integer"},
    {"type": ["number", "null"]},
    {"type": "boolean"},
    {"const": 1},
    {"const": None},
    {"enum": [True, 1.5, "a"]},
    {"enum": ["a", ""]},
    {"pattern": "^a$"},
    {"pattern": r"[$]|\$|b"},
    {"minLength": 2, "maxLength": 2},
    {"minimum": 1, "maximum": 2},
    {"exclusiveMinimum": 1, "exclusiveMaximum": 3},
    {"items": {"type": "integer"}, "minItems": 1, "maxItems": 1},
    {"uniqueItems": True},
    {"uniqueItems": False},
    {"required": ["a"], "properties": {"a": {"type": "integer"}}, "additionalProperties": False},
    {"additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 1},
    {"propertyNames": {"maxLength": 1}},
    {"properties": {"a": False, "b": True}},
    {"not": {}},
    {"not": {"type": "string"}},
    {"allOf": [{"minimum": 1}, {"maximum": 1}, {"type": "number"}]},
    {"anyOf": [{"type": "string"}, {"required": ["a"]}]},
    {"if": {"type": "object"}, "then": {"required": ["a"]}, "else": {"type": "string"}},
    {"if": {"type": "object"}, "then": {"required": ["a"]}},
    {"if": {"type": "object"}, "else": False},
    {"then": False},
    {"$ref": "#/$defs/a", "maxProperties": 2, "$defs": {"a": {"type": "object"}}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "additionalProperties": {"$ref": "#/$defs/a"}}}},
)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_each_keyword_means_what_the_standard_says(schema: dict[str, Any]) -> None:
    accepted = accepts(schema)
    reference = structure.validator(schema)
    assert [accepted(value) for value in VALUES] == [reference.is_valid(value) for value in VALUES]


@pytest.mark.parametrize(
    "schema",
    [
        {"patternProperties": {}},
        {"properties": {"a": {"minContains": 1}}},
        {"enum": [[1]]},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        {"$ref": "#/$defs/a"},
    ],
    ids=str,
)
def test_what_is_not_known_is_not_guessed(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"known here|own definitions"):
        accepts(schema)


def documents() -> Iterator[tuple[Kind, Json]]:
    for path in sorted(LANGUAGE.glob("*.yaml")):
        for document in parse(path.read_text(encoding="utf-8"), path.name).documents:
            said = plain(document.root)
            if isinstance(said, dict) and str(said.get("kind")).lower() in KINDS:
                yield KINDS[str(said["kind"]).lower()], said


DOCUMENTS = tuple(documents())


def paths(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in below:
        yield from paths(inner, (*path, step))


def changed(value: Json, path: tuple[str | int, ...], change: Callable[[Json], Json]) -> Any:
    if not path:
        return change(value)
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        made = {key: changed(inner, rest, change) if key == step else inner for key, inner in value.items()}
        return {key: inner for key, inner in made.items() if inner is not ...}
    assert isinstance(value, list)
    items = [changed(item, rest, change) if index == step else item for index, item in enumerate(value)]
    return [item for item in items if item is not ...]


def gone(_: Json) -> Any:
    return ...


def with_a_slip(value: Json) -> Json:
    return {**value, "slip": 1} if isinstance(value, dict) else [value, value]


def twice(value: Json) -> Json:
    return [*value, *value] if isinstance(value, list) else [value]


CHANGES: tuple[Callable[[Json], Json], ...] = (
    *((lambda _, strange=strange: strange) for strange in STRANGE),
    *(gone, with_a_slip, twice),
)
BROKEN = [(kind, said, path) for kind, said in DOCUMENTS for path in paths(said) if path]


@settings(max_examples=400)
@given(at=st.sampled_from(BROKEN), change=st.sampled_from(CHANGES))
def test_a_document_broken_anywhere_is_judged_as_jsonschema_judges_it(
    at: tuple[Kind, Json, tuple[str | int, ...]], change: Callable[[Json], Json]
) -> None:
    kind, said, path = at
    broken = changed(said, path, change)
    assert accepts(structure.schema(kind))(broken) == structure.validator(structure.schema(kind)).is_valid(broken)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_schema_of_ours_is_understood(kind: Kind) -> None:
    accepted = accepts(structure.schema(kind))
    reference, said = structure.validator(structure.schema(kind)), [said for of, said in DOCUMENTS if of == kind]
    assert [accepted(each) for each in said] == [reference.is_valid(each) for each in said]
    assert not any(accepted(value) for value in STRANGE)


def test_right_documents_are_among_those_that_are_broken_here() -> None:
    right = [kind for kind, said in DOCUMENTS if accepts(structure.schema(kind))(said)]
    assert {"Pipeline", "Project", "Environment", "Policy", "Release"} <= set(right)
