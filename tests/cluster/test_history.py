"""What was applied, kept on a real API server."""

import threading
from dataclasses import replace

import pytest

from mlopsctl.cluster.applyset import Estate
from mlopsctl.cluster.errors import Absent
from mlopsctl.cluster.history import LARGEST, MOST, AppliedRecord, History
from mlopsctl.cluster.objects import Objects
from tests.cluster.examining import Admin
from tests.cluster.speaking import objects_there, own_namespace_there

RECORD = AppliedRecord(
    id="3f2a91bc",
    user="ann",
    host="laptop",
    run="",
    at="2026-11-21T15:04:05Z",
    version="0.1.0",
    commit="8976a70",
    plan="sha256:abc",
    counts={"create": 7, "delete": 0},
    result="applied",
    seconds=12.5,
)


namespace = pytest.fixture(own_namespace_there)
objects = pytest.fixture(objects_there)


@pytest.fixture
def history(objects: Objects, namespace: str) -> History:
    return History(objects, Estate(project="flights", environment="staging", namespace=namespace))


def path(history: History) -> str:
    return f"/api/v1/namespaces/{history.key.namespace}/configmaps/{history.key.name}"


def by(user: str) -> AppliedRecord:
    return replace(RECORD, id=user, user=user)


def test_what_is_appended_is_kept_in_order(history: History) -> None:
    assert history.read() == ()
    assert history.append(by("ann")) == replace(by("ann"), number=1)
    assert history.append(by("bo")).number == 2
    assert [(one.number, one.user) for one in history.read()] == [(1, "ann"), (2, "bo")]
    assert history.read()[0] == replace(by("ann"), number=1)


def test_the_same_apply_is_kept_once(history: History) -> None:
    """As if an answer had got lost and the record were written again."""
    assert history.append(RECORD) == history.append(RECORD)
    assert len(history.read()) == 1


def test_only_the_last_are_kept(history: History) -> None:
    for number in range(MOST + 5):
        history.append(by(f"user{number}"))
    assert [one.number for one in history.read()] == list(range(6, MOST + 6))


def test_no_record_fills_the_map(history: History, admin: Admin) -> None:
    admin_made = replace(RECORD, counts={f"action-{number}": number for number in range(2_000)})
    for number in range(12):
        history.append(replace(admin_made, id=str(number), why="x" * 100_000))
    data = admin.ask("GET", path(history))["data"]
    assert sum(len(entry) for entry in data.values()) <= LARGEST
    assert [one.number for one in history.read()][-1] == 12
    assert 1 < len(data) < 12


def test_many_at_once_lose_nothing(history: History) -> None:
    threads = [threading.Thread(target=history.append, args=(by(f"user{number}"),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    found = history.read()
    assert sorted(one.user for one in found) == [f"user{number}" for number in range(8)]
    assert [one.number for one in found] == list(range(1, 9))


def test_what_somebody_has_damaged_is_left_out(history: History, admin: Admin) -> None:
    for user in ("ann", "bo", "cy"):
        history.append(by(user))
    known_later = '{"id": "x"}'
    admin.merge(path(history), {"data": {"000002": "{", "000003": known_later, "notes": "of somebody"}})
    assert [one.user for one in history.read()] == ["ann"]
    assert history.append(by("di")).number == 4
    assert [one.user for one in history.read()] == ["ann", "di"]


def test_a_record_of_a_later_version_is_read(history: History, admin: Admin) -> None:
    history.append(RECORD)
    entry = admin.ask("GET", path(history))["data"]["000001"]
    admin.merge(path(history), {"data": {"000001": entry.replace("{", '{"new": 1,', 1)}})
    assert history.read() == (replace(RECORD, number=1),)


def test_no_namespace_to_keep_it_in(objects: Objects) -> None:
    nowhere = History(objects, Estate(project="flights", environment="staging", namespace="no-such"))
    assert nowhere.read() == ()
    with pytest.raises(Absent):
        nowhere.append(RECORD)
