"""KServe's controller in Standard mode, from the manifests of its Go module, with certificates of our own."""

import json
from pathlib import Path

from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import Manifest, namespace, read, read_definitions
from tests.cluster.provider.addons.pods import NOBODY, adapt, readiness
from tests.cluster.provider.addons.webhooks import ServingPair, in_base64

NAMESPACE = "kserve"
# The names for which the webhook's certificate is to be made out.
WEBHOOK_NAMES = ("kserve-webhook-server-service.kserve.svc", "kserve-webhook-server-service.kserve.svc.cluster.local")
_HEALTH = 8081
# They belong to kube-rbac-proxy, which guards metrics that nobody reads here, and to cert-manager.
_LEFT_OUT = (
    "kserve-proxy-role",
    "kserve-proxy-rolebinding",
    "kserve-controller-manager-metrics-service",
    "kserve-controller-manager-service",
    "kserve-webhook-server-secret",
)


def definitions(module: Path) -> list[Manifest]:
    """The definitions of what KServe's controller looks after, with full schemas."""
    return read_definitions(module / "config/crd/full", "serving*.yaml", "clusterstoragecontainer/serving*.yaml")


def objects(module: Path, images: Images, pair: ServingPair) -> list[Manifest]:
    """The controller, its configuration, its webhooks and what it may do."""
    found = [
        each
        for each in read(module / "charts/kserve-resources/files/kserve/resources.yaml")
        if not each["apiVersion"].startswith("cert-manager.io/") and each["metadata"]["name"] not in _LEFT_OUT
    ]
    version = module.name.partition("@")[2]
    for each in found:
        for webhook in each.get("webhooks", ()):
            webhook["clientConfig"]["caBundle"] = in_base64(pair.authority)
        if each["kind"] == "Deployment":
            adapt(each, version=version, user=NOBODY, container=_manager(images))
    return [namespace(NAMESPACE), _config_map(module), _secret(pair), *found]


def _manager(images: Images) -> dict[str, object]:
    return {
        "image": images.kserve_controller,
        "imagePullPolicy": images.pull_policy,
        "command": ["/manager"],
        # Alone as it is, it need not wait to be elected.
        "args": ["--metrics-addr=127.0.0.1:8080"],
        "readinessProbe": readiness(_HEALTH, "/readyz"),
    }


def _config_map(module: Path) -> Manifest:
    """KServe's own configuration, but for what can't be had here: Knative, Istio, two free gigabytes a model."""
    manifest = read(module / "config/configmap/inferenceservice.yaml")[0]
    manifest["metadata"]["namespace"] = NAMESPACE
    data: dict[str, str] = manifest["data"]
    data.pop("_example", None)
    small = {"cpuRequest": "50m", "memoryRequest": "64Mi", "cpuLimit": "1", "memoryLimit": "1Gi"}
    changes: dict[str, dict[str, object]] = {
        "deploy": {"defaultDeploymentMode": "Standard"},
        "ingress": {"disableIngressCreation": True, "disableIstioVirtualHost": True},
        "inferenceService": {"resource": small},
    }
    for key, change in changes.items():
        data[key] = json.dumps(json.loads(data[key]) | change)
    return manifest


def _secret(pair: ServingPair) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"namespace": NAMESPACE, "name": "kserve-webhook-server-cert"},
        "data": {"tls.crt": in_base64(pair.certificate), "tls.key": in_base64(pair.key)},
    }
