"""`doctor` against real API servers: whole ones, and ones with parts taken away."""

import base64
import os
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from kubernetes.client.exceptions import ApiException

from mlopsctl.cluster.rights import needed
from tests.cluster.conftest import NAMED, Reached, Whole
from tests.cluster.examining import Admin, Examined, Manifest, changed, context_of, definition, examined
from tests.cluster.provider.addons import storage
from tests.cluster.provider.keys import Authority

CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WEBHOOKS: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
GATEWAYS: Final = "/apis/gateway.networking.k8s.io/v1"
HEAD: Final = "apiVersion: mlopsctl.dev/v1\n"
PATIENCE_S: Final = 120  # a server that forgets many definitions at once may take half a minute


@pytest.fixture
def admin(api_server: Reached) -> Admin:
    return Admin(api_server.kubeconfig)


@pytest.fixture
def private(fresh_api_server: Callable[[], Reached]) -> Reached:
    """A server of the test's own, without anybody who acts on what is applied."""
    return fresh_api_server()


@pytest.fixture
def namespace(admin: Admin) -> Iterator[str]:
    name = admin.namespace()
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")


def look(kubeconfig: Path, namespace: str) -> Examined:
    return examined(kubeconfig, "--context", context_of(kubeconfig), "--namespace", namespace)


