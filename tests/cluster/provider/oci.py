"""Container images without a registry, a daemon or a builder: layers and OCI image layouts, as tar files."""

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
# Where containerd looks for the name of an image that it imports.
_NAME = "io.containerd.image.name"


@dataclass(frozen=True)
class File:
    """A file of a layer: its content, or where to read it."""

    content: bytes | Path
    mode: int = 0o644


@dataclass(frozen=True)
class Link:
    """A symbolic link of a layer."""

    to: str


@dataclass(frozen=True)
class Folder:
    """A folder of a layer. Those that only hold something need none: they are made with mode 755."""

    mode: int = 0o755


@dataclass(frozen=True, kw_only=True)
class Image:
    """What an image is but for its layers. `name` is a reference without tag, such as `registry.test/pause`."""

    name: str
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""  # user[:group], by number: the kubelet can't tell whether a name is root
    working_directory: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def write_layer(target: Path, entries: Mapping[str, File | Link | Folder]) -> None:
    """Write a layer with these entries, by path from the root. The same entries make the same bytes, on any machine."""
    paths = {str(PurePosixPath(path.lstrip("/"))): entry for path, entry in entries.items()}
    above = {str(parent) for path in paths for parent in PurePosixPath(path).parents if parent.name}
    whole = {**dict.fromkeys(above, Folder()), **paths}
    with written_beside(target) as beside, tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as layer:
        for path in sorted(whole):
            _add(layer, path, whole[path])


def write_image(target: Path, image: Image, layers: Sequence[Path]) -> str:
    """Write an OCI image layout, as a tar that `ctr images import` takes, of uncompressed layers, the lowest first.

    Returns its reference. The tag is made of the digest of all that is in it, so a reference never means two images.
    """
    digests = [_digest_of_file(layer) for layer in layers]
    config = _json(_config(image, digests))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [
                {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": layer.stat().st_size}
                for digest, layer in zip(digests, layers, strict=True)
            ],
        }
    )
    tag = _digest(config)[:12]
    reference = f"{image.name}:{tag}"
    named = {_NAME: reference, "org.opencontainers.image.ref.name": tag}
    index = {"schemaVersion": 2, "manifests": [_descriptor(_MANIFEST, manifest) | {"annotations": named}]}
    parts = {
        "index.json": File(_json(index)),
        "oci-layout": File(_json({"imageLayoutVersion": "1.0.0"})),
        **{f"blobs/sha256/{_digest(blob)}": File(blob) for blob in (config, manifest)},
        **{f"blobs/sha256/{digest}": File(layer) for digest, layer in zip(digests, layers, strict=True)},
    }
    with written_beside(target) as beside, tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as layout:
        for path, part in parts.items():
            _add(layout, path, part)
    return reference


def reference_of(image: Path) -> str:
    """The reference of an image that `write_image` wrote. It stands at the front, so no layer is read."""
    with tarfile.open(image) as layout:
        index = layout.extractfile("index.json")
        assert index is not None
        reference: str = json.load(index)["manifests"][0]["annotations"][_NAME]
    return reference


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end becomes the target, or is gone if writing failed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.new")
    try:
        yield beside
        beside.rename(target)
    finally:
        beside.unlink(missing_ok=True)


def _add(archive: tarfile.TarFile, path: str, entry: File | Link | Folder) -> None:
    """Add an entry that belongs to root and dates from 1970, whoever wrote it and whenever."""
    member = tarfile.TarInfo(path)
    match entry:
        case Folder():
            member.type, member.mode = tarfile.DIRTYPE, entry.mode
            archive.addfile(member)
        case Link():
            member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, entry.to
            archive.addfile(member)
        case File():
            _add_file(archive, member, entry)


def _add_file(archive: tarfile.TarFile, member: tarfile.TarInfo, file: File) -> None:
    member.mode = file.mode
    if isinstance(file.content, bytes):
        member.size = len(file.content)
        archive.addfile(member, io.BytesIO(file.content))
        return
    with file.content.open("rb") as content:
        member.size = os.fstat(content.fileno()).st_size
        archive.addfile(member, content)


def _config(image: Image, digests: Sequence[str]) -> dict[str, Any]:
    settings = {
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
        "Env": [f"{name}={value}" for name, value in image.environment.items()],
        "User": image.user,
        "WorkingDir": image.working_directory,
        "Labels": dict(image.labels),
    }
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {name: value for name, value in settings.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
    }


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{_digest(blob)}", "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
