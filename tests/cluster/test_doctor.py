"""`doctor` against real API servers: whole ones, and ones with parts taken away."""

import base64
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
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest

from mlopsctl.cluster.rights import needed
from tests.cluster.conftest import Reached, Whole
from tests.cluster.examining import (
    CRDS,
    Admin,
    Examined,
    Manifest,
    changed,
    context_of,
    definition,
    examined,
    look,
    look_until,
)
from tests.cluster.provider.addons import storage
from tests.cluster.provider.keys import Authority
from tests.cluster.speaking import own_namespace_there

WEBHOOKS: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
GATEWAYS: Final = "/apis/gateway.networking.k8s.io/v1"
HEAD: Final = "apiVersion: mlopsctl.dev/v1\n"


namespace = pytest.fixture(own_namespace_there)


# --- a server that is whole, and has nobody to act on what is applied


def test_a_server_without_controllers(own_api_server: Reached) -> None:
    found = look_until(lambda: look(own_api_server.kubeconfig, "default"), is_decided)
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


def test_a_namespace_that_is_about_to_go(own_api_server: Reached) -> None:
    admin = Admin(own_api_server.kubeconfig)
    namespace = admin.namespace()
    admin.delete(f"/api/v1/namespaces/{namespace}")  # nobody finalizes it here
    found = look(own_api_server.kubeconfig, namespace)
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


def test_who_brings_up_environments_for_pull_requests_makes_and_deletes_their_namespaces(
    api_server: Reached, admin: Admin, namespace: str, tmp_path: Path
) -> None:
    project(tmp_path, context_of(api_server.kubeconfig), namespace, str(tmp_path / "store"))
    made = "metadata: {name: pr}\nspec: {ephemeral: {from: staging, ttl: 2h, secrets: [mlopsctl-store]}}\n"
    (tmp_path / "pr.yaml").write_text(f"{HEAD}kind: Environment\n{made}")
    listed = (tmp_path / "mlops.yaml").read_text().replace("environments: [", "environments: [pr.yaml, ")
    (tmp_path / "mlops.yaml").write_text(listed)
    found = examined(api_server.kubeconfig, "--env", "pr-7", folder=tmp_path)
    assert found["Cluster/namespace"].found == f"no `{namespace}-pr-7`; the first apply makes it"
    assert (found["Cluster/namespace"].state, found["Cluster/rights"].state) == ("fine", "fine")

    rules = [
        {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
        for right in needed(with_gateway=True)
    ]
    user = {"token": admin.token(namespace, rules)}
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user=user)
    found = examined(kubeconfig, "--env", "pr-7", folder=tmp_path)
    assert "get, list, create, patch, delete namespaces in the whole cluster" in found["Cluster/rights"].found
    assert f"secrets in `{namespace}`" in found["Cluster/rights"].found
    assert "for a ClusterRole with these" in found["Cluster/rights"].help


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
    assert time.monotonic() - started < 60, "eight seconds are promised; the rest is for a busy machine"
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
        assert abs(int(seconds[1].replace(",", "")) - abs(shift)) <= 60  # as answers of a busy machine take


# --- KServe's webhook


def test_a_webhook_that_hangs(own_api_server: Reached) -> None:
    admin = Admin(own_api_server.kubeconfig)
    namespace = admin.namespace()
    with socket.create_server(("127.0.0.1", 0)) as silent, webhook(admin, namespace, url_of(silent)):
        found = look_until(lambda: look(own_api_server.kubeconfig, namespace), webhook_is_asked)["KServe/webhook"]
    assert found.state == "missing"
    assert "didn't decide in time" in found.found


def test_a_webhook_that_is_not_there(own_api_server: Reached) -> None:
    admin = Admin(own_api_server.kubeconfig)
    namespace = admin.namespace()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = url_of(closed)
    with webhook(admin, namespace, url):
        looked = partial(look, own_api_server.kubeconfig, namespace)
        found = look_until(looked, lambda now: webhook_is_asked(now) and is_decided(now))["KServe/webhook"]
    assert found.state == "missing"
    assert found.found.startswith("doesn't answer: ")
    assert "refused" in found.found


def test_somebody_else_who_refuses_is_not_taken_for_the_webhook(own_api_server: Reached) -> None:
    admin = Admin(own_api_server.kubeconfig)
    namespace = admin.namespace()
    with policy_against_services(admin, namespace):
        looked = partial(look, own_api_server.kubeconfig, namespace)
        found = look_until(looked, lambda now: webhook_is_asked(now) and is_decided(now))["KServe/webhook"]
    assert found.state == "unknown"
    assert "not before Monday" in found.found


# --- servers of which parts are taken away, or to which some are added


def test_definitions_that_are_not_there(bare_api_server: Reached) -> None:
    found = look(bare_api_server.kubeconfig, "default")
    argo, kserve, gateway = (found[f"{part}/definitions"] for part in ("Argo Workflows", "KServe", "Gateway API"))
    assert argo.state == "missing"
    assert argo.found == "no workflows, workflowtemplates, cronworkflows of argoproj.io/v1alpha1"
    assert argo.help.startswith("install it: https://")
    assert (kserve.state, kserve.found) == ("missing", "no inferenceservices of serving.kserve.io/v1beta1")
    assert gateway.state == "absent"
    assert gateway.found == "no gatewayclasses, gateways, httproutes of gateway.networking.k8s.io/v1"
    assert "Gateway API/class" not in found
    assert "KServe/webhook" not in found
    kueue = found["Optional/Kueue"]
    assert (kueue.state, kueue.found) == ("absent", "no localqueues of kueue.x-k8s.io/v1beta1")


