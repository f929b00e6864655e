"""The Python environment of a pipeline in a pod: from the store if any pod has made it before, else made and put there.

A pod begins with empty folders, and an installation takes many times as long as unpacking one. What is packed is found
by all that it depends on: the lock file, the interpreter, the system's C library, and the folder that it stands in, as
the programs of an environment name their interpreter by its path. On a volume that pods share it stands ready.
"""

import os
import shutil
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CalledProcessError, run
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults
from mlopsctl.engine.environment import (
    Environment,
    EnvironmentFailed,
    alone_at,
    environment_folder,
    environment_for,
)
from mlopsctl.frozen import frozen
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import PointerMoved, Store, StoreError, digest_json

_LOCK = "requirements.lock"
# Pythons before 3.11.4 have no filters, and those from 3.14 on would refuse the link to the interpreter. What is
# unpacked has the digest of what we packed.
_AS_PACKED: Mapping[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}


@frozen(kw_only=True)
class PodPython:
    """The environment for the lock file with this digest; for none where it is empty."""

    store: Store
    requirements: str
    version: str | None
    cache: Path
    stop: Stop

    def get(self, on_line: Callable[[str], None]) -> Environment:
        """The environment. Raises DiagnosedError if it can't be made, StoreError if the lock file isn't there."""
        lock = self._lock()
        folder = environment_folder(lock, python=self.version, cache=self.cache)
        if lock is not None and not folder.exists():
            with alone_at(folder, on_line):
                self._unpack(folder, on_line)
        os.environ.setdefault("UV_CACHE_DIR", str(self.cache / "uv"))  # beside the environment, to be linked into it
        try:
            made = environment_for(lock, python=self.version, cache=self.cache, on_line=on_line, stop=self.stop)
        except EnvironmentFailed as error:
            raise DiagnosedError(
                faults.environment_failed(None, error.message, error.output_tail, error.hint)
            ) from error
        if lock is not None and made.created:
            _compile(made)
            self._pack(folder, on_line)
        return made

    def _lock(self) -> Path | None:
        if not self.requirements:
            return None
        # By its digest, as pods of other pipelines may share the cache.
        lock = self.cache / "requirements" / self.requirements.removeprefix("sha256:") / _LOCK
        lock.parent.mkdir(parents=True, exist_ok=True)
        self.store.fetch(self.requirements, lock)
        return lock

    def _unpack(self, folder: Path, on_line: Callable[[str], None]) -> None:
        """Bring the environment from the store, if it is there and whole; what isn't is made anew."""
        if folder.exists():  # by now, from a pod that shares the cache
            return
        archive = folder.with_suffix(".tar")
        beside = folder.with_suffix(".part")
        try:
            pointer = self.store.read_pointer(_name(folder))
            if pointer is None:
                return
            self.store.fetch(str(pointer.value["blob"]), archive, link=True)
            shutil.rmtree(beside, ignore_errors=True)  # of a container that was killed at this
            _unpacked(archive, beside)
            beside.rename(folder)
        except (StoreError, KeyError, tarfile.TarError, CalledProcessError, OSError) as error:
            on_line(f"the packed environment can't be used, so it is made anew: {error}")
            shutil.rmtree(beside, ignore_errors=True)
        finally:
            archive.unlink(missing_ok=True)

    def _pack(self, folder: Path, on_line: Callable[[str], None]) -> None:
        """Put the environment into the store, for the pods to come. That it can't be is no reason to fail."""
        archive = folder.with_suffix(".tar")
        try:
            _packed(folder, archive)
            blob = self.store.put_file(archive)
            name = _name(folder)
            there = self.store.read_pointer(name)
            value = {"blob": blob.digest, "size": blob.size}
            self.store.move_pointer(name, value, expect=there.version if there else None)
        except PointerMoved:
            pass  # by a pod that made the same
        except (StoreError, tarfile.TarError, CalledProcessError, OSError) as error:
            on_line(f"the environment is not kept for the next pod: {error}")
        finally:
            archive.unlink(missing_ok=True)


def _compile(made: Environment) -> None:
    """Compile the packages, once for all pods to come, which would else compile all that they import.

    But for the tests that come with packages, which are half of the work and nobody imports. What can't be compiled is
    said by whoever imports it.
    """
    packages = next(made.bin.parent.glob("lib/python*/site-packages"))
    options = ["-q", "-j", "0", "-x", "/tests?/"]
    run([made.python, "-m", "compileall", *options, packages], check=False, capture_output=True)


def _packed(folder: Path, archive: Path) -> None:
    """The folder as one file. The system's program is several times as fast as Python, which is there in any case."""
    if tar := shutil.which("tar"):
        run([tar, "-cf", archive, "-C", folder, "."], check=True, capture_output=True)
        return
    with tarfile.open(archive, "w") as packed:
        packed.add(folder, arcname=".")


def _unpacked(archive: Path, folder: Path) -> None:
    folder.mkdir()
    if tar := shutil.which("tar"):
        run([tar, "-xof", archive, "-C", folder], check=True, capture_output=True)
        return
    with tarfile.open(archive) as packed:
        packed.extractall(folder, **_AS_PACKED)  # noqa: S202 - its digest is that of what we packed


def _name(folder: Path) -> str:
    """The pointer to an environment that was made for this folder, by the interpreter and on the system of this pod."""
    library = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
    identity = [str(folder), sys.version, os.path.realpath(sys.executable), library]
    return f"environments/{digest_json(identity).removeprefix('sha256:')}"
