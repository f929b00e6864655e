"""The runtime image that was built last, looked at and entered without a cluster."""

import json
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.cluster.provider.containerfile import image_settings, read_stages
from tests.cluster.provider.folders import project_root
from tests.cluster.provider.parts import base_image, our_image

USER = 65532
SETTINGS = image_settings(read_stages(project_root() / "Containerfile")[-1], "registry.test/runtime")


@pytest.fixture(scope="module")
def image() -> Path:
    """The image of this tree, if a cluster was up with it."""
    built = our_image()
    if os.geteuid() != 0:
        pytest.skip("the user isn't root, who alone enters other root file systems")
    if not (base_image().is_built and built.is_built):
        pytest.skip("the runtime image of this tree isn't built: make cluster-up")
    return built.folder / "runtime.tar"


def small_blobs(layout: tarfile.TarFile) -> Iterator[IO[bytes]]:
    """What of an image isn't a layer."""
    for member in layout.getmembers():
        content = layout.extractfile(member)
        if content is not None and member.size < 10_000:
            yield content


@pytest.fixture(scope="module")
def root(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root file system of the image."""
    folder = tmp_path_factory.mktemp("root")
    folder.chmod(0o755)
    for above in folder.parents[:2]:  # pytest's own folders are closed to other users
        above.chmod(above.stat().st_mode | 0o011)
    with tarfile.open(image) as layout:
        manifests = (json.load(content) for content in small_blobs(layout))
        (layers,) = (found["layers"] for found in manifests if "layers" in found)
        for layer in (f"blobs/{found['digest'].replace(':', '/')}" for found in layers):
            content = layout.extractfile(layer)
            assert content is not None
            with subprocess.Popen(["tar", "-x", "-C", folder], stdin=subprocess.PIPE) as tar:
                assert tar.stdin is not None
                shutil.copyfileobj(content, tar.stdin)
            assert tar.returncode == 0
    yield folder
    shutil.rmtree(folder)


def run(root: Path, *command: str) -> str:
    """What the command prints as the image's user in its environment."""
    return subprocess.run(
        ["chroot", f"--userspec={SETTINGS.user}", root, *command],
        env=dict(SETTINGS.environment),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def everything(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    return ((f"/{path.relative_to(root)}", path.lstat()) for path in root.rglob("*") if not path.is_symlink())


def test_nothing_makes_anyone_root(root: Path) -> None:
    assert [path for path, status in everything(root) if status.st_mode & (stat.S_ISUID | stat.S_ISGID)] == []


def test_the_user_owns_nothing_and_may_write_to_tmp_alone(root: Path) -> None:
    assert [path for path, status in everything(root) if USER in (status.st_uid, status.st_gid)] == []
    assert [path for path, status in everything(root) if status.st_mode & stat.S_IWOTH] == ["/tmp"]


def test_the_user_has_a_name(root: Path) -> None:
    script = "import getpass, os; print(os.getuid(), os.getgid(), getpass.getuser(), os.path.expanduser('~'))"
    assert run(root, "python", "-c", script) == f"{USER} {USER} mlopsctl /tmp"


def test_what_pods_run_is_there_and_loads(root: Path) -> None:
    assert run(root, "python", "-c", "import mlopsctl.runtime.step, obstore; print('loaded')") == "loaded"
    assert run(root, "python", "--version").startswith("Python 3.11.")
    assert run(root, "uv", "--version").startswith("uv ")
    assert "bookworm" in run(root, "sh", "-c", "sed -n s/VERSION_CODENAME=//p /etc/os-release")


@pytest.fixture
def null_device(root: Path) -> Iterator[None]:
    """The one device that uv asks for; whoever runs containers brings it."""
    device = root / "dev/null"
    try:
        os.mknod(device, stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("the user may not make devices")
    device.chmod(0o666)
    yield
    device.unlink()


@pytest.mark.usefixtures("null_device")
def test_a_stage_can_make_an_environment_of_its_own(root: Path) -> None:
    run(root, "uv", "venv", "--quiet", "--offline", "/tmp/env")
    script = "import sys, zoneinfo; print(sys.prefix, zoneinfo.ZoneInfo('Europe/Berlin'))"
    assert run(root, "/tmp/env/bin/python", "-c", script) == "/tmp/env Europe/Berlin"
    leaks = "import importlib.util as u; print([n for n in ('mlopsctl', 'obstore') if u.find_spec(n)])"
    assert run(root, "/tmp/env/bin/python", "-c", leaks) == "[]"


def test_every_module_comes_as_bytecode_that_is_taken_without_a_look_at_its_source(root: Path) -> None:
    """A root that is read-only can't keep what Python would compile again at each start."""
    folders = [root / "usr/lib/python3.11", root / "opt/mlopsctl/lib"]
    for source in (path for folder in folders for path in folder.rglob("*.py")):
        bytecode = source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"
        flags = int.from_bytes(bytecode.read_bytes()[4:8], "little") if bytecode.exists() else None
        assert flags == 0b01, f"{source.relative_to(root)}: {flags}"  # by hash, unchecked


def test_nothing_is_there_that_nobody_needs_or_that_tells_of_the_machine(root: Path) -> None:
    settings_of_apt = "etc/apt/apt.conf.d/99mmdebstrap"
    for path in ("usr/share/man", "usr/share/locale", "etc/resolv.conf", "etc/hostname", settings_of_apt, "image.sh"):
        assert not (root / path).exists(), path
    assert list((root / "etc/apt/sources.list.d").iterdir()) == []
    assert list((root / "var/cache").rglob("*.deb")) == []
    assert {path.name for path in (root / "usr/share/doc").rglob("*") if path.is_file()} == {"copyright"}


def test_it_is_small(image: Path) -> None:
    """In bytes, uncompressed; a third is for searches. Perl alone, which a wrong choice brings, is 50 MB."""
    assert image.stat().st_size < 310_000_000
