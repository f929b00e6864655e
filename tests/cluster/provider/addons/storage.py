"""The store: versitygw, as it checks signatures, keeps objects in files and does conditional writes under a lock.

gofakes3 keeps the same promises on writes, but takes any credentials, and holds all in memory. Files need extended
attributes of users (`user.*`), which the file systems of nodes have. A key can't be another's folder, too: with `a`
there, `a/b` is refused.
"""

from dataclasses import dataclass

from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import Manifest, namespace, node_port_service
from tests.cluster.provider.addons.pods import deployment, mounts, readiness

NAMESPACE = "mlopsctl-test"
SECRET = "s3-credentials"
ACCESS_KEY, SECRET_KEY = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
BUCKETS = ("artifacts", "store")
REGION = "us-east-1"
PORT, NODE_PORT = 9000, 30900
# As pods reach it: the store speaks HTTP.
ENDPOINT = f"s3.{NAMESPACE}:{PORT}"
_HEALTH = "/_health"  # no bucket can be called so
_DATA = "/data"


@dataclass(frozen=True)
class Credentials:
    """The one user of the store."""

    access_key: str
    secret_key: str


CREDENTIALS = Credentials("test", "test")


def objects(images: Images, credentials: Credentials = CREDENTIALS) -> list[Manifest]:
    """The store with its empty buckets, and its namespace."""
    return [
        namespace(NAMESPACE),
        secret(NAMESPACE, credentials),
        _server(images),
        node_port_service(NAMESPACE, "s3", port=PORT, node_port=NODE_PORT),
    ]


def secret(namespace: str, credentials: Credentials = CREDENTIALS) -> Manifest:
    """The Secret `s3-credentials`: its keys are the variables that clients of S3 read."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": SECRET},
        "stringData": {ACCESS_KEY: credentials.access_key, SECRET_KEY: credentials.secret_key},
    }


def _server(images: Images) -> Manifest:
    # A bucket is a folder; a volume at its place is there before the server starts.
    mounted, volumes = mounts([_DATA, *(f"{_DATA}/{bucket}" for bucket in BUCKETS)])
    names = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    container = {
        "image": images.s3,
        "imagePullPolicy": images.pull_policy,
        "command": ["versitygw"],
        "args": [f"--port=:{PORT}", f"--region={REGION}", f"--health={_HEALTH}", "--quiet", "posix", _DATA],
        "env": [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": key}}} for name, key in names.items()
        ],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": readiness(PORT, _HEALTH),
        "volumeMounts": mounted,
    }
    return deployment(NAMESPACE, "s3", container, volumes=volumes, automountServiceAccountToken=False)
