"""Trying a store out: what works is said to, what doesn't is named, and nothing is left behind."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlopsctl.store import Patience, Store, StoreDenied, StoreError, StoreUnreachable, open_store


class Carefree(BaseHTTPRequestHandler):
    """Keeps objects, and minds no condition of whoever writes them."""

    kept: dict[str, bytes]
    forbidden: frozenset[str] = frozenset()

    def answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command in self.forbidden:
            return self.reply(403)
        if self.command == "PUT":
            self.kept[self.path] = data
            return self.reply(200)
        found = self.kept.get(self.path)
        return self.reply(404) if found is None else self.reply(200, found)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815  # the names that the base class calls

    def reply(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        head = {"ETag": '"1"', "Content-Length": str(len(data)), "Last-Modified": "Sat, 21 Nov 2026 09:00:00 GMT"}
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep still."""


class Contrary(Carefree):
    """Finds the condition of every write broken."""

    def answer(self) -> None:
        if self.command == "PUT":
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return self.reply(412)
        return super().answer()

    do_PUT = answer  # noqa: N815  # the name that the base class calls


class ReadOnly(Carefree):
    """Lets nobody write."""

    forbidden = frozenset({"PUT", "POST", "DELETE"})


@contextmanager
def bucket_on(handler: type[Carefree], monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Fresh", (handler,), {"kept": {}})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        try:
            yield open_store("s3://bucket/store", patience=Patience(2, retries=0))
        finally:
            server.shutdown()
            thread.join()


def test_a_store_that_works_is_as_it_was_before(store: Store) -> None:
    trial = store.try_out()
    assert trial.left == ""
    assert 0 < trial.seconds < 30
    assert [name for name in store._backend.names("") if name.startswith("doctor-")] == []


def test_two_may_try_at_once(store: Store) -> None:
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            store.try_out()
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_bucket_that_minds_no_condition_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket_on(Carefree, monkeypatch) as store, pytest.raises(StoreError) as caught:
        store.try_out()
    assert caught.value.message == "`s3://bucket/store` replaces a value that may only be written where there is none"
    assert "overwrite each other" in caught.value.hint


def test_a_bucket_that_has_everything_already_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket_on(Contrary, monkeypatch) as store, pytest.raises(StoreError) as caught:
        store.try_out()
    assert caught.value.message == "`s3://bucket/store` takes nothing new: it says that there is a value already"


def test_a_bucket_that_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket_on(ReadOnly, monkeypatch) as store, pytest.raises(StoreDenied) as caught:
        store.try_out()
    assert caught.value.message.startswith("it can be read, but not written: cannot write `doctor-")
    assert caught.value.message.endswith("the server answers 403 Forbidden")


def test_a_bucket_that_is_not_there(s3_url: str) -> None:
    with pytest.raises(StoreError, match="there is no such bucket"):
        open_store(s3_url.replace("artifacts", "artefacts")).try_out()


def test_a_bucket_that_nobody_answers_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket_on(Carefree, monkeypatch):
        pass
    with pytest.raises(StoreUnreachable, match="no connection"):
        open_store("s3://bucket/store", patience=Patience(2, retries=0)).try_out()


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="not a directory"):
        open_store(tmp_path / "file" / "store").try_out()
