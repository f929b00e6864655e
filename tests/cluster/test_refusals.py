"""What a real API server refuses, at the line of the source that it comes from, with the next step."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlopsctl.cluster.access import Patience
from mlopsctl.cluster.errors import ClusterError
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.refusals import is_immutable, refusals_of
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.manifest import Manifest
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, changed
from tests.cluster.speaking import (
    ORIGIN,
    config_map,
    connected,
    custom,
    line,
    objects_of,
    objects_there,
    own_namespace_there,
    wanted,
)
from tests.cluster.webhook import webhook
from tests.waiting import PATIENCE, until

ARGO = "argoproj.io/v1alpha1"
GATEWAY = "gateway.networking.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


namespace = pytest.fixture(own_namespace_there)
objects = pytest.fixture(objects_there)


def refused(objects: Objects, manifest: Manifest, *, dry: bool = True) -> tuple[ClusterError, tuple[Diagnostic, ...]]:
    change = objects.predicted if dry else objects.applied
    with pytest.raises(ClusterError) as caught:
        change(manifest.document, force=False)
    return caught.value, refusals_of(caught.value, manifest)


def refused_in_time(objects: Objects, manifest: Manifest, code: str) -> Diagnostic:
    """What is said once the server has heard of a new rule, which takes it a moment."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            objects.predicted(manifest.document, force=False)
        except ClusterError as error:
            found = refusals_of(error, manifest)[0]
            if found.code == code:
                return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_conflicts_are_told_by_who_has_set_what(objects: Objects, admin: Admin, namespace: str) -> None:
    objects.applied(config_map(namespace, "a", {"model.json": "1", "x": "1", "y": "1"}), force=False)
    path = f"/api/v1/namespaces/{namespace}/configmaps/a?fieldManager="
    admin.merge(f"{path}kubectl-edit", {"data": {"model.json": "2", "x": "2"}})
    admin.merge(f"{path}autoscaler", {"data": {"y": "2"}})
    document = config_map(namespace, "a", {"model.json": "3", "x": "3", "y": "3"})
    places = {("data", "model.json"): 3, ("data", "x"): 4, ("data", "y"): 5}
    found = {one.message: one for one in refused(objects, wanted(document, places))[1]}
    assert set(found) == {
        "`autoscaler` has set `data.y` of ConfigMap a, and git says otherwise",
        "`kubectl-edit` has set 2 fields of ConfigMap a, and git says otherwise",
    }
    edited = found["`kubectl-edit` has set 2 fields of ConfigMap a, and git says otherwise"]
    assert (edited.code, edited.span) == ("MLO840", line(3))
    assert edited.notes == ("set by `kubectl-edit`: data.model.json", "set by `kubectl-edit`: data.x")
    assert "plan anew" in edited.helps[0]


def test_rules_of_a_definition(objects: Objects, namespace: str) -> None:
    backend = {"name": "models", "weight": -1}
    rules = [{"filters": [{"type": "RequestRedirect"}], "backendRefs": [backend]}]
    places = {
        ("spec", "rules"): 5,
        ("spec", "rules", 0, "filters", 0): 7,
        ("spec", "rules", 0, "backendRefs", 0, "weight"): 9,
    }
    route = wanted(custom(GATEWAY, "HTTPRoute", namespace, {"rules": rules}), places)
    error, found = refused(objects, route)
    assert not is_immutable(error)
    assert {one.code for one in found} == {"MLO841"}
    assert {(one.message.removeprefix("the cluster refuses HTTPRoute churn: "), one.span) for one in found} == {
        (
            "spec.rules[0].backendRefs[0].weight: Invalid value: -1: should be greater than or equal to 0",
            line(9),
        ),
        ("spec.rules[0].backendRefs[0]: Must have port for Service reference", line(9)),
        (
            "spec.rules[0].filters[0]: filter.requestRedirect must be specified for RequestRedirect filter.type",
            line(7),
        ),
    }