def test_definitions_of_which_some_lack(bare_api_server: Reached) -> None:
    Admin(bare_api_server.kubeconfig).teach(
        definition("argoproj.io", "v1alpha1", "Workflow"),
        definition("argoproj.io", "v1alpha1", "WorkflowTemplate"),
        definition("serving.kserve.io", "v1beta1", "InferenceService"),
        definition("jobset.x-k8s.io", "v1alpha2", "JobSet"),
    )
    found = look(bare_api_server.kubeconfig, "default")
    argo, kserve = found["Argo Workflows/definitions"], found["KServe/definitions"]
    assert (argo.state, argo.found) == ("missing", "no cronworkflows of argoproj.io/v1alpha1")
    assert argo.help.startswith("install its CRDs again: https://")
    assert (kserve.state, kserve.found) == ("missing", "no servingruntimes of serving.kserve.io/v1alpha1")
    assert found["Optional/JobSet"].state == "fine"
    assert found["Optional/Kueue"].state == "absent"


def test_definitions_of_another_version(bare_api_server: Reached) -> None:
    Admin(bare_api_server.kubeconfig).teach(
        definition("serving.kserve.io", "v1alpha2", "InferenceService"),
        definition("kueue.x-k8s.io", "v1", "LocalQueue"),
    )
    found = look(bare_api_server.kubeconfig, "default")
    kserve, kueue = found["KServe/definitions"], found["Optional/Kueue"]
    assert (kserve.state, kserve.found) == ("missing", "inferenceservices are served at v1alpha2, v1beta1 is needed")
    assert kserve.help.startswith("upgrade it: https://")
    assert (kueue.state, kueue.found) == ("absent", "localqueues are served at v1, v1beta1 is needed")


def test_definitions_that_are_taken_away(fresh_api_server: Callable[[], Reached]) -> None:
    server = fresh_api_server().kubeconfig
    admin = Admin(server)
    assert look(server, "default")["Argo Workflows/definitions"].state == "fine"
    admin.delete(f"{CRDS}/cronworkflows.argoproj.io")
    found = look_until(
        lambda: look(server, "default"), lambda now: now["Argo Workflows/definitions"].state == "missing"
    )
    assert found["Argo Workflows/definitions"].found == "no cronworkflows of argoproj.io/v1alpha1"
    assert found["KServe/definitions"].state == "fine"


def test_schedules_of_an_old_version(bare_api_server: Reached) -> None:
    spec = {
        "schedule": {"type": "string"},
        "workflowSpec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    Admin(bare_api_server.kubeconfig).teach(
        definition("argoproj.io", "v1alpha1", "Workflow"),
        definition("argoproj.io", "v1alpha1", "WorkflowTemplate"),
        definition("argoproj.io", "v1alpha1", "CronWorkflow", spec=spec),
    )
    found = look(bare_api_server.kubeconfig, "default")["Argo Workflows/definitions"]
    assert found.state == "missing"
    assert found.found == "CronWorkflows have no `schedules`: they are of a version before 3.6"


def test_controllers_in_all_conditions(own_api_server: Reached) -> None:
    server, admin = own_api_server.kubeconfig, Admin(own_api_server.kubeconfig)
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
    name = "flows-argo-workflows-workflow-controller"
    of_argo = deploy(admin, argo, name, "registry.example.com/mirror:latest", labels=labels)
    found = look(server, "default")["Argo Workflows/controller"]
    assert (found.state, found.found) == ("fine", f"4.1.2 in `{argo}`, ready")

    of_kserve = deploy(admin, serving, "kserve-controller-manager", "kserve/kserve-controller:v0.20.0")
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

    for path in (of_argo, of_kserve):  # which other tests would see
        admin.delete(path)


def test_the_gateway_of_an_environment(own_api_server: Reached, s3_url: str, tmp_path: Path) -> None:
    server, admin = own_api_server.kubeconfig, Admin(own_api_server.kubeconfig)
    namespace = admin.namespace()
    project(tmp_path, context_of(server), namespace, s3_url)

    def now() -> Examined:
        return examined(server, "--env", "staging", folder=tmp_path)

    found = look_until(now, lambda now: now["Gateway API/class"].state != "unknown")  # the server has just begun
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
    admin.delete(f"{classes}/edge")


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

    def now() -> Examined:
        return examined(cluster.kubeconfig, "--env", "staging", folder=tmp_path, **credentials)

    found = look_until(now, lambda now: now.code == 0)
    assert {name: line for name, line in found.lines.items() if line.state not in ("fine", "absent")} == {}
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


def url_of(listening: socket.socket) -> str:
    """Where a webhook would be that listens here."""
    host, port = listening.getsockname()
    return f"https://{host}:{port}/validate"


def webhook_is_asked(found: Examined) -> bool:
    """Whether the server knows by now who else decides on services: it takes a moment to learn that."""
    return "not asked" not in found["KServe/webhook"].found


def is_decided(found: Examined) -> bool:
    """Whether the server said something of the service: one that has much else to do may not have in time."""
    return "didn't decide" not in found["KServe/webhook"].found


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
