"""What several releases allow alike: never more than each of them, and enough for what is rendered."""

import json
from functools import reduce
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.render.common_schema import NOTHING, common_schema
from mlopsctl.render.stripping import Schema, expanded
from mlopsctl.render.structural import checker
from mlopsctl.render.targets import TARGETS
from tests.target_examples import EXAMPLES

NAMES: Final = ("a", "b", "c")
TEXT: Final[Schema] = {"type": "string"}
KINDS: Final = {"WorkflowTemplate": "workflowtemplates", "CronWorkflow": "cronworkflows"}


def with_some(schema: st.SearchStrategy[Schema], **optional: Any) -> st.SearchStrategy[Schema]:
    """The schemas, each with some of these keywords."""
    keywords = st.fixed_dictionaries({}, optional={key: st.sampled_from(said) for key, said in optional.items()})
    return st.builds(lambda made, more: made | {key.replace("_", "-"): said for key, said in more.items()},
                     schema, keywords)  # fmt: skip


def objects(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    named = st.dictionaries(st.sampled_from(NAMES), parts, max_size=3)
    made = st.fixed_dictionaries(
        {}, optional={"type": st.just("object"), "properties": named, "additionalProperties": parts}
    )
    return with_some(
        made,
        required=[["a"], ["a", "b"]],
        minProperties=[1],
        maxProperties=[1, 2],
        x_kubernetes_preserve_unknown_fields=[True],
        x_kubernetes_embedded_resource=[True],
    )


def lists(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    made = st.fixed_dictionaries({"type": st.just("array")}, optional={"items": parts})
    by_name = objects(parts).map(
        lambda items: {
            "type": "array",
            "items": {**items, "type": "object"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["a"],
        }
    )
    sizes: dict[str, Any] = {"minItems": [1], "maxItems": [1, 2], "x_kubernetes_list_type": ["set", "atomic"]}
    return st.one_of(with_some(made, **sizes), by_name)


SCALARS: Final = st.one_of(
    with_some(st.just(TEXT), pattern=["^a", "b$"], minLength=[1], maxLength=[1], enum=[["a"], ["a", "bb"]],
              default=["a", "bb"], nullable=[True]),
    with_some(st.just({"type": "integer"}), minimum=[0, 1], maximum=[1, 2], format=["int32"], default=[1]),
    with_some(st.just({"x-kubernetes-int-or-string": True}), pattern=["^a"]),
    st.sampled_from([{"type": "boolean"}, {}]),
)  # fmt: skip
SCHEMAS: Final = st.recursive(SCALARS, lambda parts: objects(parts) | lists(parts), max_leaves=6)
VALUES: Final = st.recursive(
    st.sampled_from([None, True, "", "a", "bb", 0, 1, 3]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from(NAMES), parts, max_size=3),
    max_leaves=6,
)


@given(first=SCHEMAS, second=SCHEMAS, value=VALUES)
def test_it_allows_nothing_that_one_of_them_does_not(first: Schema, second: Schema, value: Any) -> None:
    if not checker(common_schema(first, second))(value):
        assert not checker(first)(value)
        assert not checker(second)(value)


@given(schema=SCHEMAS)
def test_of_two_that_are_alike_it_is_the_one(schema: Schema) -> None:
    copy = json.loads(json.dumps(schema))
    assert common_schema(schema, copy) == schema


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        ({**TEXT, "maxLength": 9}, TEXT, {**TEXT, "maxLength": 9}),
        ({**TEXT, "maxLength": 9}, {**TEXT, "pattern": "^a"}, {**TEXT, "maxLength": 9, "pattern": "^a"}),
        ({**TEXT, "maxLength": 9}, {**TEXT, "maxLength": 8}, NOTHING),
        ({**TEXT, "nullable": True}, TEXT, NOTHING),
        ({"properties": {"a": TEXT, "b": TEXT}}, {"properties": {"b": TEXT}}, {"properties": {"b": TEXT}}),
        ({"items": TEXT}, {"items": {"type": "boolean"}}, {"items": NOTHING}),
        ({"required": ["b"]}, {"required": ["a"]}, {"required": ["a", "b"]}),
    ],
)
def test_what_differs(first: Schema, second: Schema, common: Schema) -> None:
    assert common_schema(first, second) == common
    assert common_schema(second, first) == common


@pytest.mark.parametrize("kind", KINDS)
def test_the_releases_of_argo_have_enough_in_common(kind: str) -> None:
    files = sorted(TARGETS.glob(f"argo-workflows-*/argoproj.io/v1alpha1/{kind}.json"))
    schemas = [expanded(json.loads(file.read_text("utf-8"))).schema for file in files]
    assert len(schemas) > 1
    example = EXAMPLES[f"apis/argoproj.io/v1alpha1/{KINDS[kind]}"]
    assert checker(reduce(common_schema, schemas))({"spec": example["spec"]}) == []
