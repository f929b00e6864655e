"""What records of ownership mean, whatever is in them; tests/cluster/test_ownership.py has records of a real server."""

import copy
from typing import Any, Final

import pytest

from mlopsctl.manifest import COMMIT, DIGEST, Document, Key
from mlopsctl.plan.by_design import ByDesign
from mlopsctl.plan.ownership import is_taken_back, is_untouched, others, owned, with_rules, without_theirs
from mlopsctl.plan.steps import Item, Member, written
from tests.unit.plan.plans import config

ROUTE: Final = Key("gateway.networking.k8s.io", "HTTPRoute", "team", "flights")
SCHEDULE: Final = Key("argoproj.io", "CronWorkflow", "team", "flights")
DEPLOYMENT: Final = Key("apps", "Deployment", "team", "flights")


def entry(manager: str, fields: Any, **parts: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsV1": fields, **parts}


def ours(fields: Any, **parts: Any) -> dict[str, Any]:
    return entry("mlopsctl", fields, operation="Apply", **parts)


WANTED: Final = config("flights", a="1", b="1")
STAMPS: Final = {"f:annotations": {f"f:{DIGEST}": {}}}
WHOLE: Final = {"f:metadata": STAMPS, "f:data": {"f:a": {}, "f:b": {}}}


def head(*entries: Any) -> Document:
    return {"metadata": {**copy.deepcopy(WANTED["metadata"]), "managedFields": list(entries)}}


def test_fields_are_read_in_each_form_in_which_servers_write_them() -> None:
    fields = {
        "f:metadata": {"f:labels": {".": {}, "f:a.b/c": {}}, "f:finalizers": {'v:"x/y"': {}}},
        "f:spec": {
            "f:ports": {'k:{"protocol":"TCP","containerPort":80}': {".": {}, "f:containerPort": {}}},
            "f:args": {},
            "f:rows": {"i:2": {"f:a:b": {}}},
        },
    }
    found = owned([ours(fields)], "mlopsctl")
    assert found == {
        ("metadata", "labels", "a.b/c"),
        ("metadata", "finalizers", Member("x/y")),
        ("spec", "ports", Item((("containerPort", 80), ("protocol", "TCP"))), "containerPort"),
        ("spec", "args"),
        ("spec", "rows", 2, "a:b"),
    }
    assert {written(each) for each in found} == {
        'metadata.labels["a.b/c"]',
        'metadata.finalizers["x/y"]',
        "spec.ports[80,TCP].containerPort",
        "spec.args",
        'spec.rows[2]["a:b"]',
    }


def test_a_subresource_and_another_operation_are_another_manager() -> None:
    entries = [ours({"f:a": {}}), ours({"f:b": {}}, subresource="status"), entry("mlopsctl", {"f:c": {}})]
    assert owned(entries, "mlopsctl") == {("a",)}
    assert owned(entries, "mlopsctl", "Update") == {("c",)}
    assert [each.fields for each in others(entries, DEPLOYMENT)] == [{("c",)}]


def test_an_object_is_untouched_if_all_of_it_is_ours() -> None:
    assert is_untouched(head(ours(WHOLE)), WANTED)
    assert is_untouched(head(ours(WHOLE), entry("other", {"f:data": {"f:c": {}}})), WANTED)
    with_commit = {**WHOLE, "f:metadata": {"f:annotations": {**STAMPS["f:annotations"], f"f:{COMMIT}": {}}}}
    assert is_untouched(head(ours(with_commit)), WANTED)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"metadata": {}},
        head(),
        {"metadata": {**head()["metadata"], "managedFields": None}},
        head(ours(None)),
        head(ours({})),
        head(ours({**WHOLE, "f:data": {"f:a": {}}})),
        head(ours({**WHOLE, "f:data": {}})),
        head(ours({**WHOLE, "f:data": {"f:a": {}, "f:b": {}, "f:c": {}}})),
        head(ours({**WHOLE, "f:data": {"f:a": {}, "v:1": {}}})),
        head(ours({**WHOLE, "f:data": {"f:a": {}, "f:b": {"f:c": {}}}})),
        head(ours({**WHOLE, "f:immutable": {}})),
        head(ours({"f:data": WHOLE["f:data"]})),
        head(ours(WHOLE, apiVersion="v2")),
        head(ours(WHOLE, subresource="scale")),
        head(ours(WHOLE), ours(WHOLE)),
        head(entry("mlopsctl", WHOLE)),
        head(entry("other", WHOLE, operation="Apply")),
        {"metadata": {**head(ours(WHOLE))["metadata"], "annotations": {DIGEST: "sha256:other"}}},
        {"metadata": {**head(ours(WHOLE))["metadata"], "annotations": None}},
        {"metadata": {**head(ours(WHOLE))["metadata"], "deletionTimestamp": "2026-11-03T11:40:00Z"}},
    ],
)
def test_any_doubt_is_a_no(found: Document) -> None:
    assert not is_untouched(found, WANTED)


