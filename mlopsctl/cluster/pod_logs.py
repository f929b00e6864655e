"""The logs of pods, followed while they run: each in a thread of its own, so many at once as is decent."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import quote

from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent, ClusterError, Forbidden, Unreachable
from mlopsctl.manifest import Document
from mlopsctl.plan.health import status_of

CONTAINER = "main"
_AT_ONCE = 8
_FRACTION = re.compile(r"\.\d+")
_PAUSE = 1.0  # seconds before a log that broke off is asked for again


class Logs:
    """Follows logs. `on_line` is called from its threads, once for each line of a pod, by the pod's uid.

    Names aren't enough: a pod that was deleted early Argo makes anew by the same name.
    """

    def __init__(
        self, connection: Connection, namespace: str, on_line: Callable[[str, str], None], *, at_once: int = _AT_ONCE
    ) -> None:
        self._connection, self._namespace, self._on_line = connection, namespace, on_line
        self._free = threading.BoundedSemaphore(at_once)
        self._threads: dict[str, threading.Thread] = {}

    def follow(self, pod: Document) -> None:
        """Follow the log of a pod whose command has begun. Nothing happens if it is followed already."""
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        if uid in self._threads or not has_begun(pod):
            return
        thread = threading.Thread(target=self._read, args=(name, uid), name=f"log of {name}", daemon=True)
        self._threads[uid] = thread
        thread.start()

    def await_end(self, pod: Document, seconds: float) -> None:
        """Wait until the last line of an ended pod was read, but no longer than so many seconds."""
        if thread := self._threads.get(pod["metadata"]["uid"]):
            thread.join(seconds)

    def _read(self, name: str, uid: str) -> None:
        with self._free:
            for line in log_lines(self._connection, self._namespace, name, follow=True):
                self._on_line(uid, line)


def has_begun(pod: Document) -> bool:
    """Whether the command's container has run or runs."""
    statuses = {each.get("name"): each.get("state") or {} for each in status_of(pod).get("containerStatuses") or ()}
    state = statuses.get(CONTAINER) or {}
    return bool(state.get("running") or state.get("terminated"))


def log_lines(connection: Connection, namespace: str, pod: str, *, follow: bool) -> Iterator[str]:
    """The lines that a pod's command has printed, and with `follow` those to come. What broke off is taken up again.

    There are none of a pod that is gone or whose log may not be read.
    """
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
    query = {"container": CONTAINER, "timestamps": "true"}
    place = Place()
    while True:
        try:
            with closing(connection.lines(path, follow=str(follow).lower(), **query, **place.query)) as lines:
                yield from place.new(lines)
        except ClusterError as error:
            if not follow or not _is_passing(error):
                return
            time.sleep(_PAUSE)
        else:
            if not follow:
                return
            follow = False  # a busy node lets go of a log before its last lines, so what is left is asked for


class Place:
    """How far a log has been read. It can be asked for from a second on, so what came in that comes again."""

    def __init__(self) -> None:
        self._second, self._read = "", 0

    @property
    def query(self) -> dict[str, str]:
        """What to ask for next."""
        return {"sinceTime": self._second} if self._second else {}

    def new(self, lines: Iterator[str]) -> Iterator[str]:
        """The lines that come for the first time, without their times."""
        left, again = self._read, self._second
        for stamped in lines:
            stamp, _, line = stamped.partition(" ")
            second = _FRACTION.sub("", stamp)
            if left and second == again:
                left -= 1
                continue
            self._second, self._read = second, self._read + 1 if second == self._second else 1
            yield line


def _is_passing(error: ClusterError) -> bool:
    """Whether it is worth asking again, as of a server that is started again or a node that is away."""
    if isinstance(error, Unreachable):
        return error.is_passing
    return not isinstance(error, Absent | Forbidden)
