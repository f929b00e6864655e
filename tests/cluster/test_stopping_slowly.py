"""The kill switch where the API server is slow, or away for a while."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kubernetes import config

from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, changed, context_of
from tests.cluster.objects import Objects

ROUTE = ("gateway.networking.k8s.io/v1", "HTTPRoute", "churn")
LABELS = {"mlopsctl.dev/pipeline": "churn", "mlopsctl.dev/environment": "here"}
MOST = 8
PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: churn}
spec: {stages: {a: {kind: data, sorce: this is wrong}}}
"""


class Slow:
    """What stands before a server and passes on what both say, but for the first words of a connection late."""

    def __init__(self, address: tuple[str, int], seconds: float) -> None:
        self._address, self._seconds = address, seconds
        self.away = threading.Event()
        self.spoken = 0  # how often the callers said something
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                if self.away.is_set():
                    caller.close()
                    continue
                server = socket.create_connection(self._address)
                for source, sink in ((caller, server), (server, caller)):
                    answers = source is server
                    threading.Thread(
                        target=self._pass_on, args=(source, sink), kwargs={"answers": answers}, daemon=True
                    ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, *, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if answers:
                    time.sleep(self._seconds)
                else:
                    self.spoken += 1
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def slow(kubeconfig: Path, folder: Path, seconds: float) -> Iterator[tuple[Slow, Path]]:
    """A kubeconfig by which each answer of the server takes so much longer."""
    client = config.new_client_from_config(str(kubeconfig))
    there = urlsplit(client.configuration.host)
    host = str(there.hostname)
    proxy = Slow((host, there.port or 443), seconds)
    server = f"https://127.0.0.1:{proxy.port}"
    path = changed(kubeconfig, folder / "slow.kubeconfig", server=server, tls_server_name=host)
    try:
        yield proxy, path
    finally:
        proxy.close()


@pytest.fixture
def routed(api_server: Reached, admin: Admin, tmp_path: Path) -> Objects:
    """A namespace with a route to a model, and a project beside it that doesn't even compile."""
    name = admin.namespace()
    backends = [{"name": "churn-8c1f-predictor", "port": 80}]
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": "/churn"}}], "backendRefs": backends}
    metadata = {"name": "churn", "namespace": name, "labels": LABELS}
    shutil.copy(api_server.kubeconfig, tmp_path / "own.kubeconfig")
    objects = Objects(tmp_path / "own.kubeconfig", name)
    objects.apply([{"apiVersion": ROUTE[0], "kind": ROUTE[1], "metadata": metadata, "spec": {"rules": [rule]}}])
    cluster = {"context": context_of(api_server.kubeconfig), "namespace": name}
    _write(tmp_path / "here.yaml", "Environment", "here", {"store": "./store", "cluster": cluster})
    _write(tmp_path / "mlops.yaml", "Project", "p", {"pipelines": ["pipeline.yaml"], "environments": ["here.yaml"]})
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return objects


def _write(file: Path, kind: str, name: str, spec: object) -> None:
    document = {"apiVersion": "mlopsctl.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    file.write_text(json.dumps(document))


def begun(folder: Path, kubeconfig: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "mlopsctl", "stop", "churn", "--env", "here", "--reason", "it harms"],
        cwd=folder,
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_stopped(objects: Objects) -> bool:
    route = objects.get(*ROUTE)
    assert route is not None
    return not any(rule.get("backendRefs") for rule in route["spec"]["rules"])


def until_stopped(objects: Objects, proxy: Slow) -> int:
    """How often callers have said something until then."""
    start = time.monotonic()
    while not is_stopped(objects):
        assert time.monotonic() < start + 180
        time.sleep(0.05)
    return proxy.spoken


def test_each_answer_takes_a_while(routed: Objects, api_server: Reached, tmp_path: Path) -> None:
    with slow(api_server.kubeconfig, tmp_path, 0.5) as (proxy, kubeconfig), begun(tmp_path, kubeconfig) as process:
        spoken = until_stopped(routed, proxy)
        out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "churn is stopped in here" in out
    # A handshake, one look and one change: what else takes its time is this machine.
    assert spoken <= MOST


def test_the_fallback_gets_what_the_model_would_have_got(routed: Objects, api_server: Reached, tmp_path: Path) -> None:
    route = routed.get(*ROUTE)
    assert route is not None
    (rule,) = route["spec"]["rules"]
    rewrite = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
    copies = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "churn-77ac-predictor", "port": 80}}}
    annotations = {"mlopsctl.dev/fallback": "churn-fallback"}
    metadata = {"name": "churn", "namespace": route["metadata"]["namespace"], "annotations": annotations}
    rules = [{**rule, "filters": [rewrite, copies]}]
    routed.apply([{"apiVersion": ROUTE[0], "kind": ROUTE[1], "metadata": metadata, "spec": {"rules": rules}}])
    with begun(tmp_path, api_server.kubeconfig) as process:
        out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "until a pod of the fallback is ready: see deployment churn-fallback" in out
    found = routed.get(*ROUTE)
    assert found is not None
    (led,) = found["spec"]["rules"]
    assert [each["name"] for each in led["backendRefs"]] == ["churn-fallback"]
    assert (led["matches"], led["filters"]) == (rule["matches"], [rewrite])


def test_the_server_is_away_for_a_moment(routed: Objects, api_server: Reached, tmp_path: Path) -> None:
    with slow(api_server.kubeconfig, tmp_path, 0.0) as (proxy, kubeconfig):
        proxy.away.set()
        with begun(tmp_path, kubeconfig) as process:
            time.sleep(3)
            assert not is_stopped(routed)
            proxy.away.clear()
            until_stopped(routed, proxy)
            out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "it harms" in out
