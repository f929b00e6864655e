"""Who does something: the user of this machine, or in CI whoever caused the run."""

import getpass
import re
from collections.abc import Mapping

_LONGEST_LABEL = 63


def user_here(environ: Mapping[str, str]) -> str:
    """The name of whoever runs this process; `unknown` where nobody says, as in many containers."""
    return environ.get("GITHUB_ACTOR") or environ.get("GITLAB_USER_LOGIN") or _user()


def host_here() -> str:
    """The name of this machine."""
    import platform  # here, as few commands ask

    return platform.node() or "unknown"


def who_here(environ: Mapping[str, str]) -> str:
    """Who and where, as in `ann@laptop`."""
    return f"{user_here(environ)}@{host_here()}"


def monitor_actor(monitor: str) -> str:
    """Who does what a monitor does by itself, as in `monitor drift`."""
    return f"monitor {monitor}"


def as_label(who: str) -> str:
    """A name as the value of a label in Kubernetes, which knows few characters and 63 of them."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", who)[:_LONGEST_LABEL].strip("-._")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "unknown"
