"""What can happen to a store in a bucket: faults, silence, lost answers, no rights, no bucket."""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlopsctl.store import (
    BlobCorrupt,
    Patience,
    PointerMoved,
    RecordExists,
    SourceChanged,
    Store,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnreachable,
    open_store,
)
from mlopsctl.store.object_store import _chunks
from tests.s3_server import BUCKET

HASTE = Patience(seconds=0.2, retries=1)
ONE_RETRY = Patience(retries=1)
DIGEST = "sha256:" + "0" * 64
OPERATIONS = {
    "read_record": lambda store, _: store.read_record("run", "01"),
    "add_record": lambda store, _: store.add_record("run", "01", {}),
    "record_ids": lambda store, _: store.record_ids("run"),
    "read_pointer": lambda store, _: store.read_pointer("serving"),
    "move_pointer": lambda store, _: store.move_pointer("serving", {}, expect=None),
    "put_bytes": lambda store, _: store.put_bytes(b"weights"),
    "put_file": lambda store, here: store.put_file(here / "big"),
    "get_bytes": lambda store, _: store.get_bytes(DIGEST),
    "fetch": lambda store, here: store.fetch(DIGEST, here / "copy"),
    "is_whole": lambda store, _: store.is_whole(DIGEST, 1),
}
Operation = Callable[[Store, Path], object]
operations = pytest.mark.parametrize("operation", [pytest.param(run, id=name) for name, run in OPERATIONS.items()])


class Answers(BaseHTTPRequestHandler):
    """Answers every request with one status."""

    status = 500
    asked: Counter[str]

    def answer(self) -> None:
        self.asked[self.command] += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_HEAD = do_POST = answer  # noqa: N815  # the names that the base class calls

    def log_message(self, *_: object) -> None:
        """Keep still."""


class LosesAnswers(Answers):
    """Keeps objects as S3 does, but the answer to the first put that it keeps never arrives."""

    kept: dict[str, bytes]

    def do_PUT(self) -> None:
        self.asked["PUT"] += 1
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("If-None-Match") == "*" and self.path in self.kept:
            return self.reply(412)
        first = not self.kept
        self.kept[self.path] = data
        return self.reply(500 if first else 200)

    def do_GET(self) -> None:
        data = self.kept.get(self.path)
        return self.reply(404) if data is None else self.reply(200, data)

    def reply(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(data)),
            "ETag": '"1"',
            "Last-Modified": "Sat, 21 Nov 2026 09:00:00 GMT",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "big").write_bytes(bytes(9 << 20))
    return tmp_path


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return monkeypatch


