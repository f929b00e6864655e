"""What the parts of a cluster do to a run that goes on: they are restarted, or away, and it ends right all the same."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlopsctl.engine.notes import read_note
from mlopsctl.store import RunRecord, open_store
from tests.cluster.access import read_access
from tests.cluster.conftest import Whole, own_namespace
from tests.cluster.examining import Admin
from tests.cluster.lines import Applied, applied_in
from tests.cluster.pods import UNTIL_GO, RunPods
from tests.cluster.provider.addons import storage
from tests.cluster.provider.cluster import Cluster, Parts
from tests.cluster.provider.parts import our_image
from tests.cluster.stores import new_store, open_to_pods
from tests.waiting import PATIENCE

PIPELINE = f"""\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {{name: line}}
spec:
  stages:
    each:
      kind: task
      each: {{number: [1, 2, 3]}}
      outputs: {{made: made.txt}}
      run: "{UNTIL_GO}; echo ${{params.number}} > ${{outputs.made}}"
    all:
      kind: task
      inputs: {{made: "each[*]"}}
      outputs: {{list: list.txt}}
      run: "cat ${{inputs.made}}/* > ${{outputs.list}}"
"""


@pytest.fixture
def cluster(parts: Parts) -> Iterator[Cluster]:
    """A cluster of the test's own, parts of which it may end."""
    found = Cluster(f"days-{os.getpid()}")
    found.up(parts)
    yield found
    found.down()


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Applied, RunPods]]:
    """A pipeline in that cluster, and the pods of its runs."""
    cluster.load(our_image().built() / "runtime.tar")
    said = read_access(cluster.kubeconfig)
    whole = Whole.told(cluster.kubeconfig, said)
    with own_namespace(whole, tmp_path) as namespace:
        for name, value in open_to_pods(namespace, whole.s3).items():
            monkeypatch.setenv(name, value)
        applied = applied_in(whole, namespace, tmp_path, open_store(new_store()), pipeline=PIPELINE)
        yield applied, RunPods(cluster.kubeconfig, namespace.namespace)


def test_a_run_goes_on_whatever_is_restarted_around_it(
    cluster: Cluster, parts: Parts, place: tuple[Applied, RunPods]
) -> None:
    applied, pods = place
    with applied.begun("run", "--env", "here", "--verbose") as process:
        names = pods.begun("each", count=3)
        _end_a_program(cluster, "containerd")
        cluster.up(parts)
        _end_in_a_pod(cluster, "workflow-controller")
        with _no_store(cluster):
            for name in names:
                pods.go(name)
            for name in names:
                pods.await_line(name, ": the store is out of reach: cannot ")
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out + err
    (run,) = applied.store.record_ids("runs")
    record = RunRecord.from_json(applied.store.read_record("runs", run) or {})
    assert record.outcome == "done"
    note = read_note(applied.store, run, "all")
    assert note is not None
    assert applied.store.get_bytes(note.outputs["list"].digest) == b"1\n2\n3\n"
    assert "the store is out of reach" in out
    assert all(f"each[{number}]" in out for number in (1, 2, 3))


def _end_a_program(cluster: Cluster, name: str) -> None:
    cluster.machine.signal_component(name, "KILL")
    while cluster.machine.states()[name]["running"]:
        time.sleep(0.01)


def _end_in_a_pod(cluster: Cluster, command: str) -> None:
    """End a program; its container is started again by the kubelet."""
    subprocess.run(cluster.machine.inside(["pkill", "-KILL", "-f", f"^{command}( |$)"]), check=True)


@contextmanager
def _no_store(cluster: Cluster) -> Iterator[None]:
    """The store is away: connections that stand are broken, and nobody takes new ones."""
    admin, service = Admin(cluster.kubeconfig), f"/api/v1/namespaces/{storage.NAMESPACE}/services/s3"
    selector = admin.ask("GET", service)["spec"]["selector"]
    admin.merge(service, {"spec": {"selector": dict.fromkeys(selector, "nobody")}})
    _end_in_a_pod(cluster, "versitygw")
    try:
        yield
    finally:
        admin.merge(service, {"spec": {"selector": selector}})
