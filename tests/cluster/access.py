"""How a cluster's parts are reached, as the cluster itself tells whoever has its kubeconfig."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.objects import Objects
from tests.cluster.provider.addons.access import NAME
from tests.cluster.provider.addons.storage import NAMESPACE
from tests.cluster.provider.cluster import Cluster
from tests.cluster.provider.folders import DEFAULT_NAME

NAMED = "MLOPSCTL_TEST_KUBECONFIG"


def shared_kubeconfig() -> Path:
    """That of the cluster which all tests share: MLOPSCTL_TEST_KUBECONFIG, else what `make cluster-up` brings up."""
    named = os.environ.get(NAMED)
    return Path(named) if named else Cluster(DEFAULT_NAME).kubeconfig


def read_access(kubeconfig: Path) -> Mapping[str, str]:
    """Base URLs by `gateway`, `s3` and `argo-server`, `runtime-image`; empty if the cluster doesn't say.

    `environments` is a folder of its nodes in which pods may keep Python environments, if there is one.
    """
    found = Objects(kubeconfig, NAMESPACE).get("v1", "ConfigMap", NAME)
    return found["data"] if found else {}