def look_until(kubeconfig: Path, namespace: str, holds: Callable[[Examined], bool]) -> Examined:
    """What is said in the end: a server needs a moment to forget or to learn a definition."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds(found := look(kubeconfig, namespace)):
        if time.monotonic() > deadline:
            pytest.fail("\n".join(f"{name}: {line.state}, {line.found}" for name, line in found.lines.items()))
    return found


# --- a server that is whole, and has nobody to act on what is applied


def test_a_server_without_controllers(private: Reached) -> None:
    found = look(private.kubeconfig, "default")
    assert found.code == 1
    assert found.target["namespace"] == "default"
    assert found.target["server"].startswith("https://")
    assert found["Cluster/API server"].state == "fine"
    assert re.match(r"Kubernetes 1\.\d+\.\d+\S*, answered in \d+ ms$", found["Cluster/API server"].found)
    for name in ("Cluster/clock", "Cluster/namespace", "Cluster/rights"):
        assert found[name].state == "fine"
    for part in ("Argo Workflows", "KServe", "Gateway API"):
        assert found[f"{part}/definitions"].state == "fine"
    assert "release 1." in found["Gateway API/definitions"].found
    for part in ("Argo Workflows", "KServe"):
        assert (found[f"{part}/controller"].state, found[f"{part}/controller"].found) == ("missing", "not there")
        assert "install it: https://" in found[f"{part}/controller"].help
    assert found["Argo Workflows/argo-server"].state == "absent"
    assert (found["KServe/webhook"].state, found["KServe/webhook"].found) == (
        "missing",
        "not asked: a wrong service is taken",
    )
    assert found["Gateway API/class"].state == "absent"  # no environment names a Gateway


def test_nothing_is_left_behind(api_server: Reached, admin: Admin, namespace: str) -> None:
    look(api_server.kubeconfig, namespace)
    for path in (
        "argoproj.io/v1alpha1/namespaces/{}/cronworkflows",
        "serving.kserve.io/v1beta1/namespaces/{}/inferenceservices",
    ):
        assert admin.ask("GET", f"/apis/{path.format(namespace)}")["items"] == []


def test_no_namespace(api_server: Reached) -> None:
    found = look(api_server.kubeconfig, "not-there")
    assert found["Cluster/namespace"].state == "missing"
    assert found["Cluster/namespace"].help == "kubectl create namespace not-there"
    assert found["Argo Workflows/definitions"].state == "fine"


def test_a_namespace_that_is_about_to_go(private: Reached) -> None:
    admin = Admin(private.kubeconfig)
    namespace = admin.namespace()
    admin.delete(f"/api/v1/namespaces/{namespace}")  # nobody finalizes it here
    found = look(private.kubeconfig, namespace)
    assert (found["Cluster/namespace"].state, found["Cluster/namespace"].found) == (
        "missing",
        f"`{namespace}` is being deleted",
    )


# --- users


def test_a_user_who_may_nothing(api_server: Reached, admin: Admin, namespace: str, tmp_path: Path) -> None:
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": admin.token(namespace, [])})
    found = look(kubeconfig, namespace)
    assert found["Cluster/API server"].state == "fine"
    rights = found["Cluster/rights"]
    assert rights.state == "missing"
    assert rights.found.startswith(f"`system:serviceaccount:{namespace}:someone-")
    named = set(re.findall(r"[a-z]+(?:\.[a-z0-9.]+|/log)?(?=[,;]|$)", rights.found.partition(" may not ")[2]))
    assert {right.name for right in needed(with_gateway=False)} <= named
    assert f"for a Role in `{namespace}`" in rights.help
    assert found["Cluster/namespace"].found == f"no right to get namespaces `{namespace}`"
    for name in ("Cluster/namespace", "Argo Workflows/controller", "KServe/controller", "Gateway API/class"):
        assert found[name].state == "unknown"
    assert found["KServe/controller"].found == "no right to list deployments.apps in the whole cluster"
    for part in ("Argo Workflows", "KServe", "Gateway API"):  # which discovery tells everybody
        assert found[f"{part}/definitions"].state == "fine"


def test_a_user_who_may_what_is_needed(api_server: Reached, admin: Admin, namespace: str, tmp_path: Path) -> None:
    rules = [
        {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
        for right in needed(with_gateway=False)
    ]
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": admin.token(namespace, rules)})
    assert look(kubeconfig, namespace)["Cluster/rights"].state == "fine"


def test_the_one_right_that_lacks_is_named(api_server: Reached, admin: Admin, namespace: str, tmp_path: Path) -> None:
    rules = [
        {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
        for right in needed(with_gateway=False)
        if (right.resource, right.verb) not in (("leases", "delete"), ("pods/log", "get"))
    ]
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": admin.token(namespace, rules)})
    rights = look(kubeconfig, namespace)["Cluster/rights"]
    assert rights.found.endswith(" may not get pods/log; delete leases.coordination.k8s.io")


def test_a_controller_in_the_own_namespace_is_seen_by_who_sees_only_that(
    api_server: Reached, admin: Admin, namespace: str, tmp_path: Path
) -> None:
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}]
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": admin.token(namespace, rules)})
    assert look(kubeconfig, namespace)["Argo Workflows/controller"].state == "unknown"
    deploy(admin, namespace, "workflow-controller", "registry.example.com/workflow-controller:v3.7.14")
    found = look(kubeconfig, namespace)["Argo Workflows/controller"]
    assert (found.state, found.found) == ("fine", f"3.7.14 in `{namespace}`, ready")


# --- servers that can't be asked


def test_a_wrong_token(api_server: Reached, tmp_path: Path) -> None:
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": "wrong"})
    found = examined(kubeconfig)
    assert list(found.lines) == [("Cluster", "API server")]
    assert found["Cluster/API server"].state == "missing"
    assert f"doesn't accept the credentials of `{context_of(kubeconfig)}`" in found["Cluster/API server"].found
    assert "log in to the cluster again" in found["Cluster/API server"].help


def test_a_server_that_is_gone(api_server: Reached, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
    found = examined(changed(api_server.kubeconfig, tmp_path / "config", server=url))
    assert found["Cluster/API server"].found == f"no answer from `{url}`: the connection is refused"


def test_a_server_that_hangs(api_server: Reached, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        found = examined(changed(api_server.kubeconfig, tmp_path / "config", server=url))
    assert time.monotonic() - started < 12
    assert (found.code, found["Cluster/API server"].state) == (1, "missing")
    assert found["Cluster/API server"].found.startswith(f"no answer from `{url}`: ")


def test_a_certificate_of_another_authority(api_server: Reached, tmp_path: Path) -> None:
    other = base64.b64encode(Authority.new().pair.certificate).decode()
    config = changed(
        api_server.kubeconfig, tmp_path / "config", certificate_authority=None, certificate_authority_data=other
    )
    found = examined(config)["Cluster/API server"]
    assert found.state == "missing"
    assert found.found.endswith("can't be trusted: its certificate is of an authority that the kubeconfig doesn't name")


def test_a_certificate_for_another_address(api_server: Reached, tmp_path: Path) -> None:
    found = examined(changed(api_server.kubeconfig, tmp_path / "config", tls_server_name="other.example.com"))
    assert found["Cluster/API server"].found.endswith("its certificate is for another address")


def test_a_server_that_nobody_verifies(api_server: Reached, namespace: str, tmp_path: Path) -> None:
    config = changed(
        api_server.kubeconfig,
        tmp_path / "config",
        certificate_authority=None,
        certificate_authority_data=None,
        insecure_skip_tls_verify=True,
    )
    found = look(config, namespace)
    assert found["Cluster/API server"].state == "warning"
    assert found["Cluster/API server"].found.endswith("and is not verified")
    assert found["Cluster/rights"].state == "fine"


@pytest.mark.parametrize(("shift", "words"), [(-400, "behind"), (4000, "ahead of"), (2, "")])
def test_a_clock_that_is_off(api_server: Reached, namespace: str, shift: int, words: str, tmp_path: Path) -> None:
    with other_clock(api_server.kubeconfig, shift) as url:
        config = changed(
            api_server.kubeconfig,
            tmp_path / "config",
            server=url,
            certificate_authority=None,
            certificate_authority_data=None,
        )
        clock = look(config, namespace)["Cluster/clock"]
    assert clock.state == ("warning" if words else "fine")
    if words:
        seconds = re.match(rf"([\d,]+) s {words} this machine's$", clock.found)
        assert seconds is not None
        assert abs(int(seconds[1].replace(",", "")) - abs(shift)) <= 3


# --- KServe's webhook


def test_a_webhook_that_does_not_answer(private: Reached) -> None:
    admin = Admin(private.kubeconfig)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for namespace, hangs in ((admin.namespace(), True), (admin.namespace(), False)):
            address = silent.getsockname()
            if not hangs:
                silent.close()
            with webhook(admin, namespace, f"https://{address[0]}:{address[1]}/validate"):
                found = look(private.kubeconfig, namespace)["KServe/webhook"]
            assert found.state == "missing", found
            assert ("didn't decide in time" in found.found) is hangs
            assert ("doesn't answer: " in found.found and "refused" in found.found) is not hangs


def test_somebody_else_who_refuses_is_not_taken_for_the_webhook(private: Reached) -> None:
    admin = Admin(private.kubeconfig)
    namespace = admin.namespace()
    with policy_against_services(admin, namespace):
        deadline = time.monotonic() + PATIENCE_S
        while (found := look(private.kubeconfig, namespace)["KServe/webhook"]).state == "missing":
            assert time.monotonic() < deadline  # policies take a moment to be known
    assert found.state == "unknown"
    assert "not before Monday" in found.found


# --- servers of which parts are taken away, or to which some are added


@pytest.mark.slow
def test_definitions_that_are_not_there(private: Reached) -> None:
    server, admin = private.kubeconfig, Admin(private.kubeconfig)
    admin.delete(f"{CRDS}/cronworkflows.argoproj.io")
    admin.delete(f"{CRDS}/servingruntimes.serving.kserve.io")
    remove_group(admin, "gateway.networking.k8s.io")
    found = look_until(
        server,
        "default",
        lambda now: (
            "gatewayclasses, gateways, httproutes" in now["Gateway API/definitions"].found
            and now["Gateway API/definitions"].state == "absent"
        ),
    )
    found = look_until(server, "default", lambda now: now["Argo Workflows/definitions"].state == "missing")
    assert found["Argo Workflows/definitions"].found == "no cronworkflows of argoproj.io/v1alpha1"
    assert (
        found["Gateway API/definitions"].found
        == "no gatewayclasses, gateways, httproutes of gateway.networking.k8s.io/v1"
    )
    assert "Gateway API/class" not in found
    found = look_until(server, "default", lambda now: now["KServe/definitions"].state == "missing")
    assert found["KServe/definitions"].found == "no servingruntimes of serving.kserve.io/v1alpha1"

    remove_group(admin, "argoproj.io")
    found = look_until(server, "default", lambda now: "no workflows, " in now["Argo Workflows/definitions"].found)
    assert "install it: https://" in found["Argo Workflows/definitions"].help

    admin.delete(f"{CRDS}/inferenceservices.serving.kserve.io")
    look_until(server, "default", lambda now: now["KServe/definitions"].state == "missing")
    create_definition(admin, definition("serving.kserve.io", "v1alpha2", "InferenceService"))
    assert look(server, "default")["Optional/JobSet"].state == "fine"
    remove_group(admin, "kueue.x-k8s.io")
    found = look_until(server, "default", lambda now: now["Optional/Kueue"].state == "absent")
    found = look_until(server, "default", lambda now: "v1beta1 is needed" in now["KServe/definitions"].found)
    assert "v1alpha2" in found["KServe/definitions"].found
    assert found["Optional/Kueue"].found == "not there"


def test_schedules_of_an_old_version(private: Reached) -> None:
    server, admin = private.kubeconfig, Admin(private.kubeconfig)
    assert look(server, "default")["Argo Workflows/definitions"].state == "fine"
    admin.delete(f"{CRDS}/cronworkflows.argoproj.io")
    look_until(server, "default", lambda now: now["Argo Workflows/definitions"].state == "missing")
    spec = {
        "schedule": {"type": "string"},
        "workflowSpec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    create_definition(admin, definition("argoproj.io", "v1alpha1", "CronWorkflow", spec=spec))
    found = look_until(server, "default", lambda now: "schedules" in now["Argo Workflows/definitions"].found)
    assert found["Argo Workflows/definitions"].state == "missing"
    assert (
        found["Argo Workflows/definitions"].found
        == "CronWorkflows have no `schedules`: they are of a version before 3.6"
    )


def test_controllers_in_all_conditions(private: Reached) -> None:
    server, admin = private.kubeconfig, Admin(private.kubeconfig)
    argo, serving = admin.namespace(), admin.namespace()
    path = deploy(admin, argo, "workflow-controller", "quay.io/argoproj/workflow-controller:v3.5.8", ready=0)
    found = look(server, "default")["Argo Workflows/controller"]
    assert (found.state, found.found) == ("missing", f"3.5.8 in `{argo}`, not ready")
    assert found.help == f"see why: kubectl --namespace {argo} describe deployment workflow-controller"

    admin.merge(f"{path}/status", {"status": {"replicas": 1, "readyReplicas": 1}})
    found = look(server, "default")["Argo Workflows/controller"]
    assert (found.state, found.found) == ("missing", f"3.5.8 in `{argo}` is too old")

    admin.delete(path)
    labels = {"app.kubernetes.io/component": "workflow-controller", "app.kubernetes.io/version": "v4.1.2"}
    deploy(admin, argo, "flows-argo-workflows-workflow-controller", "registry.example.com/mirror:latest", labels=labels)
    found = look(server, "default")["Argo Workflows/controller"]
    assert (found.state, found.found) == ("fine", f"4.1.2 in `{argo}`, ready")

    deploy(admin, serving, "kserve-controller-manager", "kserve/kserve-controller:v0.20.0")
    found_all = look(server, "default")
    assert found_all["KServe/controller"].found == f"0.20.0 in `{serving}`, ready"
    assert found_all["KServe/configuration"].found == f"no ConfigMap `inferenceservice-config` in `{serving}`"

    maps = f"/api/v1/namespaces/{serving}/configmaps"
    data = {"deploy": '{"defaultDeploymentMode": "Serverless"}'}
    admin.create(maps, {"metadata": {"name": "inferenceservice-config"}, "data": data})
    found = look(server, "default")["KServe/configuration"]
    assert (found.state, found.found) == ("missing", "deploys with Knative (Serverless), which is not there")
    assert "Standard" in found.help

    data = {"deploy": '{"defaultDeploymentMode": "Standard"}'}
    admin.merge(f"{maps}/inferenceservice-config", {"data": data})
    found = look(server, "default")["KServe/configuration"]
    assert (found.state, found.found) == ("fine", "deploys as Standard")


def test_the_gateway_of_an_environment(private: Reached, s3_url: str, tmp_path: Path) -> None:
    server, admin = private.kubeconfig, Admin(private.kubeconfig)
    namespace = admin.namespace()
    project(tmp_path, context_of(server), namespace, s3_url)

    def now() -> Examined:
        return examined(server, "--env", "staging", folder=tmp_path)

    found = now()
    assert found["Store/store"].state == "fine"
    assert (found["Gateway API/class"].state, found["Gateway API/gateway"].state) == ("missing", "missing")
    assert found["Gateway API/gateway"].found == f"no `models` in `{namespace}`"

    classes = f"{GATEWAYS}/gatewayclasses"
    kind = {"apiVersion": "gateway.networking.k8s.io/v1", "metadata": {"name": "edge"}}
    admin.create(classes, {**kind, "kind": "GatewayClass", "spec": {"controllerName": "example.com/edge"}})
    found = now()
    assert (found["Gateway API/class"].state, found["Gateway API/class"].found) == (
        "missing",
        "edge: no controller has accepted it",
    )
    admin.merge(f"{classes}/edge/status", {"status": {"conditions": [condition("Accepted")]}})
    assert now()["Gateway API/class"].found == "edge, accepted"

    gateways = f"{GATEWAYS}/namespaces/{namespace}/gateways"
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = {"kind": "Gateway", "spec": {"gatewayClassName": "edge", "listeners": [listener]}}
    admin.create(gateways, {**kind, **gateway, "metadata": {"name": "models"}})
    found = now()
    assert found["Gateway API/gateway"].state == "missing"
    assert found["Gateway API/gateway"].found.startswith(f"`models` in `{namespace}` is not programmed: ")
    status = {"conditions": [condition("Programmed")], "addresses": [{"type": "IPAddress", "value": "10.1.2.3"}]}
    admin.merge(f"{gateways}/models/status", {"status": status})
    found = now()
    assert (found["Gateway API/gateway"].state, found["Gateway API/gateway"].found) == (
        "fine",
        f"`models` in `{namespace}`, programmed at 10.1.2.3",
    )


def test_a_store_that_fails_hides_nothing_of_the_cluster(
    api_server: Reached, namespace: str, s3_url: str, tmp_path: Path
) -> None:
    project(tmp_path, context_of(api_server.kubeconfig), namespace, s3_url.replace("artifacts", "artefacts"))
    found = examined(api_server.kubeconfig, "--env", "staging", folder=tmp_path)
    assert found["Store/store"].state == "missing"
    assert found["Store/store"].found.endswith("there is no such bucket")
    assert found["Cluster/rights"].state == "fine"


# --- a whole cluster


def test_a_cluster_that_has_everything(cluster: Whole, credentials: dict[str, str], tmp_path: Path) -> None:
    admin = Admin(cluster.kubeconfig)
    gateway = admin.ask("GET", f"{GATEWAYS}/gateways")["items"][0]["metadata"]
    project(tmp_path, context_of(cluster.kubeconfig), "default", "s3://store/doctor", gateway=gateway)
    found = examined(cluster.kubeconfig, "--env", "staging", folder=tmp_path, **credentials)
    assert {name: line for name, line in found.lines.items() if line.state not in ("fine", "absent")} == {}
    assert found.code == 0
    for name in ("Argo Workflows/controller", "KServe/controller"):
        assert re.match(r"\d+\.\d+\.\d+ in `[a-z]+`, ready$", found[name].found)
    assert found["KServe/webhook"].found == "answers"
    assert "programmed" in found["Gateway API/gateway"].found


def test_the_wrong_key_to_the_store(cluster: Whole, credentials: dict[str, str]) -> None:
    wrong = {**credentials, "AWS_SECRET_ACCESS_KEY": "wrong"}
    context = ("--context", context_of(cluster.kubeconfig), "--namespace", "default")
    found = examined(cluster.kubeconfig, *context, "--store", "s3://store/doctor", **wrong)
    assert found.code == 1
    assert found["Store/store"].found.endswith("the server answers 403 Forbidden")
    assert "credentials" in found["Store/store"].help


def test_a_controller_that_is_stopped(cluster: Whole) -> None:
    if os.environ.get(NAMED):
        pytest.skip("a cluster that somebody named isn't touched")
    admin = Admin(cluster.kubeconfig)
    path = "/apis/apps/v1/namespaces/kserve/deployments/kserve-controller-manager"
    admin.merge(path, {"spec": {"replicas": 0}})
    try:
        found = look_until(cluster.kubeconfig, "default", lambda now: now["KServe/webhook"].state == "missing")
        assert found["KServe/controller"].state == "missing"
        assert found["KServe/controller"].found.endswith("not ready")
        assert found["KServe/webhook"].found.startswith("doesn't answer: ")
        assert found["Argo Workflows/controller"].state == "fine"
    finally:
        admin.merge(path, {"spec": {"replicas": 1}})
        found = look_until(cluster.kubeconfig, "default", lambda now: now["KServe/webhook"].state == "fine")
    assert found.code == 0


# --- parts


@pytest.fixture
def credentials(cluster: Whole) -> dict[str, str]:
    """The environment in which the cluster's store can be used."""
    path = f"/api/v1/namespaces/{storage.NAMESPACE}/secrets/{storage.SECRET}"
    secret = Admin(cluster.kubeconfig).ask("GET", path)
    keys = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    return {**keys, "AWS_ENDPOINT_URL": cluster.s3, "AWS_REGION": "us-east-1"}