@contextmanager
def serving(handler: type[Answers], environment: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each method was asked of a server that is up meanwhile."""
    asked: Counter[str] = Counter()
    handler = type("Handler", (handler,), {"asked": asked, "kept": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@operations
def test_a_server_with_faults_is_asked_again_and_then_named(
    credentials: pytest.MonkeyPatch, here: Path, operation: Operation
) -> None:
    with serving(Answers, credentials) as asked, pytest.raises(StoreUnreachable) as fault:
        operation(open_store("s3://bucket/prefix", patience=Patience(retries=2)), here)
    assert asked.total() == 3
    assert str(fault.value).startswith("cannot ")
    assert str(fault.value).endswith(" in `s3://bucket/prefix`: the server answers 500 Internal Server Error")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, StoreDenied),
        (403, StoreDenied),
        (400, StoreError),
        (429, StoreUnreachable),
        (503, StoreUnreachable),
        (507, StoreFull),
    ],
    ids=str,
)
def test_each_status_has_its_fault(
    credentials: pytest.MonkeyPatch, here: Path, status: int, expected: type[StoreError]
) -> None:
    handler = type("Answer", (Answers,), {"status": status})
    for operation in ("read_record", "add_record"):
        with serving(handler, credentials), pytest.raises(expected, match=f"the server answers {status}") as fault:
            OPERATIONS[operation](open_store("s3://bucket", patience=ONE_RETRY), here)
        assert type(fault.value) is expected


@operations
def test_a_silent_server_is_given_up_in_time(credentials: pytest.MonkeyPatch, here: Path, operation: Operation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        credentials.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(StoreUnreachable, match=r"no answer within 0\.2 s"):
            operation(open_store("s3://bucket", patience=HASTE), here)
    assert time.monotonic() - began < 30  # of the hours that it would stay silent


def test_nobody_listens(credentials: pytest.MonkeyPatch, here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        credentials.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{gone.getsockname()[1]}")
    with pytest.raises(StoreUnreachable, match="no connection"):
        OPERATIONS["read_record"](open_store("s3://bucket", patience=ONE_RETRY), here)


def test_many_files_go_at_once(s3_url: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(40):
        (tmp_path / "in" / str(number)).write_text(str(number))
    store = open_store(s3_url)
    artifact = store.put_artifact(tmp_path / "in")
    store.fetch_artifact(artifact, tmp_path / "out")
    assert store.artifact_is_whole(artifact)
    assert all((tmp_path / "out" / str(number)).read_text() == str(number) for number in range(40))


def test_many_files_for_a_silent_server_are_given_up_in_time(credentials: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / str(number)).write_text(str(number))
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        credentials.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(StoreUnreachable):
            open_store("s3://bucket", patience=HASTE).put_artifact(tmp_path)
    assert time.monotonic() - began < 100 * HASTE.seconds  # what one after the other would take


def test_settings_that_lack_something_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(StoreError, match=r"cannot open `az://container/prefix`: .*Account must be specified"):
        open_store("az://container/prefix")


# An answer to HEAD has no body that tells a missing bucket from a missing object.
@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - {"fetch", "is_whole"}))
def test_a_bucket_that_is_not_there_is_not_an_empty_one(s3_url: str, here: Path, operation: str) -> None:
    store = open_store(s3_url.replace(BUCKET, "absent"))
    with pytest.raises(StoreError, match="no such bucket"):
        OPERATIONS[operation](store, here)


def test_an_answer_that_got_lost_is_not_a_conflict(credentials: pytest.MonkeyPatch) -> None:
    with serving(LosesAnswers, credentials) as asked:
        store = open_store("s3://bucket")
        pointer = store.move_pointer("serving", {"run": "01"}, expect=None)
        assert asked["PUT"] == 2
        assert store.read_pointer("serving") == pointer
        with pytest.raises(PointerMoved):
            store.move_pointer("serving", {"run": "01"}, expect=None)


def test_a_record_whose_answer_got_lost_was_added(credentials: pytest.MonkeyPatch) -> None:
    with serving(LosesAnswers, credentials):
        store = open_store("s3://bucket")
        store.add_record("run", "01", {})
        with pytest.raises(RecordExists):
            store.add_record("run", "01", {})


def test_wrong_bytes_under_a_digest_are_not_fetched(s3_url: str, tmp_path: Path) -> None:
    import obstore
    from obstore.store import from_url

    store = open_store(s3_url)
    blob = store.put_bytes(b"weights")
    bucket = from_url(s3_url, client_options={"allow_http": True})
    obstore.put(bucket, f"blobs/sha256/{blob.digest[7:9]}/{blob.digest[9:]}", b"Weights")
    with pytest.raises(BlobCorrupt):
        store.fetch(blob.digest, tmp_path / "copy")
    with pytest.raises(BlobCorrupt):
        store.get_bytes(blob.digest)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_changes_between_digest_and_upload_is_not_kept(s3_url: str, tmp_path: Path) -> None:
    import obstore
    from obstore.store import from_url

    source = tmp_path / "big"
    source.write_bytes(os.urandom(9 << 20))
    bucket = from_url(s3_url, client_options={"allow_http": True})
    with pytest.raises(SourceChanged):
        obstore.put(bucket, "blob", _chunks(source, DIGEST), chunk_size=8 << 20)
    with pytest.raises(FileNotFoundError):
        obstore.head(bucket, "blob")
