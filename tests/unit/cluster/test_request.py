"""What is asked again, for how long, and what never is."""

import time
from pathlib import Path

import pytest

from mlopsctl.cluster.access import Patience
from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import ClusterError, Conflict, Conflicted, Outdated, Refused, Unreachable
from mlopsctl.cluster.request import Request, waits
from tests.unit.cluster.kubeconfigs import kubeconfig
from tests.unit.cluster.servers import nobody, replying

APPLY = Request(method="PATCH", path="/x", body={}, is_repeatable=True)


def connected(folder: Path, server: str, *, repeat: float = 5) -> Connection:
    path = kubeconfig(folder / "config", server=server)
    return connect(Place(context="dev"), {"KUBECONFIG": str(path)}, patience=Patience(0.5, 0.5, repeat))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(status: int, tmp_path: Path) -> None:
    with replying((status, {"message": "in a moment"}), (status, "<html>"), (200, {"now": 1})) as server:
        assert connected(tmp_path, server.url).send(APPLY).document == {"now": 1}
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "strict decoding error"),
        (403, "no"),
        (404, "no"),
        (409, "no"),
        (413, "no"),
        (422, "no"),
        (500, "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .foo: field not declared in schema"),
        (500, "etcdserver: request is too large"),
    ],
)
def test_what_will_not_pass_is_asked_once(status: int, said: str, tmp_path: Path) -> None:
    with replying((status, {"message": said})) as server, pytest.raises(ClusterError):
        connected(tmp_path, server.url).send(APPLY)
    assert len(server.asked) == 1


def test_what_must_not_happen_twice_is_asked_once(tmp_path: Path) -> None:
    with replying((500, {"message": "?"})) as server, pytest.raises(Refused):
        connected(tmp_path, server.url).send(Request(method="POST", path="/x", body={}))
    assert len(server.asked) == 1


def test_a_server_that_never_comes_back_is_given_up_in_time(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable):
        connected(tmp_path, nobody(), repeat=1).get("/x")
    assert 0.9 < time.monotonic() - started < 30


def test_a_host_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable):
        connected(tmp_path, "http://no-such-host.invalid", repeat=90).get("/x")
    assert time.monotonic() - started < 30


def test_a_server_that_says_when_to_come_again_is_left_alone_until_then(tmp_path: Path) -> None:
    with replying((429, {"message": "later"}, {"Retry-After": "1"}), (200, {})) as server:
        started = time.monotonic()
        connected(tmp_path, server.url).get("/x")
    assert time.monotonic() - started >= 1


def test_a_server_that_says_next_week_is_not_waited_for_until_then(tmp_path: Path) -> None:
    with replying((503, {"message": "later"}, {"Retry-After": "600000"})) as server:
        started = time.monotonic()
        with pytest.raises(Refused):
            connected(tmp_path, server.url, repeat=1).get("/x")
    assert time.monotonic() - started < 30


def test_waits_grow_and_end() -> None:
    found = list(waits(30))
    assert 30 <= sum(found) < 35
    assert found[0] <= 0.1
    assert max(found) <= 4
    assert found != list(waits(30))  # so that those who failed together don't come again together


def test_a_conflict_says_who_has_set_what(tmp_path: Path) -> None:
    def cause(manager: str, field: str, more: str = "") -> dict[str, str]:
        return {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"{more}', "field": field}

    causes = [cause("hpa", ".spec.replicas", ' with subresource "scale" using v1'), cause("kubectl", ".data.a")]
    causes += [cause("hpa", ".spec.minReplicas")]
    status = {"message": "Apply failed", "reason": "Conflict", "details": {"causes": causes}}
    with replying((409, status)) as server, pytest.raises(Conflicted) as caught:
        connected(tmp_path, server.url).send(APPLY)
    assert caught.value.conflicts == (
        Conflict("hpa", (".spec.replicas", ".spec.minReplicas")),
        Conflict("kubectl", (".data.a",)),
    )


def test_somebody_who_was_faster_is_no_conflict_of_fields(tmp_path: Path) -> None:
    with replying((409, {"message": "the object has been modified"})) as server, pytest.raises(Outdated):
        connected(tmp_path, server.url).send(APPLY)


def test_what_keeps_many_from_their_answers_is_waited_for_once(tmp_path: Path) -> None:
    away = {"message": 'Internal error occurred: failed calling webhook "w.example.com": connection refused'}
    with replying((500, away)) as server:
        connection = connected(tmp_path, server.url, repeat=1)
        with pytest.raises(Refused):
            connection.send(APPLY)
        asked = len(server.asked)
        assert asked >= 2
        for _ in range(5):
            with pytest.raises(Refused):
                connection.send(APPLY)
    assert len(server.asked) == asked + 5


def test_a_trouble_that_is_over_is_waited_for_anew(tmp_path: Path) -> None:
    away = (503, {"message": "in a moment"})
    with replying(away, (200, {}), away, (200, {"now": 1})) as server:
        connection = connected(tmp_path, server.url, repeat=1)
        connection.send(APPLY)
        time.sleep(1)
        assert connection.send(APPLY).document == {"now": 1}