def project(
    folder: Path, context: str, namespace: str, store: str, *, gateway: Mapping[str, str] = MappingProxyType({})
) -> None:
    """A project with one environment that has a Gateway: by default one called `models`, in the same namespace."""
    name, where = gateway.get("name", "models"), gateway.get("namespace", namespace)
    files = {
        "mlops.yaml": "kind: Project\nmetadata: {name: x}\nspec: {pipelines: [p.yaml], environments: [e.yaml]}\n",
        "p.yaml": "kind: Pipeline\nmetadata: {name: p}\nspec: {stages: {a: {kind: task, run: go}}}\n",
        "e.yaml": "kind: Environment\nmetadata: {name: staging}\nspec:\n"
        f"  cluster: {{context: {context}, namespace: {namespace}}}\n  store: {store}\n"
        f"  gateway: {{name: {name}, namespace: {where}, host: models.example.com}}\n",
    }
    for path, text in files.items():
        (folder / path).write_text(HEAD + text)


def deploy(
    admin: Admin, namespace: str, name: str, image: str, *, ready: int = 1, labels: dict[str, str] | None = None
) -> str:
    """A Deployment, ready if somebody were to run it; its path."""
    chosen = {"app": name}
    containers = [{"name": "main", "image": image}]
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    manifest: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "selector": {"matchLabels": chosen},
            "template": {"metadata": {"labels": chosen}, "spec": {"containers": containers}},
        },
    }
    admin.create(deployments, manifest)
    admin.merge(f"{deployments}/{name}/status", {"status": {"replicas": 1, "readyReplicas": ready}})
    return f"{deployments}/{name}"


