"""containerd's folder with all images unpacked, made once, so that a node is born with them and imports none."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.provider.commands import run, succeeds
from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.machine import Machine
from tests.cluster.provider.node import containerd_component, write_containerd_configuration

# What changes while containerd runs; all else, layers and blobs, is written once and only read from then on.
_LIVING = (".db",)


def make_image_store(nodeinit: Path, images: Sequence[Path], target: Path) -> None:
    """Fill the folder with what containerd keeps after importing these tars. Raises ProviderError with its words."""
    with tempfile.TemporaryDirectory(prefix="mlopsctl-images-", dir=target.parent) as name:
        folder = Path(name) / "machine"
        machine = Machine(folder, f"mlopsctl-images-{os.getpid()}")
        folder.mkdir()
        (folder / "resolv.conf").touch()
        machine.start(nodeinit)
        try:
            write_containerd_configuration(folder, pause="")
            machine.run([containerd_component(folder)])
            _wait_for_containerd(machine)
            for image in images:
                import_image(machine, image)
            _stop_containerd(machine)
            (folder / "var/lib/containerd").rename(target / "containerd")
        finally:
            machine.end()


def place_images(store: Path, folder: Path) -> None:
    """Give a machine's folder the images of a store, by links to what nobody writes to."""
    shutil.copytree(store / "containerd", folder, symlinks=True, copy_function=_link, dirs_exist_ok=True)


def import_image(machine: Machine, image: Path) -> None:
    """Let the machine's containerd have the image of this tar. Raises ProviderError with its words."""
    run(machine.inside(["ctr", "--namespace=k8s.io", "images", "import", str(image)]))


def has_image(machine: Machine, reference: str) -> bool:
    """Whether the machine's containerd has it."""
    return reference in run(machine.inside(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"])).split()


def _link(source: str, target: str) -> None:
    if source.endswith(_LIVING):
        shutil.copy2(source, target)
    else:
        os.link(source, target, follow_symlinks=False)


def _wait_for_containerd(machine: Machine) -> None:
    deadline = time.monotonic() + 30
    while not succeeds(machine.inside(["ctr", "version"])):
        if time.monotonic() > deadline:
            raise ProviderError(f"containerd doesn't start:\n{_log(machine)}")
        time.sleep(0.02)


def _stop_containerd(machine: Machine) -> None:
    """Let it bring its databases home."""
    machine.signal_component("containerd", "TERM")
    deadline = time.monotonic() + 30
    while machine.states()["containerd"]["running"]:
        if time.monotonic() > deadline:
            raise ProviderError(f"containerd doesn't end:\n{_log(machine)}")
        time.sleep(0.02)


def _log(machine: Machine) -> str:
    return (machine.folder / "log" / "containerd.log").read_text(errors="replace")[-2000:]
