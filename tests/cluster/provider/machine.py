"""A node's machine: namespaces with a process 1, which runs the node's programs. See go/init/nodeinit."""

import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.provider.commands import run
from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.programs import FEW_COLLECTIONS

ENVIRONMENTS = "/var/lib/environments"  # in which pods of any user may keep Python environments
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """The machine of one cluster, running or not."""

    folder: Path
    cgroup: str

    def start(self, nodeinit: Path) -> None:
        """Make the machine. Nothing runs on it yet. Raises ProviderError if the kernel doesn't allow it."""
        for name in ("var/lib/kubelet", "var/lib/containerd", "var/lib/cni", "var/log", "var/tmp", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        environments = self.folder / ENVIRONMENTS.removeprefix("/")
        environments.mkdir(exist_ok=True)
        environments.chmod(0o1777)
        for path in self._cgroups():
            path.mkdir(exist_ok=True)
        run([nodeinit, "start", self.folder], settings=FEW_COLLECTIONS)

    @property
    def process(self) -> int | None:
        """The number of process 1, as seen from here; None if it doesn't run."""
        try:
            record = json.loads((self.folder / "init.json").read_text())
            stat = Path(f"/proc/{record['pid']}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
            return None
        state, *fields = stat.rpartition(")")[2].split()
        # A process that has ended stays as a zombie until someone looks at it; that can take seconds.
        alive = state not in "ZX" and fields[18] == record["started"]
        return int(record["pid"]) if alive else None

    def run(self, components: Sequence[dict[str, Any]]) -> None:
        """Start those of these programs that don't run."""
        beside = self.folder / "components.json.new"
        beside.write_text(json.dumps(components, indent=1))
        beside.rename(self.folder / "components.json")
        os.kill(self._living(), signal.SIGHUP)

    def states(self) -> dict[str, dict[str, Any]]:
        """What became of each program: `pid` as the machine sees it, `running`, and how it `ended`."""
        try:
            return dict(json.loads((self.folder / "status.json").read_text()))
        except FileNotFoundError:
            return {}

    def signal_component(self, name: str, signal_name: str) -> None:
        """Send a signal, such as KILL, to one program."""
        inside = str(self.states()[name]["pid"])
        command = ["nsenter", f"--target={self._living()}", "--pid", "--mount", "--", "kill", f"-{signal_name}", inside]
        run(command)

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command that runs a command on the machine."""
        return ["nsenter", f"--target={self._living()}", "--mount", "--net", "--pid", "--uts", "--ipc", "--", *command]

    def end(self) -> None:
        """End process 1, and by that all there is on the machine; then remove its folder."""
        process = self.process
        if process is not None:
            os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while self.process is not None:
            if time.monotonic() > deadline:
                raise ProviderError(f"process {process} doesn't end; something in it hangs in the kernel")
            time.sleep(0.01)
        for path in self._cgroups():
            _remove_cgroup(path)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _living(self) -> int:
        process = self.process
        if process is None:
            raise ProviderError("the cluster isn't up")
        return process

    def _cgroups(self) -> list[Path]:
        """The machine's folder in each hierarchy: one for each controller in version 1, one in all in version 2."""
        if (_CGROUPS / "cgroup.controllers").exists():
            return [_CGROUPS / self.cgroup]
        hierarchies = (
            path for path in _CGROUPS.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()
        )
        return [path / self.cgroup for path in hierarchies]


def _remove_cgroup(path: Path) -> None:
    """Remove the groups of processes that have ended. The kernel may still be at it, so try for a while."""
    deadline = time.monotonic() + 10
    while path.exists():
        try:
            for folder, _, _ in os.walk(path, topdown=False):
                Path(folder).rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
