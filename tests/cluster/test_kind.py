"""Our configuration and commands as kind itself reads them, up to where it asks Docker."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cluster.provider.go_toolchain import run_go
from tests.cluster.provider.kind import Kind
from tests.cluster.provider.programs import MODULES
from tests.conftest import WITH_CLUSTER

Told = Callable[[Sequence[str]], str]
PROJECT = Path("/checkout")


@pytest.fixture(scope="module")
def program(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not pytestconfig.getoption("require_cluster"):
        pytest.skip(f"builds kind: `{WITH_CLUSTER}` runs it")
    target = tmp_path_factory.mktemp("kind") / "kind"
    run_go(["build", f"-o={target}", "sigs.k8s.io/kind"], MODULES / "kind")
    return target


@pytest.fixture
def told(program: Path, tmp_path: Path) -> Told:
    """What kind says to a command where no Docker answers; that it fails is sure."""
    unreached = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "KIND_EXPERIMENTAL_PROVIDER": "docker"}

    def say(command: Sequence[str]) -> str:
        environment = {**os.environ, **unreached, "HOME": str(tmp_path)}
        whole = [str(program), *command[1:]]
        done = subprocess.run(whole, check=False, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode != 0
        return done.stderr

    return say


@pytest.fixture
def cluster(tmp_path: Path) -> Kind:
    cluster = Kind("mlopsctl-never-made", tmp_path / "cluster")
    cluster.write([], [])
    return cluster


def test_the_configuration_is_understood(told: Told, cluster: Kind) -> None:
    assert "failed to get docker info" in told(cluster.create_command())


def test_a_configuration_with_a_slip_is_not(told: Told, cluster: Kind) -> None:
    file = cluster.folder / "kind.json"
    file.write_text(file.read_text().replace("extraPortMappings", "extraPortMapping"))
    assert "unable to decode config" in told(cluster.create_command())


def test_the_commands_are_understood(told: Told, cluster: Kind) -> None:
    ours = [command for command in cluster.install_commands(PROJECT) if command[0] == "kind"]
    assert len(ours) == 2
    for command in [*ours, cluster.delete_command()]:
        answer = told(command)
        assert "unknown" not in answer
        assert "docker" in answer or "not present locally" in answer


def test_a_command_with_a_slip_is_not(told: Told, cluster: Kind) -> None:
    assert "unknown flag: --kubeconfigs" in told([*cluster.delete_command(), "--kubeconfigs=none"])
