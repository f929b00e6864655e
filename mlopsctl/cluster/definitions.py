"""Which kinds of objects a cluster has. Discovery says so to everybody; to read CRDs themselves takes rights."""

from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent
from mlopsctl.examination import Observation, State
from mlopsctl.frozen import frozen

SUBJECT = "definitions"


@frozen
class Kinds:
    """Resources of one version of an API group, and how one comes to have them."""

    part: str
    group: str
    version: str
    resources: tuple[str, ...]
    install: str


def definitions(connection: Connection, kinds: Kinds, *, required: bool) -> Observation:
    """Whether all resources are served at the version; what isn't required is merely absent."""
    lacking = State.MISSING if required else State.ABSENT
    there = served(connection, kinds.group, kinds.version)
    if there is None:
        others = _versions(connection, kinds.group)
        if others:
            found = f"{kinds.group} is served at {', '.join(others)}, {kinds.version} is needed"
            return Observation(kinds.part, SUBJECT, lacking, found, f"upgrade it: {kinds.install}")
        return Observation(kinds.part, SUBJECT, lacking, f"no {kinds.group} here", f"install it: {kinds.install}")
    missing = [name for name in kinds.resources if name not in there]
    if missing:
        found = f"no {', '.join(missing)} of {kinds.group}/{kinds.version}"
        return Observation(kinds.part, SUBJECT, lacking, found, f"install its CRDs again: {kinds.install}")
    return Observation(kinds.part, SUBJECT, State.FINE, f"{', '.join(kinds.resources)} at {kinds.version}")


def served(connection: Connection, group: str, version: str) -> set[str] | None:
    """The names of the resources that are served at a version, or None if nothing is."""
    try:
        found = connection.get(f"/apis/{group}/{version}")
    except Absent:
        return None
    return {str(resource.get("name")) for resource in found.get("resources", ())}


def _versions(connection: Connection, group: str) -> list[str]:
    try:
        found = connection.get(f"/apis/{group}")
    except Absent:
        return []
    return [str(version.get("version")) for version in found.get("versions", ())]
