"""What the tests of plan's and apply's words with a server have in common."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.cluster.access import Patience
from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.connection import Answer, Connection
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.request import Request
from mlopsctl.cluster.resources import Resources
from mlopsctl.diagnostics import Position, Span
from mlopsctl.manifest import Document, Manifest
from mlopsctl.manifest import Path as FieldPath
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, context_of

PATIENT = Patience(connect=5, read=35, repeat=30)
ORIGIN = Span("pipeline.yaml", Position(1, 1), Position(1, 9))


def connected(kubeconfig: Path, namespace: str, *, patience: Patience | None = PATIENT) -> Connection:
    """A connection as the kubeconfig's user."""
    place = Place(context=context_of(kubeconfig), namespace=namespace)
    return connect(place, {"KUBECONFIG": str(kubeconfig)}, patience=patience)


def objects_of(connection: Connection) -> Objects:
    """The objects that the connection's user sees."""
    return Objects(connection, Resources(connection))


def own_namespace_there(admin: Admin) -> Iterator[str]:
    """A fixture: the name of a namespace that is the test's own, on the API server that has nothing else."""
    name = admin.namespace()
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")


def objects_there(api_server: Reached, namespace: str) -> Objects:
    """A fixture: the objects of that namespace, which the file calls `namespace`."""
    return objects_of(connected(api_server.kubeconfig, namespace))


class Counting(Connection):
    """A connection that remembers what was asked through it."""

    def __init__(self, other: Connection) -> None:
        super().__init__(other.access, other._pool, other._patience, other._identity)
        self.asked: list[Request] = []

    def send(self, request: Request) -> Answer:
        self.asked.append(request)
        return super().send(request)


def line(number: int) -> Span:
    """A place in the source."""
    return Span("pipeline.yaml", Position(number, 3), Position(number, 9))


def wanted(document: Document, places: Mapping[FieldPath, int] | None = None) -> Manifest:
    """A manifest whose fields come from lines by these numbers."""
    spans = {path: line(number) for path, number in (places or {}).items()}
    return Manifest(document=document, pipeline="churn", stage="", origin=ORIGIN, places=spans)


def config_map(namespace: str, name: str, data: Mapping[str, Any], **metadata: Any) -> Document:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": dict(data),
    }


def custom(api_version: str, kind: str, namespace: str, spec: Mapping[str, Any], *, name: str = "churn") -> Document:
    """An object with a spec."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": dict(spec)}


def killed_and_started_again(kubeconfig: Path) -> "subprocess.Popen[bytes]":
    """Kill the API server whose files are beside the kubeconfig, and begin it anew as it was."""
    folder = str(kubeconfig.parent)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        command = path.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        if "kube-apiserver" in command[1:2] and any(folder in word for word in command):
            os.kill(int(path.parent.name), signal.SIGKILL)
            break
    else:
        pytest.fail("there is no API server of this folder")
    time.sleep(1)  # while it is away, all requests fail
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
