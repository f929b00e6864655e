"""Clusters come up, are repaired and go down, and leave nothing, whatever is killed meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.examining import Admin, Examined, look, look_until
from tests.cluster.provider.cluster import Cluster, Parts
from tests.cluster.provider.folders import project_root

PROGRAMS = (
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
)
IN_PODS = ("/manager", "workflow-controller", "argo server", "traefik", "versitygw")


@pytest.fixture(scope="module")
def settings() -> dict[Path, str]:
    """Settings of this machine's kernel before the module's cluster is there."""
    names = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
    return {path: path.read_text() for path in (Path("/proc/sys", name) for name in names)}


@pytest.fixture(scope="module")
def own(parts: Parts, settings: dict[Path, str]) -> Iterator[Cluster]:  # noqa: ARG001 - which are to be those before it
    """A cluster of this module's own, beside the one that other tests use."""
    cluster = Cluster(f"own-{os.getpid()}")
    cluster.up(parts)
    yield cluster
    cluster.down()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_killed_program_is_there_again_after_up(own: Cluster, parts: Parts, name: str) -> None:
    before = own.machine.states()[name]["pid"]
    own.machine.signal_component(name, "KILL")
    while own.machine.states()[name]["running"]:
        time.sleep(0.01)
    assert any(line.startswith(f"{name} has ended (signal killed)") for line in own.missing())

    own.up(parts)

    assert own.machine.states()[name]["pid"] != before
    assert own.missing() == []


@pytest.mark.parametrize("command", IN_PODS)
def test_a_killed_program_in_a_pod_is_there_again_after_up(own: Cluster, parts: Parts, command: str) -> None:
    killed = subprocess.run(own.machine.inside(["pkill", "-KILL", "-f", f"^{command}( |$)"]), check=False)
    assert killed.returncode == 0, f"no {command} ran"

    own.up(parts)
    while own.missing():  # it was up, as nobody had seen yet that the program has ended
        own.up(parts)


def test_doctor_says_which_controller_is_stopped(own: Cluster) -> None:  # here, where nobody else needs it
    admin = Admin(own.kubeconfig)
    path = "/apis/apps/v1/namespaces/kserve/deployments/kserve-controller-manager"

    def now() -> Examined:
        return look(own.kubeconfig, "default")

    admin.merge(path, {"spec": {"replicas": 0}})
    try:
        # Until the service proxy knows that there is nobody left, requests to the webhook are lost and not refused.
        found = look_until(now, lambda now: "refused" in now["KServe/webhook"].found)
        assert found["KServe/webhook"].state == "missing"
        assert found["KServe/webhook"].found.startswith("doesn't answer: ")
        found = look_until(now, lambda now: now["KServe/controller"].state == "missing")
        assert found["KServe/controller"].found.endswith("not ready")
        assert found["Argo Workflows/controller"].state == "fine"
    finally:
        admin.merge(path, {"spec": {"replicas": 1}})
    look_until(now, lambda now: now.code == 0)


def test_a_machine_that_is_killed_is_made_anew(own: Cluster, parts: Parts) -> None:
    process = own.machine.process
    assert process is not None
    os.kill(process, signal.SIGKILL)

    own.up(parts)

    assert own.missing() == []
    assert own.machine.process != process


def test_up_is_idempotent(own: Cluster, parts: Parts) -> None:
    before = own.machine.process, own.machine.states()

    own.up(parts)

    assert (own.machine.process, own.machine.states()) == before


def test_clusters_live_side_by_side(own: Cluster, parts: Parts) -> None:
    other = Cluster(f"other-{os.getpid()}")
    try:
        other.up(parts)
        assert own.wire != other.wire
        assert own.missing() == other.missing() == []
        other.down()
        assert own.missing() == []
    finally:
        other.down()


def test_what_interrupted_starts_leave_is_taken_up_and_taken_away(parts: Parts) -> None:
    """One start after the other, each of which is killed a little later and finds what the ones before it have left."""
    cluster = Cluster(f"cut-{os.getpid()}")
    command = [sys.executable, "-m", "tests.cluster", "up", "--name", cluster.name]
    traces = None
    try:
        for after_s in (0.2, 0.4, 0.8, 1.6, 3.2):
            start = subprocess.Popen(command, cwd=project_root(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(after_s)
            start.kill()
            start.wait()
        cluster.up(parts)
        assert cluster.missing() == []
        traces = Traces(cluster)
        assert len(traces.left()) > 4, "else nothing is looked for in the right places"
    finally:
        cluster.down()
    assert traces.left() == []
    cluster.down()  # which nothing is left to do for


class Traces:
    """Where a cluster can be found on this machine while it is up."""

    def __init__(self, cluster: Cluster) -> None:
        assert cluster.wire is not None
        self._folder, self._cgroup, self._interface = cluster.folder, cluster.machine.cgroup, cluster.wire.interface

    def left(self) -> list[str]:
        """What there is: the folder, network interfaces, groups of processes, mounts, processes."""
        found = [str(self._folder)] if self._folder.exists() else []
        found += [str(path) for path in Path("/sys/class/net").glob(self._interface)]
        found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{self._cgroup}")]
        found += [line for line in Path("/proc/mounts").read_text().splitlines() if str(self._folder) in line]
        return found + [
            f"process {path.parent.name}" for path in Path("/proc").glob("[0-9]*/cmdline") if self._is_of(path)
        ]

    def _is_of(self, path: Path) -> bool:
        try:
            return str(self._folder).encode() in path.read_bytes()
        except OSError:  # it ended between the two looks
            return False


def test_the_node_leaves_the_settings_of_the_kernel_alone(own: Cluster, settings: dict[Path, str]) -> None:
    wanted = subprocess.run(
        own.machine.inside(["cat", *map(str, settings)]), capture_output=True, text=True, check=True
    )
    assert wanted.stdout.split() == ["1", "10", "1"], "the node believes to have set what a kubelet insists on"
    assert {path: path.read_text() for path in settings} == settings
