"""What there is to read of an object that isn't well: the last events about it, and the last lines that it printed."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from mlopsctl.cluster.errors import ClusterError, Forbidden
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.transport import short
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Document
from mlopsctl.plan.pod_health import container_statuses, is_unwell

_EVENTS = 5
_LINES = 20
_PODS = 2  # whose logs are read; what others of the same kind print is much the same
_LONGEST_LOG = 64 * 1024
_LONGEST_LINE = 300
# Colours and other orders to a terminal; and all else that isn't text.
_ORDERS = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
# Two controllers that wrote at once, of which one writes again; and a state that the status tells, too.
_SAYS_NOTHING = re.compile(r"the object has been modified; please apply|^Error: [A-Za-z]+$")


@frozen
class Evidence:
    """What was found. `logs` are blocks of lines below a heading; `unseen` says what may not be read."""

    events: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


class Events:
    """The events of one namespace, asked for when they are first needed."""

    def __init__(self, objects: Objects, namespace: str) -> None:
        self._objects = objects
        self._namespace = namespace
        self._found: list[Document] | None = None
        self.unseen: tuple[str, ...] = ()

    def of(self, uids: Collection[str]) -> tuple[str, ...]:
        """The last that tell of something wrong with these objects, the oldest first."""
        about = [each for each in self.all() if _subject(each).get("uid") in uids and _is_bad(each)]
        lines = dict.fromkeys(_line(each) for each in sorted(about, key=_time))
        return tuple(lines)[-_EVENTS:]

    def failed_mounts(self, uids: Collection[str]) -> Iterator[str]:
        """Why volumes of these pods can't be mounted, of what is simply not there."""
        for each in self.all():
            message = str(each.get("message") or "")
            if each.get("reason") == "FailedMount" and _subject(each).get("uid") in uids and "not found" in message:
                yield short(message)

    def all(self) -> list[Document]:
        """All events of the namespace, or none if they may not be read."""
        if self._found is None:
            try:
                self._found = self._objects.listed("v1", "Event", self._namespace)
            except Forbidden as error:
                self._found, self.unseen = [], (f"no right to {error.action} {error.scope}".rstrip(),)
        return self._found


def evidence(objects: Objects, events: Events, document: Document, belongings: Iterable[Document]) -> Evidence:
    """What tells why an object isn't well, of it and of what belongs to it."""
    parts = [document, *(part for part in belongings if part is not document)]
    uids = {str(part["metadata"].get("uid", "")) for part in parts}
    said = events.of(uids)
    pods = [part for part in parts if part.get("kind") == "Pod" and any(map(is_unwell, container_statuses(part)))]
    logs: list[str] = []
    unseen = list(events.unseen)
    for pod in pods[:_PODS]:
        try:
            logs += _logs(objects, pod)
        except Forbidden as error:
            unseen.append(f"no right to {error.action} {error.scope}".rstrip())
        except ClusterError as error:  # such as a node that is away: the rest is worth telling without it
            unseen.append(f"the log of pod `{pod['metadata']['name']}` can't be read: {error.found.message}")
    return Evidence(said, tuple(logs), tuple(dict.fromkeys(unseen)))


def tail(objects: Objects, pod: Document, container: str) -> tuple[str, ...]:
    """The block of what a container printed last, whether it is well or not; none if it printed nothing."""
    found = (_block(objects, pod, status) for status in container_statuses(pod) if status["name"] == container)
    return tuple(block for block in found if block)


def _logs(objects: Objects, pod: Document) -> Iterator[str]:
    for status in container_statuses(pod):
        if is_unwell(status) and (block := _block(objects, pod, status)):
            yield block


def _block(objects: Objects, pod: Document, status: Mapping[str, Any]) -> str:
    lines = _last_lines(objects, pod, status)
    heading = f"the last lines of container `{status['name']}` in pod `{pod['metadata']['name']}`:"
    return "\n".join((heading, *(f"  {line}" for line in lines))) if lines else ""


def _last_lines(objects: Objects, pod: Document, status: Mapping[str, Any]) -> list[str]:
    """What a container printed last. One that runs again tells little: then it is what it printed before its end."""
    state = status.get("state") or {}
    if not (state.get("running") or state.get("terminated") or status.get("restartCount")):
        return []  # it has never run
    metadata = pod["metadata"]
    namespace, name = quote(metadata["namespace"], safe=""), quote(metadata["name"], safe="")
    query = {"container": str(status["name"]), "tailLines": str(_LINES), "limitBytes": str(_LONGEST_LOG)}
    if state.get("running") and status.get("restartCount"):
        query["previous"] = "true"
    text = objects.connection.text(f"/api/v1/namespaces/{namespace}/pods/{name}/log", **query)
    lines = [_ORDERS.sub("", line).expandtabs(4).rstrip()[:_LONGEST_LINE] for line in text.splitlines()]
    return [line for line in lines if line]


def _subject(event: Document) -> Mapping[str, Any]:
    return event.get("involvedObject") or {}


def _is_bad(event: Document) -> bool:
    """Whether it tells of something wrong; some of these are called normal by those who send them."""
    if _SAYS_NOTHING.search(str(event.get("message") or "")):
        return False
    return event.get("type") == "Warning" or str(event.get("reason") or "").startswith("Failed")


def _time(event: Document) -> str:
    """When it last happened; RFC 3339 in UTC, which sorts as text. New senders say it elsewhere than old ones."""
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])


def _line(event: Document) -> str:
    subject, count = _subject(event), (event.get("series") or {}).get("count") or event.get("count") or 1
    times = f" ({count} times)" if int(count) > 1 else ""
    said = short(str(event.get("message") or ""))
    return f"{subject.get('kind', '')} `{subject.get('name', '')}`: {event.get('reason', '')}: {said}{times}"
