"""Go: what the programs of a node are built with."""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.provider.artefacts import Artefact, digest_of, say
from tests.cluster.provider.commands import run
from tests.cluster.provider.folders import project_root

# From this version on, Go fetches by itself the newer one that a go.mod asks for.
_OLDEST = (1, 21)
_PINNED = "requirements/go.lock"


def go_program() -> Path:
    """The machine's own Go if it is new enough, else one from the Python package that carries it."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and Path(found).exists() and _version(found) >= _OLDEST:
            return Path(found)
    lock = project_root() / _PINNED
    return Artefact("go", digest_of(files=[lock]), lambda folder: _install(lock, folder)).built() / "bin" / "go"


def run_go(arguments: Sequence[str], folder: Path) -> str:
    """Run Go in a module's folder; what it prints. Raises ProviderError with Go's own words."""
    return run([go_program(), *arguments], folder=folder, settings={"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"})


def _version(program: str) -> tuple[int, ...]:
    found = re.match(r"go(\d+)\.(\d+)", run([program, "env", "GOVERSION"], folder=Path("/")))
    return tuple(int(part) for part in found.groups()) if found else (0,)


def _install(lock: Path, folder: Path) -> None:
    say("no Go on this machine that is new enough: installing one")
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    uv = Path(sys.executable).with_name("uv")
    run([uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--require-hashes", "-r", lock])
