"""Objects of a cluster, as tests make them and wait for them."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.discovery import EagerDiscoverer
from kubernetes.dynamic.exceptions import NotFoundError

from tests.waiting import PATIENCE, until

Manifest = dict[str, Any]
_MANAGER = "mlopsctl-tests"


class Objects:
    """The objects of one namespace, and those of none."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubeconfig, self.namespace = kubeconfig, namespace
        connected = config.new_client_from_config(str(kubeconfig))
        # What one API server knows is remembered in a file by its address, and addresses are used again.
        self._client = DynamicClient(
            connected, cache_file=str(kubeconfig.parent / f"{namespace}.kinds"), discoverer=EagerDiscoverer
        )

    def apply(self, manifests: Iterable[Manifest]) -> None:
        """Make these objects, or change them to be so."""
        for manifest in manifests:
            self._kind(manifest["apiVersion"], manifest["kind"]).server_side_apply(
                body=manifest, namespace=self.namespace, field_manager=_MANAGER, force_conflicts=True
            )

    def get(self, version: str, kind: str, name: str) -> Manifest | None:
        """The object, or None if it isn't there."""
        try:
            found: Manifest = self._kind(version, kind).get(name=name, namespace=self.namespace).to_dict()
        except NotFoundError:
            return None
        return found

    def listed(self, version: str, kind: str) -> list[Manifest]:
        """All objects of a kind in the namespace."""
        return list(self._kind(version, kind).get(namespace=self.namespace).to_dict()["items"])

    def page(self, pod: str, port: str, path: str) -> str:
        """What a pod answers on a port, past all that is before it."""
        api = client.CoreV1Api(self._client.client)
        found: str = api.connect_get_namespaced_pod_proxy_with_path(f"{pod}:{port}", self.namespace, path.lstrip("/"))
        return found

    def delete(self, version: str, kind: str, name: str) -> None:
        """Ask for the object's end; it may take its time."""
        self._kind(version, kind).delete(name=name, namespace=self.namespace)

    def remove(self, version: str, kind: str, name: str) -> None:
        """Delete the object and wait until it is gone, so that there can be another of the name."""
        self.delete(version, kind, name)
        until(lambda: self.get(version, kind, name) is None, f"{kind} {name} to be gone", every=0.1)

    def wait_for(
        self, version: str, kind: str, name: str, holds: Callable[[Manifest], bool], *, seconds: float = PATIENCE
    ) -> Manifest:
        """The object when this holds for it; the test fails with its last state if it never does."""
        begun = time.monotonic()
        while True:
            found = self.get(version, kind, name)
            if found is not None and holds(found):
                return found
            waited = time.monotonic() - begun
            assert waited < seconds, f"{kind} {name} after {seconds:.0f} s: {found and found.get('status')}"
            # To ask for a large object costs both sides, and what takes long isn't known to the tenth of a second.
            time.sleep(min(1.0, 0.1 + waited / 20))

    def _kind(self, version: str, kind: str) -> Any:
        return self._client.resources.get(api_version=version, kind=kind)


def condition(kind: str) -> Callable[[Manifest], bool]:
    """Whether an object's condition of this kind is true."""

    def holds(found: Manifest) -> bool:
        conditions = found.get("status", {}).get("conditions", [])
        return any(each["type"] == kind and each["status"] == "True" for each in conditions)

    return holds
