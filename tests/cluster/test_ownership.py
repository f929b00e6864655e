"""Who owns a field is read from records that a real server keeps, of each kind that is rendered."""

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.manifest import COMMIT, CONTRACT, DIGEST, MANAGER, PART_OF, PIPELINE, Document
from mlopsctl.manifest import key_of as key
from mlopsctl.plan.difference import differences
from mlopsctl.plan.drift import Sides, drifted
from mlopsctl.plan.file import read_plan, write_plan
from mlopsctl.plan.model import ABSENT, Action
from mlopsctl.plan.ownership import is_untouched, others, owned
from mlopsctl.plan.staleness import Present, stale, to_predict
from mlopsctl.plan.steps import written
from mlopsctl.store import digest_json
from tests.cluster.conftest import Reached
from tests.rendered import PLURALS
from tests.unit.plan.plans import change, plan

OTHER = "someone"
APPLY, MERGE, JSON_PATCH = "apply-patch+yaml", "merge-patch+json", "json-patch+json"


def made(api_version: str, kind: str, **parts: Any) -> Document:
    metadata = {"name": "flights", "labels": {PIPELINE: "flights", PART_OF: "applyset-1"}}
    document = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}
    stamps = {DIGEST: digest_json(document), COMMIT: "3f2c91a", "mlopsctl.dev/source": "pipeline.yaml:1"}
    return {**document, "metadata": {**metadata, "annotations": stamps}}


ENV = [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
RESOURCES = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}
CONTAINER = {
    "name": "main",
    "image": "runtime:1",
    "command": ["python"],
    "args": ["-m", "step"],
    "env": ENV,
    "resources": RESOURCES,
    "ports": [{"containerPort": 8080}, {"containerPort": 9090, "protocol": "UDP"}],
    "volumeMounts": [{"name": "contract", "mountPath": "/contract"}],
}
POD = {
    "serviceAccountName": "flights",
    "containers": [CONTAINER],
    "volumes": [{"name": "contract", "configMap": {"name": "flights"}}, {"name": "empty", "emptyDir": {}}],
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "imagePullSecrets": [{"name": "registry"}],
    "securityContext": {"runAsNonRoot": True},
}
TEMPLATES = [
    {
        "name": "main",
        "dag": {
            "tasks": [{"name": "model", "template": "model"}, {"name": "q", "template": "model", "depends": "model"}]
        },
    },
    {
        "name": "model",
        "container": CONTAINER,
        "inputs": {"parameters": [{"name": "key", "value": "1"}]},
        "retryStrategy": {"limit": 2, "backoff": {"duration": "5s"}},
        "metadata": {"labels": {"a": "b"}},
        "volumes": [{"name": "empty", "emptyDir": {}}],
        "nodeSelector": {"disk": "fast"},
        "synchronization": {"mutexes": [{"name": "flights"}]},
    },
]
WORKFLOW = {
    "entrypoint": "main",
    "serviceAccountName": "flights",
    "arguments": {"parameters": [{"name": "a", "value": "1"}]},
    "templates": TEMPLATES,
}
RULES = [
    {
        "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}],
        "backendRefs": [
            {"name": "flights-1", "port": 80, "weight": 95},
            {"name": "flights-2", "port": 80, "weight": 5},
        ],
    }
]

