"""Overrides are JSON merge patches, RFC 7396, and what they leave alone keeps its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.source.nodes import Json, MappingNode, at, plain
from mlopsctl.source.overlay import merged, put
from tests.unit.source.yaml_text import mapping, read, under

# What is there, the patch, and what comes of it: each sentence of RFC 7396, section 2, and its edges.
TABLE = {
    "another value": ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    "another key": ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    "null removes": ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    "null for what is not there": ({"b": 1}, {"a": None}, {"b": 1}),
    "a list is replaced, not merged": ({"a": ["b", "c"]}, {"a": ["d"]}, {"a": ["d"]}),
    "a list by a value": ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    "a value by a list": ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    "mappings are merged at any depth": (
        {"a": {"b": {"c": 1, "d": 2}}},
        {"a": {"b": {"c": 3}}},
        {"a": {"b": {"c": 3, "d": 2}}},
    ),
    "null removes below": ({"a": {"b": "c", "d": 1}}, {"a": {"b": None}}, {"a": {"d": 1}}),
    "the last key removed leaves an empty mapping": ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
    "a value by a mapping": ({"a": "c"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "a list by a mapping": ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "a mapping by a value": ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
    "a mapping in a list is not merged": ({"a": [{"b": 1}]}, {"a": [{"c": 2}]}, {"a": [{"c": 2}]}),
    "null in a list stays": ({"a": [1]}, {"a": [None]}, {"a": [None]}),
    "null in what is new is dropped": ({}, {"a": {"b": {"c": None, "d": 1}}}, {"a": {"b": {"d": 1}}}),
    "null in what replaces a value is dropped": ({"a": 1}, {"a": {"b": None}}, {"a": {}}),
    "an empty mapping changes no mapping": ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
    "all of it": ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    "by a list": ({"a": "b"}, ["c"], ["c"]),
    "by nothing": ({"a": "b"}, None, None),
}


@pytest.mark.parametrize(("base", "patch", "expected"), TABLE.values(), ids=TABLE)
def test_merges_as_the_rfc_says(base: Json, patch: Json, expected: Json) -> None:
    assert plain(merged(read(json.dumps(base)), read(json.dumps(patch)))) == expected


KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.integers(0, 3), lambda below: st.lists(below, max_size=2) | st.dictionaries(KEYS, below, max_size=3)
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=3)


@given(MAPPINGS)
def test_an_empty_patch_changes_nothing_not_even_a_place(value: Json) -> None:
    node = mapping(json.dumps(value))
    assert merged(node, mapping("{}")) == node


@given(MAPPINGS, MAPPINGS)
def test_a_patch_applied_twice_changes_no_more_than_once(base: Json, patch: Json) -> None:
    once = merged(read(json.dumps(base)), read(json.dumps(patch)))
    assert plain(merged(once, read(json.dumps(patch)))) == plain(once)


def test_each_value_keeps_the_place_that_it_came_from() -> None:
    base = "stages:\n  serve:\n    replicas: {min: 1, max: 3}\n"
    patch = "overrides:\n  - here\nstages: {serve: {replicas: {max: 9}, timeout: 2h}}\n"
    after = merged(mapping(base), mapping(patch))
    replicas = at(after, ("stages", "serve", "replicas"))
    serve = at(after, ("stages", "serve"))
    assert isinstance(replicas, MappingNode)
    assert isinstance(serve, MappingNode)
    assert under(base, replicas.entries["min"].value.span) == "1"
    assert under(base, replicas.entries["max"].key) == "max"  # the key is still the pipeline's
    assert under(patch, replicas.entries["max"].value.span) == "9"
    assert under(patch, serve.entries["timeout"].key) == "timeout"


def test_put_replaces_a_value_and_keeps_the_place_of_its_key() -> None:
    text = "a: 1\nb: 2\n"
    root = mapping(text)
    new = mapping("c: 3\n")
    after = put(root, "a", new)
    assert plain(after) == {"a": {"c": 3}, "b": 2}
    assert after.entries["a"].key == root.entries["a"].key
    assert list(after.entries) == ["a", "b"]
    assert put(root, "d", new).entries["d"].key == new.span
