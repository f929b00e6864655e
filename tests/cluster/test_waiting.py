"""What is waited for after an apply, on real controllers: what gets ready, and each way in which it never will.

All objects are applied at once and waited for at the same time, each by a wait of its own, as most need their time.
"""

import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.cluster.unwell import Awaited, Unwell, diagnosed
from mlopsctl.cluster.waiting import Patience, Waiting, wait
from mlopsctl.manifest import key_of
from mlopsctl.plan.health import State
from tests.cluster.conftest import Whole, own_namespace
from tests.cluster.examining import Admin, changed
from tests.cluster.objects import Manifest, Objects
from tests.cluster.speaking import Counting, connected, line, objects_of
from tests.cluster.test_cluster import CONTAINER, POD, backend, model, route, step

LONG, SOON = 120.0, 60.0  # seconds: a patience that no failure may use up, and what "early" is at most
NOWHERE = "localhost:1/no/such/image:1"
CRASH = [
    "python3",
    "-c",
    "import sys; print('\\x1b[31mloading\\x1b[0m', file=sys.stderr); raise SystemExit('there is no model maen')",
]


@dataclass(frozen=True)
class Waited:
    """How one wait went."""

    unwell: tuple[Unwell, ...]
    seconds: float
    changes: tuple[Waiting, ...]

    @property
    def only(self) -> Unwell:
        """The one object that isn't well."""
        (found,) = self.unwell
        return found


def deployment(cluster: Whole, name: str, **container: Any) -> Manifest:
    found = backend(cluster, name)[0]
    found["spec"]["template"]["spec"]["containers"][0].update(container)
    return found


def service(cluster: Whole, name: str, **container: Any) -> Manifest:
    containers = [{**model(cluster, name), "name": "kserve-container", **container}]
    predictor = {"minReplicas": 1, "maxReplicas": 1, "containers": containers, **POD}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name},
        "spec": {"predictor": predictor},
    }


