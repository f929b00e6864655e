"""The Gateway API, which splits traffic: its definitions, a class, and the Gateway that an environment names."""

from collections.abc import Iterator

from mlopsctl.cluster import definitions
from mlopsctl.cluster.connection import Connection, Json
from mlopsctl.cluster.definitions import Kinds
from mlopsctl.cluster.errors import Absent, Forbidden
from mlopsctl.cluster.seeing import unseen
from mlopsctl.examination import Observation, State
from mlopsctl.frozen import frozen

PART = "Gateway API"
_INSTALL = "https://gateway-api.sigs.k8s.io/guides/"
_GROUP = "gateway.networking.k8s.io"
KINDS = Kinds(PART, _GROUP, "v1", ("gatewayclasses", "gateways", "httproutes"), _INSTALL)
_CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.{_GROUP}"


@frozen
class Gateway:
    """The Gateway that the traffic of an environment comes through."""

    name: str
    namespace: str


def observe(connection: Connection, gateway: Gateway | None) -> Iterator[Observation]:
    """Everything about it. An environment that names no Gateway needs none of it."""
    found = definitions.definitions(connection, KINDS, required=gateway is not None)
    if found.state is not State.FINE:
        yield found
        return
    yield Observation(PART, found.subject, State.FINE, found.found + _bundle(connection))
    yield _class(connection, required=gateway is not None)
    if gateway is not None:
        yield _gateway(connection, gateway)


def _bundle(connection: Connection) -> str:
    """Which release the definitions are of, where we may see it."""
    try:
        annotations = connection.get(_CRD)["metadata"].get("annotations", {})
    except (Absent, Forbidden):
        return ""
    version = annotations.get(f"{_GROUP}/bundle-version")
    return f", release {version.removeprefix('v')}" if version else ""


def _class(connection: Connection, *, required: bool) -> Observation:
    subject = "class"
    lacking = State.MISSING if required else State.ABSENT
    install = "install an implementation: https://gateway-api.sigs.k8s.io/implementations/"
    try:
        classes = connection.items(f"/apis/{_GROUP}/v1/gatewayclasses")
    except Forbidden as error:
        return unseen(PART, subject, error)
    accepted = [_name(found) for found in classes if _condition(found, "Accepted").get("status") == "True"]
    if accepted:
        return Observation(PART, subject, State.FINE, f"{', '.join(sorted(accepted))}, accepted")
    if classes:
        names = ", ".join(sorted(map(_name, classes)))
        said = f"{names}: no controller has accepted it"
        return Observation(PART, subject, lacking, said, "see whether the controller that it names runs")
    return Observation(PART, subject, lacking, "no GatewayClass, so nothing honours routes", install)


def _gateway(connection: Connection, gateway: Gateway) -> Observation:
    named = f"`{gateway.name}` in `{gateway.namespace}`"
    look = f"kubectl --namespace {gateway.namespace} describe gateway {gateway.name}"
    try:
        found = connection.get(f"/apis/{_GROUP}/v1/namespaces/{gateway.namespace}/gateways/{gateway.name}")
    except Absent:
        advice = "make it, or correct `gateway` in the environment's file; kubectl get gateways --all-namespaces"
        return Observation(PART, "gateway", State.MISSING, f"no {named}", advice)
    condition = _condition(found, "Programmed")
    if condition.get("status") == "True":
        addresses = [str(one.get("value")) for one in found.get("status", {}).get("addresses", ())]
        where = f" at {', '.join(addresses)}" if addresses else ""
        return Observation(PART, "gateway", State.FINE, f"{named}, programmed{where}")
    reason = condition.get("reason") or "nobody has said why"
    return Observation(PART, "gateway", State.MISSING, f"{named} is not programmed: {reason}", look)


def _name(found: Json) -> str:
    return str(found.get("metadata", {}).get("name", ""))


def _condition(found: Json, kind: str) -> Json:
    conditions = found.get("status", {}).get("conditions", ())
    return next((one for one in conditions if one.get("type") == kind), {})
