"""The second tier: a whole node with pods, and on it all that our pipelines need."""

import json
import shutil
from collections.abc import Callable, Container, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.provider import network
from tests.cluster.provider.addons import access
from tests.cluster.provider.artefacts import digest_of, locked
from tests.cluster.provider.control_plane import Api, ControlPlane
from tests.cluster.provider.folders import ProviderError, cache_folder, cluster_folder
from tests.cluster.provider.image_store import has_image, import_image, place_images
from tests.cluster.provider.machine import ENVIRONMENTS, Machine
from tests.cluster.provider.node import Node
from tests.cluster.provider.oci import reference_of
from tests.cluster.provider.readiness import unready, wait_until
from tests.cluster.provider.seed import plant

_API_PORT = 6443
_PATIENCE_S = 300  # of machines that are busy with something else


@dataclass(frozen=True)
class Parts:
    """What a cluster is made of, all built."""

    nodeinit: Path
    kubernetes: Path
    coredns: Path
    images: Path
    seed: Path
    pause: str  # reference of the image that holds a pod together


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
        # Groups of processes are the whole machine's, and users with other caches may give the same name.
        return Machine(self.folder, f"mlopsctl-{self.name}-{digest_of(str(self.folder))[:6]}")

    @property
    def wire(self) -> network.Wire | None:
        """The wire to its node; None if it isn't up."""
        made = self._made()
        return network.Wire(made["wire"]) if made else None

    def up(self, parts: Parts) -> None:
        """Bring it up, or what of it isn't. Raises ProviderError if it isn't well in two minutes, with what is not."""
        with self._alone():
            try:
                self._bring_up(parts)
            except ProviderError:
                if self.machine.process is not None:
                    raise
                self._bring_up(parts)  # it was about to end when it was found, and has to be made anew

    def _bring_up(self, parts: Parts) -> None:
        if self.machine.process is None or self._made().get("parts") != repr(parts):
            self._begin(parts)
        node = self._node(parts, self._living_wire())
        api = Api(self.kubeconfig)
        first, others = node.first_components(), node.other_components()
        self._run("the API server is ready", first, lambda: [] if api.answers("/readyz") else ["it doesn't answer"])
        self._run("all is ready", [*first, *others], lambda: unready(api))

    def _run(self, what: str, components: Sequence[dict[str, Any]], unready: Callable[[], list[str]]) -> None:
        """Start those of the programs that don't run, and wait until they and nothing else of this is missing."""
        names = {each["name"] for each in components}

        def missing() -> list[str]:
            self._living_wire()  # else there is nothing to wait for
            return [*self._ended(names), *unready()]

        self.machine.run(components)
        wait_until(what, missing, patience_s=_PATIENCE_S)

    def load(self, runtime_image: Path) -> None:
        """Let pods have the runtime image of this tar, and say in the cluster itself how all of it is reached.

        Whoever has no more than a kubeconfig reads it there. Raises ProviderError if the cluster isn't up.
        """
        with self._alone():
            wire = self._living_wire()
            reference = reference_of(runtime_image)
            if not has_image(self.machine, reference):
                import_image(self.machine, runtime_image)
            known = access.config_map(access.Addresses.on(wire.node), reference, environments=ENVIRONMENTS)
            Api(self.kubeconfig).apply("configmaps", known)

    def down(self) -> None:
        """End all of it and leave nothing but its logs. Nothing to do if it isn't up."""
        with self._alone():
            self._end()
            self._lock.unlink()

    def missing(self) -> list[str]:
        """What of it isn't well, a line each. Raises ProviderError if it isn't up."""
        self._living_wire()
        return [*self._ended(), *unready(Api(self.kubeconfig))]

    def _living_wire(self) -> network.Wire:
        if self.machine.process is None or self.wire is None:
            raise ProviderError(f"no cluster {self.name!r} is up")
        return self.wire

    def _alone(self) -> AbstractContextManager[None]:
        return locked(self._lock)

    @property
    def _lock(self) -> Path:
        return self.folder.with_suffix(".lock")

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
        node = self._node(parts, wire)
        node.plane.write_access()
        node.write_configuration()  # once: a program whose file is written anew, be it the same, ends
        beside = self._record.with_suffix(".new")
        beside.write_text(json.dumps({"wire": wire.number, "parts": repr(parts)}))
        beside.rename(self._record)  # the last step: a machine with this record is whole

    @property
    def _record(self) -> Path:
        return self.folder / "made.json"

    def _made(self) -> dict[str, Any]:
        """What `_begin` has made, with which wire, of which parts. Empty if it hasn't come to its end."""
        try:
            return dict(json.loads(self._record.read_text()))
        except FileNotFoundError:
            return {}

    def _end(self) -> None:
        logs = self.folder / "log"
        if logs.exists():
            shutil.rmtree(self.logs, ignore_errors=True)
            shutil.copytree(logs, self.logs)
        wire = self.wire
        if wire is not None and self.machine.process is not None:
            network.cut(wire)  # as long as it is this cluster's: once its machine ends, another may take the name
        self.machine.end()

    def _node(self, parts: Parts, wire: network.Wire) -> Node:
        plane = ControlPlane(parts.kubernetes, self.folder, wire.node, _API_PORT)
        return Node(plane, parts.coredns, self.machine.cgroup, parts.pause)

    def _ended(self, among: Container[str] | None = None) -> list[str]:
        """The programs that have ended."""
        states = self.machine.states().items()
        ended = ((name, each["ended"]) for name, each in states if not each["running"])
        log = self.folder / "log"
        return [f"{name} has ended ({how}); see {log / name}.log" for name, how in ended if not among or name in among]