def test_fields_that_are_not_known_and_values_of_another_type(objects: Objects, namespace: str) -> None:
    templates = [{"name": "main", "container": {"image": "x", "bogus": 1}}]
    places = {("spec",): 2, ("spec", "entrypont"): 4}
    spec = {"entrypont": "main", "templates": templates}
    manifest = wanted(custom(ARGO, "WorkflowTemplate", namespace, spec), places)
    # A server that has just learnt of the kind merges by no schema yet, and then names both fields.
    (found,) = until(lambda: said if len(said := refused(objects, manifest)[1]) == 1 else None)
    assert (found.code, found.span) == ("MLO842", line(4))
    assert found.message == ("WorkflowTemplate churn has the field `spec.entrypont`, which the cluster doesn't know")
    places = {("spec", "entrypoint"): 4, ("spec", "templates"): 6}
    mistyped = {"entrypoint": 7, "templates": "none"}
    found_all = refused(objects, wanted(custom(ARGO, "WorkflowTemplate", namespace, mistyped), places))[1]
    said = {one.span: one.message for one in found_all if one.code == "MLO841"}
    assert said.keys() == {line(4), line(6)}
    assert said[line(4)] == "the cluster refuses WorkflowTemplate churn: spec.entrypoint: expected string"
    assert said[line(6)] == "the cluster refuses WorkflowTemplate churn: spec.templates: expected list"


def test_a_namespace_that_is_not_there_and_one_that_goes(objects: Objects, admin: Admin) -> None:
    (found,) = refused(objects, wanted(config_map("no-such", "a", {})))[1]
    assert (found.code, found.span) == ("MLO849", ORIGIN)
    assert found.message == "there is no namespace `no-such` for ConfigMap a"
    going = admin.namespace()
    admin.delete(f"/api/v1/namespaces/{going}")
    (found,) = refused(objects, wanted(config_map(going, "a", {})))[1]
    assert found.code == "MLO846"
    assert found.message == f"the namespace `{going}` is being deleted, ConfigMap a can't be made in it"


def test_a_kind_that_is_not_there(objects: Objects, namespace: str) -> None:
    (found,) = refused(objects, wanted(custom("example.com/v1", "Unheard", namespace, {})))[1]
    assert (found.code, found.span) == ("MLO850", ORIGIN)


@pytest.mark.parametrize(
    ("size", "why"),
    [(1_100_000, "may not be more than 1048576 bytes"), (3_300_000, "limit is 3145728")],
)
def test_a_config_map_over_the_limit(objects: Objects, namespace: str, size: int, why: str) -> None:
    (found,) = refused(objects, wanted(config_map(namespace, "a", {"x": "x" * size})))[1]
    assert found.code == "MLO847"
    assert found.message.startswith("ConfigMap a is too large for a cluster: ")
    assert found.message.endswith(why)


def test_what_is_larger_than_the_store_takes(api_server: Reached, namespace: str) -> None:
    objects = objects_of(connected(api_server.kubeconfig, namespace, patience=Patience(repeat=120)))
    container = {"image": "x", "args": ["y" * 1_700_000]}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "container": container}]}
    started = time.monotonic()
    (found,) = refused(objects, wanted(custom(ARGO, "WorkflowTemplate", namespace, spec)), dry=False)[1]
    assert found.code == "MLO847"
    assert time.monotonic() - started < 60  # it is of no use to try that again


