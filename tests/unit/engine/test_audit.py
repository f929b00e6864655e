"""The audit log: entries in a chain, whoever appends at once, and what serves noted before it is moved."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlopsctl.engine.audit import Deed, Did, Head, append, entries, kind_of, read_head
from mlopsctl.engine.releases import Decision, move_serving, read_serving
from mlopsctl.store import Artifact, PointerMoved, Release, Store, open_store
from tests.counting import counting_store

APPENDERS = 4
EACH = 12
APPENDING = """
import sys
from mlopsctl.engine.audit import Deed, Did, append
from mlopsctl.store import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
for number in range(int(sys.argv[3])):
    append(store, "prod", Deed(did=Did.STOPPED, why=f"{sys.argv[2]} {number}"), who="ann@laptop")
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def release(run: str) -> Release:
    model = Artifact("sha256:" + "a" * 64, 1, "file", "model")
    parts = {"data": {}, "metrics": {}, "server": {}, "requirements": "", "evidence": ""}
    return Release(run=run, commit="c0", pipeline="p", model=model, since="2026-03-01T00:00:00+00:00", **parts)


def test_entries_are_read_the_newest_first_each_chained_to_the_one_before(store: Store) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    written = [append(store, "prod", Deed(did=Did.STOPPED, why=str(n)), who="ann@laptop", at=at) for n in range(5)]
    found = entries(store, "prod")
    assert found == written[::-1]
    assert [each.previous for each in found] == [*(each.digest for each in found[1:]), ""]
    assert found[0].at == "2026-03-01T12:00:00.000+00:00"
    assert entries(store, "prod", limit=2) == found[:2]
    assert read_head(store, "prod") == Head(5, found[0].digest)
    assert entries(store, "staging") == []


def test_an_append_takes_three_requests(tmp_path: Path) -> None:
    store, asked = counting_store(tmp_path / "store")
    append(store, "prod", Deed(did=Did.STOPPED), who="ann")
    asked.clear()
    append(store, "prod", Deed(did=Did.RESUMED), who="ann")
    assert [method for method, _ in asked] == ["read", "write", "write"]


def test_of_many_who_append_at_once_none_is_lost(tmp_path: Path, store: Store) -> None:
    command = [sys.executable, "-c", APPENDING, str(tmp_path / "store")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    writers = [subprocess.Popen([*command, str(number), str(EACH)], **pipes) for number in range(APPENDERS)]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0] * APPENDERS
    found = [each.deed.why for each in entries(store, "prod")]
    assert sorted(found) == sorted(f"{writer} {number}" for writer in range(APPENDERS) for number in range(EACH))
    for writer in writers:
        writer.stdout.close()


def test_an_entry_whose_writer_was_killed_before_it_counted_is_not_read(store: Store) -> None:
    first = append(store, "prod", Deed(did=Did.SERVES, run="A"), who="ann")
    document = store.read_record(kind_of("prod"), first.id) or {}
    store.add_record(
        kind_of("prod"), "0000000002-0123456789abcdef", {**document, "number": 2, "previous": first.digest}
    )
    assert entries(store, "prod") == [first]
    second = append(store, "prod", Deed(did=Did.STOPPED), who="ann")
    assert [each.digest for each in entries(store, "prod")] == [second.digest, first.digest]


def test_what_serves_is_noted_and_what_was_overtaken_is_taken_back(store: Store) -> None:
    before = read_serving(store, "p", "prod").version
    move_serving(store, release("A"), "prod", expect=before, decision=Decision(who="ann@laptop"))
    with pytest.raises(PointerMoved):
        move_serving(store, release("B"), "prod", expect=before, decision=Decision(who="bob@desk", why="faster"))
    last, lost, first = entries(store, "prod")
    assert (first.deed.did, first.deed.run, first.who) == (Did.SERVES, "A", "ann@laptop")
    assert (lost.deed.did, lost.deed.run, lost.deed.why) == (Did.SERVES, "B", "faster")
    assert (last.deed.did, last.deed.takes_back) == (Did.OVERTAKEN, lost.digest)
    assert (last.deed.model, last.deed.commit) == ("sha256:" + "a" * 64, "c0")
