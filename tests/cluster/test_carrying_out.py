"""Plans of what the language doesn't make, but a template of a project may: carried out on a real API server."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from mlopsctl.cluster.holder import Holder
from mlopsctl.cluster.operation import Ended, Operation
from mlopsctl.cluster.planning import Wish, make_plan
from mlopsctl.cluster.site import Site, visit
from mlopsctl.cluster.waiting import Patience
from mlopsctl.ir.code import CodeTree
from mlopsctl.ir.contract import write_contract, write_draft
from mlopsctl.ir.draft import Draft
from mlopsctl.ir.environment import read_environment
from mlopsctl.manifest import Document, Manifest
from mlopsctl.plan.model import Action, Plan, Provenance
from mlopsctl.plan.progress import ApplyEvent, ApplyOutcome, ObjectApplied, ObjectReady
from mlopsctl.report.planned import render_text
from mlopsctl.source.document import parse
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import MappingNode
from tests.cluster.conftest import Reached
from tests.cluster.examining import CRDS, Admin, context_of, definition
from tests.cluster.speaking import config_map, custom, wanted
from tests.unit.ir.documents import HEAD, lowered
from tests.waiting import until

MERGE, SERVER_SIDE = "application/merge-patch+json", "application/apply-patch+yaml"
ARGO = "argoproj.io/v1alpha1"
SERVICES = "serving.kserve.io/v1beta1", "inferenceservices"
PROVENANCE = Provenance(project="flights", version="0", commit="", branch="", changed_files=0, made="")
HOLDER = Holder(id="0a1b2c3d", user="ann", host="laptop", command="apply", run="", started="")


@dataclass(frozen=True)
class Cluster:
    """One namespace of an API server, in which plans are made and carried out."""

    admin: Admin
    site: Site

    @property
    def namespace(self) -> str:
        return self.site.target.namespace

    def plan(self, *documents: Document) -> Plan:
        manifests = [wanted(each) for each in documents]
        return make_plan(self.site.objects, self.site.target, self.site.applyset(), wish(manifests))

    def apply(self, plan: Plan, *documents: Document, longest: float = 0.0) -> tuple[Ended, list[ApplyEvent]]:
        """How it ended and what was told of it."""
        told: list[ApplyEvent] = []
        manifests = [wanted(each) for each in documents]
        operation = Operation(
            plan=plan,
            site=self.site,
            manifests={each.key: each for each in manifests},
            holder=HOLDER,
            patience=Patience(longest),
            lock_timeout=0.0,
        )
        return operation.apply(told.append), told

    def path(self, group: str, plural: str, name: str) -> str:
        return f"/apis/{group}/namespaces/{self.namespace}/{plural}/{name}"

    def versions(self) -> list[Document]:
        found: list[Document] = self.admin.ask("GET", self.path(*SERVICES, "").rstrip("/"))["items"]
        return found

    def deployment(self, replicas: int, image: str) -> Document:
        labels = {"app": "model"}
        container = {"name": "model", "image": image}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
        return custom("apps/v1", "Deployment", self.namespace, spec, name="model")

    def route(self) -> Document:
        rules = [{"backendRefs": [{"name": "model", "port": 80}]}]
        return custom("gateway.networking.k8s.io/v1", "HTTPRoute", self.namespace, {"rules": rules}, name="model")

    def scaled(self, replicas: int) -> None:
        """Set the replicas of the deployment as an autoscaler does."""
        path = f"{self.path('apps/v1', 'deployments', 'model')}/scale?fieldManager=kube-controller-manager"
        self.admin.ask("PATCH", path, {"spec": {"replicas": replicas}}, MERGE)

    def now_ready(self, replicas: int) -> None:
        """Say of the deployment what its controller says of one that is ready."""
        live = self.admin.ask("GET", self.path("apps/v1", "deployments", "model"))
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
        conditions = [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]
        status = {"observedGeneration": live["metadata"]["generation"], "conditions": conditions, **counts}
        self.admin.ask("PATCH", f"{self.path('apps/v1', 'deployments', 'model')}/status", {"status": status}, MERGE)


def wish(manifests: Sequence[Manifest]) -> Wish:
    return Wish(provenance=PROVENANCE, manifests=manifests, durations=lambda _: {}, checks=lambda _: ())


@pytest.fixture
def there(api_server: Reached) -> Iterator[Cluster]:
    admin = Admin(api_server.kubeconfig)
    namespace = admin.namespace()
    cluster = {"context": context_of(api_server.kubeconfig), "namespace": namespace}
    (document,) = parse(json.dumps({"spec": {"cluster": cluster}}), "staging.yaml").documents
    assert isinstance(document.root, MappingNode)
    environment = read_environment(Source("Environment", "staging", document.root, Path("staging.yaml")))
    assert environment
    yield Cluster(admin, visit(environment, "flights", {"KUBECONFIG": str(api_server.kubeconfig)}))
    admin.delete(f"/api/v1/namespaces/{namespace}")


def test_what_an_autoscaler_has_set_is_neither_drift_nor_conflict_and_stays(there: Cluster) -> None:
    first, second = there.deployment(2, "model:1"), there.deployment(2, "model:2")
    there.apply(there.plan(first))
    plan = there.plan(second)
    there.scaled(5)  # between plan and apply
    ended, _ = there.apply(plan)
    assert ended.event.outcome is ApplyOutcome.UNHEALTHY  # as nothing here makes it ready
    live = there.admin.ask("GET", there.path("apps/v1", "deployments", "model"))
    assert live["spec"]["replicas"] == 5
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "model:2"
    after = there.plan(second)
    assert after.is_empty
    assert after.drift == ()

    third = there.deployment(3, "model:3")  # git says otherwise now, and the autoscaler still knows better
    plan = there.plan(third)
    assert [field.path for change in plan.changes for field in change.fields] == [
        "spec.template.spec.containers[model].image"
    ]
    there.apply(plan)
    assert there.admin.ask("GET", there.path("apps/v1", "deployments", "model"))["spec"]["replicas"] == 5


def test_what_somebody_else_has_set_after_the_plan_is_a_conflict(there: Cluster) -> None:
    """The same by hand: nobody is there to set an image by design."""
    there.apply(there.plan(there.deployment(2, "model:1")))
    plan = there.plan(there.deployment(2, "model:2"))
    containers = [{"name": "model", "image": "mine"}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    path = there.path("apps/v1", "deployments", "model")
    there.admin.ask("PATCH", f"{path}?fieldManager=kubectl-edit", body, "application/strategic-merge-patch+json")
    with pytest.raises(Exception, match="the plan is stale: Deployment model has changed"):
        there.apply(plan)
    assert there.admin.ask("GET", path)["spec"]["template"]["spec"]["containers"][0]["image"] == "mine"


def test_a_schedule_is_made_once_its_template_is_known(there: Cluster) -> None:
    templates = [{"name": "main", "suspend": {"duration": "1"}}]
    documents = (
        custom(ARGO, "WorkflowTemplate", there.namespace, {"entrypoint": "main", "templates": templates}, name="one"),
        custom(
            ARGO,
            "CronWorkflow",
            there.namespace,
            {"schedules": ["0 0 1 1 *"], "workflowSpec": {"workflowTemplateRef": {"name": "one"}}},
            name="one",
        ),
    )
    ended, _ = there.apply(there.plan(*documents), *documents, longest=60.0)
    assert ended.event.outcome is ApplyOutcome.DONE
    made = [
        datetime.fromisoformat(there.admin.ask("GET", there.path(ARGO, plural, "one"))["metadata"]["creationTimestamp"])
        for plural in ("workflowtemplates", "cronworkflows")
    ]
    assert (made[1] - made[0]).total_seconds() >= 2  # three, of times in whole seconds


def test_a_definition_and_its_object_come_in_one_plan(there: Cluster) -> None:
    kind = f"Kind{uuid.uuid4().hex[:8]}"
    group = f"{kind.lower()}.example.com"
    documents = (
        definition(group, "v1", kind, spec={"a": {"type": "integer"}}),
        custom(f"{group}/v1", kind, there.namespace, {"a": 1}),
        config_map(there.namespace, "beside", {"a": "b"}),
    )
    plan = there.plan(*documents)
    assert [change.is_predicted for change in plan.changes] == [True, True, False]
    ended, told = there.apply(plan, *documents, longest=30)
    assert ended.diagnostics == ()
    assert ended.event.done.added == 3
    order = [event.key.kind for event in told if isinstance(event, ObjectApplied)]
    assert order == ["CustomResourceDefinition", "ConfigMap", kind]
    assert there.plan(*documents).is_empty
    plan = there.plan(documents[-1])  # and both go in one
    assert [change.key.kind for change in plan.changes] == [kind, "CustomResourceDefinition"]
    there.apply(plan, documents[-1])
    until(lambda: not there.admin.is_there(f"{CRDS}/{documents[0]['metadata']['name']}"))


def test_traffic_is_sent_only_to_what_is_ready(there: Cluster) -> None:
    documents = there.deployment(1, "model:1"), there.route()
    route = there.path("gateway.networking.k8s.io/v1", "httproutes", "model")
    ended, _ = there.apply(there.plan(*documents), *documents)
    assert [str(key) for key in ended.event.unready] == ["Deployment model"]
    assert ended.event.left == 1
    assert not there.admin.is_there(route)
    # It isn't well by itself, so that the next apply, which has but the route to make, waits as well.
    plan = there.plan(*documents)
    assert [(change.action, change.key.kind) for change in plan.changes] == [(Action.CREATE, "HTTPRoute")]
    ended, _ = there.apply(plan, *documents)
    assert [str(key) for key in ended.event.unready] == ["Deployment model"]
    assert not there.admin.is_there(route)
    ready = threading.Timer(1.0, there.now_ready, [1])
    ready.start()
    ended, told = there.apply(there.plan(*documents), *documents, longest=5)
    ready.join()
    order = [(type(event), event.key.kind) for event in told if isinstance(event, ObjectApplied | ObjectReady)]
    assert order == [(ObjectReady, "Deployment"), (ObjectApplied, "HTTPRoute"), (ObjectReady, "HTTPRoute")]
    assert there.admin.is_there(route)
    assert ended.event.outcome is ApplyOutcome.DONE


def test_a_record_tells_of_each_apply(there: Cluster) -> None:
    documents = [config_map(there.namespace, f"a{number}", {"a": "b"}) for number in range(3)]
    there.apply(there.plan(*documents), *documents)
    path = f"/api/v1/namespaces/{there.namespace}/configmaps/mlopsctl-flights-staging-history"
    (entry,) = there.admin.ask("GET", path)["data"].values()
    assert '"result":"done"' in entry
    assert '"added":3' in entry


# --- versions of a model that git names no longer

LABELS = {
    "mlopsctl.dev/pipeline": "churn",
    "mlopsctl.dev/environment": "staging",
    "app.kubernetes.io/part-of": "flights",
    "app.kubernetes.io/managed-by": "mlopsctl",
}
STOPPED = {"serving.kserve.io/stop": "true"}  # which is as it should be, though nothing here makes anything ready


def labelled(document: Document, labels: Mapping[str, str] = LABELS, **metadata: object) -> Document:
    return {**document, "metadata": {**document["metadata"], "labels": dict(labels), **metadata}}


def version(there: Cluster, name: str, annotations: Mapping[str, str] = STOPPED) -> Document:
    container = {"name": "kserve-container", "image": "model:1"}
    spec = {"predictor": {"containers": [container]}}
    found = custom("serving.kserve.io/v1beta1", "InferenceService", there.namespace, spec, name=name)
    return labelled(found, annotations=dict(annotations))


def route_to(there: Cluster, name: str = "") -> Document:
    """The route to a version; without one its rules are not git's to say."""
    rules = {"rules": [{"backendRefs": [{"name": f"{name}-predictor", "port": 80}]}]} if name else {}
    return labelled(custom("gateway.networking.k8s.io/v1", "HTTPRoute", there.namespace, rules))


