"""What a test cluster has besides Kubernetes: Argo Workflows, KServe, JobSet, a gateway and a store, as objects.

First come `definitions`; once the API server serves them, `objects`; in each namespace of a test `namespace_objects`.
"""

from dataclasses import dataclass

from tests.cluster.provider.addons import argo, gateway, jobset, kserve, storage
from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import Manifest
from tests.cluster.provider.addons.sources import Sources
from tests.cluster.provider.addons.storage import Credentials
from tests.cluster.provider.addons.webhooks import ServingPair

# The names for which the webhooks' certificate is to be made out.
WEBHOOK_NAMES = (*kserve.WEBHOOK_NAMES, *jobset.WEBHOOK_NAMES)
# Of each add-on the Deployments, as (namespace, name): once all are available, everything answers but KServe's
# webhook, which comes with the next round of the service proxy.
DEPLOYMENTS = (
    (argo.NAMESPACE, "workflow-controller"),
    (argo.NAMESPACE, "argo-server"),
    (kserve.NAMESPACE, "kserve-controller-manager"),
    (jobset.NAMESPACE, jobset.NAME),
    (gateway.NAMESPACE, "gateway"),
    (storage.NAMESPACE, "s3"),
)


@dataclass(frozen=True)
class Installation:
    """What the add-ons of one cluster are made with."""

    images: Images
    webhooks: ServingPair
    credentials: Credentials = storage.CREDENTIALS


def definitions(sources: Sources) -> list[Manifest]:
    """The custom resource definitions of all add-ons, and of what pipelines make use of where it is there."""
    return [
        *argo.definitions(sources.argo),
        *kserve.definitions(sources.kserve),
        *gateway.definitions(sources.gateway_api),
        *jobset.definitions(sources.jobset),
        *sources.optional_definitions(),
    ]


def objects(sources: Sources, installation: Installation) -> list[Manifest]:
    """All else: namespaces come before what is in them."""
    images, credentials = installation.images, installation.credentials
    return [
        *storage.objects(images, credentials),
        *argo.objects(sources.argo, images),
        *kserve.objects(sources.kserve, images, installation.webhooks),
        *jobset.objects(sources.jobset, images, installation.webhooks),
        *gateway.objects(images),
    ]


def namespace_objects(namespace: str, credentials: Credentials = storage.CREDENTIALS) -> list[Manifest]:
    """What a namespace needs for workflows to run in it and to reach the store."""
    return [argo.executor_binding(namespace), storage.secret(namespace, credentials)]
