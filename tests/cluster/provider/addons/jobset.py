"""JobSet's controller, which runs trainings on several nodes, from the manifests of its Go module.

Its certificates are ours: its own management of them would wait for a kubelet to see them, a minute or more.
"""

from pathlib import Path

from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import (
    Manifest,
    cluster_role_binding,
    namespace,
    read,
    read_definitions,
    service_account,
)
from tests.cluster.provider.addons.pods import deployment, readiness
from tests.cluster.provider.addons.webhooks import ServingPair, in_base64

NAMESPACE = "jobset-system"
NAME = "jobset-controller-manager"
_SERVICE = "jobset-webhook-service"
WEBHOOK_NAMES = (f"{_SERVICE}.{NAMESPACE}.svc", f"{_SERVICE}.{NAMESPACE}.svc.cluster.local")
_HEALTH, _WEBHOOK = 8081, 9443
_CERTIFICATES = "/tmp/k8s-webhook-server/serving-certs"
_CONFIGURATION = """\
apiVersion: config.jobset.x-k8s.io/v1alpha1
kind: Configuration
leaderElection: {leaderElect: false}
internalCertManagement: {enable: false}
"""


def definitions(module: Path) -> list[Manifest]:
    """The definition of JobSets."""
    return read_definitions(module / "config/components/crd/bases")


def objects(module: Path, images: Images, pair: ServingPair) -> list[Manifest]:
    """The controller, what it may do, and its webhooks."""
    account = service_account(NAMESPACE, NAME)
    (role,) = read(module / "config/components/rbac/role.yaml")
    role["metadata"]["name"] = NAME
    return [
        namespace(NAMESPACE),
        account,
        role,
        cluster_role_binding(NAME, account),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": NAMESPACE, "name": NAME},
            "data": {"config.yaml": _CONFIGURATION},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"namespace": NAMESPACE, "name": NAME},
            "data": {"tls.crt": in_base64(pair.certificate), "tls.key": in_base64(pair.key)},
        },
        _deployment(module.name.partition("@")[2], images),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": NAMESPACE, "name": _SERVICE},
            "spec": {"selector": {"app": NAME}, "ports": [{"port": 443, "targetPort": _WEBHOOK}]},
        },
        *_webhooks(module, pair),
    ]


def _deployment(version: str, images: Images) -> Manifest:
    container = {
        "image": images.jobset_controller,
        "imagePullPolicy": images.pull_policy,
        "command": ["/manager"],
        "args": ["--config=/configuration/config.yaml", "--metrics-bind-address=0", "--zap-devel=false"],
        "ports": [{"containerPort": _WEBHOOK}],
        "readinessProbe": readiness(_HEALTH, "/readyz"),
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/configuration"},
            {"name": "certificates", "mountPath": _CERTIFICATES},
        ],
    }
    volumes = [
        {"name": "configuration", "configMap": {"name": NAME}},
        {"name": "certificates", "secret": {"secretName": NAME}},
    ]
    made = deployment(NAMESPACE, NAME, container, serviceAccountName=NAME, volumes=volumes)
    made["metadata"]["labels"] |= {"control-plane": "controller-manager", "app.kubernetes.io/version": version}
    return made


def _webhooks(module: Path, pair: ServingPair) -> list[Manifest]:
    """The project's own; those of pods are asked about its pods alone, as the project has it."""
    found = read(module / "config/components/webhook/manifests.yaml")
    for each in found:
        each["metadata"]["name"] = f"jobset-{each['metadata']['name']}"
        for webhook in each["webhooks"]:
            webhook["clientConfig"]["caBundle"] = in_base64(pair.authority)
            webhook["clientConfig"]["service"] |= {"namespace": NAMESPACE, "name": _SERVICE}
            if webhook["name"].endswith("pod.kb.io"):
                exists = {"key": "jobset.sigs.k8s.io/jobset-name", "operator": "Exists"}
                webhook["objectSelector"] = {"matchExpressions": [exists]}
    return found
