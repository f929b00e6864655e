"""One apply at a time for a project in an environment: a Lease that its holder renews, and others wait for.

Times are those of the server, which every answer carries, so that no clock of ours counts. Between a lock that is taken
away and its holder's notice lies up to a third of the lease: that is what the versions of objects are checked for.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mlopsctl.cluster import lock_faults as faults
from mlopsctl.cluster.connection import Answer, Connection, Json
from mlopsctl.cluster.errors import Absent, ClusterError, Outdated
from mlopsctl.cluster.holder import Holder, holder_of, written
from mlopsctl.cluster.request import JSON, MERGE, Request
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.manifest import MANAGER

_LEASES = "/apis/coordination.k8s.io/v1"
_RENEWALS = 3  # in the time that a lease lasts
_TOLERATED = 2.0  # seconds; times are cut to whole ones where they are written, and again where they are read
_LONGEST_PAUSE = 1.0


@frozen(kw_only=True)
class Terms:
    """Which lock, how long it lasts unless it is renewed, and how long to wait for it, in seconds."""

    name: str
    namespace: str
    duration: int = 24
    timeout: float = 0.0

    @property
    def path(self) -> str:
        """Where all leases of the namespace are."""
        return f"{_LEASES}/namespaces/{self.namespace}/leases"


class Held(DiagnosedError):
    """Somebody else is applying; `holder` says who, where and since when."""

    def __init__(self, terms: Terms, holder: Holder) -> None:
        super().__init__(faults.held(terms.name, terms.namespace, holder))
        self.holder = holder


@contextmanager
def locked(connection: Connection, terms: Terms, holder: Holder) -> Iterator["Lock"]:
    """A lock that is held as long as the block lasts. Raises Held if it isn't free in time, and ClusterError."""
    lock = Lock(connection, terms, holder)
    lock.acquire()
    try:
        yield lock
    finally:
        lock.release()


def break_lock(connection: Connection, terms: Terms, lock_id: str) -> Holder:
    """Take the lock with this id away from who holds it, who is returned.

    Raises DiagnosedError if the lock isn't held, or by somebody else than was meant.
    """
    while True:
        try:
            lease = connection.get(f"{terms.path}/{terms.name}")
        except Absent:
            raise DiagnosedError(faults.not_held(terms.name, terms.namespace)) from None
        holder = holder_of(lease)
        if holder.id != lock_id:
            raise DiagnosedError(faults.held_by_another(terms.name, terms.namespace, lock_id, holder))
        if _deleted(connection, terms, lease, is_repeatable=True):
            return holder


