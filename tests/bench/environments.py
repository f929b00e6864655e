"""The peers, and mlopsctl as its users have it: each in an environment of its own, from a lock file with hashes."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".bench"
PEERS = ("hera", "dvc", "metaflow")
UV = Path(sys.executable).with_name("uv")


def installed() -> Mapping[str, Path]:
    """The folders of programs of mlopsctl and of each peer. A peer is installed once for each of its lock files."""
    for name in ("mlopsctl", *PEERS):
        _install(name)
    _install_wheel(_python("mlopsctl"))
    return {name: _python(name).parent for name in ("mlopsctl", *PEERS)}


def versions(peers: Mapping[str, Path]) -> dict[str, str]:
    """Which versions are compared."""
    return {name: _version(bin_folder / "python", name) for name, bin_folder in peers.items()}


def _install(name: str) -> None:
    lock = ROOT / "requirements" / f"bench-{name}.lock"
    done = PLACE / name / "installed.lock"
    if done.is_file() and done.read_bytes() == lock.read_bytes():
        return
    _uv("venv", "--clear", "--python", sys.executable, PLACE / name)
    _uv("pip", "sync", "--require-hashes", "--compile-bytecode", "--python", _python(name), lock)
    done.write_bytes(lock.read_bytes())


def _install_wheel(python: Path) -> None:
    """Put the wheel of this tree in, because an editable install starts slower than what users get."""
    wheels = PLACE / "wheels"
    _uv("build", "--clear", "--no-build-isolation", "--python", sys.executable, "--out-dir", wheels, ROOT)
    (wheel,) = wheels.glob("*.whl")
    _uv("pip", "install", "--no-deps", "--compile-bytecode", "--reinstall", "--python", python, wheel)


def _python(name: str) -> Path:
    return PLACE / name / "bin" / "python"


def _version(python: Path, package: str) -> str:
    asked = f"import importlib.metadata as metadata; print(metadata.version({package!r}))"
    return subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.strip()


def _uv(*arguments: str | Path) -> None:
    subprocess.run([UV, *arguments[:1], "--quiet", *arguments[1:]], check=True)