KINDS = [
    made("v1", "ConfigMap", data={"stage.model.json": '{"params": {"trees": 200}}', "plain": "x"}),
    made("v1", "ServiceAccount", imagePullSecrets=[{"name": "registry"}], automountServiceAccountToken=False),
    made(
        "rbac.authorization.k8s.io/v1",
        "Role",
        rules=[{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}],
    ),
    made(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "flights"},
        subjects=[{"kind": "ServiceAccount", "name": "flights", "namespace": "default"}],
    ),
    made("argoproj.io/v1alpha1", "WorkflowTemplate", spec=WORKFLOW),
    made(
        "argoproj.io/v1alpha1",
        "CronWorkflow",
        spec={
            "schedules": ["0 3 * * *"],
            "timezone": "Europe/Paris",
            "workflowSpec": {"workflowTemplateRef": {"name": "flights"}},
        },
    ),
    made(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        spec={
            "predictor": {
                "minReplicas": 2,
                "serviceAccountName": "flights",
                "model": {
                    "modelFormat": {"name": "sklearn"},
                    "storageUri": "s3://models/1",
                    "env": ENV,
                    "resources": RESOURCES,
                    "ports": [{"containerPort": 8080}],
                },
                "imagePullSecrets": [{"name": "registry"}],
                "nodeSelector": {"disk": "fast"},
                "volumes": [{"name": "contract", "configMap": {"name": "flights"}}],
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
            }
        },
    ),
    made(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        spec={
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": ["flights.example.com"],
            "rules": RULES,
        },
    ),
    made(
        "apps/v1",
        "Deployment",
        spec={
            "replicas": 2,
            "selector": {"matchLabels": {"app": "flights"}},
            "template": {"metadata": {"labels": {"app": "flights"}}, "spec": POD},
        },
    ),
    made(
        "v1",
        "Service",
        spec={"selector": {"app": "flights"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    ),
]
each_kind = pytest.mark.parametrize("wanted", KINDS, ids=lambda document: document["kind"])


class Server:
    """Requests of several managers for the objects of a namespace that is the test's own."""

    def __init__(self, reached: Reached) -> None:
        from kubernetes import config

        self._client = config.new_client_from_config(str(reached.kubeconfig))
        self._namespace = f"test-{uuid.uuid4().hex[:8]}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self._namespace}}
        self._ask("POST", "/api/v1/namespaces", body=body)

    def close(self) -> None:
        self._client.close()

    def apply(self, document: Document, manager: str = MANAGER, **query: Any) -> Document:
        return self._ask(
            "PATCH", self._path(document), body=document, content=APPLY, fieldManager=manager, force="true", **query
        )

    def predicted(self, document: Document) -> Document:
        return self.apply(document, dryRun="All")

    def patch(self, document: Document, change: Any, content: str = MERGE, manager: str = OTHER) -> Document:
        return self._ask("PATCH", self._path(document), body=change, content=content, fieldManager=manager)

    def put(self, document: Document, change: Callable[[Document], None]) -> Document:
        live = self.get(document)
        change(live)
        live["metadata"].pop("managedFields")
        return self._ask("PUT", self._path(document), body=live, fieldManager=OTHER)

    def scale(self, document: Document, replicas: int, manager: str) -> Document:
        path = f"{self._path(document)}/scale"
        return self._ask("PATCH", path, body={"spec": {"replicas": replicas}}, content=MERGE, fieldManager=manager)

    def get(self, document: Document) -> Document:
        return self._ask("GET", self._path(document))

    def head(self, document: Document) -> Document:
        accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
        return self._ask("GET", self._path(document), accept=accept)

    def _path(self, document: Document) -> str:
        version = document["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return f"{root}/namespaces/{self._namespace}/{PLURALS[document['kind']]}/{document['metadata']['name']}"

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: str = "json",
        accept: str = "application/json",
        **query: Any,
    ) -> Document:
        headers = {"Accept": accept, "Content-Type": f"application/{content}"}
        response = self._client.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
        )
        found: Document = json.loads(response.data)
        return found


@pytest.fixture
def server(api_server: Reached) -> Iterator[Server]:
    reached = Server(api_server)
    yield reached
    reached.close()


def replaced(wanted: Document, **parts: Any) -> Document:
    """The same with other parts, as a later commit would have it."""
    document = {**copy.deepcopy(wanted), **parts}
    document["metadata"]["annotations"] |= {DIGEST: digest_json(parts), COMMIT: "8976a70"}
    return document


