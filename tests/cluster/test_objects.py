"""Objects read, foretold, applied and deleted, on a real API server."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlopsctl.cluster.errors import Absent, Conflict, Conflicted, Forbidden, Outdated
from mlopsctl.cluster.identity import cluster_identity
from mlopsctl.cluster.objects import PAGE, Objects
from mlopsctl.cluster.resources import Resource, Resources
from mlopsctl.manifest import Key
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, changed, definition
from tests.cluster.speaking import (
    Counting,
    config_map,
    connected,
    custom,
    killed_and_started_again,
    objects_of,
    objects_there,
    own_namespace_there,
)
from tests.waiting import PATIENCE

ROUTES = "gateway.networking.k8s.io/v1"


namespace = pytest.fixture(own_namespace_there)
objects = pytest.fixture(objects_there)


# --- discovery


def test_kinds_are_found_with_one_request_for_each_version_of_a_group(api_server: Reached) -> None:
    connection = Counting(connected(api_server.kubeconfig, "default"))
    resources = Resources(connection)
    wanted = [("v1", "ConfigMap"), ("v1", "Namespace"), (ROUTES, "HTTPRoute"), (ROUTES, "Nothing"), ("no.such/v1", "X")]
    threads = [threading.Thread(target=resources.of, args=each) for each in wanted * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    maps, spaces, routes, nothing, nowhere = (resources.of(*each) for each in wanted)
    assert maps == Resource("v1", "ConfigMap", "configmaps", is_namespaced=True)
    assert spaces is not None
    assert routes is not None
    assert nothing is nowhere is None
    assert resources.path(maps, "flights", "a") == "/api/v1/namespaces/flights/configmaps/a"
    assert resources.path(maps, "") == "/api/v1/configmaps"
    assert resources.path(spaces, "flights", "a") == "/api/v1/namespaces/a"
    assert resources.path(routes, "flights") == f"/apis/{ROUTES}/namespaces/flights/httproutes"
    assert sorted(request.path for request in connection.asked) == ["/api/v1", f"/apis/{ROUTES}", "/apis/no.such/v1"]


def test_a_kind_is_found_without_its_version(api_server: Reached) -> None:
    resources = Resources(connected(api_server.kubeconfig, "default"))
    found = [resources.of_any_version(group, kind) for group, kind in (("", "Pod"), ("apps", "Deployment"))]
    assert [each and each.api_version for each in found] == ["v1", "apps/v1"]
    assert resources.of("serving.kserve.io/v1alpha1", "ServingRuntime") is not None
    service = resources.of_any_version("serving.kserve.io", "InferenceService")  # which another version has
    assert service is not None
    assert service.api_version == "serving.kserve.io/v1beta1"
    assert resources.of_any_version("no.such", "X") is None
    assert resources.of_any_version("apps", "X") is None


def test_a_definition_that_came_since_is_known_after_forgetting(objects: Objects, admin: Admin, namespace: str) -> None:
    kind = f"Kind{namespace.removeprefix('doctor-')}"
    version = f"{kind.lower()}.example.com/v1"
    document = custom(version, kind, namespace, {"a": 1})
    with pytest.raises(Absent) as caught:
        objects.predicted(document, force=False)
    assert caught.value.found.message == f"the cluster has no kind `{kind}` at version `{version}`"
    assert objects.heads(version, kind, namespace) == []
    assert objects.get(Key(version.partition("/")[0], kind, namespace, "churn"), version) is None
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    made = definition(version.partition("/")[0], "v1", kind)
    admin.create(crds, made)
    try:
        deadline = time.monotonic() + PATIENCE
        while objects.resources.of(version, kind) is None:
            assert time.monotonic() < deadline
            objects.resources.forget()
        assert objects.predicted(document, force=False)["spec"] == {"a": 1}
    finally:
        admin.delete(f"{crds}/{made['metadata']['name']}")


# --- reading


def test_heads_have_no_content_and_name_who_set_what(objects: Objects, namespace: str) -> None:
    document = config_map(namespace, "a", {"x": "y" * 1000}, labels={"of": "us"}, annotations={"note": "1"})
    live = objects.applied(document, force=False)
    objects.applied(config_map(namespace, "b", {}), force=False)
    (head,) = objects.heads("v1", "ConfigMap", namespace, "of=us")
    assert head.key == Key("", "ConfigMap", namespace, "a")
    assert (head.uid, head.version) == (live["metadata"]["uid"], live["metadata"]["resourceVersion"])
    assert (head.api_version, head.labels, head.annotations) == ("v1", {"of": "us"}, {"note": "1"})
    assert head.deleted_at == ""
    assert head.managed_fields == live["metadata"]["managedFields"]
    assert "y" * 10 not in head.managed
    assert len(objects.heads("v1", "ConfigMap", namespace)) == 2


def test_a_head_says_its_generation_and_that_its_end_has_begun(objects: Objects, namespace: str) -> None:
    spec = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "x"}}]}
    document = custom("argoproj.io/v1alpha1", "WorkflowTemplate", namespace, spec)
    document["metadata"]["finalizers"] = ["example.com/stays"]
    objects.applied(document, force=False)
    (head,) = objects.heads("argoproj.io/v1alpha1", "WorkflowTemplate", namespace)
    assert (head.generation, head.deleted_at) == (1, "")
    assert objects.deleted(head.key, head.api_version, uid=head.uid, propagation="Foreground")
    (head,) = objects.heads("argoproj.io/v1alpha1", "WorkflowTemplate", namespace)
    assert head.deleted_at.startswith("20")
    document["metadata"]["finalizers"] = []
    objects.applied(document, force=True)


def test_requests_grow_with_pages_not_with_objects(api_server: Reached, admin: Admin, namespace: str) -> None:
    for number in range(30):
        admin.create(f"/api/v1/namespaces/{namespace}/configmaps", config_map(namespace, f"m{number:03}", {}))
    connection = Counting(connected(api_server.kubeconfig, namespace))
    objects = objects_of(connection)
    assert len(objects.heads("v1", "ConfigMap", namespace)) == 30
    assert len(connection.asked) == 2  # what kinds there are, and one page
    assert [document["kind"] for document in objects.listed("v1", "ConfigMap", namespace)] == ["ConfigMap"] * 30
    assert len(connection.asked) == 3


@pytest.mark.slow
def test_more_objects_than_fit_on_a_page(api_server: Reached, admin: Admin, namespace: str) -> None:
    count = PAGE + 1
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(count):
        admin.create(path, config_map(namespace, f"m{number:04}", {}))
    connection = Counting(connected(api_server.kubeconfig, namespace))
    found = objects_of(connection).heads("v1", "ConfigMap", namespace)
    assert [head.key.name for head in found] == [f"m{number:04}" for number in range(count)]
    assert len(connection.asked) == 3


# --- changing


def test_a_prediction_changes_nothing(objects: Objects, namespace: str) -> None:
    predicted = objects.predicted(config_map(namespace, "a", {"x": "1"}), force=False)
    assert predicted["data"] == {"x": "1"}
    key = Key("", "ConfigMap", namespace, "a")
    assert objects.get(key, "v1") is None
    live = objects.applied(config_map(namespace, "a", {"x": "1"}), force=False)
    assert objects.get(key, "v1") == live
    assert objects.predicted(config_map(namespace, "a", {"x": "2"}), force=False)["data"] == {"x": "2"}
    assert objects.get(key, "v1") == live


def test_a_field_that_is_not_said_any_more_is_taken_away(objects: Objects, namespace: str) -> None:
    objects.applied(config_map(namespace, "a", {"x": "1", "y": "1"}), force=False)
    assert objects.applied(config_map(namespace, "a", {"x": "1"}), force=False)["data"] == {"x": "1"}


def test_what_another_has_set_is_taken_over_by_force_alone(objects: Objects, admin: Admin, namespace: str) -> None:
    objects.applied(config_map(namespace, "a", {"x.y": "1", "z": "1"}), force=False)
    admin.merge(f"/api/v1/namespaces/{namespace}/configmaps/a?fieldManager=kubectl-edit", {"data": {"x.y": "2"}})
    document = config_map(namespace, "a", {"x.y": "3", "z": "1"})
    for change in (objects.predicted, objects.applied):
        with pytest.raises(Conflicted) as caught:
            change(document, force=False)
        assert caught.value.conflicts == (Conflict("kubectl-edit", (".data.x.y",)),)
    assert objects.predicted(document, force=True)["data"]["x.y"] == "3"
    assert objects.applied(document, force=True)["data"]["x.y"] == "3"
    objects.applied(config_map(namespace, "a", {"x.y": "4", "z": "1"}), force=False)


def test_only_the_object_that_was_meant_is_deleted(objects: Objects, namespace: str) -> None:
    key = Key("", "ConfigMap", namespace, "a")
    first = objects.applied(config_map(namespace, "a", {}), force=False)["metadata"]["uid"]
    assert objects.deleted(key, "v1", uid=first) is True
    assert objects.deleted(key, "v1", uid=first) is False
    objects.applied(config_map(namespace, "a", {}), force=False)
    assert objects.deleted(key, "v1", uid=first) is False
    assert objects.get(key, "v1") is not None


def test_who_is_late_is_told(objects: Objects, namespace: str) -> None:
    made = objects.created(config_map(namespace, "a", {"x": "1"}))
    with pytest.raises(Outdated):
        objects.created(config_map(namespace, "a", {"x": "2"}))
    key, version = Key("", "ConfigMap", namespace, "a"), made["metadata"]["resourceVersion"]
    changed_one = objects.merged(key, "v1", {"data": {"x": None, "y": "1"}}, version=version)
    assert changed_one["data"] == {"y": "1"}
    with pytest.raises(Outdated):
        objects.merged(key, "v1", {"data": {"x": "3"}}, version=version)


# --- who asks


def test_a_missing_right_is_named(api_server: Reached, admin: Admin, namespace: str, tmp_path: Path) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": admin.token(namespace, rules)})
    objects = objects_of(connected(kubeconfig, namespace))
    deadline = time.monotonic() + PATIENCE
    while True:  # a role that has just been made takes a moment to count
        try:
            assert objects.heads("v1", "ConfigMap", namespace) == []
            break
        except Forbidden:
            assert time.monotonic() < deadline
    with pytest.raises(Forbidden) as caught:
        objects.predicted(config_map(namespace, "a", {}), force=False)
    assert (caught.value.action, caught.value.scope) == ("patch configmaps", f"in the namespace `{namespace}`")
    with pytest.raises(Forbidden) as caught:
        objects.heads("argoproj.io/v1alpha1", "WorkflowTemplate", namespace)
    assert caught.value.action == "list workflowtemplates.argoproj.io"
    nobody = cluster_identity(objects.connection)
    assert nobody.uid == ""
    assert "may not get namespaces" in nobody.note


def test_a_cluster_is_known_by_its_oldest_namespace(objects: Objects, admin: Admin) -> None:
    found = cluster_identity(objects.connection)
    assert found.note == ""
    assert found.uid == admin.ask("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]


# --- servers that go


def test_a_server_that_is_killed_and_started_again_in_the_middle(fresh_api_server: Callable[[], Reached]) -> None:
    server = fresh_api_server()
    namespace = Admin(server.kubeconfig).namespace()
    objects = objects_of(connected(server.kubeconfig, namespace))
    reached = threading.Event()
    failures: list[Exception] = []

    def apply_all() -> None:
        try:
            for number in range(60):
                objects.applied(config_map(namespace, f"m{number:02}", {"x": "1"}), force=False)
                if number == 10:
                    reached.set()
        except Exception as error:  # noqa: BLE001 - for the test to show
            failures.append(error)
            reached.set()

    applying = threading.Thread(target=apply_all)
    applying.start()
    assert reached.wait(120)
    again = killed_and_started_again(server.kubeconfig)
    try:
        applying.join(180)
        assert not applying.is_alive()
        assert failures == []
        assert len(objects.heads("v1", "ConfigMap", namespace)) == 60
    finally:
        again.kill()
        again.wait()


def test_a_change_is_awaited_however_long_ago_the_last_one_was(fresh_api_server: Callable[[], Reached]) -> None:
    """A server that has just begun has forgotten all changes before."""
    server = fresh_api_server()
    namespace = Admin(server.kubeconfig).namespace()
    objects = objects_of(connected(server.kubeconfig, namespace))
    version = objects.applied(config_map(namespace, "old", {"x": "1"}), force=False)["metadata"]["resourceVersion"]
    for number in range(3):
        objects.applied(config_map(namespace, f"m{number}", {"x": "1"}), force=False)
    again = killed_and_started_again(server.kubeconfig)
    try:
        key = Key("", "ConfigMap", namespace, "old")
        assert objects.get(key, "v1") is not None  # which waits until it answers
        began = time.monotonic()
        objects.await_change(key, "v1", since=version, seconds=2)
        assert time.monotonic() - began > 1.5, "nothing had changed"

        changing = threading.Timer(1, objects.applied, [config_map(namespace, "old", {"x": "2"})], {"force": False})
        changing.start()
        objects.await_change(key, "v1", since=version, seconds=600)
        changing.join()
        objects.await_change(key, "v1", since=version, seconds=600)  # it has changed, so there is nothing to wait for
    finally:
        again.kill()
        again.wait()
