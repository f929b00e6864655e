"""Fetching from a real S3 server on loopback: files, folders, and what is neither."""

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest

from mlopsctl.runtime.fetch import FetchFailed, FetchStopped, bucket, fetch
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Patience
from mlopsctl.store.bucket import open_bucket
from tests.s3_server import BUCKET

Failure = Callable[..., FetchFailed]
DATA = b"month,delay\n" * 200_000


@pytest.fixture
def objects(s3_url: str) -> str:
    store = open_bucket(s3_url, Patience())
    for key, data in {
        "flights.csv": DATA,
        "large": bytes(9 << 20),
        "days/1.csv": b"one",
        "days/deep/100% é#?.csv": b"two",
        "days/empty.csv": b"",
        "daystoo/3.csv": b"three",
    }.items():
        obstore.put(store, key, data)
    return s3_url


@pytest.mark.parametrize(("key", "size"), [("flights.csv", len(DATA)), ("large", 9 << 20), ("days/empty.csv", 0)])
def test_an_object_is_a_file(objects: str, tmp_path: Path, key: str, size: int) -> None:
    fetched = fetch(f"{objects}/{key}", tmp_path / "data", stop=None)
    assert fetched.path.stat().st_size == size
    assert fetched.modified == pytest.approx(time.time(), abs=60)
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


@pytest.mark.parametrize("end", ["/", ""])
def test_a_prefix_is_a_folder(objects: str, tmp_path: Path, end: str) -> None:
    fetched = fetch(f"{objects}/days{end}", tmp_path / "data", stop=None)
    assert fetched.modified == pytest.approx(time.time(), abs=60)
    found = {str(path.relative_to(fetched.path)): path.read_bytes() for path in fetched.path.rglob("*.csv")}
    assert found == {"1.csv": b"one", "deep/100% é#?.csv": b"two", "empty.csv": b""}
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


def test_the_mark_of_a_folder_is_no_file(objects: str, s3_endpoint: str, tmp_path: Path) -> None:
    prefix = objects.removeprefix("s3://")
    for mark in ("days/deep/", "days/none/"):
        urllib.request.urlopen(urllib.request.Request(f"{s3_endpoint}/{prefix}/{mark}", data=b"", method="PUT")).close()
    fetch(f"{objects}/days/", tmp_path / "data", stop=None)
    assert sorted(path.name for path in (tmp_path / "data").rglob("*")) == [
        "1.csv",
        "100% é#?.csv",
        "deep",
        "empty.csv",
    ]


def test_a_folder_has_a_bound(objects: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Failure) -> None:
    monkeypatch.setattr(bucket, "MOST_OBJECTS", 2)
    assert "there are more than 2 objects below" in failure(f"{objects}/days/", tmp_path / "data").message


@pytest.mark.parametrize("key", ["absent.csv", "day", "absent/", "flights.csv/"])
def test_nothing_there(objects: str, tmp_path: Path, key: str, failure: Failure) -> None:
    fault = failure(f"{objects}/{key}", tmp_path / "data")
    assert fault.message == f"there is nothing at `{objects}/{key.rstrip('/')}`"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://absent/x", "cannot list `s3://absent/x`: there is no such bucket"),
        ("s3:///x", "the address of the data names no bucket"),
        ("s3://key:secret@bucket/x", "the address of the data names no bucket"),
        (f"s3://{BUCKET}/a//b", f"cannot look at `s3://{BUCKET}/a//b`: this can't be a key"),
    ],
    ids=str,
)
def test_addresses_of_no_bucket_or_key(s3_url: str, tmp_path: Path, uri: str, message: str, failure: Failure) -> None:
    assert s3_url
    assert failure(uri, tmp_path / "data").message == message


def test_a_stopped_folder_leaves_nothing(objects: str, tmp_path: Path, stop: Stop) -> None:
    stop.set()
    with pytest.raises(FetchStopped):
        fetch(f"{objects}/days/", tmp_path / "data", stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_fails_halfway_leaves_nothing(objects: str, tmp_path: Path, failure: Failure) -> None:
    obstore.put(open_bucket(objects, Patience()), "days/1.csv/below", b"a file can't be a folder too")
    assert "cannot write" in failure(f"{objects}/days/", tmp_path / "data").message


def test_an_object_that_changes_while_it_is_read_is_no_file(objects: str, tmp_path: Path) -> None:
    source = bucket._Source(objects, Patience(), None)
    before = source._head("large")
    assert before is not None
    obstore.put(open_bucket(objects, Patience()), "large", b"x" * (9 << 20))
    with pytest.raises(FetchFailed, match=r"`s3://.*/large` changed while it was read"):
        source._fetch_object(before, tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