@each_kind
def test_what_was_applied_is_untouched(server: Server, wanted: Document) -> None:
    server.apply(wanted)
    head = server.head(wanted)
    assert "spec" not in head
    assert is_untouched(head, wanted)
    assert differences(server.get(wanted), server.predicted(wanted)) == ()
    assert others(head["metadata"]["managedFields"], key(wanted)) == ()


# Of each kind a field as JSON patches name it and as people do, and another value for it.
FIELDS: dict[str, tuple[str, str, Any]] = {
    "ConfigMap": ("/data/plain", "data.plain", "y"),
    "CronWorkflow": ("/spec/timezone", "spec.timezone", "UTC"),
    "Deployment": (
        "/spec/template/spec/containers/0/resources/limits/memory",
        "spec.template.spec.containers[main].resources.limits.memory",
        "2Gi",
    ),
    "HTTPRoute": ("/spec/rules/0/backendRefs/0/weight", "spec.rules[0].backendRefs[flights-1].weight", 1),
    "InferenceService": ("/spec/predictor/minReplicas", "spec.predictor.minReplicas", 5),
    "Role": ("/rules/0/verbs", "rules[0].verbs", ["*"]),
    "RoleBinding": ("/subjects/0/name", "subjects[flights]", "default"),
    "Service": ("/spec/ports/0/targetPort", "spec.ports[80,TCP].targetPort", 9090),
    "ServiceAccount": ("/automountServiceAccountToken", "automountServiceAccountToken", True),
    "WorkflowTemplate": (
        "/spec/templates/1/container/image",
        "spec.templates[model].container.image",
        "runtime:2",
    ),
}


def drifts(server: Server, wanted: Document) -> list[tuple[str, str, bool]]:
    """Field, manager and whether it is put back, after making sure that there is a time for each manager."""
    sides = Sides(wanted=wanted, live=server.get(wanted), predicted=server.predicted(wanted))
    found = drifted(sides)
    assert all(bool(drift.at) == bool(drift.manager) for drift in found)
    return [(field.path, drift.manager, drift.is_reverted) for drift in found for field in drift.fields]


@each_kind
@pytest.mark.parametrize("way", ["json patch", "put", "forced apply"])
def test_a_field_that_another_changes_is_drift_until_it_is_put_back(server: Server, wanted: Document, way: str) -> None:
    pointer, path, value = FIELDS[wanted["kind"]]
    server.apply(wanted)
    change = [{"op": "replace", "path": pointer, "value": value}]
    match way:
        case "json patch":
            server.patch(wanted, change, JSON_PATCH)
        case "put":
            server.put(wanted, lambda live: set_at(live, pointer, value))
        case _:
            stolen = copy.deepcopy(wanted)
            del stolen["metadata"]["annotations"], stolen["metadata"]["labels"]
            set_at(stolen, pointer, value)
            server.apply(stolen, OTHER)
    assert not is_untouched(server.head(wanted), wanted)
    assert [each.manager for each in others(server.head(wanted)["metadata"]["managedFields"], key(wanted))] == [OTHER]
    found = drifts(server, wanted)
    assert {each[1:] for each in found} == {(OTHER, True)}
    assert any(each[0].startswith(path) for each in found)
    server.apply(wanted)
    assert drifts(server, wanted) == []
    if way != "forced apply":  # who applied other fields with the same values owns them, too
        assert is_untouched(server.head(wanted), wanted)


@each_kind
def test_a_field_that_another_takes_away_is_drift_of_nobody(server: Server, wanted: Document) -> None:
    pointer = "/metadata/labels/mlopsctl.dev~1pipeline"
    server.apply(wanted)
    server.patch(wanted, [{"op": "remove", "path": pointer}], JSON_PATCH)
    assert not is_untouched(server.head(wanted), wanted)
    assert drifts(server, wanted) == [('metadata.labels["mlopsctl.dev/pipeline"]', "", True)]


