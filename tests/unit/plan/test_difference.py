"""Differences are what people would call them, and enough to make one document of the other."""

import json
import os
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from mlopsctl.diagnostics import Position, Span
from mlopsctl.manifest import COMMIT, DIGEST, PART_OF, Document, Key, Path
from mlopsctl.plan.difference import compared, differences
from mlopsctl.plan.model import ABSENT, FieldChange
from mlopsctl.plan.normal import is_same, stripped
from tests.unit.plan.documents import DOCUMENTS, applied, document, unordered

examples = settings(
    max_examples=400,
    deadline=None,
    derandomize=os.environ.get("MLOPSCTL_EXPLORE") != "1",
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


def shown(before: Document, after: Document, **how: Any) -> list[tuple[str, Any, Any]]:
    return [(each.path, each.before, each.after) for each in differences(before, after, **how)]


def template(*steps: dict[str, Any], **spec: Any) -> Document:
    return document({"templates": list(steps), **spec}, kind="WorkflowTemplate")


@examples
@given(DOCUMENTS, DOCUMENTS)
def test_differences_applied_to_the_one_give_the_other(before: Document, after: Document) -> None:
    if before["kind"] == after["kind"]:
        made = applied(stripped(before), compared(before, after))
        assert is_same(unordered(made), unordered(stripped(after)), is_amount=True)


@examples
@given(DOCUMENTS, DOCUMENTS)
def test_there_is_no_difference_only_of_what_is_the_same(before: Document, after: Document) -> None:
    if before["kind"] == after["kind"]:
        assert (compared(before, after) == ()) == is_same(stripped(before), stripped(after))
    assert compared(before, before) == ()


@examples
@given(DOCUMENTS, DOCUMENTS)
def test_the_way_back_has_the_same_fields_the_other_way_round(before: Document, after: Document) -> None:
    if before["kind"] == after["kind"]:
        there = {
            (path, json.dumps(old, default=str), json.dumps(new, default=str))
            for path, old, new in shown(before, after)
        }
        back = {
            (path, json.dumps(new, default=str), json.dumps(old, default=str))
            for path, old, new in shown(after, before)
        }
        assert there == back


def test_a_field_of_an_item_is_known_by_the_name_of_the_item() -> None:
    before = template({"name": "model", "timeout": "1h"}, {"name": "quality", "retries": 1})
    after = template({"name": "quality", "retries": 2}, {"name": "model", "timeout": "2h"})
    assert shown(before, after) == [
        ("spec.templates[quality].retries", 1, 2),
        ("spec.templates[model].timeout", "1h", "2h"),
        ("spec.templates (order)", ["model", "quality"], ["quality", "model"]),
    ]


def test_what_comes_and_goes_is_one_change_and_what_goes_is_last() -> None:
    before = template({"name": "old", "container": {"image": "a", "args": ["1"]}}, suspend=True)
    after = template({"name": "new", "container": {"image": "a", "args": ["1"]}}, entrypoint="new")
    assert shown(before, after) == [
        ("spec.templates[new]", ABSENT, {"name": "new", "container": {"image": "a", "args": ["1"]}}),
        ("spec.entrypoint", ABSENT, "new"),
        ("spec.templates[old]", {"name": "old", "container": {"image": "a", "args": ["1"]}}, ABSENT),
        ("spec.suspend", True, ABSENT),
    ]


def test_a_list_of_scalars_is_one_value_and_other_lists_go_one_by_one() -> None:
    before = document({"args": ["a", "b"], "rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]})
    after = document({"args": ["a", "c"], "rules": [{"verbs": ["watch"]}, {"verbs": ["get"]}, {"verbs": ["list"]}]})
    assert shown(before, after) == [
        ("spec.args", ["a", "b"], ["a", "c"]),
        ("spec.rules[0]", ABSENT, {"verbs": ["watch"]}),
    ]
    assert shown(document({"rules": [{"a": 1}, {"a": 2}]}), document({"rules": [{"a": 1}, {"a": 3}]})) == [
        ("spec.rules[1].a", 2, 3)
    ]


def test_ports_and_what_a_definition_says_are_keys_too() -> None:
    before = document({"ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]})
    after = document(
        {"ports": [{"containerPort": 53, "protocol": "UDP", "hostPort": 53}, {"containerPort": 80, "protocol": "TCP"}]}
    )
    assert shown(before, after)[0] == ("spec.ports[53,UDP].hostPort", ABSENT, 53)
    asked: list[tuple[Key, Path]] = []

    def by_host(key: Key, path: Path) -> tuple[str, ...] | None:
        asked.append((key, path))
        return ("host",) if path == ("spec", "routes") else None

    routes = [document({"routes": [{"host": "b", "weight": weight}, {"host": "a"}]}) for weight in (5, 100)]
    assert shown(*routes, list_keys=by_host) == [("spec.routes[b].weight", 5, 100)]
    assert asked == [(Key("", "Thing", "team", "flights"), ("spec", "routes"))]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.b/c", 'metadata.annotations["a.b/c"]'),
        ("plain-name", "metadata.annotations.plain-name"),
        ('qu"ote', 'metadata.annotations["qu\\"ote"]'),
        ("", 'metadata.annotations[""]'),
        ("line\nbreak", 'metadata.annotations["line\\nbreak"]'),
    ],
)
def test_a_name_that_is_no_word_is_quoted(name: str, path: str) -> None:
    before, after = (document(metadata={"annotations": {"other": "x", name: value}}) for value in "ab")
    assert shown(before, after) == [(path, "a", "b")]


def test_what_servers_own_and_our_stamps_are_no_difference() -> None:
    servers = {"managedFields": [{}], "resourceVersion": "7", "generation": 2, "uid": "u", "creationTimestamp": "now"}
    stamps = {"annotations": {COMMIT: "3f2c91a", DIGEST: "sha256:1"}, "labels": {PART_OF: "applyset-1"}}
    assert shown(document({"a": 1}), document({"a": 1}, metadata=servers | stamps) | {"status": {"ready": True}}) == []
    labels = document({"a": 1}, metadata={"labels": {"x": "1", PART_OF: "applyset-1"}})
    assert shown(labels, document({"a": 1}, metadata=stamps)) == [("metadata.labels.x", "1", ABSENT)]
    kept = document({"a": 1}, metadata={"annotations": {"x": "1", COMMIT: "1"}})
    assert stripped(kept)["metadata"]["annotations"] == {"x": "1"}
    assert kept["metadata"]["annotations"][COMMIT] == "1"


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ("1000m", "1", True),
        (0.5, "500m", True),
        ("1Gi", "1024Mi", True),
        ("1e3", "1k", True),
        ("0.1", "100m", True),
        ("1Gi", "1G", False),
        ("1", "2", False),
        ("1E", "1", False),
        ("x", "y", False),
        (True, "1", False),
        (None, "0", False),
    ],
)
def test_amounts_are_compared_by_what_they_amount_to(one: Any, other: Any, *, is_equal: bool) -> None:
    limits = [document({"resources": {"limits": {"cpu": value}}}) for value in (one, other)]
    assert (shown(*limits) == []) is is_equal
    if type(one) is type(other):
        assert shown(*(document({"env": [{"name": "A", "value": value}]}) for value in (one, other))) != []


def test_numbers_are_compared_by_value_and_truth_is_no_number() -> None:
    assert shown(document({"a": 1}), document({"a": 1.0})) == []
    assert shown(document({"a": 1}), document({"a": True})) == [("spec.a", 1, True)]


def test_null_is_not_absence() -> None:
    assert shown(document({"a": None}), document({})) == [("spec.a", None, ABSENT)]


def contract(stage: Any, pipeline: Any = None, pins: Any = None, *, is_contract: bool = True) -> Document:
    data = {"stage.model.json": stage if isinstance(stage, str) else json.dumps(stage)}
    data |= {"pipeline.json": json.dumps(pipeline)} if pipeline else {}
    data |= {"pins.json": json.dumps(pins)} if pins else {}
    labels = {"labels": {"mlopsctl.dev/contract": "v1"}} if is_contract else {}
    return document(kind="ConfigMap", metadata=labels, data=data)


def test_fields_of_contracts_are_shown_as_what_they_are() -> None:
    before = contract({"params": {"trees": 200, "depth": 4}}, {"spec": {"params": {"month": 1}}}, {"code": {"a": "1"}})
    after = contract({"params": {"trees": 400, "depth": 4}}, {"spec": {"params": {"month": 2}}}, {"code": {"a": "2"}})
    assert shown(before, after) == [
        ("stages.model.params.trees", 200, 400),
        ("params.month", 1, 2),
        ("code.a", "1", "2"),
    ]
    assert shown(contract({}), contract({}, {"spec": {}}))[0][:2] == ('data["pipeline.json"]', ABSENT)
    others = [contract({"params": {"trees": trees}}, is_contract=False) for trees in (1, 2)]
    assert shown(*others) == [('data["stage.model.json"].params.trees', 1, 2)]


def test_in_contracts_a_number_is_another_one_if_it_is_written_so() -> None:
    """The digests of runs depend on it."""
    assert shown(contract({"rate": 1}), contract({"rate": 1.0})) == [("stages.model.rate", 1, 1.0)]
    limits = [contract({"limits": {"cpu": value}}) for value in ("1000m", "1")]
    assert shown(*limits) == [("stages.model.limits.cpu", "1000m", "1")]
    assert shown(contract('{"a": 1}'), contract('{"a":1}')) == [("stages.model", '{"a": 1}', '{"a":1}')]
    assert shown(contract("{"), contract('{"a":1}')) == [("stages.model", "{", '{"a":1}')]


def secret(**parts: Any) -> Document:
    return document(kind="Secret", **parts)


def test_secrets_are_masked_and_their_equality_is_seen() -> None:
    before = secret(data={"token": "aGk=", "same": "eA=="}, type="Opaque")
    after = secret(data={"token": "aG8=", "same": "eA=="}, stringData={"new": "plain"}, type="Opaque")
    assert shown(before, after) == [
        ("data.token", "(secret)", "(secret)"),
        ("stringData", ABSENT, {"new": "(secret)"}),
    ]
    kept = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"token":"aGk="}}'}}
    found = shown(secret(metadata=kept), secret(data={"token": "aGk="}))
    assert "aGk" not in repr(found)
    assert shown(before, {**after, "type": "tls"})[-1] == ("type", "Opaque", "tls")


def test_each_change_is_where_its_value_is_written() -> None:
    rendered = contract({"params": {"trees": 400}})
    lived = contract({"params": {"trees": 200, "depth": 4}})
    places = {("data", "stage.model.json", "params", "trees"): span(21), ("data", "stage.model.json"): span(20)}
    found = differences(lived, rendered, place=places.get)
    assert [(each.path, each.place) for each in found] == [
        ("stages.model.params.trees", span(21)),
        ("stages.model.params.depth", None),
    ]


def test_a_place_is_that_of_the_item_in_the_source_wherever_the_server_puts_it() -> None:
    rendered = template({"name": "model", "timeout": "2h"})
    lived = template({"name": "sidecar"}, {"name": "model", "timeout": "1h"})
    predicted = template({"name": "sidecar"}, {"name": "model", "timeout": "2h"})
    places: dict[Path, Span] = {("spec", "templates", 0, "timeout"): span(9)}
    assert [each.place for each in differences(lived, predicted, place=places.get, source=rendered)] == [span(9)]
    assert isinstance(differences(lived, predicted)[0], FieldChange)


def span(line: int) -> Span:
    return Span("pipeline.yaml", Position(line, 1), Position(line, 2))
