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
    missing = [name for name in kinds.resources if name not in there]
    if not missing:
        return Observation(kinds.part, SUBJECT, State.FINE, f"{', '.join(kinds.resources)} at {kinds.version}")
    others = _versions_of(connection, kinds, missing[0])
    if others:
        found = f"{missing[0]} are served at {', '.join(others)}, {kinds.version} is needed"
        return Observation(kinds.part, SUBJECT, lacking, found, f"upgrade it: {kinds.install}")
    # Not "no such group": one of which all definitions were deleted may be listed for a while, with nothing in it.
    found = f"no {', '.join(missing)} of {kinds.group}/{kinds.version}"
    what = "it" if len(missing) == len(kinds.resources) else "its CRDs again"
    return Observation(kinds.part, SUBJECT, lacking, found, f"install {what}: {kinds.install}")


def served(connection: Connection, group: str, version: str) -> set[str]:
    """The names of the resources that are served at a version; none if there is no such version."""
    try:
        found = connection.get(f"/apis/{group}/{version}")
    except Absent:
        return set()
    return {str(resource.get("name")) for resource in found.get("resources", ())}


def _versions_of(connection: Connection, kinds: Kinds, resource: str) -> list[str]:
    """The other versions that a resource is served at."""
    try:
        group = connection.get(f"/apis/{kinds.group}")
    except Absent:
        return []
    names = [str(version.get("version")) for version in group.get("versions", ())]
    return [name for name in names if name != kinds.version and resource in served(connection, kinds.group, name)]
