"""The add-ons' manifests as data: what they promise that can be seen without a cluster."""

import base64
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.provider import addons
from tests.cluster.provider.addons import access, kserve, storage
from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import Manifest, read, read_definitions
from tests.cluster.provider.addons.sources import MODULES, Sources, download_commands
from tests.cluster.provider.addons.webhooks import ServingPair
from tests.cluster.provider.commands import run
from tests.cluster.provider.folders import ProviderError

GO = Path(__file__).parents[2] / "cluster" / "go"
IMAGES = Images(
    workflow_controller="mlopsctl.test/workflow-controller:1",
    executor="mlopsctl.test/argoexec:1",
    argo_server="mlopsctl.test/argocli:1",
    kserve_controller="mlopsctl.test/kserve-controller:1",
    jobset_controller="mlopsctl.test/jobset-controller:1",
    gateway="mlopsctl.test/traefik:1",
    s3="mlopsctl.test/s3:1",
)
PAIR = ServingPair(b"the authority", b"the certificate", b"the key")
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PriorityClass",
    "ValidatingWebhookConfiguration",
}


@pytest.fixture(scope="module")
def sources() -> Sources:
    try:
        cache = Path(run(["go", "env", "GOMODCACHE"], folder=GO).strip())
    except ProviderError:
        pytest.skip("no Go here; make cluster-up brings one")
    found = Sources.in_cache(cache, GO)
    if found.missing():
        pytest.skip("Go modules aren't fetched; make cluster-up does it")
    return found


@pytest.fixture(scope="module")
def definitions(sources: Sources) -> dict[str, Manifest]:
    found = addons.definitions(sources)
    named = {each["metadata"]["name"]: each for each in found}
    assert len(named) == len(found)
    return named


@pytest.fixture
def objects(sources: Sources) -> list[Manifest]:
    return addons.objects(sources, addons.Installation(IMAGES, PAIR))


@pytest.fixture
def deployments(objects: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for each in objects
        if each["kind"] == "Deployment"
    }


def containers(deployments: dict[tuple[str, str], Manifest]) -> Iterator[dict[str, Any]]:
    for each in deployments.values():
        spec = each["spec"]["template"]["spec"]
        yield from spec["containers"]
        yield from spec.get("initContainers", ())


