"""The images of what runs on the node: one program each, alone with what it looks for in a root file system."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.oci import File, Folder, Image, Link, write_image, write_layer

# A name that no registry answers to: a pod whose image isn't on the node fails at once, wherever it is.
REGISTRY = "mlopsctl.test"


@dataclass(frozen=True)
class Program:
    """A program and its image: the file in the folder of binaries, where it lies in the image, who runs it."""

    binary: str
    path: str
    user: int
    working_directory: str = ""


# By the image's name. Paths and users are those that the projects' own manifests expect.
PROGRAMS: Mapping[str, Program] = {
    "pause": Program("pause", "/pause", 65535),
    "kserve-controller": Program("kserve-manager", "/manager", 65532),
    "jobset-controller": Program("jobset-manager", "/manager", 65532),
    "workflow-controller": Program("workflow-controller", "/bin/workflow-controller", 8737),
    "argoexec": Program("argoexec", "/bin/argoexec", 8737),
    "argocli": Program("argo", "/bin/argo", 8737, "/home/argo"),
    "traefik": Program("traefik", "/bin/traefik", 65532),
    "s3": Program("versitygw", "/bin/versitygw", 65532),
}


def build_node_images(binaries: Path, target: Path) -> None:
    """Write the image of each program to `target`/<name>.tar; `reference_of` tells what it is called.

    The programs are to be static. There are no certificates of public authorities in them: nothing on the node speaks
    to the world. Raises ProviderError if a program isn't in the folder of binaries.
    """
    missing = [program.binary for program in PROGRAMS.values() if not (binaries / program.binary).is_file()]
    if missing:
        raise ProviderError(f"{binaries} holds no {', '.join(missing)}\n  help: build the binaries first")
    for name, program in PROGRAMS.items():
        build_image(name, program, binaries, target / f"{name}.tar")


def build_image(name: str, program: Program, binaries: Path, target: Path) -> str:
    """Write the image of one program. Returns its reference."""
    layer = target.with_suffix(".layer")
    try:
        write_layer(layer, _entries(name, program, binaries))
        image = Image(
            name=f"{REGISTRY}/{name}",
            entrypoint=[program.path],
            environment={"PATH": "/bin", "HOME": "/tmp"},
            user=f"{program.user}:{program.user}",
            working_directory=program.working_directory,
        )
        return write_image(target, image, [layer])
    finally:
        layer.unlink(missing_ok=True)


def _entries(name: str, program: Program, binaries: Path) -> Mapping[str, File | Link | Folder]:
    entries: dict[str, File | Link | Folder] = {program.path: File(binaries / program.binary, 0o755)}
    if name == "pause":
        return entries
    # Go asks the first file for names of users, the second whether /etc/hosts goes before DNS.
    entries["etc/passwd"] = File(f"root:x:0:0:root:/:/\n{name}:x:{program.user}:{program.user}::/tmp:/\n".encode())
    entries["etc/group"] = File(f"root:x:0:\n{name}:x:{program.user}:\n".encode())
    entries["etc/nsswitch.conf"] = File(b"hosts: files dns\n")
    entries["tmp"] = Folder(0o1777)
    if program.working_directory:
        entries[program.working_directory] = Folder()
    return entries