def test_items_are_found_by_what_tells_them_apart() -> None:
    ports = [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]
    wanted = {**WANTED, "data": {"ports": ports}}
    of_80 = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
    of_53 = {'k:{"containerPort":53,"protocol":"UDP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}}}

    def is_ours(listed: Any) -> bool:
        return is_untouched(head(ours({"f:metadata": STAMPS, "f:data": {"f:ports": listed}})), wanted)

    assert is_ours({**of_53, **of_80})
    assert is_ours({})  # a list with one owner
    assert not is_ours(of_80)
    assert not is_ours({**of_80, 'k:{"containerPort":53,"protocol":"TCP"}': {"f:containerPort": {}, "f:protocol": {}}})
    assert not is_ours({**of_80, 'k:{"containerPort":80}': {"f:containerPort": {}}})
    assert not is_ours({**of_80, **of_53, 'k:{"containerPort":80}': {"f:containerPort": {}}})


@pytest.mark.parametrize(
    ("key", "record", "is_told"),
    [
        (DEPLOYMENT, entry("x", {"f:spec": {"f:replicas": {}}}), True),
        (DEPLOYMENT, entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale"), True),
        (DEPLOYMENT, entry("keda", {"f:spec": {"f:replicas": {}}}, subresource="scale"), False),
        (DEPLOYMENT, entry("kube-controller-manager", {"f:spec": {"f:replicas": {}}}), False),
        (DEPLOYMENT, entry("x", {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}), True),
        (DEPLOYMENT, entry("x", {"f:status": {"f:replicas": {}}}), False),
        (DEPLOYMENT, entry("x", {"f:anything": {}}, subresource="status"), False),
        (DEPLOYMENT, entry("x", {"f:metadata": {"f:finalizers": {'v:"a"': {}}}}), False),
        (SCHEDULE, entry("x", {"f:metadata": {"f:annotations": {"f:cronworkflows.argoproj.io/a": {}}}}), False),
        (ROUTE, entry("x", {"f:metadata": {"f:annotations": {"f:cronworkflows.argoproj.io/a": {}}}}), True),
        (ROUTE, entry("mlopsctl-run", {"f:spec": {"f:rules": {}}}), False),
        (ROUTE, entry("mlopsctl-run", {"f:spec": {"f:hostnames": {}}}), True),
        (ROUTE, entry("x", {"f:spec": {"f:rules": {}}}), True),
    ],
)
def test_who_is_there_to_set_a_field_is_not_told(key: Key, record: Any, *, is_told: bool) -> None:
    assert bool(others([record], key)) is is_told
    assert bool(others([record], key, by_design=())) is (
        "f:status" not in record["fieldsV1"] and record.get("subresource") != "status"
    )


def test_others_are_told_latest_first_with_the_time() -> None:
    records = [
        entry("a", {"f:x": {}}, time="2026-11-01T00:00:00Z"),
        entry("b", {"f:x": {}}, time="2026-11-02T00:00:00Z"),
    ]
    assert [(each.manager, each.at) for each in others(records, ROUTE)] == [
        ("b", "2026-11-02T00:00:00Z"),
        ("a", "2026-11-01T00:00:00Z"),
    ]


def test_a_star_stands_for_the_rest_of_a_name() -> None:
    rule = ByDesign(prefix=("metadata", "annotations", "argo/*"))
    assert rule.covers(("metadata", "annotations", "argo/a"))
    assert not rule.covers(("metadata", "annotations", "argo-a"))
    assert not rule.covers(("metadata", "annotations"))
    assert not rule.covers(("metadata", "labels", "argo/a"))


def test_what_others_are_there_to_set_is_left_out_of_what_is_wanted() -> None:
    wanted = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "model", "annotations": {"a": "b"}},
        "spec": {"replicas": 2, "paused": False},
    }
    before = copy.deepcopy(wanted)

    def left(record: dict[str, Any]) -> Document:
        return without_theirs(wanted, {**wanted, "metadata": {"name": "model", "managedFields": [record]}})

    replicas = {"f:spec": {"f:replicas": {}, "f:paused": {}}}
    scaled = left(entry("kube-controller-manager", replicas, subresource="scale"))
    assert scaled["spec"] == {"paused": False}
    assert scaled["metadata"] == wanted["metadata"]
    assert left(entry("keda", replicas, subresource="scale")) == scaled
    assert left(entry("kubectl", replicas, subresource="scale")) == wanted
    assert left(entry("kubectl-edit", replicas)) == wanted
    assert left(ours(replicas)) == wanted
    assert wanted == before


def test_rules_of_a_route_are_peoples_whatever_git_says_and_runs_until_git_says_some() -> None:
    rules = [{"backendRefs": [{"name": "a", "weight": 100}]}]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "model"},
        "spec": {"rules": rules, "hostnames": ["a.example.com"]},
    }
    unsaid = {**route, "spec": {"hostnames": ["a.example.com"]}}

    def set_by(manager: str) -> dict[str, Any]:
        record = entry(manager, {"f:spec": {"f:rules": {}}}, operation="Apply")
        return {**route, "metadata": {"name": "model", "managedFields": [record]}}

    assert without_theirs(route, set_by("mlopsctl-override")) == unsaid
    assert without_theirs(route, set_by("mlopsctl-run")) == route
    assert [is_taken_back(each, set_by("mlopsctl-run")) for each in (route, unsaid)] == [True, False]
    assert not is_taken_back(route, set_by("mlopsctl-override"))
    # What apply has set itself stays where runs are to say it and haven't yet.
    assert with_rules(unsaid, set_by("mlopsctl")) == route
    assert with_rules(unsaid, set_by("mlopsctl-run")) == unsaid
