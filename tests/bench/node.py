"""What pods use on the node of a test cluster: processor time, memory of some programs, disk."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cluster.provider.cluster import Cluster

_CGROUPS = Path("/sys/fs/cgroup")
_WORK = "*/volumes/kubernetes.io~empty-dir/work"
_EVERY_S = 0.3


class Node:
    """The node of one cluster on this machine."""

    def __init__(self, kubeconfig: Path) -> None:
        machine = Cluster(kubeconfig.parent.name).machine
        whole = _CGROUPS / machine.cgroup
        self._group = whole if whole.exists() else _CGROUPS / "cpuacct" / machine.cgroup
        self._pods = machine.folder / "var/lib/kubelet/pods"

    def cpu_seconds(self) -> float:
        """Of all pods that ran on it since it is up, user and system; those of Argo and of the S3 server among them."""
        spent = self._group / "cpuacct.usage"
        if spent.exists():
            return int(spent.read_text()) / 1e9
        (line,) = (
            line for line in (self._group / "cpu.stat").read_text().splitlines() if line.startswith("usage_usec")
        )
        return int(line.split()[1]) / 1e6

    @contextmanager
    def watched(self, commands: Sequence[str]) -> "Iterator[Peaks]":
        """The most that was seen while the block ran, of programs whose command lines have these words."""
        peaks, ended = Peaks(commands), threading.Event()

        def watch() -> None:
            while not ended.wait(_EVERY_S):
                peaks.see(self._memory(commands), max(map(_on_disk, self._pods.glob(_WORK)), default=0))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield peaks
        finally:
            ended.set()
            thread.join()

    def _memory(self, commands: Sequence[str]) -> Iterator[tuple[str, int]]:
        for folder, _, files in os.walk(self._group):
            if "cgroup.procs" not in files:
                continue
            with suppress(OSError):  # what ends while it is looked at
                for pid in Path(folder, "cgroup.procs").read_text().split():
                    line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                    for command in commands:
                        if command in line and "emissary" not in line:  # which stands around it
                            yield command, _most(pid)


class Peaks:
    """The most memory of each program, and the most that a pod of a run had on its disk, in MiB."""

    def __init__(self, commands: Sequence[str]) -> None:
        self.memory: Mapping[str, int] = dict.fromkeys(commands, 0)
        self.disk = 0

    def see(self, memory: Iterator[tuple[str, int]], disk: int) -> None:
        """Take a look into account."""
        for command, kib in memory:
            self.memory = {**self.memory, command: max(self.memory[command], kib >> 10)}
        self.disk = max(self.disk, disk >> 20)


def _most(pid: str) -> int:
    """The most memory that a process had so far, in KiB; the kernel counts it, so that no peak is missed in between."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def _on_disk(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total
