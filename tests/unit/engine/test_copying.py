"""A version in shadow gets copies of what was answered well, and what came of them is told; no caller notices."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.engine import copying
from mlopsctl.engine.copying import Copies, copied, is_same
from mlopsctl.engine.keeping import Keeping
from mlopsctl.engine.prediction_log import Served
from mlopsctl.engine.shadowing import (
    Place,
    Shadow,
    Tally,
    add_tally,
    is_noticed,
    new_shadow,
    rank,
    read_shadow,
    read_tally,
    shadowing,
    write_shadow,
)
from mlopsctl.engine.tapped import Tapped, tapped
from mlopsctl.runtime.http_messages import OUR_AGENT
from mlopsctl.runtime.tap import Exchange
from mlopsctl.store import Store, open_store, timestamp
from tests.waiting import PATIENCE, until

PLACE = Place("staging", "churn", "serve")
RELEASE = "sha256:r"
OVER = "copies of requests are over"


@contextmanager
def model(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[tuple[int, list[tuple[str, bytes, str]]]]:
    """A server of a model on a free port, and what it was asked: path, body and what it is that asks."""
    asked: list[tuple[str, bytes, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, body, f"{self.headers['User-Agent']} {self.headers['Content-Type']}"))
            status, answered = answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answered)))
            self.end_headers()
            self.wfile.write(answered)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, body: bytes) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/infer", body, {"Content-Type": "text/mine"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as found:
        answer: bytes = found.read()
    return answer


def exchange(**more: Any) -> Exchange:
    plain: dict[str, Any] = {"path": "/", "request_id": "", "began": time.time(), "seconds": 0.01, "status": 200}
    return Exchange(**{"request": b"{}", "response": b"{}", **plain, **more})


def shadow_of(port: int, *, share: float = 1.0, seconds: float = 100.0) -> Shadow:
    return new_shadow(RELEASE, service="churn-1", address=f"http://127.0.0.1:{port}", share=share, seconds=seconds)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "LOOKED", 0.05)


def test_callers_get_what_serves_while_a_version_gets_copies(store: Store) -> None:
    served = Served(pipeline="churn", environment="staging", stage="serve", run="r", model="sha256:m")
    with (
        model(lambda body: (400 if body == b"bad" else 200, b'{"of": "champion"}')) as (champion, seen),
        model(lambda body: (500 if body == b"3" else 200, b'{"of": "candidate"}')) as (candidate, copies),
    ):
        behind = Tapped(
            server=champion, host="127.0.0.1", port=0, metrics=0, keeping=Keeping(), monitors=(), copying=RELEASE
        )
        said: list[str] = []
        with tapped(behind, store, served, said.append) as listening:
            ask(listening.port, b"before")
            shadow = shadow_of(candidate)
            write_shadow(store, PLACE, shadow)
            until(lambda: is_noticed(store, shadow))
            answers = {ask(listening.port, body) for body in (b"1", b"2", b"3")}
            with pytest.raises(OSError, match="400"):
                ask(listening.port, b"bad")
            until(lambda: read_tally(store, shadow).copies == 3)
            write_shadow(store, PLACE, replace(shadow, until=timestamp(datetime.now(UTC))))
            until(lambda: OVER in said)
            ask(listening.port, b"after")
    assert answers == {b'{"of": "champion"}'}
    assert [body for _, body, _ in seen] == [b"before", b"1", b"2", b"3", b"bad", b"after"]
    assert sorted(copies) == [("/infer", body, f"{OUR_AGENT} text/mine") for body in (b"1", b"2", b"3")]
    tally = read_tally(store, shadow)
    assert (tally.errors, tally.first, tally.compared, tally.differing) == (1, "500", 2, 2)
    assert sum(tally.milliseconds.values()) == 2
    assert sum(tally.served_in.values()) == 3


def test_nothing_is_copied_once_nobody_renews_it(store: Store) -> None:
    said: list[str] = []
    with model(lambda _: (200, b"{}")) as (port, asked), Copies(store, PLACE, RELEASE, said.append) as copies:
        shadow = replace(shadow_of(port), until=timestamp(datetime.now(UTC) + timedelta(seconds=2)))
        write_shadow(store, PLACE, shadow)
        until(lambda: bool(said))
        until(lambda: copies.share == 0.0)
        copies.offer(exchange())
        assert said[-1] == OVER
    assert asked == []


def test_only_who_serves_copies(store: Store) -> None:
    """Not the version in shadow itself, nor one that is kept warm: they know of the shadow too."""
    with Copies(store, PLACE, "sha256:other", print) as warm, Copies(store, PLACE, RELEASE, print) as copies:
        shadow = shadow_of(1)
        write_shadow(store, PLACE, shadow)
        until(lambda: copies.share == 1.0)
        until(lambda: is_noticed(store, shadow))
        assert warm.share == 0.0
        write_shadow(store, PLACE, replace(shadow, copied_by="sha256:other", share=0.5))
        until(lambda: warm.share == 0.5)
        until(lambda: copies.share == 0.0)


def test_a_share_is_copied_and_what_is_too_much_is_left_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_BYTES", 100)
    with model(lambda _: (200, b"{}")) as (port, _), Copies(store, PLACE, RELEASE, print) as copies:
        shadow = shadow_of(port, share=0.5)
        write_shadow(store, PLACE, shadow)
        until(lambda: copies.share == 0.5)
        for chance in (0.4, 0.5, 0.9):
            copies.offer(exchange(chance=chance))
        copies.offer(exchange(request=None))
        copies.offer(exchange(request=bytes(101)))
        until(lambda: read_tally(store, shadow).copies == 1)
        until(lambda: read_tally(store, shadow).left_out == 2)


def test_what_was_seen_is_told_at_the_end(store: Store) -> None:
    with model(lambda _: (200, b"{}")) as (port, asked), Copies(store, PLACE, RELEASE, print) as copies:
        shadow = shadow_of(port, seconds=1e6)  # it would be told every five minutes
        write_shadow(store, PLACE, shadow)
        until(lambda: copies.share == 1.0)
        copies.offer(exchange())
        until(lambda: bool(asked))
    assert read_tally(store, shadow).copies == 1


def test_a_version_that_is_away_is_a_fault() -> None:
    with model(lambda _: (200, b"{}")) as (port, _):
        pass
    assert "refused" in copied(f"http://127.0.0.1:{port}", exchange()).fault


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"outputs": [{"name": "y", "shape": [2], "data": [1, 0.5]}], "id": "a"}, {"id": "b"}, False),
        (
            {"outputs": [{"name": "y", "shape": [2], "data": [1, 0.5]}], "id": "a"},
            {"outputs": [{"name": "y", "shape": [2, 1], "data": [1, 0.5 + 1e-9]}], "id": "b"},
            True,
        ),
        ({"total": {"of": [1, 0.5]}}, {"total": {"of": [1, 0.6]}}, False),
        ([1, 2], [1], False),
        ("yes", "yes", True),
    ],
)
def test_answers_are_the_same_if_they_predict_the_same(one: object, other: object, *, same: bool) -> None:
    assert is_same(json.dumps(one).encode(), json.dumps(other).encode()) is same


def test_only_json_is_compared() -> None:
    assert is_same(None, b"{}") is None
    assert is_same(b"\x1f\x8b", b"{}") is None
    assert is_same(b"[" * 100_000, b"{}") is None


def test_what_several_servers_tell_is_summed(store: Store) -> None:
    shadow = shadow_of(1)
    now = datetime.now(UTC)
    add_tally(store, shadow, Tally(copies=2, errors=1, first="500", milliseconds={"5": 1}, served_in={"4": 2}), now)
    add_tally(store, shadow, Tally(copies=1, left_out=3, milliseconds={"5": 1, "90": 1}), now)
    assert read_tally(store, shadow) == Tally(
        copies=3, errors=1, left_out=3, first="500", milliseconds={"5": 2, "90": 1}, served_in={"4": 2}
    )


def test_the_last_who_says_so_has_the_copies(store: Store) -> None:
    assert read_shadow(store, PLACE) is None
    for port in (1, 2):
        write_shadow(store, PLACE, shadow_of(port))
    found = read_shadow(store, PLACE)
    assert found is not None
    assert found.address == "http://127.0.0.1:2"
    assert shadowing(store, PLACE) == ("churn-1",)
    write_shadow(store, PLACE, replace(found, until=timestamp(datetime.now(UTC))))
    assert shadowing(store, PLACE) == ()


def test_ranks_of_counts() -> None:
    assert rank({}, 99) is None
    assert rank({"100": 1, "9": 98, "10": 1}, 99) == 10
    assert rank({"100": 2, "9": 98}, 99) == 100
    assert rank({"7": 1}, 99) == 7