def job(cluster: Whole, name: str, command: list[str]) -> Manifest:
    container = {**CONTAINER, "name": "main", "image": cluster.runtime_image, "command": command}
    pod = {"restartPolicy": "Never", "containers": [container], **POD}
    spec = {"backoffLimit": 0, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def schedule(cluster: Whole, name: str) -> Manifest:
    work = {"entrypoint": "main", "templates": [{"name": "main", **step(cluster, "print(1)")}]}
    spec = {"schedules": ["0 3 * * *"], "timezone": "Europe/Berlin", "workflowSpec": work}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": name}, "spec": spec}


def claim(name: str) -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def made(cluster: Whole, namespace: str) -> dict[str, Manifest]:
    """All that is applied, by name."""
    absent_volume = deployment(cluster, "no-volume")
    absent_volume["spec"]["template"]["spec"]["volumes"] = [{"name": "tmp", "configMap": {"name": "missing"}}]
    lost = route("lost", f"lost.{namespace}.test", {"fine": 1})
    lost["spec"]["parentRefs"] = [{"name": "nowhere", "namespace": "gateways"}]
    unfit = service(cluster, "no-runtime")
    unfit["spec"]["predictor"] = {"model": {"modelFormat": {"name": "nonesuch"}, "storageUri": "s3://models/none"}}
    found = [
        *backend(cluster, "fine"),
        deployment(cluster, "no-image", image=NOWHERE, imagePullPolicy="Always"),
        deployment(cluster, "crashing", command=CRASH),
        deployment(cluster, "no-map", envFrom=[{"configMapRef": {"name": "missing"}}]),
        absent_volume,
        deployment(cluster, "too-big", resources={"requests": {"cpu": "999", "memory": "32Mi"}}),
        deployment(cluster, "over-quota", resources={"requests": {"memory": "999Gi"}, "limits": {"memory": "999Gi"}}),
        service(cluster, "model"),
        service(cluster, "crashing-model", command=CRASH),
        unfit,
        route("open", f"open.{namespace}.test", {"fine": 1}),
        lost,
        schedule(cluster, "nightly"),
        job(cluster, "done", ["true"]),
        job(cluster, "broken", CRASH),
        claim("unbound"),
    ]
    return {each["metadata"]["name"]: each for each in found if each["kind"] != "Service"} | {"service": found[1]}


@pytest.fixture(scope="module")
def space(cluster: Whole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Objects]:
    with own_namespace(cluster, tmp_path_factory.mktemp("waiting")) as objects:
        yield objects


@pytest.fixture(scope="module")
def waited(cluster: Whole, space: Objects) -> Mapping[str, Waited]:
    """How the wait for each of the objects went, by name."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
    space.apply([{**quota, "spec": {"hard": {"requests.memory": "100Gi"}}}])
    objects = made(cluster, space.namespace)
    space.apply(objects.values())
    impatient = {"unbound": 3.0, "too-big": 6.0}
    with ThreadPoolExecutor(len(objects)) as pool:
        waits = {
            name: pool.submit(waited_for, cluster, space, [each], patience=impatient.get(name, LONG))
            for name, each in objects.items()
        }
        return {name: each.result() for name, each in waits.items()}


def waited_for(cluster: Whole, space: Objects, manifests: list[Manifest], *, patience: float = LONG) -> Waited:
    """How a wait for these goes."""
    awaited = [awaited_of(each, space.namespace) for each in manifests]
    begun, changes = time.monotonic(), list[Waiting]()
    objects = objects_of(connected(cluster.kubeconfig, space.namespace))
    unwell = wait(objects, awaited, patience=Patience(patience), on_change=changes.append)
    return Waited(unwell, time.monotonic() - begun, tuple(changes))


def awaited_of(manifest: Manifest, namespace: str) -> Awaited:
    metadata = {**manifest["metadata"], "namespace": namespace}
    return Awaited(key=key_of({**manifest, "metadata": metadata}), api_version=manifest["apiVersion"], origin=line(7))


def test_what_gets_ready(waited: Mapping[str, Waited]) -> None:
    unwell = {name: waited[name].unwell for name in ("fine", "service", "model", "open", "nightly", "done")}
    assert {name: found for name, found in unwell.items() if found} == {}


def test_progress_is_told_when_it_changes_and_only_then(waited: Mapping[str, Waited]) -> None:
    for name in ("fine", "model"):
        healths = [change.health for change in waited[name].changes]
        assert healths[-1].state is State.READY
        assert all(before != after for before, after in pairwise(healths))
        assert {change.key.name for change in waited[name].changes} == {name}


@pytest.mark.parametrize(
    ("name", "why", "event"),
    [
        ("no-image", "ImagePull", "Failed to pull image"),
        ("crashing", "container `model` crashes: exit code 1, after ", "Back-off restarting failed container"),
        ("no-map", 'CreateContainerConfigError: configmap "missing" not found', 'configmap "missing" not found'),
        ("no-volume", 'configmap "missing" not found', "FailedMount"),
        ("over-quota", "exceeded quota: small", "exceeded quota: small"),
        ("crashing-model", "container `kserve-container` crashes: exit code 1", "Back-off restarting"),
        ("no-runtime", "NoSupportingRuntime: No runtime found", "no runtime found to support predictor"),
        ("broken", "backoff limit", "BackoffLimitExceeded"),
    ],
)
def test_what_never_heals_ends_the_wait_early(waited: Mapping[str, Waited], name: str, why: str, event: str) -> None:
    found = waited[name].only

    assert (found.is_final, found.awaited.key.name) == (True, name)
    assert waited[name].seconds < SOON
    assert why in found.health.why
    assert event in "\n".join(found.evidence.events)
    assert "the object has been modified" not in "".join(found.evidence.events)
    assert found.evidence.unseen == ()


@pytest.mark.parametrize("name", ["crashing", "crashing-model", "broken"])
def test_the_last_lines_of_what_crashes_are_shown(waited: Mapping[str, Waited], name: str) -> None:
    (block,) = waited[name].only.evidence.logs
    assert block.split("\n")[1:] == ["  loading", "  there is no model maen"]


def test_a_route_to_a_gateway_that_is_not_there(waited: Mapping[str, Waited]) -> None:
    found = waited["lost"].only
    assert found.is_final
    assert found.health.why == "there is no Gateway `nowhere` in the namespace `gateways`"


def test_what_may_still_come_is_waited_for_to_the_end(waited: Mapping[str, Waited]) -> None:
    big, unbound = waited["too-big"].only, waited["unbound"].only
    assert (big.is_final, unbound.is_final) == (False, False)
    assert "no node takes it: 0/1 nodes are available: 1 Insufficient cpu" in big.health.why
    assert "FailedScheduling" in "\n".join(big.evidence.events)
    assert unbound.health.why == "not bound to a volume yet"
    assert 3 <= unbound.seconds < SOON


def test_what_is_said_of_a_failure(waited: Mapping[str, Waited]) -> None:
    found = diagnosed(waited["crashing"].only)

    assert (found.code, found.span) == ("MLO871", line(7))
    assert found.message.startswith("Deployment `crashing` failed: pod `crashing-")
    assert found.notes[0].startswith("the last events:\n  Pod `crashing-")
    assert found.notes[1].endswith("  loading\n  there is no model maen")
    assert found.helps == ("its last lines say why; mend it and apply again",)


def test_what_is_said_when_time_is_up(waited: Mapping[str, Waited], space: Objects) -> None:
    found = diagnosed(waited["unbound"].only)

    assert found.code == "MLO870"
    assert found.message == "PersistentVolumeClaim `unbound` is not ready after 3 s: not bound to a volume yet"
    describe = f"kubectl --namespace {space.namespace} describe persistentvolumeclaim unbound"
    assert found.helps == (f"see more of it: {describe}",)


def test_a_new_revision_that_crashes_beside_the_old_one_is_not_ready(
    waited: Mapping[str, Waited], space: Objects, cluster: Whole
) -> None:
    assert waited["model"].unwell == ()
    changed_model = service(cluster, "model", command=CRASH)

    space.apply([changed_model])
    found = waited_for(cluster, space, [changed_model])

    assert found.only.is_final
    assert found.seconds < SOON
    assert "crashes" in found.only.health.why
    # This is what makes it worth a test: of itself the object says that all is well.
    live = space.get(changed_model["apiVersion"], "InferenceService", "model")
    assert live is not None
    assert live["status"]["modelStatus"]["transitionStatus"] == "UpToDate"


def test_an_old_revision_that_crashes_does_not_stop_the_new_one(
    waited: Mapping[str, Waited], space: Objects, cluster: Whole
) -> None:
    assert waited["crashing"].unwell
    mended = deployment(cluster, "crashing")

    space.apply([mended])

    assert waited_for(cluster, space, [mended]).unwell == ()


def test_what_heals_within_the_grace_is_no_failure(space: Objects, cluster: Whole) -> None:
    late = deployment(cluster, "late", envFrom=[{"configMapRef": {"name": "late"}}])
    space.apply([late])
    states = []

    def make_it(change: Waiting) -> None:
        states.append(change.health.state)
        if change.health.state is State.FAILING:
            space.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}}])

    objects = objects_of(connected(cluster.kubeconfig, space.namespace))
    awaited = [awaited_of(late, space.namespace)]
    unwell = wait(objects, awaited, patience=Patience(LONG, grace=60), on_change=make_it)

    assert unwell == ()
    assert State.FAILING in states


def test_an_object_that_is_not_there(space: Objects, cluster: Whole) -> None:
    gone = deployment(cluster, "never-applied")
    awaited = [awaited_of(gone, space.namespace)]
    objects = objects_of(connected(cluster.kubeconfig, space.namespace))

    (found,) = wait(objects, awaited, patience=Patience(30, grace=1), on_change=lambda _: None)

    assert (found.is_final, found.health.why) == (True, "it is not there")


def test_many_objects_are_asked_for_as_one(waited: Mapping[str, Waited], space: Objects, cluster: Whole) -> None:
    assert waited["fine"].unwell == ()
    maps = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"map-{number}"}} for number in range(20)]
    ready = [*maps, deployment(cluster, "fine"), service_of("fine")]
    space.apply(maps)
    connection = Counting(connected(cluster.kubeconfig, space.namespace))
    awaited = [awaited_of(each, space.namespace) for each in ready]

    assert wait(objects_of(connection), awaited, patience=Patience(LONG), on_change=lambda _: None) == ()

    inside = [request.path for request in connection.asked if "/namespaces/" in request.path]
    assert len(inside) == 3, inside
    # A ConfigMap is well when it is there, so nobody asks what is in it.
    asked_for = [request.accept for request in connection.asked if request.path.endswith("/configmaps")]
    assert len(asked_for) == 1
    assert "PartialObjectMetadataList" in asked_for[0]


def service_of(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}


def test_what_may_not_be_seen_is_said(space: Objects, cluster: Whole, tmp_path: Path) -> None:
    own = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}]
    token = Admin(cluster.kubeconfig).token(space.namespace, own)
    kubeconfig = changed(cluster.kubeconfig, tmp_path / "config", user={"token": token})
    unseen = deployment(cluster, f"unseen-{uuid.uuid4().hex[:4]}", command=CRASH)
    space.apply([unseen])
    objects = objects_of(connected(kubeconfig, space.namespace))

    awaited = [awaited_of(unseen, space.namespace)]
    (found,) = wait(objects, awaited, patience=Patience(2), on_change=lambda _: None)

    here = f"in the namespace `{space.namespace}`"
    assert found.health.why == "0 of 1 pods available"
    assert found.evidence.unseen == (
        f"no right to list replicasets.apps {here}",
        f"no right to list pods {here}",
        f"no right to list events {here}",
    )
