"""Load on an endpoint, to know before its users do how fast it answers and how often it fails.

Closed loop: each user sends the next request when the last one is answered, over a connection of its own that stays
open. That is gentle by construction: a slow server gets less load. It can run as a process of its own, `python -m
mlopsctl.runtime.load_test`, where nothing else takes the interpreter's time, which would be counted as the server's.
"""

import argparse
import json
import socket
import sys
import threading
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from mlopsctl.frozen import frozen
from mlopsctl.runtime.http_messages import OUR_AGENT
from mlopsctl.runtime.stop import Stop

MOST_USERS = 1000
MOST_SECONDS = 3600.0
MOST_REQUESTS = 10_000_000
ERROR_SAMPLES = 5


@frozen(kw_only=True)
class LoadTest:
    """What to send: `users` at once for `duration` seconds, GET without a body and POST with one.

    `timeout` is seconds without a byte of an answer. `host` is the name that is asked for, if the address has another,
    as that of a gateway. Load goes to this machine, or to the hosts of `allow_hosts`.
    """

    url: str
    users: int
    duration: float
    body: bytes | None = None
    content_type: str = "application/json"
    timeout: float = 10.0
    allow_hosts: frozenset[str] = frozenset()
    host: str = ""


@frozen(kw_only=True)
class LoadReport:
    """What came back. Every answer but 2xx is an error, and so is none; `error_rate` is 0 to 1.

    Percentiles and `max` are milliseconds of the requests that succeeded, so that quick failures can't flatter them,
    and None if none did. `first_errors` are up to 5 different ones. `seconds` runs to the last answer.
    """

    requests: int
    errors: int
    error_rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    requests_per_second: float
    first_errors: tuple[str, ...]
    seconds: float


class LoadRefused(Exception):
    """The load test asks for something that this program doesn't do; its text says what."""


def run_load_test(test: LoadTest, *, stop: Stop | None = None) -> LoadReport:
    """Run it, after one request of each user that isn't counted.

    It takes at most the duration and three timeouts; no request is sent after `stop`. Raises LoadRefused.
    """
    target = _allowed_target(test)
    begin = threading.Event()
    users = [_User(test, target, begin, stop) for _ in range(test.users)]
    for user in users:
        user.start()
    _await_all(users, "warm", time.monotonic() + 2 * test.timeout)
    started = time.perf_counter()
    begin.set()
    _await_all(users, "done", time.monotonic() + test.duration + test.timeout)
    seconds = time.perf_counter() - started
    for user in users:
        user.join()
    return _report(users, seconds)


def _await_all(users: Sequence["_User"], stage: Literal["warm", "done"], end: float) -> None:
    for user in users:
        reached: threading.Event = getattr(user, stage)
        if not reached.wait(max(0.0, end - time.monotonic())):
            user.hang_up()  # on an answer that comes byte by byte, which no timeout of the connection ends
            reached.wait()


def nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` of the values don't exceed; `ordered` ascends and isn't empty.

    Source: R. J. Hyndman and Y. Fan, Sample Quantiles in Statistical Packages, The American Statistician 50 (1996),
    pp. 361-365, definition 1.
    """
    rank = -(-len(ordered) * percent // 100)  # rounded up, in whole numbers
    return ordered[max(rank, 1) - 1]


@dataclass(slots=True)
class _Answers:
    milliseconds: "array[float]" = field(default_factory=lambda: array("d"))
    errors: int = 0
    samples: dict[str, None] = field(default_factory=dict)  # in the order they came, each once

    def fail(self, what: str) -> None:
        self.errors += 1
        if len(self.samples) < ERROR_SAMPLES:
            self.samples[what] = None


class _User(threading.Thread):
    def __init__(self, test: LoadTest, target: SplitResult, begin: threading.Event, stop: Stop | None) -> None:
        super().__init__(name="load", daemon=True)
        kind = HTTPSConnection if target.scheme == "https" else HTTPConnection
        self._connection = kind(target.hostname or "", target.port, timeout=test.timeout)
        self._path = target._replace(scheme="", netloc="", fragment="").geturl() or "/"
        self._test = test
        self._begin = begin
        self._given_up = stop
        self._socket: socket.socket | None = None
        self._hung_up = False
        self.warm = threading.Event()
        self.done = threading.Event()
        self.answers = _Answers()

    def run(self) -> None:
        """Warm up, wait for the others, then ask until the time is over."""
        self._ask()
        self.warm.set()
        self._begin.wait()
        self._hung_up = False
        self.answers = _Answers()
        self._ask_until(time.monotonic() + self._test.duration)
        self._connection.close()
        self.done.set()

    def hang_up(self) -> None:
        """End a request that is still under way."""
        self._hung_up = True
        if self._socket is not None:
            with suppress(OSError):  # it may have been closed meanwhile
                self._socket.shutdown(socket.SHUT_RDWR)

    def _ask_until(self, end: float) -> None:
        most = MOST_REQUESTS // self._test.users
        while (
            time.monotonic() < end
            and not self._is_given_up()
            and len(self.answers.milliseconds) + self.answers.errors < most
        ):
            self._ask()

    def _is_given_up(self) -> bool:
        return self._given_up is not None and self._given_up.is_set()

    def _ask(self) -> None:
        started = time.perf_counter()
        try:
            failure = self._send()
        except (OSError, HTTPException, ValueError) as error:  # ValueError: what can't be written in a request
            self._connection.close()
            failure = _in_words(error)
        milliseconds = (time.perf_counter() - started) * 1000
        if self._hung_up:
            self.answers.fail("no answer in time")
        elif failure:
            self.answers.fail(failure)
        else:
            self.answers.milliseconds.append(milliseconds)

    def _connect(self) -> None:
        if self._connection.sock is None:
            self._connection.connect()
            self._socket = self._connection.sock  # the connection forgets it before the last answer is read
            if self._hung_up:
                raise TimeoutError

    def _send(self) -> str | None:
        self._connect()
        method = "GET" if self._test.body is None else "POST"
        headers = {"User-Agent": OUR_AGENT} | ({"Host": self._test.host} if self._test.host else {})
        if self._test.body is not None:
            headers["Content-Type"] = self._test.content_type
        self._connection.request(method, self._path, self._test.body, headers)
        response = self._connection.getresponse()
        text = response.read()
        if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        return f"{response.status} {response.reason}: {text[:200].decode(errors='replace')}".rstrip(": ")


def _in_words(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"


def _allowed_target(test: LoadTest) -> SplitResult:
    target = urlsplit(test.url)
    if target.scheme not in {"http", "https"} or not target.hostname or not _has_sound_port(target):
        raise LoadRefused(f"`{test.url}` is not an address that starts with http:// or https://")
    if not _is_loopback(target.hostname) and target.hostname not in test.allow_hosts:
        raise LoadRefused(f"`{target.hostname}` is not this machine, and load on it was not allowed")
    if not 1 <= test.users <= MOST_USERS:
        raise LoadRefused(f"{test.users} users: from 1 to {MOST_USERS} are possible")
    if not 0 < test.duration <= MOST_SECONDS:
        raise LoadRefused(f"{test.duration:g} seconds: up to {MOST_SECONDS:g} are possible")
    return target


def _has_sound_port(target: SplitResult) -> bool:
    try:
        return target.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _report(users: Sequence[_User], seconds: float) -> LoadReport:
    times = sorted(time for user in users for time in user.answers.milliseconds)
    errors = sum(user.answers.errors for user in users)
    requests = len(times) + errors
    samples = dict.fromkeys(sample for user in users for sample in user.answers.samples)
    return LoadReport(
        requests=requests,
        errors=errors,
        error_rate=errors / requests if requests else 0.0,
        p50=nearest_rank(times, 50) if times else None,
        p95=nearest_rank(times, 95) if times else None,
        p99=nearest_rank(times, 99) if times else None,
        max=times[-1] if times else None,
        requests_per_second=requests / seconds,
        first_errors=tuple(samples)[:ERROR_SAMPLES],
        seconds=seconds,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load test that the arguments describe and write its report as JSON; 64 if it is refused."""
    given = _parser().parse_args(arguments)
    test = LoadTest(
        url=given.url,
        users=given.users,
        duration=given.duration,
        body=given.body.read_bytes() if given.body else None,
        content_type=given.content_type,
        timeout=given.timeout,
        allow_hosts=frozenset(given.allow_host),
    )
    try:
        sys.stdout.write(json.dumps(asdict(run_load_test(test))) + "\n")
    except LoadRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 64
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mlopsctl.runtime.load_test")
    parser.add_argument("url")
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--duration", type=float, required=True, help="seconds")
    parser.add_argument("--body", type=Path, help="a file to POST; GET without it")
    parser.add_argument("--content-type", default="application/json")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds without a byte of an answer")
    parser.add_argument("--allow-host", action="append", default=[], help="a host besides this machine")
    return parser


if __name__ == "__main__":
    sys.exit(main())
