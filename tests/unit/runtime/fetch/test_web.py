"""Fetching from a real server on loopback: what arrives is whole, and what goes wrong is said without secrets."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlopsctl.runtime.fetch import Fetched, FetchFailed, FetchStopped, fetch
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Patience

Failure = Callable[..., FetchFailed]
HASTE = Patience(seconds=0.3, retries=1)
DATA = b"month,delay\n" * 200_000
# of anna, whose password is se@cret
AUTHORIZATION = "Basic YW5uYTpzZUBjcmV0"
CHANGED = ("Last-Modified", "Sat, 21 Nov 2026 09:00:00 GMT"), 1795251600.0


@dataclass
class Site:
    """A web server, and what it was asked."""

    url: str
    asked: Counter[str] = field(default_factory=Counter)
    authorizations: dict[str, str | None] = field(default_factory=dict)
    sent: threading.Event = field(default_factory=threading.Event)
    elsewhere: str = ""


class Handler(BaseHTTPRequestHandler):
    """Answers by the first part of the path."""

    site: Site

    def do_GET(self) -> None:
        self.site.asked[self.path] += 1
        self.site.authorizations[self.path] = self.headers["Authorization"]
        kind, _, rest = self.path.strip("/").partition("/")
        getattr(self, kind, self.data)(rest)

    def data(self, _: str) -> None:
        self.reply(200, DATA, CHANGED[0])

    def status(self, rest: str) -> None:
        self.reply(int(rest))

    def status_then_data(self, rest: str) -> None:
        self.reply(int(rest) if self.site.asked[self.path] == 1 else 200, DATA)

    def cut(self, _: str) -> None:
        self.reply(200, DATA[:1000], length=len(DATA))

    def cut_then_data(self, _: str) -> None:
        self.reply(200, DATA[: 1000 if self.site.asked[self.path] == 1 else None], length=len(DATA))

    def chunked_cut(self, _: str) -> None:
        self.start(200, ("Transfer-Encoding", "chunked"))
        self.wfile.write(b"5\r\nmonth\r\n")

    def slow(self, _rest: str) -> None:
        self.start(200, ("Content-Length", "1000"))
        for _ in range(200):
            self.wfile.write(b"x")
            self.site.sent.set()
            time.sleep(0.02)

    def silent(self, _: str) -> None:
        self.start(200, ("Content-Length", "1000"))
        time.sleep(2 * HASTE.seconds)

    def to(self, location: str) -> None:
        self.reply(302, b"", ("Location", location))

    def round(self, _: str) -> None:
        self.reply(302, b"", ("Location", "/round/"))

    def hops(self, left: str) -> None:
        self.reply(302, b"", ("Location", f"/hops/{int(left) - 1}" if int(left) > 1 else "/data"))

    def other_host(self, _: str) -> None:
        self.reply(302, b"", ("Location", self.site.elsewhere))

    def reply(self, status: int, body: bytes = b"", *headers: tuple[str, str], length: int | None = None) -> None:
        self.start(status, ("Content-Length", str(len(body) if length is None else length)), *headers)
        self.wfile.write(body)

    def start(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status, "a phrase of its own")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True  # the client left, as tests make it do

    def log_message(self, *_: object) -> None:
        """Keep still."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    site = Site("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_port}"
    site.elsewhere = f"http://localhost:{server.server_port}/data"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_file_arrives_whole_with_the_time_it_changed(site: Site, tmp_path: Path) -> None:
    to = tmp_path / "flights.csv"
    to.write_text("old")
    assert fetch(f"{site.url}/data", to, stop=None) == Fetched(to, CHANGED[1])
    assert to.read_bytes() == DATA
    assert list(tmp_path.iterdir()) == [to]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/data/a b", "/data/a%20b"),
        ("/data/é%20x?q=ü", "/data/%C3%A9%20x?q=%C3%BC"),
        ("/data/100%", "/data/100%25"),
        ("/data/a#b", "/data/a"),
    ],
    ids=str,
)
def test_names_are_percent_encoded_once(site: Site, tmp_path: Path, path: str, asked: str) -> None:
    fetch(site.url + path, tmp_path / "data", stop=None)
    assert site.asked == {asked: 1}


@pytest.mark.parametrize(
    "path", ["status_then_data/500", "status_then_data/429", "status_then_data/503", "cut_then_data"]
)
def test_what_passes_is_tried_again(site: Site, tmp_path: Path, path: str) -> None:
    fetch(f"{site.url}/{path}", tmp_path / "data", stop=None)
    assert (tmp_path / "data").read_bytes() == DATA
    assert site.asked == {f"/{path}": 2}


