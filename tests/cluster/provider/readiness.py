"""Whether a cluster is well, and if not, what is missing."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

from tests.cluster.provider.addons import DEPLOYMENTS
from tests.cluster.provider.control_plane import Api
from tests.cluster.provider.folders import ProviderError

# Creating one is asked of KServe's webhook; a dry run creates nothing.
_ASKED_OF_WEBHOOK = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "readiness"},
    "spec": {"predictor": {"containers": [{"name": "kserve-container", "image": "none"}]}},
}
_INFERENCE_SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/default/inferenceservices"


def wait_until(what: str, unready: Callable[[], list[str]], *, patience_s: float) -> None:
    """Wait until nothing is unready. Raises ProviderError with what still is."""
    deadline = time.monotonic() + patience_s
    while missing := unready():
        if time.monotonic() > deadline:
            raise ProviderError(f"{what}: not within {patience_s:.0f} s\n" + "\n".join(f"  {each}" for each in missing))
        time.sleep(0.05)


def unready(api: Api) -> list[str]:
    """What of the node and of all that is installed isn't ready, a line each."""
    if not api.answers("/readyz"):
        return ["the API server doesn't answer"]
    return _unready_nodes(api) + _unready_deployments(api) or _unready_webhooks(api)


def _unready_nodes(api: Api) -> list[str]:
    nodes = api.items("/api/v1/nodes")
    if not nodes:
        return ["no node has registered"]
    return [f"node {node['metadata']['name']}" for node in nodes if not _condition(node, "Ready")]


def _unready_deployments(api: Api) -> list[str]:
    """Those of the add-ons: what tests deploy may be broken on purpose."""
    there = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for each in api.items("/apis/apps/v1/deployments")
    }
    return [
        f"deployment {'/'.join(name)}" for name in DEPLOYMENTS if name not in there or not _is_available(there[name])
    ]


def _unready_webhooks(api: Api) -> list[str]:
    """A webhook's pod is ready before the way to it is."""
    if not api.items("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"):
        return []
    try:
        status, body = api.ask("POST", f"{_INFERENCE_SERVICES}?dryRun=All", json.dumps(_ASKED_OF_WEBHOOK))
    except OSError as error:
        return [f"KServe's webhook: {error}"]
    return [] if status == http.client.CREATED else [f"KServe's webhook: {body[:300].decode(errors='replace')}"]


def _is_available(deployment: dict[str, Any]) -> bool:
    newest = deployment["metadata"]["generation"]
    return _condition(deployment, "Available") and deployment["status"].get("observedGeneration") == newest


def _condition(found: dict[str, Any], kind: str) -> bool:
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)
