"""How a cluster's parts are reached, as the cluster itself tells whoever has its kubeconfig."""

from collections.abc import Mapping
from pathlib import Path

from tests.cluster.objects import Objects
from tests.cluster.provider.addons.access import NAME
from tests.cluster.provider.addons.storage import NAMESPACE


def read_access(kubeconfig: Path) -> Mapping[str, str]:
    """Base URLs by `gateway`, `s3` and `argo-server`, and `runtime-image`; empty if the cluster doesn't say."""
    found = Objects(kubeconfig, NAMESPACE).get("v1", "ConfigMap", NAME)
    return found["data"] if found else {}