def remove_group(admin: Admin, group: str) -> None:
    """Take all definitions of a group away."""
    for name in (each["metadata"]["name"] for each in admin.ask("GET", CRDS)["items"]):
        if name.endswith(f".{group}"):
            admin.delete(f"{CRDS}/{name}")


def create_definition(admin: Admin, manifest: Manifest) -> None:
    """Make a definition, as soon as one of the same name that was deleted is gone."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            admin.create(CRDS, manifest)
        except ApiException as error:
            if error.status != 409 or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def condition(kind: str) -> Manifest:
    said = {"status": "True", "reason": kind, "message": "", "lastTransitionTime": "2026-11-21T12:00:00Z"}
    return {"type": kind, **said}


@contextmanager
def webhook(admin: Admin, namespace: str, url: str) -> Iterator[None]:
    """Services of this namespace are first shown to whoever is at this address."""
    name = f"{namespace}.example.com"
    rule = {
        "apiGroups": ["serving.kserve.io"],
        "apiVersions": ["*"],
        "operations": ["CREATE"],
        "resources": ["inferenceservices"],
    }
    hook = {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 20,
        "clientConfig": {"url": url},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    }
    admin.create(WEBHOOKS, {"metadata": {"name": name}, "webhooks": [hook]})
    try:
        time.sleep(1.5)  # the server takes a second to know of it
        yield
    finally:
        admin.delete(f"{WEBHOOKS}/{name}")


@contextmanager
def policy_against_services(admin: Admin, namespace: str) -> Iterator[None]:
    """No services are taken in this namespace, by a policy that has nothing to do with KServe."""
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    name = f"{namespace}.example.com"
    rule = {
        "apiGroups": ["serving.kserve.io"],
        "apiVersions": ["*"],
        "operations": ["CREATE"],
        "resources": ["inferenceservices"],
    }
    constraints = {
        "resourceRules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    }
    spec = {
        "matchConstraints": constraints,
        "validations": [{"expression": "false", "message": "not before Monday"}],
    }
    admin.create(policies, {"metadata": {"name": name}, "spec": spec})
    bound = {"policyName": name, "validationActions": ["Deny"]}
    admin.create(f"{policies}bindings".replace("policiesb", "policyb"), {"metadata": {"name": name}, "spec": bound})
    try:
        yield
    finally:
        admin.delete(f"{policies}bindings/{name}".replace("policiesb", "policyb"))
        admin.delete(f"{policies}/{name}")


@contextmanager
def other_clock(kubeconfig: Path, shift: int) -> Iterator[str]:
    """The address of a server that passes all on to the API server, and tells a time that is this much later."""
    server = Admin(kubeconfig)._client.configuration.host
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE

    class Shifting(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {
                name: self.headers[name] for name in ("Authorization", "Content-Type", "Accept") if name in self.headers
            }
            request = urllib.request.Request(
                f"{server}{self.path}", self.rfile.read(length) if length else None, headers, method=self.command
            )
            try:
                response: Any = urllib.request.urlopen(request, context=unverified)
            except urllib.error.HTTPError as error:
                response = error
            with response:
                data, told = response.read(), parsedate_to_datetime(response.headers["Date"])
            self.send_response_only(response.status)
            self.send_header("Date", format_datetime(told + timedelta(seconds=shift), usegmt=True))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815  # the names that the base class calls

        def log_message(self, *_: object) -> None:
            """Keep still."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Shifting) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()
