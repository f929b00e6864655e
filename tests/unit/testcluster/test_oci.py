import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.provider.oci import File, Folder, Image, Link, reference_of, write_image, write_layer

ENTRIES: dict[str, File | Link | Folder] = {
    "opt/app/run": File(b"#!/bin/sh\n", 0o755),
    "opt/app/alias": Link("run"),
    "/tmp": Folder(0o1777),
    "etc/name": File(b"app\n"),
}
IMAGE = Image(
    name="registry.test/app",
    entrypoint=["/opt/app/run"],
    command=["--help"],
    environment={"PATH": "/opt/app", "HOME": "/tmp"},
    user="65532:65532",
    working_directory="/tmp",
    labels={"title": "App"},
)


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    write_layer(tmp_path / "layer.tar", ENTRIES)
    return tmp_path / "layer.tar"


def members(archive: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(archive) as opened:
        return {member.name: member for member in opened.getmembers()}


def blob(image: Path, descriptor: dict[str, Any]) -> bytes:
    """What a descriptor points at, when its digest and size are true."""
    algorithm, digest = descriptor["digest"].split(":")
    with tarfile.open(image) as opened:
        found = opened.extractfile(f"blobs/{algorithm}/{digest}")
        assert found is not None
        content = found.read()
    assert hashlib.new(algorithm, content).hexdigest() == digest
    assert len(content) == descriptor["size"]
    return content


def manifest_and_config(image: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with tarfile.open(image) as opened:
        index_file = opened.extractfile("index.json")
        assert index_file is not None
        index = json.load(index_file)
    manifest = json.loads(blob(image, index["manifests"][0]))
    return manifest, json.loads(blob(image, manifest["config"]))


def test_the_same_entries_make_the_same_bytes(tmp_path: Path, layer: Path) -> None:
    source = tmp_path / "name"
    source.write_bytes(b"app\n")
    os.utime(source, (1_000_000_000, 1_000_000_000))
    other_way = {path: ENTRIES[path] for path in reversed(ENTRIES)} | {"etc/name": File(source)}
    write_layer(tmp_path / "again.tar", other_way)
    assert (tmp_path / "again.tar").read_bytes() == layer.read_bytes()


def test_a_layer_holds_what_was_given_and_the_folders_above_it(layer: Path) -> None:
    found = members(layer)
    assert list(found) == ["etc", "etc/name", "opt", "opt/app", "opt/app/alias", "opt/app/run", "tmp"]
    assert {name: member.mode for name, member in found.items() if not member.issym()} == {
        "etc": 0o755,
        "etc/name": 0o644,
        "opt": 0o755,
        "opt/app": 0o755,
        "opt/app/run": 0o755,
        "tmp": 0o1777,
    }
    assert found["tmp"].isdir()
    assert (found["opt/app/alias"].issym(), found["opt/app/alias"].linkname) == (True, "run")


def test_a_layer_belongs_to_root_and_tells_no_time(layer: Path) -> None:
    assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in members(layer).values()} == {
        (0, 0, "", "", 0)
    }


def test_an_image_leads_by_true_digests_to_its_settings_and_layers(tmp_path: Path, layer: Path) -> None:
    second = tmp_path / "second.tar"
    write_layer(second, {"etc/more": File(b"")})
    write_image(tmp_path / "app.tar", IMAGE, [layer, second])
    manifest, config = manifest_and_config(tmp_path / "app.tar")
    contents = [blob(tmp_path / "app.tar", each) for each in manifest["layers"]]
    assert contents == [layer.read_bytes(), second.read_bytes()]
    assert config["rootfs"]["diff_ids"] == [each["digest"] for each in manifest["layers"]]
    assert config["config"] == {
        "Entrypoint": ["/opt/app/run"],
        "Cmd": ["--help"],
        "Env": ["PATH=/opt/app", "HOME=/tmp"],
        "User": "65532:65532",
        "WorkingDir": "/tmp",
        "Labels": {"title": "App"},
    }


def test_settings_that_are_not_given_are_not_in_the_image(tmp_path: Path, layer: Path) -> None:
    write_image(tmp_path / "app.tar", Image(name="registry.test/app"), [layer])
    assert manifest_and_config(tmp_path / "app.tar")[1]["config"] == {}


def test_a_reference_means_one_image(tmp_path: Path, layer: Path) -> None:
    other_layer = tmp_path / "other-layer.tar"
    write_layer(other_layer, {"etc/name": File(b"other\n")})
    first = write_image(tmp_path / "first.tar", IMAGE, [layer])
    assert first.startswith("registry.test/app:")
    assert first == reference_of(tmp_path / "first.tar")
    assert first == write_image(tmp_path / "again.tar", IMAGE, [layer])
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "again.tar").read_bytes()
    others = [
        write_image(tmp_path / "x.tar", IMAGE, [other_layer]),
        write_image(tmp_path / "y.tar", replace(IMAGE, user="0"), [layer]),
    ]
    assert len({first, *others}) == 3


@pytest.mark.parametrize(
    "write",
    [
        lambda target, gone: write_layer(target, {"first": File(b"1"), "second": File(gone)}),
        lambda target, gone: write_image(target, IMAGE, [gone]),
    ],
    ids=["layer", "image"],
)
def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path, write: Callable[[Path, Path], None]) -> None:
    target = tmp_path / "target.tar"
    target.write_text("old")
    with pytest.raises(FileNotFoundError):
        write(target, tmp_path / "gone")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.fixture
def containerd() -> Iterator[list[str]]:
    """The command line that speaks to a containerd of the test's own."""
    if os.geteuid() != 0 or not shutil.which("containerd"):
        pytest.skip("needs root and containerd: apt-get install containerd")
    with tempfile.TemporaryDirectory(prefix="oci-") as name:  # a socket's path must be short
        folder = Path(name)
        (folder / "config.toml").write_text(
            f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{folder}/socket"\n'
        )
        with (folder / "log").open("w") as log:
            daemon = subprocess.Popen(["containerd", "--config", folder / "config.toml"], stdout=log, stderr=log)
        try:
            command = ["ctr", "--address", f"{folder}/socket", "--namespace", "k8s.io"]
            deadline = time.monotonic() + 30
            while subprocess.run([*command, "version"], check=False, capture_output=True).returncode:
                assert daemon.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
            yield command
        finally:
            daemon.terminate()
            daemon.wait(30)


def test_containerd_takes_an_image_and_unpacks_it(tmp_path: Path, layer: Path, containerd: list[str]) -> None:
    reference = write_image(tmp_path / "app.tar", IMAGE, [layer])
    subprocess.run([*containerd, "images", "import", tmp_path / "app.tar"], check=True, capture_output=True)
    listed = subprocess.run([*containerd, "images", "ls", "-q"], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == [reference]
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run([*containerd, "images", "mount", reference, mounted], check=True, capture_output=True)
    try:
        assert (mounted / "opt/app/alias").read_bytes() == b"#!/bin/sh\n"
        assert (mounted / "tmp").stat().st_mode & 0o7777 == 0o1777
    finally:
        subprocess.run([*containerd, "images", "unmount", mounted], check=True, capture_output=True)
