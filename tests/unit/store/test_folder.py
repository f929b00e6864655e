"""What can happen to a store in a folder: edits, kills, full disks, lost rights, dead locks."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlopsctl.store import (
    Blob,
    BlobCorrupt,
    Patience,
    SourceChanged,
    Store,
    StoreError,
    StoreUnreachable,
    digest_bytes,
    open_store,
)

DATA = b"weights" * 1000
PUT = """
import pathlib, sys
from mlopsctl.store import open_store
open_store(sys.argv[1]).put_file(pathlib.Path(sys.argv[2]))
"""
OPEN_ALL_THE_TIME = """
import sys
from mlopsctl.store import open_store
print("ready", flush=True)
while True:
    open_store(sys.argv[1])
"""
HALF_A_MEGABYTE = "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))"
# Says which fault of the store ended it.
FAULT = """
import os, pathlib, resource, sys
from mlopsctl.store import StoreError, open_store
{limit}
try:
    open_store(sys.argv[1]).{call}
except StoreError as fault:
    print(type(fault).__name__, fault)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(root)


def place_of(root: Path, blob: Blob) -> Path:
    digits = blob.digest.removeprefix("sha256:")
    return root / "blobs" / "sha256" / digits[:2] / digits[2:]


def files_under(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def fault_of(call: str, *arguments: Path, limit: str = "") -> str:
    script = FAULT.format(call=call, limit=limit)
    ran = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return ran.stdout


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of 256 kB, where this user may mount one."""
    at.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", at], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("this user may not mount a small disk: sudo make test")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def edit(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.write(b"W")


def truncate(path: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, 10)


def replace(path: Path) -> None:
    status = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"W" + DATA[1:])
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


spoils = pytest.mark.parametrize("spoil", [edit, truncate, replace, Path.unlink], ids=lambda spoil: spoil.__name__)


@spoils
def test_a_spoiled_blob_is_not_whole_and_heals_when_put_again(
    store: Store, root: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    blob = store.put_bytes(DATA)
    spoil(place_of(root, blob))
    assert not store.is_whole(blob.digest, blob.size)
    with pytest.raises(StoreError):
        store.fetch(blob.digest, tmp_path / "copy")
    with pytest.raises(StoreError):
        store.get_bytes(blob.digest)
    assert not (tmp_path / "copy").exists()
    (tmp_path / "source").write_bytes(DATA)
    store.put_file(tmp_path / "source")
    assert store.is_whole(blob.digest, blob.size)
    assert store.get_bytes(blob.digest) == DATA


def test_an_edited_blob_is_called_corrupt(store: Store, root: Path, tmp_path: Path) -> None:
    blob = store.put_bytes(DATA)
    edit(place_of(root, blob))
    with pytest.raises(BlobCorrupt, match=blob.digest):
        store.fetch(blob.digest, tmp_path / "copy")


def test_a_verified_blob_is_not_read_again(store: Store, root: Path) -> None:
    blob = store.put_bytes(DATA)
    place = place_of(root, blob)
    status = place.stat()
    edit(place)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    # Only who forges the time of change gets by; fetched bytes are checked against the same stamp.
    assert store.is_whole(blob.digest, blob.size)
    os.utime(place)
    assert not store.is_whole(blob.digest, blob.size)


def test_blobs_are_read_only_and_fetched_copies_are_not(store: Store, root: Path, tmp_path: Path) -> None:
    blob = store.put_bytes(DATA)
    place = place_of(root, blob)
    store.fetch(blob.digest, tmp_path / "copy")
    store.fetch(blob.digest, tmp_path / "link", link=True)
    store.fetch(blob.digest, tmp_path / "link", link=True)
    assert place.stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "copy").stat().st_mode & 0o200
    assert (tmp_path / "copy").stat().st_ino != place.stat().st_ino
    assert (tmp_path / "link").stat().st_ino == place.stat().st_ino
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("link", [False, True], ids=["copy", "link"])
def test_a_copy_on_another_file_system(store: Store, tmp_path: Path, link: bool) -> None:  # noqa: FBT001  # a case
    blob = store.put_bytes(DATA)
    with small_disk(tmp_path / "disk") as disk:
        store.fetch(blob.digest, disk / "copy", link=link)
        assert (disk / "copy").read_bytes() == DATA


def test_a_source_that_changes_meanwhile_is_refused(store: Store, root: Path, tmp_path: Path) -> None:
    source = tmp_path / "pipe"
    os.mkfifo(source)
    writer = subprocess.Popen(["sh", "-c", f"exec 3> {source}; sleep 0.1; echo more >&3"])
    with pytest.raises(SourceChanged, match="changed while it was read"):
        store.put_file(source)
    writer.wait(timeout=10)
    assert files_under(root) == []


def test_a_put_that_is_killed_leaves_what_the_next_one_removes(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "pipe"
    os.mkfifo(source)
    putting = subprocess.Popen([sys.executable, "-c", PUT, root, source])
    with source.open("wb") as stream:
        stream.write(DATA * 500)
        [half] = files_under(root)
        open_store(root)
        assert half.exists(), "a put that goes on was taken for a dead one"
        putting.send_signal(signal.SIGKILL)
        putting.wait(timeout=10)
    assert files_under(root) == [half]
    open_store(root)
    assert files_under(root) == []


def test_who_opens_a_store_does_not_disturb_who_puts(store: Store, root: Path) -> None:
    opening = subprocess.Popen([sys.executable, "-c", OPEN_ALL_THE_TIME, root], stdout=subprocess.PIPE)
    try:
        assert opening.stdout is not None
        assert opening.stdout.readline() == b"ready\n"
        for number in range(300):
            store.put_bytes(str(number).encode())
    finally:
        opening.kill()
        opening.communicate(timeout=10)
    assert len(files_under(root / "blobs")) == 300


no_space = pytest.mark.parametrize(
    "call",
    [
        "put_bytes(bytes(1 << 20))",
        "put_file(pathlib.Path(sys.argv[2]))",
        "move_pointer('p', {'a': 'b' * (1 << 20)}, expect=None)",
    ],
    ids=["bytes", "file", "pointer"],
)


@no_space
def test_a_full_disk(tmp_path: Path, call: str) -> None:
    (tmp_path / "source").write_bytes(bytes(1 << 20))
    with small_disk(tmp_path / "disk") as root:
        said = fault_of(call, root, tmp_path / "source")
        left = files_under(root)
    assert said.startswith("StoreFull cannot")
    assert [path for path in left if path.name != ".lock"] == []


@no_space
def test_a_limit_on_the_size_of_files(root: Path, tmp_path: Path, call: str) -> None:
    (tmp_path / "source").write_bytes(bytes(1 << 20))
    assert fault_of(call, root, tmp_path / "source", limit=HALF_A_MEGABYTE).startswith("StoreFull cannot")
    assert [path for path in files_under(root) if path.name != ".lock"] == []


def test_no_space_left_to_fetch(store: Store, root: Path, tmp_path: Path) -> None:
    blob = store.put_bytes(bytes(1 << 20))
    (tmp_path / "to").mkdir()
    said = fault_of(
        f"fetch('{blob.digest}', pathlib.Path(sys.argv[2]))", root, tmp_path / "to" / "copy", limit=HALF_A_MEGABYTE
    )
    assert said.startswith("StoreFull cannot fetch")
    assert files_under(tmp_path / "to") == []


def test_a_folder_that_may_not_be_written() -> None:
    # Of its own, since a superuser must give up its rights for this, and could not reach the usual place then.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        blob = open_store(root).put_bytes(DATA)
        for path in (root, *root.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        rights = "if os.geteuid() == 0: os.seteuid(65534)"
        assert fault_of("put_bytes(b'more')", root, limit=rights).startswith("StoreDenied cannot")
        assert fault_of("add_record('run', '01', {})", root, limit=rights).startswith("StoreDenied cannot")
        assert fault_of(f"put_bytes({DATA!r})", root, limit=rights) == ""
        assert fault_of(f"get_bytes('{blob.digest}')", root, limit=rights) == ""
        assert fault_of(f"is_whole('{blob.digest}', {blob.size})", root, limit=rights) == ""
        for path in (root, *root.rglob("*")):
            path.chmod(0o755)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with pytest.raises(StoreError, match="cannot"):
        open_store(tmp_path / "store").put_bytes(DATA)


def test_a_lock_that_another_holds_for_too_long(root: Path) -> None:
    store = open_store(root, patience=Patience(seconds=0.1))
    store.add_record("run", "01", {})
    with (root / "records" / "run" / ".lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        with pytest.raises(StoreUnreachable, match="another process holds the lock"):
            store.add_record("run", "02", {})
    assert time.monotonic() - began < 30
    store.add_record("run", "02", {})


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff"], ids=["empty", "cut", "no object", "no text"])
def test_a_spoiled_record_is_named(store: Store, root: Path, text: bytes) -> None:
    store.add_record("run", "01", {})
    (root / "records" / "run" / "01.json").write_bytes(text)
    with pytest.raises(StoreError, match=r"records/run/01\.json"):
        store.read_record("run", "01")


def test_a_spoiled_pointer_is_named(store: Store, root: Path) -> None:
    store.move_pointer("serving", {}, expect=None)
    (root / "pointers" / "serving.json").write_text("{}")
    with pytest.raises(StoreError, match=r"pointers/serving\.json"):
        store.read_pointer("serving")


def test_reading_makes_nothing(store: Store, root: Path) -> None:
    assert store.record_ids("run") == []
    assert store.read_pointer("serving") is None
    assert not store.is_whole(digest_bytes(DATA), len(DATA))
    assert not root.exists()
