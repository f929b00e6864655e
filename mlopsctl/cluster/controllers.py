"""The programs that act on objects: where they run, in which version, and whether they are ready."""

from mlopsctl.cluster.connection import Connection, Json
from mlopsctl.cluster.errors import Forbidden
from mlopsctl.cluster.versions import Number, number_of, written
from mlopsctl.examination import Observation, State
from mlopsctl.frozen import frozen

_VERSION_LABEL = "app.kubernetes.io/version"


@frozen
class Controller:
    """A Deployment by the name that its makers give it, or by a label where a chart has named it.

    `oldest` is the version from which on it does all that is asked of it. `install` is where one reads how to get it,
    or for what isn't required, what it would be good for.
    """

    part: str
    subject: str
    name: str
    label: str
    install: str
    oldest: Number | None = None
    is_required: bool = True


@frozen
class Deployment:
    """A controller that was found. `version` is as its image or label says it, or empty."""

    namespace: str
    name: str
    version: str
    is_ready: bool


def find(connection: Connection, controller: Controller) -> Deployment | None:
    """The controller, wherever it runs, or None; who may not look everywhere looks in the own namespace.

    Raises Forbidden with the right to look everywhere if it is in neither.
    """
    try:
        return _find_below(connection, controller, "/apis/apps/v1/deployments")
    except Forbidden as everywhere:
        own = f"/apis/apps/v1/namespaces/{connection.namespace}/deployments"
        try:
            found = _find_below(connection, controller, own)
        except Forbidden:
            raise everywhere from None
        if found is None:
            raise
        return found


def observe(controller: Controller, found: Deployment | None) -> Observation:
    """Whether a controller is there, ready and new enough."""
    part, subject = controller.part, controller.subject
    if found is None:
        state = State.MISSING if controller.is_required else State.ABSENT
        return Observation(part, subject, state, "not there", _to_install(controller))
    named = found.version or "of a version that its image does not tell"
    if not found.is_ready:
        advice = f"see why: kubectl --namespace {found.namespace} describe deployment {found.name}"
        state = State.MISSING if controller.is_required else State.WARNING
        return Observation(part, subject, state, f"{named} in `{found.namespace}`, not ready", advice)
    number = number_of(found.version)
    if controller.oldest and number and number < controller.oldest:
        advice = f"upgrade it to {written(controller.oldest)} or newer: {controller.install}"
        return Observation(part, subject, State.MISSING, f"{named} in `{found.namespace}` is too old", advice)
    return Observation(part, subject, State.FINE, f"{named} in `{found.namespace}`, ready")


def _to_install(controller: Controller) -> str:
    return f"install it: {controller.install}" if controller.is_required else controller.install


def _find_below(connection: Connection, controller: Controller, path: str) -> Deployment | None:
    found = connection.items(path, fieldSelector=f"metadata.name={controller.name}")
    found = found or connection.items(path, labelSelector=controller.label)
    deployments = [_deployment(item) for item in found]
    # Of several, the one that works is the one that counts.
    return min(deployments, key=lambda one: not one.is_ready, default=None)


def _deployment(found: Json) -> Deployment:
    metadata = found.get("metadata", {})
    containers = found.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ())
    images = [str(container.get("image", "")) for container in containers]
    label = str(metadata.get("labels", {}).get(_VERSION_LABEL, ""))
    return Deployment(
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        version=next((tag for image in images if number_of(tag := _tag(image))), label).removeprefix("v"),
        is_ready=bool(found.get("status", {}).get("readyReplicas")),
    )


def _tag(image: str) -> str:
    """The tag of an image, or nothing: `registry:5000/name@sha256:…` has none."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]
