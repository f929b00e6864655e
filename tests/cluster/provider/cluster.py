"""The second tier: a whole node with pods, and on it all that our pipelines need."""

import json
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.provider import network
from tests.cluster.provider.addons import access
from tests.cluster.provider.artefacts import locked
from tests.cluster.provider.control_plane import Api, ControlPlane
from tests.cluster.provider.folders import ProviderError, cache_folder, cluster_folder
from tests.cluster.provider.image_store import place_images
from tests.cluster.provider.machine import Machine
from tests.cluster.provider.node import Node
from tests.cluster.provider.readiness import unready, wait_until
from tests.cluster.provider.seed import plant

_API_PORT = 6443
_PATIENCE_S = 120


@dataclass(frozen=True)
class Parts:
    """What a cluster is made of, all built."""

    nodeinit: Path
    kubernetes: Path
    coredns: Path
    images: Path
    seed: Path
    pause: str  # reference of the image that holds a pod together
    runtime_image: str


@dataclass(frozen=True)
class Cluster:
    """A cluster of this machine by its name, whether it is up or not."""

    name: str

    @property
    def folder(self) -> Path:
        """What the cluster consists of; gone when it is down."""
        return cluster_folder(self.name)

    @property
    def kubeconfig(self) -> Path:
        """How to reach it as someone who may do everything."""
        return self.folder / "admin.kubeconfig"

    @property
    def logs(self) -> Path:
        """Where the logs of its last life are when it is down."""
        return cache_folder() / "logs" / self.name

    @property
    def machine(self) -> Machine:
        """The machine that its node is."""
        return Machine(self.folder, f"mlopsctl-{self.name}")

    @property
    def wire(self) -> network.Wire | None:
        """The wire to its node; None if it isn't up."""
        try:
            return network.Wire(json.loads((self.folder / "wire.json").read_text())["number"])
        except FileNotFoundError:
            return None

    def up(self, parts: Parts) -> None:
        """Bring it up, or what of it isn't. Raises ProviderError if it isn't well in two minutes, with what is not."""
        with self._alone():
            if self.machine.process is None or self.wire is None:
                self._begin(parts)
            node = self._node(parts)
            api = Api(self.kubeconfig)
            first = node.first_components()
            self.machine.run(first)
            wait_until(
                "the API server is ready",
                lambda: [] if api.answers("/readyz") else self._ended("the API server doesn't answer"),
                patience_s=_PATIENCE_S,
            )
            self.machine.run([*first, *node.other_components()])
            wait_until("all is ready", lambda: [*unready(api), *self._ended()], patience_s=_PATIENCE_S)
            self._announce(api, parts)

    def down(self) -> None:
        """End all of it and leave nothing but its logs. Nothing to do if it isn't up."""
        with self._alone():
            self._end()

    def missing(self) -> list[str]:
        """What of it isn't well, a line each. Raises ProviderError if it isn't up."""
        if self.machine.process is None or self.wire is None:
            raise ProviderError(f"the cluster {self.name!r} isn't up")
        return [*self._ended(), *unready(Api(self.kubeconfig))]

    def _announce(self, api: Api, parts: Parts) -> None:
        """Say in the cluster itself how its parts are reached, for all who have no more than its kubeconfig."""
        wire = self.wire
        assert wire is not None, "it has just become ready"
        api.apply("configmaps", access.config_map(access.Addresses.on(wire.node), parts.runtime_image))

    def _alone(self) -> AbstractContextManager[None]:
        return locked(self.folder.with_suffix(".lock"))

    def _begin(self, parts: Parts) -> None:
        self._end()  # what an interrupted start has left
        self.folder.mkdir(parents=True, mode=0o700)
        place_images(parts.images, self.folder / "var/lib/containerd")
        plant(parts.seed, self.folder)
        (self.folder / "resolv.conf").touch()
        self.machine.start(parts.nodeinit)
        process = self.machine.process
        if process is None:
            raise ProviderError("the node's machine ended as soon as it began")
        wire = network.laid_wire(process)
        (self.folder / "resolv.conf").write_text(f"nameserver {wire.node}\n")
        self._plane(parts, wire).write_access()
        record = self.folder / "wire.json"
        record.with_suffix(".new").write_text(json.dumps({"number": wire.number}))
        record.with_suffix(".new").rename(record)  # the last step: a machine with this record is whole

    def _end(self) -> None:
        wire = self.wire
        logs = self.folder / "log"
        if logs.exists():
            shutil.rmtree(self.logs, ignore_errors=True)
            shutil.copytree(logs, self.logs)
        self.machine.end()
        if wire is not None:
            network.cut(wire)

    def _plane(self, parts: Parts, wire: network.Wire) -> ControlPlane:
        return ControlPlane(parts.kubernetes, self.folder, wire.node, _API_PORT)

    def _node(self, parts: Parts) -> Node:
        wire = self.wire
        assert wire is not None, "an unmade machine has no node"
        node = Node(self._plane(parts, wire), parts.coredns, self.machine.cgroup, parts.pause)
        node.write_configuration()
        return node

    def _ended(self, *others: str) -> list[str]:
        """The programs that have ended, and other complaints."""
        states = self.machine.states().items()
        return [
            *(
                f"{name} has ended ({state['ended']}); see {self.folder / 'log' / name}.log"
                for name, state in states
                if not state["running"]
            ),
            *others,
        ]