def contract(there: Cluster, *, is_by_runs: bool) -> Document:
    text = HEAD.replace("name: p", "name: churn") + "  stages: {m: {kind: task, run: x}}\n"
    data = write_contract(lowered(text), CodeTree({}, {}), "")
    draft = write_draft("m", Draft(service={}, route=None)) if is_by_runs else {}
    found = config_map(there.namespace, "churn-contract", {**data, **draft})
    return labelled(found, {**LABELS, "mlopsctl.dev/contract": "true"})


def released(there: Cluster, name: str) -> Plan:
    """The plan of a release, carried out."""
    plan = there.plan(version(there, name), route_to(there, name))
    ended, _ = there.apply(plan, longest=30)
    assert ended.diagnostics == ()
    assert there.plan(version(there, name), route_to(there, name)).is_empty
    return plan


def told(plan: Plan) -> dict[str, tuple[Action, str]]:
    """What happens to versions, with the note of it."""
    return {change.key.name: (change.action, change.note) for change in plan.changes if "Service" in change.key.kind}


KEPT = (Action.UPDATE, "kept without requests until the next release, for a rollback")
GONE = (Action.DELETE, "was kept for a rollback; now another version is")


def test_the_version_that_served_last_is_kept_until_another_one_is(there: Cluster, snapshot: SnapshotAssertion) -> None:
    released(there, "v1")
    assert told(released(there, "v2")) == {"v1": KEPT, "v2": (Action.CREATE, "")}
    third = released(there, "v3")
    assert told(third) == {"v1": GONE, "v2": KEPT, "v3": (Action.CREATE, "")}
    text = render_text(third, colour=False, width=100, explain=False)
    assert text[text.index("Changes") :] == snapshot
    turned_back = (Action.UPDATE, "kept until now: it serves again")
    assert told(released(there, "v2")) == {"v2": turned_back, "v3": KEPT}

    # One that never becomes ready takes nothing from the one that serves, nor is it anything to go back to.
    unfit = version(there, "v4", {}), route_to(there, "v4")
    ended, _ = there.apply(there.plan(*unfit), *unfit)
    assert ended.event.outcome is ApplyOutcome.UNHEALTHY
    assert told(there.plan(*unfit)) == {"v3": GONE}
    assert told(released(there, "v5")) == {"v3": GONE, "v4": (Action.DELETE, ""), "v5": (Action.CREATE, "")}
    assert {each["metadata"]["name"] for each in there.versions()} == {"v2", "v5"}

    assert told(there.plan(route_to(there))) == {"v2": GONE, "v5": (Action.DELETE, "")}  # nothing is to serve