@each_kind
def test_what_another_adds_is_told_and_left(server: Server, wanted: Document) -> None:
    server.apply(wanted)
    server.patch(wanted, {"metadata": {"labels": {"team": "blue"}}})
    assert is_untouched(server.head(wanted), wanted)
    assert drifts(server, wanted) == [("metadata.labels.team", OTHER, False)]
    [holder] = others(server.head(wanted)["metadata"]["managedFields"], key(wanted))
    assert (holder.manager, holder.operation, {written(each) for each in holder.fields}) == (
        OTHER,
        "Update",
        {"metadata.labels.team"},
    )


@each_kind
def test_a_field_changed_there_and_back_proves_nothing_and_is_no_difference(server: Server, wanted: Document) -> None:
    pointer, _, value = FIELDS[wanted["kind"]]
    server.apply(wanted)
    before = value_at_pointer(server.get(wanted), pointer)
    for each in (value, before):
        server.patch(wanted, [{"op": "replace", "path": pointer, "value": each}], JSON_PATCH)
    assert not is_untouched(server.head(wanted), wanted)
    assert differences(server.get(wanted), server.predicted(wanted)) == ()
    assert drifts(server, wanted) == []


def config(**data: str) -> Document:
    return replaced(KINDS[0], data=data)


def test_a_change_of_git_is_no_drift(server: Server) -> None:
    server.apply(config(a="1", b="1", gone="1"))
    wanted = config(a="2", b="1", new="1")
    assert not is_untouched(server.head(wanted), wanted)
    assert drifts(server, wanted) == []
    changes = [each.path for each in differences(server.get(wanted), server.predicted(wanted))]
    assert changes == ["data.a", "data.new", "data.gone"]


def test_a_change_of_git_and_one_of_another_are_told_apart(server: Server) -> None:
    server.apply(config(a="1", b="1"))
    server.patch(KINDS[0], {"data": {"b": "5", "theirs": "1"}})
    assert drifts(server, config(a="2", b="1")) == [("data.b", OTHER, True), ("data.theirs", OTHER, False)]


def test_another_commit_of_the_same_is_untouched_and_another_object_of_the_name_is_not(server: Server) -> None:
    wanted = config(a="1")
    server.apply(wanted)
    later = copy.deepcopy(wanted)
    later["metadata"]["annotations"][COMMIT] = "ffffff"
    assert is_untouched(server.head(wanted), later)
    del later["metadata"]["annotations"][COMMIT]
    assert is_untouched(server.head(wanted), later)
    assert not is_untouched(server.head(wanted), {**later, "apiVersion": "v2"})
    assert not is_untouched(server.head(wanted), KINDS[0])
    assert not is_untouched({}, wanted)
    assert not is_untouched(server.head(wanted), {**wanted, "metadata": {"name": "flights"}})


def test_an_emptied_mapping_is_not_one_that_is_owned_as_a_whole(server: Server) -> None:
    """Their records look alike where a definition has mappings of mappings."""
    wanted = replaced(KINDS[4], spec=WORKFLOW | {"hooks": {"exit": {"template": "model"}}})
    server.apply(wanted)
    server.patch(wanted, {"spec": {"hooks": {"exit": {"template": None}}}})
    [ours] = [entry for entry in server.head(wanted)["metadata"]["managedFields"] if entry["manager"] == MANAGER]
    assert ours["fieldsV1"]["f:spec"]["f:hooks"] == {"f:exit": {}}
    assert not is_untouched(server.head(wanted), wanted)
    assert drifts(server, wanted) == [("spec.hooks.exit.template", "", True)]


def test_a_change_inside_of_a_contract_is_told_by_its_field(server: Server) -> None:
    contract = {"stage.model.json": '{"params": {"trees": 200, "depth": 4}}'}
    wanted = replaced(KINDS[0], data=contract)
    wanted["metadata"]["labels"] = {**wanted["metadata"]["labels"], CONTRACT: "v1"}
    server.apply(wanted)
    server.patch(wanted, {"data": {"stage.model.json": '{"params": {"trees": 900}}'}})
    assert drifts(server, wanted) == [
        ("stages.model.params.trees", OTHER, True),
        ("stages.model.params.depth", OTHER, True),
    ]


