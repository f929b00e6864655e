import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.runtime.load_test import ERROR_SAMPLES, LoadRefused, LoadTest, nearest_rank, run_load_test


class Server(ThreadingHTTPServer):
    """Answers after `delay` seconds; every `failing`-th request gets 500; counts connections and remembers requests."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, *, delay: float = 0.0, failing: int = 0, handler: "type[Handler] | None" = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.delay, self.failing = delay, failing
        self.numbers, self.connections = count(1), 0
        self.seen: list[tuple[str, str, str | None, bytes]] = []

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        number = next(self.server.numbers)
        self.server.seen.append((self.command, self.path, self.headers["Content-Type"], body))
        time.sleep(self.server.delay)
        failed = self.server.failing and number % self.server.failing == 0
        text = b"broken" if failed else b"fine"
        self.send_response(500 if failed else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


class Closing(Handler):
    """Closes the connection after each answer."""

    protocol_version = "HTTP/1.0"


@contextmanager
def serving(**options: Any) -> Iterator[Server]:
    with Server(**options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    yield
    assert [thread for thread in threading.enumerate() if thread.name == "load"] == []


def test_times_are_those_of_the_server() -> None:
    with serving(delay=0.05) as server:
        report = run_load_test(LoadTest(url=server.url, users=4, duration=1.0))
    assert report.p50 is not None
    assert report.max is not None
    assert report.p50 >= 50
    assert report.p50 <= (report.p95 or 0) <= (report.p99 or 0) <= report.max
    assert report.requests <= 84
    # Each of the users is always waiting, so their number gives the mean; a median is at most twice the mean.
    assert report.p50 / 1000 <= 2 * 4 * report.seconds / report.requests
    assert (report.errors, report.error_rate, report.first_errors) == (0, 0.0, ())
    assert report.seconds >= 1.0
    assert report.requests_per_second == pytest.approx(report.requests / report.seconds)


def test_connections_stay_open_and_the_warm_up_is_not_counted() -> None:
    with serving(delay=0.01) as server:
        report = run_load_test(LoadTest(url=server.url, users=3, duration=0.3))
        assert server.connections == 3
        assert len(server.seen) == report.requests + 3


def test_a_server_that_closes_connections_is_no_error() -> None:
    with serving(handler=Closing, delay=0.01) as server:
        report = run_load_test(LoadTest(url=server.url, users=2, duration=0.3))
    assert report.errors == 0
    assert server.connections == report.requests + 2


def test_failures_are_counted_and_sampled() -> None:
    with serving(failing=4, delay=0.005) as server:
        report = run_load_test(LoadTest(url=server.url, users=2, duration=0.5))
    assert report.error_rate == pytest.approx(0.25, abs=0.03)
    assert report.error_rate == report.errors / report.requests
    assert report.first_errors == ("500 Internal Server Error: broken",)
    assert report.p99 is not None


def test_what_is_sent_is_what_was_asked_for() -> None:
    with serving(delay=0.01) as server:
        run_load_test(LoadTest(url=f"{server.url}/v2/infer?a=1", users=1, duration=0.1, body=b"{}"))
        assert set(server.seen) == {("POST", "/v2/infer?a=1", "application/json", b"{}")}
    with serving(delay=0.01) as server:
        run_load_test(LoadTest(url=server.url, users=1, duration=0.1))
        assert set(server.seen) == {("GET", "/", None, b"")}


def test_no_server_means_only_errors() -> None:
    with serving() as server:
        url = server.url
    report = run_load_test(LoadTest(url=url, users=2, duration=0.1))
    assert report.error_rate == 1.0
    assert (report.p50, report.p99, report.max) == (None, None, None)
    assert "refused" in report.first_errors[0]
    assert len(report.first_errors) <= ERROR_SAMPLES


def test_an_answer_that_does_not_come_is_an_error_in_time() -> None:
    with serving(delay=1.0) as server:
        report = run_load_test(LoadTest(url=server.url, users=2, duration=0.1, timeout=0.2))
    assert (report.error_rate, report.first_errors) == (1.0, ("no answer in time",))


class Endless(Handler):
    """Sends an answer byte by byte, for ever, from the request on that the server's `failing` says."""

    def answer(self, body: bytes) -> None:
        if next(self.server.numbers) < self.server.failing:
            super().answer(body)
            return
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(100):
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.05)


@pytest.mark.parametrize("number", [pytest.param(1, id="warm-up"), pytest.param(2, id="counted")])
def test_an_answer_without_end_is_ended(number: int) -> None:
    with serving(failing=number, handler=Endless) as server:
        report = run_load_test(LoadTest(url=server.url, users=1, duration=0.2, timeout=0.3))
    assert report.first_errors == ("no answer in time",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"url": "http://example.com/"}, "`example.com` is not this machine", id="another machine"),
        pytest.param({"url": "http://10.0.0.1/"}, "`10.0.0.1` is not this machine", id="another address"),
        pytest.param({"url": "ftp://localhost/"}, "is not an address that starts with http", id="another protocol"),
        pytest.param({"url": "http://localhost:99999/"}, "is not an address", id="no such port"),
        pytest.param({"users": 0}, "0 users", id="no users"),
        pytest.param({"users": 100_000}, "100000 users: from 1 to 1000", id="too many users"),
        pytest.param({"duration": 0}, "0 seconds", id="no time"),
        pytest.param({"duration": 86400}, "86400 seconds: up to 3600", id="too long"),
    ],
)
def test_what_it_refuses(change: dict[str, Any], message: str) -> None:
    asked = {"url": "http://127.0.0.1:1/", "users": 1, "duration": 1.0} | change
    with pytest.raises(LoadRefused, match=message):
        run_load_test(LoadTest(**asked))


def test_other_hosts_can_be_allowed() -> None:
    with serving(delay=0.01) as server:
        test = LoadTest(url=f"http://0.0.0.0:{server.server_port}/", users=1, duration=0.05)
        with pytest.raises(LoadRefused):
            run_load_test(test)
        assert run_load_test(replace(test, allow_hosts=frozenset({"0.0.0.0"}))).errors == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_covers_its_share(values: list[float], percent: int) -> None:
    def covered(value: float) -> int:
        return sum(other <= value for other in values)

    expected = min(value for value in values if covered(value) * 100 >= percent * len(values))
    assert nearest_rank(sorted(values), percent) == expected


def module(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlopsctl.runtime.load_test", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    body = tmp_path / "request.json"
    body.write_text('{"inputs": []}')
    with serving(delay=0.01) as server:
        done = module(server.url, "--users", "2", "--duration", "0.3", "--body", str(body))
        assert server.seen[0][3] == b'{"inputs": []}'
    report = json.loads(done.stdout)
    assert (report["errors"], done.returncode) == (0, 0)
    assert report["p99"] >= 10


def test_as_a_process_it_says_what_it_refuses() -> None:
    done = module("http://example.com/", "--users", "2", "--duration", "1")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "`example.com` is not this machine, and load on it was not allowed\n"
