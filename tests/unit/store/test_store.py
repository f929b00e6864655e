"""What every store promises, whatever it is made of."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlopsctl.store import (
    Artifact,
    BlobCorrupt,
    BlobMissing,
    PointerMoved,
    RecordExists,
    Store,
    StoreError,
    digest_bytes,
    open_store,
)

ABSENT = digest_bytes(b"absent")
RUNNING = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
ROUNDS = 20
# Adds one to the pointer until it won so many times, and says what it wrote. It starts when its input ends.
RACER = """
import sys
from mlopsctl.store import PointerMoved, open_store
store, won = open_store(sys.argv[1]), 0
print("ready", flush=True)
sys.stdin.read()
while won < int(sys.argv[2]):
    now = store.read_pointer("race")
    count = now.value["count"] + 1 if now else 1
    try:
        store.move_pointer("race", {"count": count}, expect=now.version if now else None)
    except PointerMoved:
        continue
    won += 1
    print(count)
"""


@RUNNING
@given(data=st.binary(max_size=200))
def test_any_bytes_come_back(store: Store, data: bytes) -> None:
    blob = store.put_bytes(data)
    assert blob == store.put_bytes(data)
    assert (blob.digest, blob.size) == (digest_bytes(data), len(data))
    assert store.get_bytes(blob.digest) == data
    assert store.is_whole(blob.digest, blob.size)


@RUNNING
@given(value=st.dictionaries(TEXT, JSON, max_size=4))
def test_any_json_comes_back(store: Store, value: dict[str, object]) -> None:
    record = os.urandom(8).hex()
    store.add_record("anything", record, value)
    assert store.read_record("anything", record) == value


@pytest.mark.parametrize("size", [0, 1, (20 << 20) + 1], ids=["empty", "one byte", "many parts"])
def test_files_come_back(store: Store, tmp_path: Path, size: int) -> None:
    source, copy = tmp_path / "a model, größer.bin", tmp_path / "copy"
    source.write_bytes(os.urandom(size))
    blob = store.put_file(source)
    assert blob == store.put_file(source)
    store.fetch(blob.digest, copy)
    assert copy.read_bytes() == source.read_bytes()
    assert os.access(copy, os.W_OK)
    assert store.is_whole(blob.digest, size)
    assert not store.is_whole(blob.digest, size + 1)


def test_fetch_replaces_what_was_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"something longer")
    store.fetch(store.put_bytes(b"new").digest, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"new"
    assert not list(tmp_path.glob(".*.part"))


def test_a_blob_that_is_not_there(store: Store, tmp_path: Path) -> None:
    assert not store.is_whole(ABSENT, 6)
    with pytest.raises(BlobMissing, match=ABSENT):
        store.get_bytes(ABSENT)
    with pytest.raises(BlobMissing, match=ABSENT):
        store.fetch(ABSENT, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:" + "0" * 32, "sha256:../" + "0" * 61])
def test_what_is_no_digest(store: Store, digest: str) -> None:
    with pytest.raises(StoreError, match="is not a digest"):
        store.get_bytes(digest)


def test_a_source_that_is_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        store.put_artifact(tmp_path / "absent")


def folder(at: Path) -> Path:
    (at / "sub sub" / "ü").mkdir(parents=True)
    (at / "model.bin").write_bytes(b"weights")
    (at / "sub sub" / "ü" / "run.sh").write_text("#!/bin/sh\n")
    (at / "sub sub" / "ü" / "run.sh").chmod(0o700)
    (at / "link").symlink_to("model.bin")
    (at / "linked folder").symlink_to("sub sub", target_is_directory=True)
    return at


def test_folders_come_back(store: Store, tmp_path: Path) -> None:
    artifact = store.put_artifact(folder(tmp_path / "in"))
    assert artifact == Artifact(artifact.digest, 2 * len(b"weights") + 2 * len("#!/bin/sh\n"), "folder", "in")
    assert store.artifact_is_whole(artifact)
    store.fetch_artifact(artifact, tmp_path / "out")
    assert (tmp_path / "out" / "link").read_bytes() == b"weights"
    assert (tmp_path / "out" / "linked folder" / "ü" / "run.sh").read_text() == "#!/bin/sh\n"
    assert os.access(tmp_path / "out" / "sub sub" / "ü" / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "out" / "model.bin", os.X_OK)
    assert store.put_artifact(tmp_path / "out").digest == artifact.digest


def test_a_folder_is_its_content_not_its_umask(store: Store, tmp_path: Path) -> None:
    first = store.put_artifact(folder(tmp_path / "first"))
    (folder(tmp_path / "second") / "model.bin").chmod(0o600)
    assert store.put_artifact(tmp_path / "second").digest == first.digest


def test_a_folder_does_not_replace_one(store: Store, tmp_path: Path) -> None:
    artifact = store.put_artifact(folder(tmp_path / "in"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(StoreError, match="not empty"):
        store.fetch_artifact(artifact, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
    assert not list(tmp_path.glob(".*.part"))


def outward(at: Path) -> None:
    (at / "link").symlink_to(at.parent)


def around(at: Path) -> None:
    (at / "link").symlink_to(".")


def itself(at: Path) -> None:
    (at / "link").symlink_to("link")


def nowhere(at: Path) -> None:
    (at / "link").symlink_to("absent")


def pipe(at: Path) -> None:
    os.mkfifo(at / "pipe")


def not_text(at: Path) -> None:
    Path(os.fsdecode(os.fsencode(at) + b"/\xff")).touch()


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        pytest.param(outward, "leads out of its folder", id="link outward"),
        pytest.param(around, "leads back to a folder", id="link in a circle"),
        pytest.param(itself, "leads to itself|neither a file nor a folder", id="link to itself"),
        pytest.param(nowhere, "neither a file nor a folder", id="link to nowhere"),
        pytest.param(pipe, "neither a file nor a folder", id="pipe"),
        pytest.param(not_text, "not UTF-8", id="name that isn't text"),
    ],
)
def test_folders_that_cannot_be_kept(
    store: Store, tmp_path: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    (tmp_path / "in").mkdir()
    spoil(tmp_path / "in")
    with pytest.raises(StoreError, match=complaint):
        store.put_artifact(tmp_path / "in")


def test_a_manifest_that_leads_out_of_the_folder_is_refused(store: Store, tmp_path: Path) -> None:
    blob = store.put_bytes(b"evil")
    manifest = {"../evil": {"digest": blob.digest, "size": blob.size, "mode": "644"}}
    artifact = Artifact(store.put_bytes(json.dumps(manifest).encode()).digest, 4, "folder", "in")
    with pytest.raises(BlobCorrupt, match="leads out"):
        store.fetch_artifact(artifact, tmp_path / "out")
    assert not store.artifact_is_whole(artifact)
    assert not (tmp_path / "evil").exists()


def test_an_artifact_whose_blobs_are_not_all_there_is_not_whole(store: Store) -> None:
    manifest = json.dumps({"model": {"digest": ABSENT, "size": 6, "mode": "644"}}).encode()
    assert not store.artifact_is_whole(Artifact(store.put_bytes(manifest).digest, 6, "folder", "in"))
    assert not store.artifact_is_whole(Artifact(ABSENT, 6, "folder", "in"))
    assert not store.artifact_is_whole(Artifact(ABSENT, 6, "file", "in"))


def test_records_are_append_only_and_newest_first(store: Store) -> None:
    assert store.record_ids("run") == []
    assert store.read_record("run", "01A") is None
    for run in ("01A", "01C", "01B", "02A"):
        store.add_record("run", run, {"id": run})
    with pytest.raises(RecordExists, match="01A"):
        store.add_record("run", "01A", {"id": "another"})
    assert store.read_record("run", "01A") == {"id": "01A"}
    assert store.record_ids("run") == ["02A", "01C", "01B", "01A"]
    assert store.record_ids("run", prefix="01") == ["01C", "01B", "01A"]


@pytest.mark.parametrize("value", [{"auc": float("nan")}, {"path": Path()}, {"name": "\ud800"}], ids=str)
def test_what_is_not_json_is_not_kept(store: Store, value: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="kept as JSON"):
        store.add_record("run", "01A", value)
    assert store.record_ids("run") == []


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "/top", "a//b", "a/.b", "nul\0", "line\n"], ids=repr)
def test_names_that_lead_elsewhere(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="can't be a name"):
        store.move_pointer(name, {}, expect=None)


@pytest.mark.parametrize("name", ["serving", "serving/local/flüge nach Übersee", "100% [x] ~#?&"], ids=str)
def test_a_pointer_moves_from_where_it_was_seen(store: Store, name: str) -> None:
    assert store.read_pointer(name) is None
    first = store.move_pointer(name, {"run": "01A"}, expect=None)
    assert store.read_pointer(name) == first
    second = store.move_pointer(name, {"run": "01B"}, expect=first.version)
    for stale in (None, first.version):
        with pytest.raises(PointerMoved) as moved:
            store.move_pointer(name, {"run": "01C"}, expect=stale)
        assert moved.value.now == second
    back = store.move_pointer(name, {"run": "01A"}, expect=second.version)
    assert back.version != first.version


def test_a_pointer_that_is_gone_does_not_move(store: Store) -> None:
    gone = store.move_pointer("here", {}, expect=None).version
    with pytest.raises(PointerMoved) as moved:
        store.move_pointer("never there", {}, expect=gone)
    assert moved.value.now is None


def test_of_many_who_race_one_wins_each_version(store_url: str) -> None:
    command = [sys.executable, "-c", RACER, store_url, str(ROUNDS)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert all(racer.stdout is not None and racer.stdout.readline() == "ready\n" for racer in racers)
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.close()
        racer.stdin = None
    wrote = [int(line) for racer in racers for line in racer.communicate(timeout=60)[0].split()]
    assert all(racer.returncode == 0 for racer in racers)
    assert sorted(wrote) == list(range(1, 8 * ROUNDS + 1))
    now = open_store(store_url).read_pointer("race")
    assert now is not None
    assert now.value == {"count": 8 * ROUNDS}