def test_a_container_that_another_adds_is_one_change(server: Server) -> None:
    wanted = KINDS[8]
    server.apply(wanted)
    sidecar = {"name": "sidecar", "image": "proxy:1", "args": ["-v"]}
    change = {"spec": {"template": {"spec": {"containers": [sidecar]}}}}
    server.patch(wanted, change, "strategic-merge-patch+json")
    sides = Sides(wanted=wanted, live=server.get(wanted), predicted=server.predicted(wanted))
    [drift] = drifted(sides)
    [field] = drift.fields
    assert (field.path, field.before, drift.is_reverted) == ("spec.template.spec.containers[sidecar]", ABSENT, False)
    assert isinstance(field.after, dict)
    assert field.after["image"] == "proxy:1"


def test_an_autoscaler_is_there_to_set_replicas(server: Server) -> None:
    wanted = KINDS[8]
    without = replaced(wanted, spec={name: value for name, value in wanted["spec"].items() if name != "replicas"})
    server.apply(without)
    server.scale(without, 4, "horizontal-pod-autoscaler")
    assert is_untouched(server.head(without), without)
    assert others(server.head(without)["metadata"]["managedFields"], key(without)) == ()
    assert drifts(server, without) == []
    assert server.predicted(without)["spec"]["replicas"] == 4
    server.patch(without, {"spec": {"replicas": 3}})
    assert drifts(server, without) == [("spec.replicas", OTHER, False)]


def test_what_one_owns_is_the_innermost_fields(server: Server) -> None:
    server.apply(KINDS[9])
    entries = server.head(KINDS[9])["metadata"]["managedFields"]
    ours = {written(each) for each in owned(entries, MANAGER) if each[0] == "spec"}
    ports = {f"spec.ports[80,TCP].{name}" for name in ("name", "port", "targetPort")}
    assert ours == {"spec.selector", *ports}
    assert owned(entries, OTHER) == frozenset()
    assert owned(entries, MANAGER, "Update") == frozenset()


def test_a_saved_plan_holds_until_somebody_changes_what_it_would_do(server: Server, tmp_path: Path) -> None:
    server.apply(config(a="1", b="1"))
    wanted = config(a="2", b="1")
    live = server.get(wanted)
    changed = change(
        Action.UPDATE,
        "flights",
        *differences(live, server.predicted(wanted)),
        key=key(live),
        wanted=wanted,
        uid=live["metadata"]["uid"],
        version=live["metadata"]["resourceVersion"],
    )
    write_plan(plan(changed), tmp_path / "plan.json")
    saved = read_plan(tmp_path / "plan.json")

    def doubts() -> list[tuple[str, ...]]:
        now = {changed.key: server.get(wanted)}
        asked = {each.key: server.predicted(wanted) for each in to_predict(saved, now)}
        present = Present(target=saved.target, inventory=saved.inventory, parent=None, live=now, predicted=asked)
        return [found.notes[1:] for found in stale(saved, present)]

    assert doubts() == []
    server.patch(wanted, {"metadata": {"labels": {"team": "blue"}}})
    assert doubts() == []
    server.patch(wanted, {"data": {"b": "9"}})
    assert doubts() == [("data.b is 9 now, and would become 1",)]
    server.apply(wanted)
    assert doubts() == []  # as it was planned, whoever did it


def value_at_pointer(document: Any, pointer: str) -> Any:
    for name in pointer.split("/")[1:]:
        document = document[int(name) if isinstance(document, list) else name]
    return document


def set_at(document: Document, pointer: str, value: Any) -> None:
    above, _, name = pointer.rpartition("/")
    value_at_pointer(document, above)[name] = value
