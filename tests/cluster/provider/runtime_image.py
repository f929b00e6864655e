"""The runtime image for the node: what the Containerfile makes, on a machine without a builder of images."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.provider.commands import run
from tests.cluster.provider.containerfile import image_settings, read_stages
from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.images import REGISTRY
from tests.cluster.provider.oci import File, Folder, Link, write_image, write_layer, written_beside

RELEASE = "bookworm"  # of Debian, as the Containerfile's base
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Brings a package that says the new root was never split, instead of one that takes 50 MB of Perl to find out.
_HOOKS = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"
_HOME = "opt/mlopsctl"  # where the environment lies in the image
_BASE_INPUTS = ("requirements/image.packages", "requirements/image.lock", "requirements/image.sh")
_PROGRAM_INPUTS = (
    "requirements/dev.lock",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "mlopsctl",
    "schemas",
    "templates",
)
# What a node need not know of the machine that it was built on, and would tell to all that runs on it.
_OF_THIS_MACHINE = (
    "etc/resolv.conf",
    "etc/hostname",
    "etc/apt/sources.list.d/0000sources.list",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "image.sh",
)


def inputs_of_base_layer(root: Path) -> list[Path]:
    """What the base layer is made of, for a key: as long as these stay the same, it need not be made again."""
    return [root / name for name in _BASE_INPUTS]


def inputs_of_runtime_image(root: Path) -> list[Path]:
    """What the whole image is made of."""
    return [*inputs_of_base_layer(root), *(root / name for name in ("Containerfile", *_PROGRAM_INPUTS))]


def build_base_layer(root: Path, target: Path, say: Callable[[str], None]) -> None:
    """Write the layer that holds Debian, its Python, uv and the store's library, as an uncompressed tar.

    Takes Debian from where this machine's apt takes it, and wheels from where its uv does. Raises ProviderError with
    the words of the program that failed.
    """
    with _context(root, _BASE_INPUTS) as context:
        say("runtime image: fetching wheels")
        home = context / _HOME
        _run_part("environment", context, home)
        sources = context / "sources.list"
        sources.write_text(_debian_sources())
        say("runtime image: installing Debian, a minute's work")
        hooks = [
            f"sync-in {home.parent} /{home.parent.name}",
            f"copy-in {context}/requirements/image.sh /",
            'chroot "$1" sh /image.sh compile',
            'chroot "$1" sh /image.sh root',
            " ".join(["rm -f", *(f'"$1"/{path}' for path in _OF_THIS_MACHINE)]),
        ]
        with written_beside(target) as beside:
            options = [
                *("--mode=root", "--variant=minbase", "--format=tar", "--skip=output/dev", f"--hook-dir={_HOOKS}"),
                *(f"--aptopt={setting}" for setting in _apt_settings()),
                f"--include={','.join(debian_packages(root))}",
                *(f"--customize-hook={hook}" for hook in hooks),
            ]
            # In namespaces, which take what it mounts and starts with them however it ends.
            command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "mmdebstrap", *options]
            environment = {"SOURCE_DATE_EPOCH": "0", "TMPDIR": str(context)}
            run([*command, RELEASE, beside, sources], folder=context, settings=environment)


def build_runtime_image(root: Path, base: Path, target: Path, say: Callable[[str], None]) -> str:
    """Write the image, of the base layer and one with mlopsctl as the tree has it. Returns its reference.

    Raises ProviderError with the words of the program that failed.
    """
    with _context(root, ("requirements/image.sh", *_PROGRAM_INPUTS)) as context:
        say("runtime image: building mlopsctl")
        layer = context / "layer.tar"
        write_layer(layer, _entries(context, base))
        settings = image_settings(read_stages(root / "Containerfile")[-1], f"{REGISTRY}/runtime")
        return write_image(target, settings, [base, layer])


def debian_packages(root: Path) -> list[str]:
    """The packages of the image beside those that every Debian has."""
    lines = (root / "requirements/image.packages").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _debian_sources() -> str:
    """The lines by which apt finds Debian on this machine, however they are written in its own settings."""
    found = _known_to_apt()
    if not found:
        run(["apt-get", "update", "-q"])
        found = _known_to_apt()
    if not found:
        raise ProviderError(
            f"apt knows no Debian {RELEASE} on this machine, which the runtime image is made of\n"
            f"  help: add {RELEASE} to /etc/apt/sources.list, or bring the cluster up with PROVIDER=kind"
        )
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
    return "".join(f"deb {signed}{line}\n" for line in sorted(found))


def _known_to_apt() -> set[str]:
    """Address, release and component of each source of our Debian."""
    listing = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", listing, "Created-By: Packages", "Origin: Debian"]
    return {line for line in run(command).splitlines() if re.search(rf" {RELEASE}(-updates|-security)? ", line)}


def _apt_settings() -> list[str]:
    """What this machine's apt was told of the way out, such as a proxy."""
    settings = run(["apt-config", "dump", "--no-empty", "Acquire::http", "Acquire::https"])
    return [line for line in settings.splitlines() if line]


def _entries(context: Path, base: Path) -> Mapping[str, File | Folder | Link]:
    """mlopsctl in the place where the environment is, with bytecode from the very Python that will run it."""
    above, unpacked = context / "above", context / "root"
    _run_part("program", context, above / _HOME)
    unpacked.mkdir()
    run(["tar", "-x", "-C", unpacked, "-f", base])
    shutil.copytree(above, unpacked, dirs_exist_ok=True)
    shutil.copy(context / "requirements/image.sh", unpacked)
    added = sorted(path.relative_to(above) for path in above.glob(f"{_HOME}/lib/python*/site-packages/*"))
    run(["chroot", unpacked, "sh", "/image.sh", "compile", *(f"/{path}" for path in added)])
    files = (path for top in added for path in (unpacked / top).rglob("*") if path.is_file())
    # Whoever runs a container mounts devices there, and on a read-only root can't make the folder.
    return {"dev": Folder(), **{str(path.relative_to(unpacked)): File(path) for path in files}}


@contextmanager
def _context(root: Path, names: Sequence[str]) -> Iterator[Path]:
    """A folder with copies of these of the tree, where builds may leave what they like."""
    with TemporaryDirectory(prefix="mlopsctl-image-", ignore_cleanup_errors=True) as folder:
        context = Path(folder)
        context.chmod(0o755)
        for name in names:
            source, copy = root / name, context / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        yield context


def _run_part(part: str, context: Path, folder: Path) -> None:
    """Run a part of the script that makes the image, with the uv and the Python that run this."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    run(["sh", "requirements/image.sh", part, folder], folder=context, settings={"PATH": path})
