"""What can be known of the cluster on kind where there is no Docker."""

import dataclasses
import re
from pathlib import Path

import pytest

from tests.cluster.provider import addons, kind
from tests.cluster.provider.addons import argo, gateway, storage
from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.kind import Kind

GO = Path(__file__).parents[2] / "cluster" / "go"
PROJECT = Path("/checkout")


@pytest.fixture
def cluster(tmp_path: Path) -> Kind:
    return Kind("mlopsctl-test", tmp_path / "test")


def pinned(where: str, module: str) -> str:
    found = re.search(rf"\s{re.escape(module)} (v\S+)", (GO / where / "go.mod").read_text())
    assert found is not None
    return found[1]


def test_images_are_of_the_versions_that_the_node_has() -> None:
    tags = {
        name: str(reference).rpartition(":")[2] for name, reference in dataclasses.asdict(kind.PUBLIC_IMAGES).items()
    }
    workflows = pinned("argo", "github.com/argoproj/argo-workflows/v3")
    assert tags == {
        "workflow_controller": workflows,
        "executor": workflows,
        "argo_server": workflows,
        "kserve_controller": pinned("node", "github.com/kserve/kserve"),
        "jobset_controller": pinned("jobset", "sigs.k8s.io/jobset"),
        "gateway": pinned("gateway", "github.com/traefik/traefik/v3"),
        "s3": pinned("s3", "github.com/versity/versitygw"),
        "pull_policy": "IfNotPresent",
    }


def test_the_node_is_pinned_by_digest_and_has_our_kubernetes() -> None:
    found = re.fullmatch(r"kindest/node:(v\d+\.\d+)\.\d+@sha256:[0-9a-f]{64}", kind.NODE_IMAGE)
    assert found is not None
    assert pinned("node", "k8s.io/kubernetes").startswith(f"{found[1]}.")


def test_the_release_of_kind_is_the_one_that_is_tried() -> None:
    assert pinned("kind", "sigs.k8s.io/kind") == kind.RELEASE


def test_ports_are_those_of_the_services_and_for_this_machine_alone() -> None:
    [node] = kind.config()["nodes"]
    mapped = {each["containerPort"]: each for each in node["extraPortMappings"]}
    assert set(mapped) == {gateway.NODE_PORT, argo.NODE_PORT, storage.NODE_PORT}
    assert all(each["hostPort"] == port for port, each in mapped.items())
    assert {each["listenAddress"] for each in mapped.values()} == {"127.0.0.1"}


def test_what_is_there_before_what_needs_it(cluster: Kind) -> None:
    told = [" ".join(command) for command in cluster.install_commands(PROJECT)]
    order = [
        "kind export kubeconfig",
        "docker build",
        "kind load docker-image mlopsctl.test/runtime:kind",
        "definitions.json",
        "wait --for=condition=Established",
        "objects.json",
        "rollout status",
    ]
    first = [next(index for index, line in enumerate(told) if part in line) for part in order]
    assert first == sorted(first)
    waited = {f"{namespace}/{name}" for namespace, name in addons.DEPLOYMENTS}
    assert len([line for line in told if "rollout status" in line]) == len(waited)


def test_no_other_cluster_is_touched(cluster: Kind) -> None:
    commands = [cluster.create_command(), *cluster.install_commands(PROJECT), cluster.delete_command()]
    for command in commands:
        if command[0] == "kind":
            assert "--name=mlopsctl-test" in command
        if command[0] == "kubectl" or "kubeconfig" in " ".join(command):
            assert f"--kubeconfig={cluster.kubeconfig}" in command


def test_what_the_commands_read_is_written(cluster: Kind) -> None:
    cluster.write([{"kind": "CustomResourceDefinition"}], [{"kind": "Namespace"}])
    commands = [cluster.create_command(), *cluster.install_commands(PROJECT)]
    read = re.findall(r"--(?:config|filename)=(\S+)", " ".join(word for command in commands for word in command))
    assert len(read) == 4
    assert all(Path(file).is_file() for file in read)


def test_programs_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ProviderError) as caught:
        kind.up("test")
    assert all(tool in str(caught.value) for tool in ("docker", "kind", "kubectl", kind.RELEASE))


def test_what_cannot_be_a_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ProviderError, match="can't name a cluster"):
        kind.down("../other")
