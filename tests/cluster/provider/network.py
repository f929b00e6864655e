"""The wire between this machine and a node's own network: one address on either side, and nothing else."""

import subprocess
from dataclasses import dataclass

from tests.cluster.provider.commands import run, succeeds
from tests.cluster.provider.folders import ProviderError

_MOST = 64
POD_RANGE = "10.244.0.0/24"


@dataclass(frozen=True)
class Wire:
    """The wire of one node. Its number tells it from other clusters' wires on this machine."""

    number: int

    @property
    def interface(self) -> str:
        """This machine's end."""
        return f"mlopsctl{self.number}"

    @property
    def here(self) -> str:
        """The address of this machine's end."""
        return f"10.99.{self.number}.1"

    @property
    def node(self) -> str:
        """The address of the node's end."""
        return f"10.99.{self.number}.2"


def laid_wire(process: int) -> Wire:
    """Lay a wire into the network of this process. The kernel takes it away when that network ends.

    The interface's name is what two clusters can't both have, so taking it is what decides between them.
    """
    for number in range(_MOST):
        wire = Wire(number)
        made = subprocess.run(
            _ip("link", "add", wire.interface, "type", "veth", "peer", "name", "eth0", "netns", str(process)),
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode == 0:
            _connect(wire, process)
            return wire
        if "File exists" not in made.stderr:
            raise ProviderError(f"no network interface can be made: {made.stderr.strip()}")
    raise ProviderError(f"{_MOST} clusters are up already; `make cluster-down NAME=…` ends one")


def cut(wire: Wire) -> None:
    """Take the wire away at once: the kernel, which does so when the network ends, may take a moment."""
    succeeds(_ip("link", "del", wire.interface))


def _connect(wire: Wire, process: int) -> None:
    inside = ["nsenter", f"--target={process}", "--net", "--mount", "--"]
    for command in (
        _ip("addr", "add", f"{wire.here}/30", "dev", wire.interface),
        _ip("link", "set", wire.interface, "up"),
        inside + _ip("addr", "add", f"{wire.node}/30", "dev", "eth0"),
        inside + _ip("link", "set", "lo", "up"),
        inside + _ip("link", "set", "eth0", "up"),
        inside + _ip("route", "add", "default", "via", wire.here),
        [*inside, "sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"],
    ):
        run(command)


def _ip(*arguments: str) -> list[str]:
    return ["ip", *arguments]
