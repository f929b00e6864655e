"""Where test clusters keep what they build and what they run on."""

import os
import re
from pathlib import Path

DEFAULT_NAME = "test"


class ProviderError(Exception):
    """A cluster can't be brought up or down. The text says what is wrong and what to do."""


def cache_folder() -> Path:
    """The folder in the user's cache that holds all of this; made if need be, and readable by this user alone."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "mlopsctl" / "testcluster"
    if folder.is_relative_to("/var") or folder.is_relative_to("/run"):
        raise ProviderError(
            f"the cache folder {folder} is hidden from a node, which has a /var and a /run of its own\n"
            "  help: name another one in XDG_CACHE_HOME"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def cluster_folder(name: str) -> Path:
    """The folder of the cluster of this name. Raises ProviderError if it can't be a name."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name):
        raise ProviderError(f"{name!r} can't name a cluster: up to 32 lower-case letters, digits and inner hyphens")
    return cache_folder() / "clusters" / name


def project_root() -> Path:
    """The top of the checkout that this file is in."""
    return Path(__file__).parents[3]
