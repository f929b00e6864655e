"""Which versions a cluster's traffic goes to, by the routes that are there."""

from mlopsctl.cluster.objects import Objects
from mlopsctl.ir.draft import service_name
from mlopsctl.manifest import ENVIRONMENT, PIPELINE
from mlopsctl.plan.overrides import Override, TurnedBack, led_by, override_of, turned_back_of

_ROUTE = ("gateway.networking.k8s.io/v1", "HTTPRoute")
_SERVICE = ("serving.kserve.io/v1beta1", "InferenceService")


def serving_now(objects: Objects, namespace: str, environment: str, pipeline: str) -> dict[str, str]:
    """The services of a pipeline that get traffic, with when they were made (RFC 3339).

    Without a route they are all that are there. Raises ClusterError.
    """
    selector = f"{PIPELINE}={pipeline},{ENVIRONMENT}={environment}"
    services = objects.listed(*_SERVICE, namespace, selector)
    made = {each["metadata"]["name"]: str(each["metadata"]["creationTimestamp"]) for each in services}
    led = led_to(objects, namespace, selector).get(pipeline)
    return made if led is None else {name: since for name, since in made.items() if name in led}


def overrides_in(
    objects: Objects, namespace: str, environment: str, pipeline: str
) -> tuple[Override | None, TurnedBack | None]:
    """What people have set over what would serve: a stop, a turning back. Raises ClusterError."""
    routes = objects.listed(*_ROUTE, namespace, f"{PIPELINE}={pipeline},{ENVIRONMENT}={environment}")
    stops = (override_of(route["metadata"]) for route in routes)
    turned = (turned_back_of(route["metadata"]) for route in routes)
    return next(filter(None, stops), None), next(filter(None, turned), None)


def led_to(objects: Objects, namespace: str, selector: str) -> dict[str, set[str]]:
    """The names of the services that the routes of pipelines lead to, of those that have some. Raises ClusterError.

    Of a pipeline that is stopped they are those that got its requests until then.
    """
    found: dict[str, set[str]] = {}
    for route in objects.listed(*_ROUTE, namespace, selector):
        names = found.setdefault((route["metadata"].get("labels") or {}).get(PIPELINE, ""), set())
        override = override_of(route["metadata"])
        names.update(override.led if override else led_by(route))
    return found


def differing(there: dict[str, str], digest: str, whose: str) -> str:
    """How what serves in the cluster differs from what `whose` word says, as a phrase; empty if both agree.

    `digest` is that of what serves by that word, or empty where nothing does.
    """
    if any(service_name("", digest) == f"-{name.rpartition('-')[2]}" for name in there) if digest else not there:
        return ""
    if not there:
        return f"nothing of what {whose} says serves in the cluster"
    return f"the cluster serves {', '.join(sorted(there))}, which is not what {whose} says"
