"""Copies of requests for a version in shadow, sent beside a server that must not notice.

What waits to be sent is bounded, and what is too much is left out and counted. Only requests that what serves has
answered well are copied: of the others nobody could say what the version did wrong.
"""

import json
import math
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from time import monotonic
from typing import Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from mlopsctl.engine.shadowing import LOOKED, Place, Shadow, Tally, add_tally, read_shadow
from mlopsctl.frozen import frozen
from mlopsctl.runtime.http_messages import OUR_AGENT
from mlopsctl.runtime.payload import columns_of
from mlopsctl.runtime.tap import Exchange
from mlopsctl.store import Store, StoreError

MOST_BYTES = 8 * 1024 * 1024
_MOST_WAITING = 256
_AT_ONCE = 4
_ANSWERED_IN = 30.0
_LAST_SECONDS = 5.0  # for what was seen last, where the store may be what is wrong
_PRECISION = 1e-6  # of numbers that are the same


@frozen(kw_only=True)
class Copied:
    """What came of one copy: a fault, or how long the answer took, in seconds, and whether it was the same.

    `is_same` is None where one of the two answers isn't JSON.
    """

    fault: str
    seconds: float
    is_same: bool | None


class Copies:
    """Sends copies for as long as the `with` block does, to whom the store says, and tells it what came of them.

    `release` is the digest that describes what answers here, `on_line` is told to whom copies go.
    """

    def __init__(self, store: Store, place: Place, release: str, on_line: Callable[[str], None]) -> None:
        self._store, self._place, self._release, self._on_line = store, place, release, on_line
        self._shadow: Shadow | None = None
        self._queue: queue.Queue[tuple[Shadow, Exchange]] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._bytes = 0
        self._untold: Tally | None = None  # none where there is nothing to tell
        self._told = 0.0
        self._ends = threading.Event()
        self._senders = [threading.Thread(target=self._send, name="copies", daemon=True) for _ in range(_AT_ONCE)]
        self._watcher = threading.Thread(target=self._watch, name="shadow", daemon=True)

    def __enter__(self) -> Self:
        for thread in (*self._senders, self._watcher):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._watcher.join(_LAST_SECONDS)

    @property
    def share(self) -> float:
        """The share of the requests that is copied now."""
        shadow = self._shadow
        return shadow.share if shadow is not None else 0.0

    def offer(self, exchange: Exchange) -> None:
        """Copy it, if it is one of those. Returns at once; with too much waiting it is left out, and counted."""
        shadow = self._shadow
        if shadow is None or exchange.chance >= shadow.share or not _is_good(exchange.status):
            return
        with self._lock:
            if exchange.request is None or self._bytes + _size(exchange) > MOST_BYTES or self._queue.full():
                self._count(Tally(left_out=1))
                return
            self._bytes += _size(exchange)
        self._queue.put_nowait((shadow, exchange))  # this thread alone puts any

    def _send(self) -> None:
        while not self._ends.is_set():
            try:
                shadow, exchange = self._queue.get(timeout=LOOKED)
            except queue.Empty:
                continue
            found = copied(shadow.address, exchange)
            with self._lock:
                self._bytes -= _size(exchange)
                if self._shadow is not None and shadow.id == self._shadow.id:
                    self._count(tally_of(found, exchange))

    def _watch(self) -> None:
        while not self._ends.is_set():
            self._look()
            if self._shadow is not None and monotonic() - self._told >= self._shadow.every:
                self._tell(self._shadow)
            self._ends.wait(LOOKED if self._shadow is None else min(LOOKED, self._shadow.every))
        if self._shadow is not None:
            self._tell(self._shadow)

    def _look(self) -> None:
        """See whom copies go to; a store that is away changes nothing until that is over by itself."""
        before = found = self._shadow
        with suppress(StoreError):
            found = read_shadow(self._store, self._place)
        if found is not None and (found.copied_by != self._release or not found.is_on(datetime.now(UTC))):
            found = None
        is_other = (found and found.id) != (before and before.id)
        if before is not None and is_other:
            self._tell(before)
            self._on_line("copies of requests are over")
        with self._lock:
            self._shadow = found
            if is_other:
                self._untold = Tally() if found is not None else None
        if found is not None and is_other:
            self._on_line(f"copies of {found.share:.4g} of the requests go to {found.address}")
            self._tell(found)

    def _tell(self, shadow: Shadow) -> None:
        untold = self._taken()
        if untold is None:
            return
        try:
            add_tally(self._store, shadow, untold, datetime.now(UTC))
        except StoreError:  # then it is told with what comes next
            with self._lock:
                self._untold = untold if self._untold is None else untold + self._untold
        self._told = monotonic()

    def _taken(self) -> Tally | None:
        with self._lock:
            untold, self._untold = self._untold, None
        return untold

    def _count(self, found: Tally) -> None:
        """Add what is to be told; the lock is held."""
        self._untold = found if self._untold is None else self._untold + found


def copied(address: str, exchange: Exchange) -> Copied:
    """Ask the server at this base URL what was asked in an exchange."""
    headers = {"User-Agent": OUR_AGENT, "Content-Type": exchange.content_type or "application/json"}
    begun = monotonic()
    answer, fault = b"", ""
    try:
        request = Request(address + exchange.path, exchange.request, headers)  # noqa: S310 - of a version of ours
        with urlopen(request, timeout=_ANSWERED_IN) as found:  # noqa: S310 - the same
            answer = found.read()
    except HTTPError as error:
        with error:
            fault = str(error.code)
    except (OSError, ValueError, HTTPException) as error:
        fault = str(error) or type(error).__name__
    seconds = monotonic() - begun
    return Copied(fault=fault, seconds=seconds, is_same=None if fault else is_same(exchange.response, answer))


def tally_of(found: Copied, exchange: Exchange) -> Tally:
    """What came of the one copy of this exchange."""
    served_in = {_milliseconds(exchange.seconds): 1}
    if found.fault:
        return Tally(copies=1, errors=1, first=found.fault, served_in=served_in)
    return Tally(
        copies=1,
        compared=int(found.is_same is not None),
        differing=int(found.is_same is False),
        milliseconds={_milliseconds(found.seconds): 1},
        served_in=served_in,
    )


def is_same(one: bytes | None, other: bytes) -> bool | None:
    """Whether two answers predict the same, whatever else they say; None if one of them isn't JSON."""
    try:
        first, second = json.loads(one or b""), json.loads(other)
        return _alike(columns_of(first) or first, columns_of(second) or second)
    except (ValueError, RecursionError):
        return None


def _alike(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_PRECISION)
    return one == other


def _is_good(status: int) -> bool:
    return status // 100 == HTTPStatus.OK // 100


def _milliseconds(seconds: float) -> str:
    return str(math.ceil(seconds * 1000))


def _size(exchange: Exchange) -> int:
    return len(exchange.request or b"") + len(exchange.response or b"")
