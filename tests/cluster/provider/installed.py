"""What is installed in a cluster before any test."""

from collections.abc import Mapping
from typing import Any

from tests.cluster.provider import addons
from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import Manifest
from tests.cluster.provider.addons.sources import Sources
from tests.cluster.provider.addons.webhooks import ServingPair
from tests.cluster.provider.control_plane import USERS
from tests.cluster.provider.keys import Authority


def everything(sources: Sources, images: Mapping[str, str], authority: Authority) -> list[Manifest]:
    """Definitions, programs and their rights. `images` are references by the images' names."""
    pair = authority.server(*addons.WEBHOOK_NAMES)
    installation = addons.Installation(
        images=Images(
            workflow_controller=images["workflow-controller"],
            executor=images["argoexec"],
            argo_server=images["argocli"],
            kserve_controller=images["kserve-controller"],
            jobset_controller=images["jobset-controller"],
            gateway=images["traefik"],
            s3=images["s3"],
        ),
        webhooks=ServingPair(authority.pair.certificate, pair.certificate, pair.key),
    )
    return [*_name_service(), *addons.definitions(sources), *addons.objects(sources, installation)]


def _name_service() -> list[Manifest]:
    """What lets CoreDNS, which runs beside the pods, see what there is to name."""
    name = USERS["coredns"][0]
    group = "rbac.authorization.k8s.io"
    seen = {"": ["services", "pods", "namespaces"], "discovery.k8s.io": ["endpointslices"]}
    rules: list[dict[str, Any]] = [
        {"apiGroups": [of], "resources": resources, "verbs": ["list", "watch"]} for of, resources in seen.items()
    ]
    return [
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
        },
    ]
