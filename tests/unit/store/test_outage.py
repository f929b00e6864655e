"""A store that is away for a while: what was asked of it is done once it is back, or given up in words."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mlopsctl.store import (
    Outage,
    Patience,
    PointerMoved,
    RecordExists,
    Store,
    StoreUnreachable,
    digest_bytes,
    open_store,
)

AT_ONCE = Patience(seconds=5, retries=0)


class Wire:
    """An address that leads to a real server as long as it is whole."""

    def __init__(self, target: str) -> None:
        self._target = (urlsplit(target).hostname, urlsplit(target).port)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._own = free.getsockname()
        self._listening: socket.socket | None = None
        self._ends: list[socket.socket] = []
        self.cuts_the_next_answer = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._own[1]}"

    def mend(self) -> None:
        self._listening = socket.create_server(self._own)
        threading.Thread(target=self._lead, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        for end in (self._listening, *self._ends):
            if end is not None:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._ends.clear()

    def _lead(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(self._target)
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.cuts_the_next_answer and source in self._ends[1::2]:
                    self.cuts_the_next_answer = False
                    self.cut()
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def wire(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:  # noqa: ARG001  # it sets the endpoint
    found = Wire(os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    yield found
    found.cut()


class Waiter:
    """Waits without taking time, and mends the wire when it has waited so often."""

    def __init__(self, wire: Wire, *, mended_after: int) -> None:
        self.told: list[str] = []
        self.waited = 0
        self._wire, self._mended_after = wire, mended_after

    def outage(self, *, known: float = 60, unknown: float = 60) -> Outage:
        return Outage(known=known, unknown=unknown, tell=self.told.append, pause=self._pause)

    def _pause(self, _: float) -> bool:
        self.waited += 1
        if self.waited == self._mended_after:
            self._wire.mend()
        return True


OPERATIONS: dict[str, Callable[[Store, Path], object]] = {
    "put_bytes": lambda store, _: store.get_bytes(store.put_bytes(b"new").digest) == b"new",
    "put_artifact": lambda store, here: store.artifact_is_whole(store.put_artifact(here)),
    "get_bytes": lambda store, _: store.get_bytes(digest_bytes(b"weights")) == b"weights",
    "fetch": lambda store, here: store.fetch(digest_bytes(b"weights"), here / "copy") or (here / "copy").exists(),
    "is_whole": lambda store, _: store.is_whole(digest_bytes(b"weights"), 7),
    "add_record": lambda store, _: store.add_record("run", "02", {}) or store.read_record("run", "02") == {},
    "record_ids": lambda store, _: store.record_ids("run") == ["01"],
    "move_pointer": lambda store, _: store.move_pointer("new", {}, expect=None) == store.read_pointer("new"),
}


@pytest.fixture
def store(wire: Wire, s3_url: str) -> Store:
    """A store that has something in it, and is out of reach now."""
    found = open_store(s3_url, patience=AT_ONCE)
    wire.mend()
    found.put_bytes(b"weights")
    found.add_record("run", "01", {})
    wire.cut()
    return found


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_whatever_was_asked_is_done_once_the_store_is_back(
    wire: Wire, store: Store, tmp_path: Path, operation: Callable[[Store, Path], object]
) -> None:
    (tmp_path / "big").write_bytes(bytes(9 << 20))
    waiter = Waiter(wire, mended_after=3)
    assert operation(store.waiting(waiter.outage()), tmp_path)
    assert waiter.waited >= 3
    (told,) = waiter.told
    assert told.startswith("the store is out of reach: cannot ")
    assert told.endswith(": no connection")


def test_each_outage_is_told(wire: Wire, store: Store) -> None:
    waiter = Waiter(wire, mended_after=1)
    waiting = store.waiting(waiter.outage())
    waiting.record_ids("run")
    waiting.record_ids("run")
    wire.cut()
    waiter.waited = 0
    waiting.record_ids("run")
    assert len(waiter.told) == 2


def test_a_store_that_never_answered_is_given_up_sooner(wire: Wire, store: Store) -> None:
    waiter = Waiter(wire, mended_after=-1)
    waiting = store.waiting(waiter.outage(known=1, unknown=0))
    with pytest.raises(StoreUnreachable, match=r"no connection, for 0 s$"):
        waiting.read_pointer("serving")
    assert waiter.waited == 0
    wire.mend()
    waiting.read_pointer("serving")
    wire.cut()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match=r"no connection, for 1 s$"):
        waiting.read_pointer("serving")
    assert waiter.waited > 0
    assert time.monotonic() - began >= 1


def test_nobody_waits_who_is_to_end(store: Store) -> None:
    outage = Outage(known=60, unknown=60, tell=lambda _: None, pause=lambda _: False)
    with pytest.raises(StoreUnreachable, match=r"no connection$"):
        store.waiting(outage).read_pointer("serving")


def test_what_arrived_although_its_answer_did_not_is_no_conflict(wire: Wire, store: Store) -> None:
    """The wire is cut by the first answer after which something is there."""
    waiter = Waiter(wire, mended_after=1)
    waiting = store.waiting(waiter.outage())
    wire.mend()
    wire.cuts_the_next_answer = True
    waiting.add_record("run", "02", {"a": 1})
    assert waiter.waited == 1
    assert waiting.read_record("run", "02") == {"a": 1}
    with pytest.raises(RecordExists):
        waiting.add_record("run", "02", {"a": 1})
    pointer = waiting.move_pointer("serving", {"run": "02"}, expect=None)
    with pytest.raises(PointerMoved):
        waiting.move_pointer("serving", {"run": "02"}, expect=None)
    assert waiting.read_pointer("serving") == pointer
