import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.images import PROGRAMS, build_node_images
from tests.cluster.provider.oci import reference_of


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    folder = tmp_path / "binaries"
    folder.mkdir()
    for program in PROGRAMS.values():
        (folder / program.binary).write_text(f"the program {program.binary}")
    return folder


@dataclass(frozen=True)
class Opened:
    """The settings of an image with one layer, and the layer."""

    settings: dict[str, Any]
    layer: tarfile.TarFile

    def content(self, path: str) -> bytes:
        found = self.layer.extractfile(path.lstrip("/"))
        assert found is not None
        return found.read()


def opened(image: Path) -> Opened:
    with tarfile.open(image) as layout:
        blobs = {member.name: layout.extractfile(member) for member in layout.getmembers()}
        contents = {name: file.read() for name, file in blobs.items() if file}

    def blob(descriptor: dict[str, Any]) -> bytes:
        return contents["blobs/" + descriptor["digest"].replace(":", "/")]

    manifest = json.loads(blob(json.loads(contents["index.json"])["manifests"][0]))
    (layer,) = manifest["layers"]
    settings = json.loads(blob(manifest["config"]))["config"]
    return Opened(settings, tarfile.open(fileobj=io.BytesIO(blob(layer))))


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_image_starts_its_program_as_a_user_by_number_that_is_not_root(
    name: str, binaries: Path, tmp_path: Path
) -> None:
    build_node_images(binaries, tmp_path / "images")
    image = opened(tmp_path / "images" / f"{name}.tar")
    (entrypoint,) = image.settings["Entrypoint"]
    assert image.content(entrypoint).decode() == f"the program {PROGRAMS[name].binary}"
    assert image.layer.getmember(entrypoint.lstrip("/")).mode == 0o755
    user, group = (int(number) for number in image.settings["User"].split(":"))
    assert min(user, group) > 0
    if "WorkingDir" in image.settings:
        assert image.layer.getmember(image.settings["WorkingDir"].lstrip("/")).isdir()
    if name != "pause":
        assert f":x:{user}:{group}:" in image.content("etc/passwd").decode()
        assert image.content("etc/nsswitch.conf") == b"hosts: files dns\n"
        assert image.layer.getmember("tmp").mode == 0o1777


def test_images_are_named_after_their_contents(binaries: Path, tmp_path: Path) -> None:
    build_node_images(binaries, tmp_path)
    before = {name: reference_of(tmp_path / f"{name}.tar") for name in PROGRAMS}
    assert all(reference.startswith(f"mlopsctl.test/{name}:") for name, reference in before.items())
    (binaries / "argoexec").write_text("another version")
    build_node_images(binaries, tmp_path)
    changed = {name for name in PROGRAMS if reference_of(tmp_path / f"{name}.tar") != before[name]}
    assert changed == {"argoexec"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(f"{n}.tar" for n in PROGRAMS)


def test_a_program_that_is_missing_is_named_before_anything_is_written(binaries: Path, tmp_path: Path) -> None:
    (binaries / "traefik").unlink()
    with pytest.raises(ProviderError, match="traefik"):
        build_node_images(binaries, tmp_path / "images")
    assert not (tmp_path / "images").exists()
