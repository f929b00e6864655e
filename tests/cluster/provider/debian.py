"""The Debian packages that a node needs."""

import os
import shutil
from collections.abc import Mapping

from tests.cluster.provider.artefacts import say
from tests.cluster.provider.commands import run
from tests.cluster.provider.folders import ProviderError

# Package: a program that it brings, by which one sees that it is there.
PACKAGES: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "iptables": "iptables",
    "iproute2": "ip",
    "conntrack": "conntrack",
    "socat": "socat",
    "procps": "sysctl",
    "util-linux": "nsenter",
    "mmdebstrap": "mmdebstrap",
}


def install_packages() -> None:
    """Install what is missing. Raises ProviderError if this isn't root on Debian."""
    missing = [package for package, program in PACKAGES.items() if not _found(program)]
    if not missing:
        return
    command = f"apt-get install {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise ProviderError(f"a node needs {', '.join(missing)}, and this machine has no apt-get to install them with")
    if os.geteuid() != 0:
        raise ProviderError(f"a node needs {', '.join(missing)}\n  help: sudo {command}")
    say(f"installing {', '.join(missing)}")
    for arguments in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
        run(["apt-get", *arguments], settings={"DEBIAN_FRONTEND": "noninteractive"})


def _found(program: str) -> bool:
    return shutil.which(program) is not None
