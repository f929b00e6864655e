"""A webhook is told as long as that can help, never for long, and nothing that is said has any of its address."""

import socket
import threading

import pytest

from mlopsctl.runtime.webhook import Limits, tell_all
from tests.hooks import hook

QUICK = Limits(answer=0.5, pauses=(0.01, 0.01), all=1.5)
BODY = {"text": "Grüße"}


def test_it_gets_the_document_once() -> None:
    with hook() as one, hook(204) as other:
        assert tell_all([one.url, other.url], BODY, QUICK) == ["", ""]
    assert one.told == other.told == [BODY]


def test_it_is_tried_again_where_that_may_help() -> None:
    with hook(503, 429, 200) as found:
        assert tell_all([found.url], BODY, QUICK) == [""]
    assert len(found.told) == 3


@pytest.mark.parametrize(
    ("status", "tries", "why"),
    [
        (403, 1, "it answers with 403 Forbidden"),
        (302, 1, "it answers with 302 Found"),
        (500, 3, "it answers with 500 Internal Server Error"),
        (799, 1, "it answers with 799"),
    ],
)
def test_what_it_answers_is_said(status: int, tries: int, why: str) -> None:
    with hook(status) as found:
        assert tell_all([found.url], BODY, QUICK) == [why]
    assert found.paths == ["/hook"] * tries


SECRET = "T0K3N"


@pytest.mark.parametrize(
    "address",
    [
        f"file:///etc/{SECRET}",
        SECRET,
        f"http://127.0.0.1:1/{SECRET}",
        f"http://user:{SECRET}@127.0.0.1:1/x",
        f"https://[{SECRET}/x",
        f"http://{SECRET}.invalid/",
        f"http:///{SECRET}",
        f"http://127.0.0.1:1/a b\n{SECRET}",
        f"http://127.0.0.1:{SECRET}/",
        f"http://127.0.0.1:1/ü{SECRET}",
    ],
)
def test_what_can_not_be_called_is_said_without_its_address(address: str) -> None:
    (why,) = tell_all([address], BODY, QUICK)
    assert why
    assert SECRET.lower() not in why.lower()


def test_a_server_that_speaks_no_tls_is_told_nothing() -> None:
    with hook() as found:
        (why,) = tell_all([found.url.replace("http:", "https:")], BODY, QUICK)
    assert why == "its certificate can't be verified, or it speaks no TLS"
    assert found.told == []


def test_a_server_that_never_answers_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert tell_all([address], BODY, Limits(answer=0.3, pauses=(0.01,), all=30.0)) == ["it doesn't answer in time"]


def test_a_server_that_answers_for_ever_is_left_alone() -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=dribble, args=(server, done))
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert tell_all([address], BODY, Limits(answer=1.0, pauses=(), all=1.5)) == ["no answer within 1.5 s"]
        done.set()
        thread.join()


def dribble(server: socket.socket, done: threading.Event) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not done.wait(0.05):
            connection.sendall(b"x")
