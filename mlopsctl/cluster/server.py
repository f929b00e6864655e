"""The API server itself: its version, its clock, and the namespace that everything goes to."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from mlopsctl.cluster.connection import Answer, Connection
from mlopsctl.cluster.errors import Absent
from mlopsctl.cluster.versions import KUBERNETES, number_of, written
from mlopsctl.examination import Observation, State

PART = "Cluster"
_TOLERATED = 5.0  # seconds; records and leases are compared by time, and no clock is read at the same instant
_RESOLUTION = 0.5  # the header has whole seconds, cut off


def ask_version(connection: Connection) -> Answer:
    """The first thing asked of a server: it says whether there is one at all. Raises ClusterError."""
    return connection.ask("GET", "/version")


def version(answer: Answer, connection: Connection) -> Observation:
    """Which Kubernetes it is, and whether that is new enough."""
    found = str(answer.document.get("gitVersion", ""))
    number = number_of(found)
    milliseconds = max(1, round((answer.answered - answer.asked) * 1000))
    said = (
        f"Kubernetes {found.removeprefix('v') or 'of a version that it does not tell'}, answered in {milliseconds} ms"
    )
    if number is not None and number < KUBERNETES:
        needed = written(KUBERNETES)
        return Observation(PART, "API server", State.MISSING, said, f"have it upgraded: {needed} or newer is needed")
    if not connection.access.is_verified:
        return Observation(
            PART,
            "API server",
            State.WARNING,
            f"{said}, and is not verified",
            "put the certificate of its authority into the kubeconfig in place of `insecure-skip-tls-verify`",
        )
    return Observation(PART, "API server", State.FINE, said)


def clock(answer: Answer) -> Observation:
    """How far its clock is from this machine's."""
    try:
        there = parsedate_to_datetime(answer.date).timestamp() + _RESOLUTION
    except ValueError:
        return Observation(PART, "clock", State.UNKNOWN, "the server doesn't tell its time")
    ahead = there - (answer.asked + answer.answered) / 2
    # When of the time that the answer took the server looked at its clock isn't known.
    proven = _TOLERATED + (answer.answered - answer.asked) / 2
    if abs(ahead) <= proven:
        return Observation(PART, "clock", State.FINE, f"within {proven:.0f} s of this machine's")
    direction = "ahead of" if ahead > 0 else "behind"
    return Observation(
        PART,
        "clock",
        State.WARNING,
        f"{abs(ahead):,.0f} s {direction} this machine's",
        "let both follow the same time servers; far off, credentials and certificates seem expired",
    )


def namespace(connection: Connection, *, is_made: bool) -> Iterator[Observation]:
    """Whether the namespace is there and takes new objects; one that `is_made` by the first apply needn't be."""
    name = connection.namespace
    try:
        found = connection.get(f"/api/v1/namespaces/{name}")
    except Absent:
        if is_made:
            yield Observation(PART, "namespace", State.FINE, f"no `{name}`; the first apply makes it")
            return
        yield Observation(PART, "namespace", State.MISSING, f"no `{name}`", f"kubectl create namespace {name}")
        return
    if found.get("status", {}).get("phase") == "Terminating":
        advice = "wait for its end and make it again; what hangs in it: kubectl get events"
        yield Observation(PART, "namespace", State.MISSING, f"`{name}` is being deleted", advice)
    else:
        yield Observation(PART, "namespace", State.FINE, f"`{name}` is there")