@pytest.mark.parametrize(
    ("status", "words", "hint"),
    [
        (204, "204 No Content", "check the address"),
        (401, "401 Unauthorized", "put a user and a password"),
        (403, "403 Forbidden", "may read it"),
        (404, "404 Not Found", "check the spelling of the address"),
        (418, "418 I'm a Teapot", "check the address"),
        (499, "499", "check the address"),
    ],
    ids=str,
)
def test_what_stays_is_not_tried_again(
    site: Site, tmp_path: Path, failure: Failure, *, status: int, words: str, hint: str
) -> None:
    fault = failure(f"{site.url}/status/{status}", tmp_path / "data", Patience(retries=3))
    host = site.url.removeprefix("http://")
    assert fault.message == f"cannot fetch `{site.url}/status/{status}`: `{host}` answers {words}"
    assert hint in fault.hint
    assert site.asked.total() == 1


def test_a_server_that_keeps_failing_is_asked_a_bounded_number_of_times(
    site: Site, tmp_path: Path, failure: Failure
) -> None:
    fault = failure(f"{site.url}/status/500", tmp_path / "data", Patience(retries=2))
    assert fault.message.endswith("answers 500 Internal Server Error")
    assert "the server's" in fault.hint
    assert site.asked.total() == 3


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("cut", "ended after 1,000 of 2,400,000 bytes"),
        ("chunked_cut", "ended before its end"),
        ("silent", "sent nothing for 0.3 s"),
    ],
)
def test_half_a_file_is_no_file(site: Site, tmp_path: Path, path: str, message: str, failure: Failure) -> None:
    (tmp_path / "data").write_text("old")
    assert message in failure(f"{site.url}/{path}", tmp_path / "data", HASTE).message
    assert (tmp_path / "data").read_text() == "old"
    assert site.asked.total() == 2


def test_ten_redirects_are_followed(site: Site, tmp_path: Path, failure: Failure) -> None:
    fetch(f"{site.url}/hops/10", tmp_path / "data", stop=None)
    assert (tmp_path / "data").read_bytes() == DATA
    assert "more than 10 redirects" in failure(f"{site.url}/hops/11", tmp_path / "other").message


def test_a_circle_of_redirects_ends(site: Site, tmp_path: Path, failure: Failure) -> None:
    assert "more than 10 redirects" in failure(f"{site.url}/round/", tmp_path / "data", Patience()).message
    assert site.asked.total() == 11


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "s3://bucket/key"])
def test_a_redirect_leads_nowhere_but_the_web(site: Site, tmp_path: Path, location: str, failure: Failure) -> None:
    fault = failure(f"{site.url}/to/{location}", tmp_path / "data")
    assert fault.message.endswith("redirects to an address that is not on the web")


def test_credentials_go_to_their_host_alone_and_into_no_message(site: Site, tmp_path: Path, failure: Failure) -> None:
    secret = site.url.replace("http://", "http://anna:se%40cret@")
    fetch(f"{secret}/data", tmp_path / "data", stop=None)
    assert site.authorizations["/data"] == AUTHORIZATION
    fetch(f"{secret}/hops/1", tmp_path / "data", stop=None)
    assert site.authorizations["/data"] == AUTHORIZATION
    fetch(f"{secret}/other_host", tmp_path / "data", stop=None)
    fault = failure(f"{secret}/status/403?signature=abc", tmp_path / "data")
    assert (site.authorizations["/other_host"], site.authorizations["/data"]) == (AUTHORIZATION, None)
    assert not any(word in fault.message + fault.hint for word in ("anna", "cret", "abc"))


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Failure) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host = f"127.0.0.1:{gone.getsockname()[1]}"
    fault = failure(f"http://{host}/x", tmp_path / "data", HASTE)
    assert fault.message == f"cannot fetch `http://{host}/x`: no connection to `{host}`: connection refused"


def test_a_host_without_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Failure) -> None:
    monkeypatch.setenv("no_proxy", "*")
    fault = failure("https://nowhere.invalid/x", tmp_path / "data")
    assert fault.message.endswith("the name of `nowhere.invalid` can't be resolved")
    assert "online" in fault.hint


def test_what_speaks_no_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Failure) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"220 mail here\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        fault = failure(f"http://127.0.0.1:{server.getsockname()[1]}/x", tmp_path / "data")
        thread.join()
    assert "speaks no HTTP" in fault.message


def test_stopping_between_chunks_leaves_nothing(site: Site, tmp_path: Path, stop: Stop) -> None:
    def end() -> None:
        site.sent.wait()
        stop.set()

    thread = threading.Thread(target=end)
    thread.start()
    began = time.monotonic()
    with pytest.raises(FetchStopped):
        fetch(f"{site.url}/slow", tmp_path / "data", stop=stop)
    thread.join()
    assert time.monotonic() - began < 30
    assert list(tmp_path.iterdir()) == []


def test_stopping_ends_the_wait_for_another_try(site: Site, tmp_path: Path, stop: Stop) -> None:
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(FetchStopped):
        fetch(f"{site.url}/status/503", tmp_path / "data", stop=stop, patience=Patience(retries=20))
    timer.join()
    assert time.monotonic() - began < 30
    assert 1 <= site.asked.total() <= 3


def test_a_disk_that_refuses_is_named(site: Site, tmp_path: Path, failure: Failure) -> None:
    fault = failure(f"{site.url}/data", tmp_path)
    assert fault.message == f"cannot write `{tmp_path}`: is a directory"
