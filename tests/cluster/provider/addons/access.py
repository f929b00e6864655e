"""What tests read to find the add-ons: a ConfigMap, so that a cluster is known by its kubeconfig alone."""

from dataclasses import dataclass

from tests.cluster.provider.addons import argo, gateway, storage
from tests.cluster.provider.addons.manifests import Manifest

NAME = "access"


@dataclass(frozen=True)
class Addresses:
    """Base URLs as the tests reach them, without a slash at the end."""

    gateway: str
    s3: str
    argo_server: str

    @classmethod
    def on(cls, host: str) -> "Addresses":
        """The ports of a node at this name or address."""
        return cls(
            gateway=f"http://{host}:{gateway.NODE_PORT}",
            s3=f"http://{host}:{storage.NODE_PORT}",
            argo_server=f"http://{host}:{argo.NODE_PORT}",
        )


def config_map(addresses: Addresses, runtime_image: str, *, environments: str = "") -> Manifest:
    """The ConfigMap `access` in the namespace of the store.

    `environments` is a folder of the node in which pods of any user may keep Python environments, if it has one.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": storage.NAMESPACE, "name": NAME},
        "data": {
            "gateway": addresses.gateway,
            "s3": addresses.s3,
            "argo-server": addresses.argo_server,
            "runtime-image": runtime_image,
            **({"environments": environments} if environments else {}),
        },
    }
