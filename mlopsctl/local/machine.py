"""What runs on this machine need: git, uv, a place for environments, and the store."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlopsctl.engine.cache import default_cache
from mlopsctl.examination import Observation, State
from mlopsctl.store import Store, StoreError

PART, STORE_PART = "This machine", "Store"
_PATIENCE = 10  # seconds
_LITTLE = 1_000_000_000  # bytes; one environment with a framework for training is larger


def examine(environ: Mapping[str, str], folder: Path) -> list[Observation]:
    """Everything but the store; `folder` is the project's, or where one might begin. Raises nothing."""
    return [_git(folder), _uv(), _cache(environ)]


def examine_store(store: Store, *, is_for_pods: bool = False) -> Observation:
    """Whether the store can be read and written from here, and keeps two writers apart; tried with a value of our own.

    One that is for pods too has to be elsewhere than in a folder of this machine.
    """
    if is_for_pods and "://" not in store.url:
        advice = "name a bucket as the environment's `store`: s3://, gs:// or az://"
        return Observation(STORE_PART, "store", State.MISSING, f"pods can't reach the folder `{store.url}`", advice)
    try:
        trial = store.try_out()
    except StoreError as error:
        return unusable_store(error)
    said = f"`{store.url}` is read and written, in {trial.seconds * 1000:,.0f} ms"
    if trial.left:
        said += f"; what was written to try it stays, as nothing may be removed: `{trial.left}`"
    return Observation(STORE_PART, "store", State.FINE, said)


def unusable_store(error: StoreError) -> Observation:
    """What is said of a store that fails."""
    return Observation(STORE_PART, "store", State.MISSING, error.message, error.hint)


def _git(folder: Path) -> Observation:
    version = _said_by("git", "--version")
    if version is None:
        advice = "install git: without it no run knows the commit that it came from"
        return Observation(PART, "git", State.WARNING, "not there", advice)
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        advice = "git init: runs then say which commit they came from"
        return Observation(PART, "git", State.WARNING, f"{version}, but this is no repository", advice)
    return Observation(PART, "git", State.FINE, version)


def _uv() -> Observation:
    from uv import find_uv_bin

    try:
        version = _said_by(find_uv_bin(), "--version")
    except FileNotFoundError:
        version = None
    if version is None:
        return Observation(PART, "uv", State.MISSING, "does not start", "install mlopsctl again, which brings it")
    return Observation(PART, "uv", State.FINE, version.partition(" (")[0])


def _cache(environ: Mapping[str, str]) -> Observation:
    """Where environments are installed."""
    cache = default_cache(environ)
    elsewhere = "set MLOPS_CACHE to a folder on another disk"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            free = shutil.disk_usage(cache).free
    except OSError as error:
        said = f"`{cache}` can't be written: {(error.strerror or str(error)).lower()}"
        return Observation(PART, "cache", State.MISSING, said, f"correct its rights, or {elsewhere}")
    said = f"`{cache}`, {free / 1e9:,.1f} GB free"
    if free < _LITTLE:
        return Observation(PART, "cache", State.WARNING, said, f"free some space, or {elsewhere}")
    return Observation(PART, "cache", State.FINE, said)


def _said_by(*command: str) -> str | None:
    """The first line that a program prints; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.partition("\n")[0].strip()
