"""The Gateway API, which splits traffic: its definitions, a class, and the Gateway that an environment names."""

from collections.abc import Iterator

from mlopsctl.cluster import definitions
from mlopsctl.cluster.connection import Connection, Json
from mlopsctl.cluster.definitions import Kinds
from mlopsctl.cluster.errors import Absent, Forbidden
from mlopsctl.examination import Observation, State
from mlopsctl.ir.environment import Gateway

PART = "Gateway API"
_INSTALL = "https://gateway-api.sigs.k8s.io/guides/"
_GROUP = "gateway.networking.k8s.io"
KINDS = Kinds(PART, _GROUP, "v1", ("gatewayclasses", "gateways", "httproutes"), _INSTALL)
_CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.{_GROUP}"


def observe_definitions(connection: Connection, *, required: bool) -> Iterator[Observation]:
    """Whether routes are served, and of which release they are."""
    found = definitions.definitions(connection, KINDS, required=required)
    if found.state is State.FINE:
        found = Observation(PART, found.subject, State.FINE, found.found + _bundle(connection))
    yield found


def observe_class(connection: Connection, *, required: bool) -> Iterator[Observation]:
    """Whether there is somebody who honours routes; nothing where there are no definitions, which have their line."""
    try:
        yield _class(connection, required=required)
    except Absent:
        return


def observe_gateway(connection: Connection, gateway: Gateway | None) -> Iterator[Observation]:
    """Whether the environment's Gateway takes traffic, if it names one."""
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
    classes = connection.items(f"/apis/{_GROUP}/v1/gatewayclasses")
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