def test_a_saved_plan_lets_go_of_what_has_a_new_status_since(there: Cluster) -> None:
    released(there, "v1")
    plan = there.plan(version(there, "v2"), route_to(there, "v2"))
    there.admin.ask("PATCH", there.path(*SERVICES, "v1"), {"metadata": {"annotations": {"a": "b"}}}, MERGE)
    ended, _ = there.apply(plan, longest=30)
    assert ended.diagnostics == ()
    assert (
        "applyset.kubernetes.io/part-of"
        not in there.admin.ask("GET", there.path(*SERVICES, "v1"))["metadata"]["labels"]
    )


def test_git_and_runs_hand_the_route_to_each_other_with_what_it_leads_to(there: Cluster) -> None:
    path = there.path("gateway.networking.k8s.io/v1", "httproutes", "churn")

    def leads_to() -> list[tuple[str, list[str]]]:
        live = there.admin.ask("GET", path)
        managers = [each["manager"] for each in live["metadata"]["managedFields"] if "f:rules" in str(each["fieldsV1"])]
        return [(each["name"], managers) for rule in live["spec"]["rules"] for each in rule["backendRefs"]]

    def applied(*documents: Document) -> Plan:
        plan = there.plan(*documents)
        ended, _ = there.apply(plan, *documents, longest=30)
        assert ended.diagnostics == ()
        assert (there.plan(*documents).changes, plan.drift) == ((), ())
        return plan

    applied(contract(there, is_by_runs=False), version(there, "v1"), route_to(there, "v1"))
    by_runs = contract(there, is_by_runs=True), route_to(there)
    handed_over = (Action.UPDATE, "serves until a run puts another version in its place")
    plan = applied(*by_runs)
    assert told(plan) == {"v1": handed_over}
    assert [change.key.kind for change in plan.changes] == ["ConfigMap", "InferenceService"]
    assert leads_to() == [("v1-predictor", ["mlopsctl"])]

    made = version(there, "r1")
    there.admin.create(there.path(*SERVICES, "").rstrip("/"), made)
    there.admin.ask("PATCH", f"{path}?fieldManager=mlopsctl-run&force=true", route_to(there, "r1"), SERVER_SIDE)
    assert leads_to() == [("r1-predictor", ["mlopsctl-run"])]
    assert there.plan(*by_runs).is_empty

    plan = applied(contract(there, is_by_runs=False), version(there, "v2"), route_to(there, "v2"))
    assert told(plan) == {"v1": GONE, "v2": (Action.CREATE, "")}
    (note,) = (change.note for change in plan.changes if change.key.kind == "HTTPRoute")
    assert note == "git says where requests go from now on, in place of runs"
    assert leads_to() == [("v2-predictor", ["mlopsctl"])]

    assert {change.key.name for change in there.plan().changes} == {"r1", "v2", "churn", "churn-contract"}
