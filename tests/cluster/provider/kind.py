"""The same cluster on kind, for people with Docker: our manifests with the images that the projects publish.

A cluster takes fixed ports of this machine, so one is up at a time. It is tried on machines with Docker only.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.provider import addons
from tests.cluster.provider.addons import access, argo, gateway, storage
from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import Manifest
from tests.cluster.provider.addons.webhooks import ServingPair
from tests.cluster.provider.artefacts import locked, say
from tests.cluster.provider.commands import run
from tests.cluster.provider.folders import ProviderError, cache_folder, cluster_folder, project_root
from tests.cluster.provider.keys import Authority
from tests.cluster.provider.programs import sources

RELEASE = "v0.33.0"  # of kind: a node image belongs to a release of it
NODE_IMAGE = "kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d"
HOST = "127.0.0.1"
# What has to be there, and where one gets it.
TOOLS = {
    "docker": "https://docs.docker.com/engine/install/",
    "kind": f"https://github.com/kubernetes-sigs/kind/releases/tag/{RELEASE}",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
}
PORTS = (gateway.NODE_PORT, argo.NODE_PORT, storage.NODE_PORT)
RUNTIME_IMAGE = "mlopsctl.test/runtime:kind"
PUBLIC_IMAGES = Images(
    workflow_controller="quay.io/argoproj/workflow-controller:v3.7.14",
    executor="quay.io/argoproj/argoexec:v3.7.14",
    argo_server="quay.io/argoproj/argocli:v3.7.14",
    kserve_controller="docker.io/kserve/kserve-controller:v0.20.0",
    jobset_controller="registry.k8s.io/jobset/jobset:v0.10.1",
    gateway="docker.io/library/traefik:v3.5.3",
    s3="ghcr.io/versity/versitygw:v1.8.0",
    pull_policy="IfNotPresent",
)


def config() -> dict[str, Any]:
    """What kind is to make: one node, whose ports for gateway, argo-server and store are ports of this machine."""
    ports = [{"containerPort": port, "hostPort": port, "listenAddress": HOST, "protocol": "TCP"} for port in PORTS]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": "control-plane", "image": NODE_IMAGE, "extraPortMappings": ports}],
    }


@dataclass(frozen=True)
class Kind:
    """A cluster by its name in kind. `folder` holds its configuration, manifests, keys and kubeconfig."""

    name: str
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """What reaches the cluster as its administrator."""
        return self.folder / "kubeconfig"

    def write(self, definitions: Sequence[Manifest], objects: Sequence[Manifest]) -> None:
        """Write the files that the commands read."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file("kind").write_text(json.dumps(config(), indent=1))
        for name, manifests in (("definitions", definitions), ("objects", objects)):
            self._file(name).write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))

    def create_command(self) -> list[str]:
        """Makes the cluster; fails if there is one of this name."""
        files = [f"--config={self._file('kind')}", f"--kubeconfig={self.kubeconfig}"]
        return ["kind", "create", "cluster", f"--name={self.name}", *files, "--wait=120s"]

    def install_commands(self, project: Path) -> list[list[str]]:
        """Bring the runtime image and the add-ons, in this order; doing so again changes nothing."""
        definitions, objects = (f"--filename={self._file(name)}" for name in ("definitions", "objects"))
        apply = ["apply", "--server-side", "--force-conflicts"]
        return [
            ["kind", "export", "kubeconfig", f"--name={self.name}", f"--kubeconfig={self.kubeconfig}"],
            ["docker", "build", f"--file={project / 'Containerfile'}", f"--tag={RUNTIME_IMAGE}", str(project)],
            ["kind", "load", "docker-image", RUNTIME_IMAGE, f"--name={self.name}"],
            self._kubectl(*apply, definitions),
            self._kubectl("wait", "--for=condition=Established", "--timeout=60s", definitions),
            self._kubectl(*apply, objects),
            *(self.wait_command(namespace, name, seconds=300) for namespace, name in addons.DEPLOYMENTS),
        ]

    def wait_command(self, namespace: str, name: str, *, seconds: int) -> list[str]:
        """Waits until a Deployment is available; fails if it isn't by then."""
        where = [f"--namespace={namespace}", f"deployment/{name}"]
        return self._kubectl("rollout", "status", *where, f"--timeout={seconds}s")

    def delete_command(self) -> list[str]:
        """Removes the cluster; does nothing if there is none."""
        return ["kind", "delete", "cluster", f"--name={self.name}", f"--kubeconfig={self.kubeconfig}"]

    def _kubectl(self, *arguments: str) -> list[str]:
        return ["kubectl", f"--kubeconfig={self.kubeconfig}", *arguments]

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def up(name: str) -> None:
    """Bring the cluster up, or what of it isn't up. Raises ProviderError with the words of what failed."""
    _require_tools()
    cluster = _cluster(name)
    with locked(cluster.folder.with_suffix(".lock")):
        modules = sources()
        installation = addons.Installation(PUBLIC_IMAGES, _serving_pair(cluster.folder / "keys"))
        found = access.config_map(access.Addresses.on(HOST), RUNTIME_IMAGE)
        cluster.write(addons.definitions(modules), [*addons.objects(modules, installation), found])
        missing = [] if _exists(cluster) else [cluster.create_command()]
        for command in (*missing, *cluster.install_commands(project_root())):
            say(" ".join(command[:4]))
            run(command)
    status(name)


def down(name: str) -> None:
    """Remove the cluster, and nothing else of kind's. Raises ProviderError with kind's words."""
    cluster = _cluster(name)
    with locked(cluster.folder.with_suffix(".lock")):
        run(cluster.delete_command())
        shutil.rmtree(cluster.folder, ignore_errors=True)


def status(name: str) -> None:
    """Print whether the cluster is up, and where. Raises ProviderError if something of it isn't ready."""
    cluster = _cluster(name)
    if not _exists(cluster):
        sys.stdout.write(f"cluster {name}: not up\n")
        return
    for namespace, deployment in addons.DEPLOYMENTS:
        run(cluster.wait_command(namespace, deployment, seconds=1))
    sys.stdout.write(f"cluster {name}: up\n  export KUBECONFIG={cluster.kubeconfig}\n")


def _cluster(name: str) -> Kind:
    cluster_folder(name)  # refuses what can't be a name
    return Kind(f"mlopsctl-{name}", cache_folder() / "kind" / name)


def _require_tools() -> None:
    missing = [f"  {tool}: {where}" for tool, where in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        raise ProviderError("\n".join(["kind needs programs that aren't on this machine", *missing]))


def _exists(cluster: Kind) -> bool:
    return cluster.name in run(["kind", "get", "clusters"]).split()


def _serving_pair(folder: Path) -> ServingPair:
    """The webhooks' keys, the same for as long as the cluster lives: new ones are noticed only after a minute."""
    if not (folder / "webhook.key").exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = Authority.new()
        authority.pair.write(folder, "ca")
        authority.server(*addons.WEBHOOK_NAMES).write(folder, "webhook")
    ca, certificate, key = ((folder / name).read_bytes() for name in ("ca.crt", "webhook.crt", "webhook.key"))
    return ServingPair(ca, certificate, key)
