"""Digests, and the memory of them."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlopsctl.store import DigestCache, StoreError, canonical_json, digest_bytes, digest_file, digest_json

LONG_AGO_NS = 1_700_000_000_000_000_000


def test_a_digest_is_that_of_sha256(tmp_path: Path) -> None:
    data = os.urandom(1_000_000)
    (tmp_path / "file").write_bytes(data)
    assert digest_file(tmp_path / "file") == digest_bytes(data) == f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        digest_file(tmp_path)


def test_one_value_has_one_digest() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "ü"}) == '{"a":"ü","b":[1,2.5,null]}'.encode()
    assert digest_json({"b": 1, "a": 2}) == digest_json({"a": 2, "b": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"], ids=repr)
def test_what_has_no_canonical_json(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical_json(value)


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(b"rows")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return path


def forge(path: Path) -> None:
    """Change the bytes so that nothing else moves."""
    with path.open("r+b") as stream:
        stream.write(b"ROWS")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, big: Path) -> None:
    cache = DigestCache(tmp_path / "cache")
    before = cache.digest(big)
    forge(big)
    assert cache.digest(big) == DigestCache(tmp_path / "cache").digest(big) == before


def edit(path: Path) -> None:
    path.write_bytes(b"ROWS")


def lengthen(path: Path) -> None:
    path.write_bytes(b"rows and rows")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))


def swap(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"ROWS")
    forge(other)
    other.replace(path)


@pytest.mark.parametrize("change", [edit, lengthen, swap], ids=lambda change: change.__name__)
def test_a_changed_file_is_read_again(tmp_path: Path, big: Path, change: Callable[[Path], None]) -> None:
    cache = DigestCache(tmp_path / "cache")
    before = cache.digest(big)
    change(big)
    assert cache.digest(big) == digest_file(big) != before


@pytest.mark.parametrize("ahead", [-1_999_999_999, 0, 60_000_000_000], ids=["just now", "now", "in the future"])
def test_a_young_stamp_proves_nothing(tmp_path: Path, big: Path, ahead: int) -> None:
    now = time.time_ns()
    os.utime(big, ns=(now + ahead, now + ahead))
    cache = DigestCache(tmp_path / "cache", clock=lambda: now)
    cache.digest(big)
    with big.open("r+b") as stream:
        stream.write(b"ROWS")
    os.utime(big, ns=(now + ahead, now + ahead))
    assert cache.digest(big) == digest_bytes(b"ROWS")


@pytest.mark.parametrize("text", [b"", b"{", b"[1,2]", b"[1,2,3,4]", b"7", b"\xff", None], ids=repr)
def test_a_spoiled_cache_is_written_anew(tmp_path: Path, big: Path, text: bytes | None) -> None:
    cache = DigestCache(tmp_path / "cache")
    right = cache.digest(big)
    [entry] = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    good = entry.read_bytes()
    entry.unlink()
    if text is not None:
        entry.write_bytes(text)
    assert cache.digest(big) == right
    assert entry.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, big: Path) -> None:
    (tmp_path / "cache").touch()
    assert DigestCache(tmp_path / "cache").digest(big) == digest_bytes(b"rows")
