"""Where a machine keeps what can be made again: environments, and what was found right before."""

from collections.abc import Mapping
from pathlib import Path


def default_cache(environ: Mapping[str, str]) -> Path:
    """The folder that keeps what can be made again: MLOPS_CACHE, or `mlopsctl` in the user's cache folder."""
    if chosen := environ.get("MLOPS_CACHE"):
        return Path(chosen).expanduser().absolute()
    user_cache = Path(environ.get("XDG_CACHE_HOME", ""))
    # The specification of these variables has a relative path ignored.
    return (user_cache if user_cache.is_absolute() else Path.home() / ".cache") / "mlopsctl"
