"""The S3 of the test cluster as a store, for the pods of a namespace and for whoever asks from outside."""

import uuid

from tests.cluster.objects import Objects
from tests.cluster.provider.addons.storage import ACCESS_KEY, BUCKETS, CREDENTIALS, ENDPOINT, REGION, SECRET_KEY


def new_store() -> str:
    """The address of a store in which nothing is yet."""
    return f"s3://{BUCKETS[1]}/{uuid.uuid4().hex}"


def open_to_pods(namespace: Objects, outside: str, **more: str) -> dict[str, str]:
    """Let the pods of a namespace use stores, and know `more` variables; those that let whoever is `outside` in."""
    keys = {ACCESS_KEY: CREDENTIALS.access_key, SECRET_KEY: CREDENTIALS.secret_key, "AWS_REGION": REGION}
    inside = {**keys, "AWS_ENDPOINT_URL": f"http://{ENDPOINT}", **more}
    namespace.apply(
        [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mlopsctl-store"}, "stringData": inside}]
    )
    return {**keys, "AWS_ENDPOINT_URL": outside}
