"""What shows that an audit log was tampered with: each way of doing it by hand, in a real store."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlopsctl.engine.audit import Deed, Did, append, kind_of
from mlopsctl.engine.releases import Decision, move_serving, read_serving
from mlopsctl.release.chain import verified_chain
from mlopsctl.store import Artifact, Release, Store, open_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNNING = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def log(store: Store, tmp_path: Path) -> list[Path]:
    """The files of a log with four entries, the oldest first."""
    for number in range(4):
        append(store, "prod", Deed(did=Did.STOPPED, why=str(number)), who="ann", at=NOON + timedelta(hours=number))
    return sorted((tmp_path / "store" / "records" / kind_of("prod")).glob("*.json"))


def head_file(tmp_path: Path) -> Path:
    return tmp_path / "store" / "pointers" / "audit" / "prod.json"


def found(store: Store) -> str:
    chain = verified_chain(store, "prod")
    return chain.breaks[0].what if chain.breaks else ""


def released(run: str) -> Release:
    model = Artifact("sha256:" + "a" * 64, 1, "file", "model")
    parts = {"data": {}, "metrics": {}, "server": {}, "requirements": "", "evidence": ""}
    return Release(run=run, commit="", pipeline="p", model=model, since="2026-03-01T00:00:00+00:00", **parts)


def serve(store: Store, run: str) -> None:
    move_serving(
        store, released(run), "prod", expect=read_serving(store, "p", "prod").version, decision=Decision(who="ann")
    )


@pytest.mark.usefixtures("log")
def test_a_log_that_nobody_touched_is_whole(store: Store) -> None:
    chain = verified_chain(store, "prod", pipelines=["p"])
    assert (chain.breaks, chain.uncounted, chain.backwards, len(chain.entries)) == ((), 0, (), 4)
    assert verified_chain(store, "staging").breaks == ()


def test_an_entry_that_was_changed_is_named(store: Store, log: list[Path]) -> None:
    document = json.loads(log[1].read_text())
    log[1].write_text(json.dumps(document | {"why": "nothing to see"}))
    assert found(store).startswith("entry 2 was altered: it is sha256:")
    assert len(verified_chain(store, "prod").entries) == 2


def test_an_entry_that_is_gone_is_named(store: Store, log: list[Path]) -> None:
    log[2].unlink()
    assert found(store).startswith("entry 3 is missing: entry 4 was appended to sha256:")


def test_an_entry_that_nobody_can_read_is_named(store: Store, log: list[Path]) -> None:
    log[3].write_text("{")
    assert found(store).startswith("entry 4 was altered: it is unreadable, the head of the log names sha256:")


def test_a_head_that_was_put_back_is_found(store: Store, log: list[Path], tmp_path: Path) -> None:
    head = json.loads(head_file(tmp_path).read_text())
    document = json.loads(log[2].read_text())
    head["value"] = {"number": 2, "entry": document["previous"]}
    head_file(tmp_path).write_text(json.dumps(head))
    assert found(store).startswith("the log was cut at entry 2: there are later ones, up to entry 4 of 2026-03-01T15")
    append(store, "prod", Deed(did=Did.RESUMED), who="mallory")  # and what is built on it hides nothing
    assert found(store).startswith("the log was cut at entry 3")


@pytest.mark.usefixtures("log")
def test_a_log_written_anew_is_found_by_who_noted_a_digest(store: Store, tmp_path: Path) -> None:
    before = verified_chain(store, "prod")
    assert all(not verified_chain(store, "prod", expected=each.digest).breaks for each in before.entries)
    assert not verified_chain(store, "prod", expected=before.head.digest[7:20]).breaks
    anew = open_store(tmp_path / "anew")
    for number in range(4):
        append(anew, "prod", Deed(did=Did.STOPPED, why=f"other {number}"), who="ann", at=NOON)
    assert not verified_chain(anew, "prod").breaks
    (one,) = verified_chain(anew, "prod", expected=before.head.digest).breaks
    assert one.what.endswith("the log was written anew since that was noted")


def test_a_pointer_moved_by_hand_is_found(store: Store) -> None:
    serve(store, "A")
    serve(store, "B")
    assert not verified_chain(store, "prod").breaks
    pointer = store.read_pointer("serving/prod/p")
    assert pointer is not None
    store.move_pointer("serving/prod/p", released("A").to_json(), expect=pointer.version)
    assert found(store) == "p: run A serves, and the log says that run B does"


def test_what_serves_without_ever_having_been_noted_is_found(store: Store) -> None:
    store.move_pointer("serving/prod/p", released("A").to_json(), expect=None)
    assert not verified_chain(store, "prod", pipelines=["p"]).breaks  # it served before there was a log
    append(store, "prod", Deed(did=Did.STOPPED), who="ann", at=datetime(2026, 2, 1, tzinfo=UTC))
    (one,) = verified_chain(store, "prod", pipelines=["p"]).breaks
    assert one.what == "p: run A serves, and the log says that nothing does"


def test_an_uncounted_entry_and_a_clock_that_was_wrong_are_no_tampering(store: Store, log: list[Path]) -> None:
    document = json.loads(log[1].read_text())
    store.add_record(kind_of("prod"), "0000000002-0123456789abcdef", document | {"why": "overtaken"})
    append(store, "prod", Deed(did=Did.RESUMED), who="ann", at=NOON)
    chain = verified_chain(store, "prod")
    assert (chain.breaks, chain.uncounted, chain.backwards) == ((), 1, (5,))


@RUNNING
@given(index=st.integers(0, 5), where=st.floats(0, 1), byte=st.integers(0, 255))
def test_whatever_is_changed_in_a_record_is_found(
    tmp_path_factory: pytest.TempPathFactory, index: int, where: float, byte: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = open_store(folder)
    for number in range(6):
        append(store, "prod", Deed(did=Did.STOPPED, why=f"ünd {number}"), who="ann", at=NOON)
    file = sorted((folder / "records" / kind_of("prod")).glob("*.json"))[index]
    data = bytearray(file.read_bytes())
    place = min(int(where * len(data)), len(data) - 1)
    said = json.loads(bytes(data))
    data[place] = byte
    file.write_bytes(bytes(data))
    assert bool(verified_chain(store, "prod").breaks) == (not says_the_same(lambda: json.loads(bytes(data)), said))


def says_the_same(read: Callable[[], object], said: object) -> bool:
    try:
        return read() == said
    except ValueError:
        return False
