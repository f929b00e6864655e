"""Pods that can do no more than they have to."""

from collections.abc import Sequence
from typing import Any

from tests.cluster.provider.addons.manifests import Manifest

NOBODY = 65532
_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_security(user: int) -> dict[str, Any]:
    """What a pod's securityContext says of a numeric user who isn't root; volumes belong to their group."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """What a container's securityContext says."""
    return {**_CONTAINER, "capabilities": {"drop": ["ALL"]}}


def requests(*, cpu: str = "20m", memory: str = "64Mi") -> dict[str, Any]:
    """What a container asks for. It has no limits: a busy machine makes a test slow, not red."""
    return {"requests": {"cpu": cpu, "memory": memory}}


def readiness(port: int, path: str) -> dict[str, Any]:
    """A probe that notices within a second, and waits for an answer that a busy machine owes."""
    return {"httpGet": {"port": port, "path": path}, "periodSeconds": 1, "timeoutSeconds": 20, "failureThreshold": 3}


def deployment(namespace: str, name: str, container: dict[str, Any], **pod: object) -> Manifest:
    """One pod of one container, labelled `app: <name>`; `pod` is what else its spec says."""
    labels = {"app": name}
    spec = {
        "containers": [{"name": name, "securityContext": container_security(), "resources": requests(), **container}],
        "securityContext": pod_security(NOBODY),
        **pod,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {
            "replicas": 1,
            # Two of them would not share what one holds: a volume, a lease.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def adapt(manifest: Manifest, *, version: str, user: int, container: dict[str, Any]) -> None:
    """Make others' Deployment one of ours: its version as a label, and one container, of which `container` is set."""
    manifest["metadata"].setdefault("labels", {})["app.kubernetes.io/version"] = version
    spec = manifest["spec"]["template"]["spec"]
    first = spec["containers"][0]
    first.update({"securityContext": container_security(), "resources": requests(), **container})
    spec["containers"] = [first]
    spec["securityContext"] = pod_security(user)


def mounts(paths: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """An empty folder of its own at each path: the container's volumeMounts, the pod's volumes."""
    names = [path.strip("/").replace("/", "-") for path in paths]
    return (
        [{"name": name, "mountPath": path} for name, path in zip(names, paths, strict=True)],
        [{"name": name, "emptyDir": {}} for name in names],
    )