def keys(manifests: list[Manifest]) -> list[tuple[str, str, str]]:
    return [(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in manifests]


class TestDefinitions:
    def test_all_that_pipelines_are_rendered_to_is_there(self, definitions: dict[str, Manifest]) -> None:
        assert {
            "workflows.argoproj.io",
            "workflowtemplates.argoproj.io",
            "cronworkflows.argoproj.io",
            "workflowtaskresults.argoproj.io",
            "inferenceservices.serving.kserve.io",
            "servingruntimes.serving.kserve.io",
            "clusterservingruntimes.serving.kserve.io",
            "clusterstoragecontainers.serving.kserve.io",
            "gateways.gateway.networking.k8s.io",
            "httproutes.gateway.networking.k8s.io",
            "jobsets.jobset.x-k8s.io",
            "trainjobs.trainer.kubeflow.org",
            "localqueues.kueue.x-k8s.io",
            "prometheusrules.monitoring.coreos.com",
        } <= set(definitions)

    def test_they_are_definitions_that_json_can_carry(self, definitions: dict[str, Manifest]) -> None:
        assert {each["kind"] for each in definitions.values()} == {"CustomResourceDefinition"}
        assert json.loads(json.dumps(definitions)) == definitions

    def test_argos_have_full_schemas(self, definitions: dict[str, Manifest]) -> None:
        schema = definitions["workflows.argoproj.io"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert "templates" in schema["properties"]["spec"]["properties"]


class TestPods:
    def test_those_to_wait_for_are_those_there(self, deployments: dict[tuple[str, str], Manifest]) -> None:
        assert sorted(addons.DEPLOYMENTS) == sorted(deployments)

    def test_images_and_commands_are_given(self, deployments: dict[tuple[str, str], Manifest]) -> None:
        for each in containers(deployments):
            assert each["image"].startswith("mlopsctl.test/")
            assert each["imagePullPolicy"] == "Never"
            assert each["command"]

    def test_they_can_do_no_more_than_they_have_to(self, deployments: dict[tuple[str, str], Manifest]) -> None:
        for each in deployments.values():
            of_pod = each["spec"]["template"]["spec"]["securityContext"]
            assert of_pod["runAsNonRoot"] is True
            assert of_pod["runAsUser"] > 0
            assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(deployments):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }

    def test_they_are_ready_within_a_second_of_being_it(self, deployments: dict[tuple[str, str], Manifest]) -> None:
        for each in containers(deployments):
            assert each["readinessProbe"]["periodSeconds"] == 1
            assert "initialDelaySeconds" not in each["readinessProbe"]
            assert each["readinessProbe"]["httpGet"].get("scheme", "HTTP") == "HTTP"

    def test_they_ask_for_little(self, deployments: dict[tuple[str, str], Manifest]) -> None:
        asked = [each["resources"]["requests"] for each in containers(deployments)]
        assert sum(int(each["cpu"].removesuffix("m")) for each in asked) <= 200
        assert all("limits" not in each["resources"] for each in containers(deployments))

    def test_their_versions_are_told(self, deployments: dict[tuple[str, str], Manifest]) -> None:
        told = {
            name: each["metadata"]["labels"].get("app.kubernetes.io/version") for (_, name), each in deployments.items()
        }
        assert told["workflow-controller"] == told["argo-server"] == "v3.7.14"
        assert told["kserve-controller-manager"] == "v0.20.0"

    def test_a_registry_is_asked_where_there_is_one(self, sources: Sources) -> None:
        images = dataclasses.replace(IMAGES, pull_policy="IfNotPresent")
        found = addons.objects(sources, addons.Installation(images, PAIR))
        assert '"imagePullPolicy": "Never"' not in json.dumps(found)
        assert "--executor-image-pull-policy=IfNotPresent" in json.dumps(found)


class TestObjects:
    def test_none_is_there_twice(self, objects: list[Manifest]) -> None:
        assert len(set(keys(objects))) == len(keys(objects))

    def test_each_is_in_a_namespace_that_comes_before_it(self, objects: list[Manifest]) -> None:
        made: set[str] = set()
        for kind, namespace, name in keys(objects):
            if kind == "Namespace":
                made.add(name)
            assert (kind in CLUSTER_WIDE) == (namespace == ""), (kind, name)
            assert not namespace or namespace in made, (kind, namespace, name)

    def test_rights_are_given_to_accounts_that_exist(self, objects: list[Manifest]) -> None:
        there = set(keys(objects))
        for each in objects:
            if not each["kind"].endswith("RoleBinding"):
                continue
            role = each["roleRef"]
            of = each["metadata"].get("namespace", "") if role["kind"] == "Role" else ""
            assert (role["kind"], of, role["name"]) in there
            for subject in each["subjects"]:
                assert ("ServiceAccount", subject["namespace"], subject["name"]) in there

    def test_what_others_would_have_to_install_is_left_out(self, objects: list[Manifest]) -> None:
        groups = {each["apiVersion"].partition("/")[0] for each in objects}
        assert not groups & {"cert-manager.io", "networking.istio.io"}
        assert "kube-rbac-proxy" not in json.dumps(objects)

    def test_webhooks_trust_our_authority(self, objects: list[Manifest]) -> None:
        webhooks = [webhook for each in objects for webhook in each.get("webhooks", ())]
        assert webhooks
        assert {base64.b64decode(each["clientConfig"]["caBundle"]) for each in webhooks} == {PAIR.authority}
        service = webhooks[0]["clientConfig"]["service"]
        assert kserve.WEBHOOK_NAMES[0] == f"{service['name']}.{service['namespace']}.svc"

    def test_kserve_needs_neither_knative_nor_an_ingress(self, objects: list[Manifest]) -> None:
        [found] = [each["data"] for each in objects if each["metadata"]["name"] == "inferenceservice-config"]
        assert json.loads(found["deploy"])["defaultDeploymentMode"] == "Standard"
        ingress = json.loads(found["ingress"])
        assert ingress["disableIngressCreation"] is ingress["disableIstioVirtualHost"] is True
        assert "domainTemplate" in ingress

    def test_ports_of_the_node(self, objects: list[Manifest]) -> None:
        ports = {
            each["metadata"]["name"]: port["nodePort"]
            for each in objects
            if each["kind"] == "Service" and each["spec"].get("type") == "NodePort"
            for port in each["spec"]["ports"]
        }
        assert ports == {"gateway": 30080, "argo-server": 30746, "s3": 30900}

    def test_services_find_their_pods(
        self, objects: list[Manifest], deployments: dict[tuple[str, str], Manifest]
    ) -> None:
        for each in objects:
            if each["kind"] == "Service":
                wanted, namespace = each["spec"]["selector"].items(), each["metadata"]["namespace"]
                pods = [
                    found["spec"]["template"]["metadata"]["labels"]
                    for (where, _), found in deployments.items()
                    if where == namespace
                ]
                assert any(wanted <= labels.items() for labels in pods), each["metadata"]

    def test_modules_are_only_read(self, sources: Sources, objects: list[Manifest]) -> None:
        assert addons.objects(sources, addons.Installation(IMAGES, PAIR)) == objects


class TestNamespaceOfATest:
    def test_workflows_of_the_namespace_report_what_they_made(self, objects: list[Manifest]) -> None:
        binding, _ = addons.namespace_objects("here")
        assert binding["metadata"]["namespace"] == binding["subjects"][0]["namespace"] == "here"
        [role] = [each for each in objects if each["metadata"]["name"] == binding["roleRef"]["name"]]
        assert role["rules"] == [
            {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
        ]

    def test_its_secret_is_the_one_that_artifacts_are_kept_with(self, objects: list[Manifest]) -> None:
        _, secret = addons.namespace_objects("here", storage.Credentials("me", "secret"))
        [config] = [each for each in objects if each["metadata"]["name"] == "workflow-controller-configmap"]
        repository = json.loads(config["data"]["artifactRepository"])["s3"]
        assert repository["bucket"] in storage.BUCKETS
        values = [secret["stringData"][repository[key]["key"]] for key in ("accessKeySecret", "secretKeySecret")]
        assert values == ["me", "secret"]
        assert repository["accessKeySecret"]["name"] == secret["metadata"]["name"]
        assert secret["metadata"]["namespace"] == "here"


class TestReading:
    def test_text_stays_text(self, tmp_path: Path) -> None:
        file = tmp_path / "it.yaml"
        file.write_text("name: n\nanswer: on\nday: 2024-05-01\nyes: true\nnone: null\n---\n---\nport: 8080\n")
        first = {"name": "n", "answer": "on", "day": "2024-05-01", "yes": True, "none": None}
        assert read(file) == [first, {"port": 8080}]

    def test_only_definitions_are_taken_as_such(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text("kind: Kustomization\n")
        (tmp_path / "b.yaml").write_text("kind: CustomResourceDefinition\n")
        assert read_definitions(tmp_path) == [{"kind": "CustomResourceDefinition"}]

    def test_a_module_that_has_moved_its_files_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"holds no crds-\*\.yaml"):
            read_definitions(tmp_path, "crds-*.yaml")


class TestSources:
    def test_versions_are_those_that_we_pin(self) -> None:
        found = Sources.in_cache(Path("/cache"), GO)
        assert found.argo == Path("/cache/github.com/argoproj/argo-workflows/v3@v3.7.14")
        assert found.kserve == Path("/cache/github.com/kserve/kserve@v0.20.0")
        assert found.gateway_api == Path("/cache/sigs.k8s.io/gateway-api@v1.4.0")

    def test_those_not_fetched_are_named(self, tmp_path: Path) -> None:
        found = Sources.in_cache(tmp_path, GO)
        found.kueue.mkdir(parents=True)
        assert len(found.missing()) == len(MODULES) - 1
        assert found.kueue not in found.missing()

    def test_a_module_that_nobody_pins_is_told(self, tmp_path: Path) -> None:
        for where, _ in MODULES.values():
            (tmp_path / where).mkdir(exist_ok=True)
            (tmp_path / where / "go.mod").write_text("module empty\n")
        with pytest.raises(ProviderError, match=r"requires no github\.com/argoproj/argo-workflows/v3"):
            Sources.in_cache(tmp_path, tmp_path)

    def test_each_module_is_fetched_where_it_is_pinned(self) -> None:
        commands = {Path(command[4]).name: command[5:] for command in download_commands(GO)}
        assert {(where, module) for where, modules in commands.items() for module in modules} == set(MODULES.values())


def test_what_tests_read_to_find_the_add_ons() -> None:
    found = access.config_map(access.Addresses.on("10.0.0.2"), "image:1")
    assert (found["metadata"]["namespace"], found["metadata"]["name"]) == ("mlopsctl-test", "access")
    assert found["data"] == {
        "gateway": "http://10.0.0.2:30080",
        "s3": "http://10.0.0.2:30900",
        "argo-server": "http://10.0.0.2:30746",
        "runtime-image": "image:1",
    }