class Lock:
    """A lock on a project in an environment; `lost` may be asked by any thread."""

    def __init__(self, connection: Connection, terms: Terms, holder: Holder) -> None:
        self.terms = terms
        self.holder = holder
        self._connection = connection
        self._lease: Json = {}
        self._is_taken = False
        self._valid_until = 0.0
        self._server_ahead = 0.0  # of our `_now`, in seconds
        self._ending = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="lock", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether somebody has taken it away, or it couldn't be renewed in time, so that somebody may have."""
        return self._is_taken or _now() > self._valid_until

    def check(self) -> None:
        """Raise DiagnosedError if the lock is lost, as before each write."""
        if self.lost:
            raise DiagnosedError(faults.lost(self.terms.name, self.terms.namespace))

    def acquire(self) -> None:
        """Wait for the lock and take it. Raises Held."""
        until = time.monotonic() + self.terms.timeout
        while (other := self._tried()) is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise Held(self.terms, other)
            # Those who wait for the same lock don't ask in step.
            time.sleep(min(left, _LONGEST_PAUSE * random.uniform(0.5, 1.0)))  # noqa: S311 - it keeps no secret
        self._renewing.start()

    def release(self) -> None:
        """Give it up. A server that can't be told finds out when the lease ends."""
        self._ending.set()
        self._renewing.join(_LONGEST_PAUSE)  # a renewal that hangs finds out by itself that it is of no use any more
        with suppress(ClusterError):
            while not self._is_taken and not _deleted(self._connection, self.terms, self._lease, is_repeatable=False):
                self._look_again()

    def _tried(self) -> Holder | None:
        """Who holds it, None if that is now us."""
        while True:
            asked = _now()
            with suppress(Outdated):
                self._taken(asked, self._sent("POST", self.terms.path, self._claim(), is_repeatable=True))
                return None
            with suppress(Outdated, Absent):  # somebody was faster, or has given it up
                answer = self._connection.ask("GET", self._path)
                holder = holder_of(answer.document)
                if holder.id != self.holder.id:  # else it is the answer to our first attempt that got lost
                    if not _is_over(answer):
                        return holder
                    answer = self._sent("PATCH", self._path, self._takeover(answer), is_repeatable=True)
                self._taken(asked, answer)
                return None

    def _renew(self) -> None:
        pause = self.terms.duration / _RENEWALS
        while not self._is_taken and not self._ending.wait(pause):
            asked = _now()
            try:
                self._taken(asked, self._sent("PATCH", self._path, self._renewal()))
                pause = self.terms.duration / _RENEWALS
            except (Outdated, Absent):
                pause = 0.0
                with suppress(ClusterError):
                    self._look_again()
            except ClusterError:
                pause = _LONGEST_PAUSE

    def _look_again(self) -> None:
        """See whether a lease that has changed is still ours."""
        try:
            lease = self._connection.get(self._path)
        except Absent:
            self._is_taken = True
            return
        self._is_taken = holder_of(lease).id != self.holder.id
        self._lease = lease

    def _taken(self, asked: float, answer: Answer) -> None:
        self._lease = answer.document
        self._server_ahead = _time_of(answer).timestamp() - _now()
        self._valid_until = asked + self.terms.duration - _TOLERATED

    def _claim(self) -> Json:
        """A lease as we make it. Its first time is that of its creation, which the server writes."""
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.terms.name, **written(self.holder)},
            "spec": {"holderIdentity": self.holder.identity, "leaseDurationSeconds": self.terms.duration},
        }

    def _takeover(self, answer: Answer) -> Json:
        """A patch that makes a lease ours which is over."""
        claim, lease, now = self._claim(), answer.document, _micro(_time_of(answer))
        transitions = int(lease["spec"].get("leaseTransitions") or 0) + 1
        times = {"acquireTime": now, "renewTime": now, "leaseTransitions": transitions}
        metadata = {**claim["metadata"], "resourceVersion": lease["metadata"]["resourceVersion"]}
        return {**claim, "metadata": metadata, "spec": {**claim["spec"], **times}}

    def _renewal(self) -> Json:
        now = datetime.fromtimestamp(_now() + self._server_ahead, UTC)
        version = self._lease["metadata"]["resourceVersion"]
        return {"metadata": {"resourceVersion": version}, "spec": {"renewTime": _micro(now)}}

    @property
    def _path(self) -> str:
        return f"{self.terms.path}/{self.terms.name}"

    def _sent(self, method: str, path: str, body: Json, *, is_repeatable: bool = False) -> Answer:
        request = Request(
            method=method,
            path=path,
            query={"fieldManager": MANAGER},
            body=body,
            content_type=MERGE if method == "PATCH" else JSON,
            is_repeatable=is_repeatable,
        )
        return self._connection.send(request)


def _deleted(connection: Connection, terms: Terms, lease: Json, *, is_repeatable: bool) -> bool:
    """Whether a lease is gone now; not if it has changed since we saw it."""
    metadata = lease["metadata"]
    preconditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    request = Request(
        method="DELETE",
        path=f"{terms.path}/{terms.name}",
        body={"preconditions": preconditions},
        is_repeatable=is_repeatable,
    )
    try:
        connection.send(request)
    except Absent:
        return True
    except Outdated:
        return False
    return True


def _is_over(answer: Answer) -> bool:
    """Whether the lease that was answered has ended, by the time of the server that answered."""
    lease = answer.document
    spec = lease.get("spec") or {}
    if not spec.get("holderIdentity"):
        return True
    times = [lease["metadata"]["creationTimestamp"], spec.get("renewTime")]
    last = max(datetime.fromisoformat(each) for each in times if each)
    lasts = timedelta(seconds=int(spec.get("leaseDurationSeconds") or 0) + _TOLERATED)
    return _time_of(answer) > last + lasts


def _time_of(answer: Answer) -> datetime:
    """When the server answered, by its own clock. One that doesn't tell is taken to have our time."""
    try:
        return parsedate_to_datetime(answer.date)
    except ValueError:
        return datetime.fromtimestamp(answer.answered, UTC)


def _micro(moment: datetime) -> str:
    """As leases write times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _now() -> float:
    """Seconds that also pass while a machine sleeps, where the system counts those."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
