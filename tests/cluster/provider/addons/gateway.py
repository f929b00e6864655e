"""The gateway: Traefik as a controller of the Gateway API, with a Gateway for the routes of all namespaces."""

from pathlib import Path

from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import (
    Manifest,
    cluster_role,
    cluster_role_binding,
    namespace,
    node_port_service,
    read_definitions,
    service_account,
)
from tests.cluster.provider.addons.pods import deployment, mounts, readiness

NAMESPACE = "gateways"
CLASS, GATEWAY = "traefik", "public"
# A listener's port is the one of the entry point, so it isn't 80, which takes a capability.
PORT, NODE_PORT = 8000, 30080
ADDRESS = f"gateway.{NAMESPACE}.svc.cluster.local"
_API = "gateway.networking.k8s.io"
_PING = 8080
# What Traefik waits for before it starts: it wants to see all of these, though no listener here has a certificate.
_RULES = (
    ("", "namespaces services secrets", "get list watch"),
    ("discovery.k8s.io", "endpointslices", "list watch"),
    (_API, "gatewayclasses gateways httproutes grpcroutes referencegrants", "get list watch"),
    (_API, "gatewayclasses/status gateways/status httproutes/status grpcroutes/status", "update"),
)


def definitions(module: Path) -> list[Manifest]:
    """The standard channel of the Gateway API."""
    return read_definitions(module / "config/crd/standard")


def objects(images: Images) -> list[Manifest]:
    """Traefik, the class `traefik` and the Gateway `public`, whose status names `ADDRESS`."""
    account = service_account(NAMESPACE, "gateway")
    return [
        namespace(NAMESPACE),
        account,
        cluster_role("mlopsctl-test-gateway", _RULES),
        cluster_role_binding("mlopsctl-test-gateway", account),
        _traefik(images),
        node_port_service(NAMESPACE, "gateway", port=PORT, node_port=NODE_PORT),
        _gateway_class(),
        _gateway(),
    ]


def _traefik(images: Images) -> Manifest:
    mounted, volumes = mounts(["/tmp"])
    provider = "--providers.kubernetesgateway"
    container = {
        "image": images.gateway,
        "imagePullPolicy": images.pull_policy,
        "command": ["traefik"],
        "args": [
            f"{provider}=true",
            f"{provider}.statusaddress.hostname={ADDRESS}",
            f"--entrypoints.web.address=:{PORT}",
            "--ping=true",
            # Two seconds is the default: a test that changes a weight would wait them.
            "--providers.providersthrottleduration=100ms",
            "--global.checknewversion=false",
            "--log.level=INFO",
        ],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": readiness(_PING, "/ping"),
        "volumeMounts": mounted,
    }
    return deployment(NAMESPACE, "gateway", container, serviceAccountName="gateway", volumes=volumes)


def _gateway_class() -> Manifest:
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "GatewayClass",
        "metadata": {"name": CLASS},
        "spec": {"controllerName": "traefik.io/gateway-controller"},
    }


def _gateway() -> Manifest:
    listener = {"name": "http", "protocol": "HTTP", "port": PORT, "allowedRoutes": {"namespaces": {"from": "All"}}}
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "Gateway",
        "metadata": {"namespace": NAMESPACE, "name": GATEWAY},
        "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
    }
