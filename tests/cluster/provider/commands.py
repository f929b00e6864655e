"""Programs that are run to their end."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.provider.folders import ProviderError

_TOLD = 3000  # characters of what a program that fails has said last


def run(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
    text: str = "",
) -> str:
    """What the command prints, given this text to read, with more settings in its environment.

    Raises ProviderError with the command's own words if it fails or isn't there.
    """
    environment = {**os.environ, **(settings or {})}
    try:
        done = subprocess.run(
            command, check=False, cwd=folder, env=environment, input=text, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise ProviderError(f"{Path(command[0]).name} isn't on this machine") from error
    if done.returncode:
        shown = " ".join(Path(word).name if isinstance(word, Path) else word for word in command[:4])
        raise ProviderError(f"`{shown} …` fails:\n{done.stdout[-_TOLD:]}{done.stderr[-_TOLD:]}")
    return done.stdout


def succeeds(command: Sequence[str | Path]) -> bool:
    """Whether the command, which prints nothing of interest, succeeds."""
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