def test_what_can_only_be_made_anew(objects: Objects, namespace: str) -> None:
    def binding(role: str) -> Manifest:
        subject = {"kind": "ServiceAccount", "name": "x", "namespace": namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
        document = custom(RBAC, "RoleBinding", namespace, {})
        del document["spec"]
        return wanted({**document, "roleRef": reference, "subjects": [subject]}, {("roleRef",): 8})

    objects.applied(binding("a").document, force=False)
    error, (found,) = refused(objects, binding("b"))
    assert is_immutable(error)
    assert (found.code, found.span) == ("MLO848", line(8))
    assert "cannot change roleRef" in found.message
    fixed = {**config_map(namespace, "a", {"x": "1"}), "immutable": True}
    objects.applied(fixed, force=False)
    error, (found,) = refused(objects, wanted({**fixed, "data": {"x": "2"}}, {("data",): 3}))
    assert is_immutable(error)
    assert found.span == line(3)


def test_a_quota(objects: Objects, admin: Admin, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    hard = {"hard": {"count/services": "0"}}
    admin.create(path, {"metadata": {"name": "small"}, "spec": hard})
    admin.merge(f"{path}/small/status", {"status": {**hard, "used": {"count/services": "0"}}})  # as its controller says
    found = refused_in_time(objects, wanted(custom("v1", "Service", namespace, {"ports": [{"port": 80}]})), "MLO845")
    assert found.message.startswith("there is no room for Service churn in the quota `small`: requested: ")


def test_a_policy(objects: Objects, admin: Admin, namespace: str) -> None:
    name = f"{namespace}.example.com"
    resources = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]
    rule = {"expression": "!has(object.data.image)", "message": "not from there; correct data.image, says the house"}
    policy = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": resources}, "validations": [rule]}
    admin.create(f"{ADMISSION}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": policy})
    labels = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    where = {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": labels}}
    admin.create(f"{ADMISSION}/validatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": where})
    try:
        manifest = wanted(config_map(namespace, "a", {"image": "x"}), {("data", "image"): 6})
        found = refused_in_time(objects, manifest, "MLO843")
    finally:
        admin.delete(f"{ADMISSION}/validatingadmissionpolicybindings/{name}")
        admin.delete(f"{ADMISSION}/validatingadmissionpolicies/{name}")
    assert found.span == line(6)
    assert found.message == (
        f"the policy `{name}` denies ConfigMap a: not from there; correct data.image, says the house"
    )


def test_a_webhook_that_refuses_and_then_is_gone(fresh_api_server: Callable[[], Reached], tmp_path: Path) -> None:
    server = fresh_api_server()
    admin = Admin(server.kubeconfig)
    namespace = admin.namespace()
    objects = objects_of(connected(server.kubeconfig, namespace))
    manifest = wanted(config_map(namespace, "a", {"image": "x"}), {("data", "image"): 6})
    with webhook(admin, namespace, tmp_path, resource="configmaps", says="data.image is not of ours") as end:
        found = refused_in_time(objects, manifest, "MLO843")
        assert found.span == line(6)
        assert found.message == "the webhook `images.example.com` denies ConfigMap a: data.image is not of ours"
        end()
        hasty = objects_of(connected(server.kubeconfig, namespace, patience=None))
        (found,) = refused(hasty, manifest)[1]
    assert found.code == "MLO844"
    assert "the webhook `images.example.com` fails, and nothing that it has to judge can be applied: " in found.message
    assert "refused" in found.message


def test_rights_that_would_be_granted_by_who_lacks_them(
    api_server: Reached, admin: Admin, namespace: str, tmp_path: Path
) -> None:
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["get", "create", "patch"]}]
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": admin.token(namespace, rules)})
    role = custom(RBAC, "Role", namespace, {})
    del role["spec"]
    granted = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    found = refused_in_time(
        objects_of(connected(kubeconfig, namespace)), wanted({**role, "rules": [granted]}), "MLO852"
    )
    assert found.message == "Role churn would grant rights that you don't have yourself"
    assert found.notes == ("missing: create, patch workflowtaskresults.argoproj.io",)


def test_a_name_that_no_object_may_have(objects: Objects, namespace: str) -> None:
    (found,) = refused(objects, wanted(config_map(namespace, "A_", {})))[1]
    assert found.code == "MLO841"
    assert "metadata.name" in found.message
