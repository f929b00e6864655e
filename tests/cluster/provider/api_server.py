"""The first tier: etcd and an API server that knows our targets' definitions, as two processes of this one."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.provider.control_plane import Api, ControlPlane
from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.programs import FEW_COLLECTIONS, LATE_COLLECTIONS

_PATIENCE_S = 60


@dataclass(frozen=True)
class ApiServer:
    """An API server that answers."""

    plane: ControlPlane
    processes: Sequence["subprocess.Popen[bytes]"]

    @property
    def kubeconfig(self) -> Path:
        """How to reach it as someone who may do everything."""
        return self.plane.kubeconfig("admin")

    @property
    def url(self) -> str:
        """Its address."""
        return self.plane.url


@contextmanager
def running_api_server(program: Path, folder: Path) -> Iterator[ApiServer]:
    """An API server on a folder with `keys` and perhaps `etcd` of a seed; it ends with the block, or with this process.

    Raises ProviderError if it isn't ready in time, with the end of its log.
    """
    plane = ControlPlane(program, folder, "127.0.0.1", _free_port())
    plane.write_access()
    # No machine stands behind it: the address is this one's loopback, which can't be told to others.
    options = {"endpoint-reconciler-type": "none"}
    etcd = _begin("etcd", plane.etcd_command(), folder, FEW_COLLECTIONS)
    server = _begin("kube-apiserver", plane.api_server_command(more=options), folder, LATE_COLLECTIONS)
    try:
        _wait_until_ready(plane, server)
        yield ApiServer(plane, [etcd, server])
    finally:
        server.kill()
        server.wait()
        etcd.terminate()  # it has its data to bring home
        etcd.wait()


def _begin(name: str, command: Sequence[str], folder: Path, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**settings, "HOME": str(folder)},
        )


def _wait_until_ready(plane: ControlPlane, server: "subprocess.Popen[bytes]") -> None:
    api = Api(plane.kubeconfig("admin"))
    deadline = time.monotonic() + _PATIENCE_S
    while not api.answers("/readyz"):
        if server.poll() is not None or time.monotonic() > deadline:
            log = (plane.folder / "kube-apiserver.log").read_text(errors="replace")
            raise ProviderError(f"the API server doesn't become ready:\n{log[-2000:]}")
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
