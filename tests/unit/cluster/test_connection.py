"""What comes of a request: a document, or words about what kept us from it, and never later than we have patience."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.cluster.access import Patience
from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent, ClusterError, Forbidden, Refused, Unreachable
from tests.unit.cluster.kubeconfigs import kubeconfig
from tests.unit.cluster.servers import nobody, replying, silent

NO_RIGHT = 'deployments.apps is forbidden: User "ann" cannot list resource "deployments" in API group "apps" '


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def connected(folder: Path, server: str, **cluster: object) -> Connection:
    path = kubeconfig(folder / "config", server=server, **cluster)
    return connect(Place(context="dev"), {"KUBECONFIG": str(path)}, patience=Patience(0.5, 0.5))


def failure(folder: Path, server: str, **cluster: object) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        connected(folder, server, **cluster).get("/version")
    return caught.value


def test_a_document_comes_with_its_envelope(folder: Path) -> None:
    with replying((200, {"gitVersion": "v1.34.4"})) as server:
        answer = connected(folder, server.url).ask("GET", "/version", query={"a": "b c"})
    assert answer.document == {"gitVersion": "v1.34.4"}
    assert answer.date.endswith("GMT")
    assert answer.asked <= answer.answered
    assert server.asked[0][:2] == ("GET", "/version?a=b+c")


def test_a_silent_server_is_given_up_in_time(folder: Path) -> None:
    with silent() as server:
        started = time.monotonic()
        error = failure(folder, server)
    assert time.monotonic() - started < 30
    assert isinstance(error, Unreachable)
    assert error.found.message == f"no answer from `{server}`: connected, but nothing said within 0.5 s"


@pytest.mark.parametrize(
    ("server", "why"),
    [
        pytest.param(nobody(), "the connection is refused", id="a port without a server"),
        pytest.param("http://no-such-host.invalid", "there is no host of that name", id="no such host"),
    ],
)
def test_nobody_is_there(server: str, why: str, folder: Path) -> None:
    error = failure(folder, server)
    assert (error.found.code, error.found.message) == ("MLO913", f"no answer from `{server}`: {why}")


def test_a_server_that_hangs_up(folder: Path) -> None:
    def hang_up() -> None:
        with listening.accept()[0] as asking:
            asking.recv(1 << 16)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        pool.submit(hang_up)
        server = f"http://127.0.0.1:{listening.getsockname()[1]}"
        error = failure(folder, server)
    assert error.found.message == f"no answer from `{server}`: the connection was cut before an answer came"


def test_a_server_that_speaks_no_tls(folder: Path) -> None:
    with replying((200, {})) as server:
        error = failure(folder, server.url.replace("http:", "https:"))
    assert error.found.code == "MLO915"
    assert error.found.message.endswith("it doesn't speak TLS")


@pytest.mark.parametrize("reply", [(200, "<html>"), (200, "[]"), (302, "")], ids=["html", "a list", "a redirect"])
def test_another_program_at_that_address(reply: tuple[int, Any], folder: Path) -> None:
    with replying(reply) as server:
        error = failure(folder, server.url)
    assert error.found.message.endswith("it answers, but not as an API server does")


@pytest.mark.parametrize(
    ("status", "said", "error", "words"),
    [
        (401, "Unauthorized", Unreachable, "doesn't accept the credentials of `dev`"),
        (404, "no such thing", Absent, "answers 404: no such thing"),
        (500, "etcd is gone", Refused, "answers 500: etcd is gone"),
        (403, "the webhook says no", Refused, "answers 403: the webhook says no"),
        (403, f"{NO_RIGHT}at the cluster scope", Forbidden, "`ann` may not list deployments.apps in the whole cluster"),
        (
            403,
            f'{NO_RIGHT}in the namespace "flights"',
            Forbidden,
            "`ann` may not list deployments.apps in the namespace `flights`",
        ),
        (
            403,
            'pods is forbidden: User "" cannot get resource "pods" in API group "" in the namespace "x"',
            Forbidden,
            "this user may not get pods in the namespace `x`",
        ),
        (403, 'forbidden: User "ann" cannot get path "/version"', Forbidden, "`ann` may not get /version"),
    ],
)
def test_each_answer_has_its_fault(status: int, said: str, error: type[ClusterError], words: str, folder: Path) -> None:
    with replying((status, {"kind": "Status", "message": said})) as server:
        found = failure(folder, server.url)
    assert type(found) is error
    assert found.found.message.endswith(words)


def test_a_long_answer_is_cut(folder: Path) -> None:
    with replying((502, "x" * 10_000)) as server:
        assert len(failure(folder, server.url).found.message) < 400


def test_a_server_that_was_too_busy_to_begin_is_asked_again(folder: Path) -> None:
    with replying((429, {"message": "later"}), (429, {"message": "later"}), (200, {"now": 1})) as server:
        assert connected(folder, server.url).get("/version") == {"now": 1}


def test_a_server_that_is_always_too_busy_is_named(folder: Path) -> None:
    with replying((429, {"message": "later"})) as server:
        assert failure(folder, server.url).found.message.endswith("answers 429: later")
    assert len(server.asked) == 5


def test_what_failed_is_not_repeated(folder: Path) -> None:
    with replying((500, {"message": "?"})) as server, pytest.raises(Refused):
        connected(folder, server.url).post("/apis", {"kind": "Thing"}, dryRun="All")
    assert [request[:2] for request in server.asked] == [("POST", "/apis?dryRun=All")]


@pytest.mark.parametrize("reply", [{}, {"items": None}, {"items": 7}, {"items": [7]}])
def test_a_list_of_nothing_is_empty(reply: dict[str, Any], folder: Path) -> None:
    with replying((200, reply)) as server:
        assert connected(folder, server.url).items("/api/v1/pods") == []
