"""Which release should answer, and which one the routes of a cluster lead to."""

from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.serving_now import serving_now
from mlopsctl.frozen import frozen
from mlopsctl.ir.draft import service_name
from mlopsctl.ir.environment import Environment, Gateway
from mlopsctl.manifest import Key
from mlopsctl.release.verification import Expected

_GATEWAY = "gateway.networking.k8s.io/v1"
_USUAL = {"HTTP": 80, "HTTPS": 443}


@frozen(kw_only=True)
class Wanted:
    """The release that should answer: its run and model, the digest that its version is called by, and whose word."""

    run: str
    model: str
    version: str
    by: str


def expected_in_cluster(objects: Objects, environment: Environment, pipeline: str, wanted: Wanted) -> Expected:
    """What is led to where `wanted` should answer, all of it and nothing else. Raises ClusterError."""
    there = serving_now(objects, environment.namespace, environment.name, pipeline)
    service = service_name(pipeline, wanted.version)
    found = "" if set(there) == {service} else _instead(service, sorted(there))
    seen = f"{service} is what the route leads to"
    return Expected(run=wanted.run, model=wanted.model, by=wanted.by, found=found, seen=seen)


def gateway_url(objects: Objects, gateway: Gateway) -> str:
    """The address of a gateway's host, by what its Gateway listens on; HTTPS before HTTP. Raises ClusterError."""
    found = objects.get(Key("gateway.networking.k8s.io", "Gateway", gateway.namespace, gateway.name), _GATEWAY)
    listeners = (found or {}).get("spec", {}).get("listeners", ())
    ports = {str(each.get("protocol")): int(each.get("port", 0)) for each in listeners}
    for protocol in ("HTTPS", "HTTP"):
        if protocol in ports:
            port = "" if ports[protocol] == _USUAL[protocol] else f":{ports[protocol]}"
            return f"{protocol.lower()}://{gateway.host}{port}"
    return f"http://{gateway.host}"


def _instead(service: str, there: list[str]) -> str:
    if not there:
        return "nothing of it serves in the cluster"
    others = [name for name in there if name != service]
    return f"requests go to {', '.join(others)}" + (" too" if len(others) < len(there) else "")
