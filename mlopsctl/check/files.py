"""What rules ask about the files that a pipeline names. A question that can't be answered is answered with no."""

import json
from itertools import islice
from os.path import normpath
from pathlib import Path

_LONGEST_SCRIPT = 1024 * 1024  # bytes; what is longer was not written by a person
_MOST_NEIGHBOURS = 1000


def is_file(path: Path) -> bool:
    """Whether there is a file."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Whether there is a file or a folder."""
    return is_file(path) or is_folder(path)


def neighbours(path: Path) -> tuple[str, ...]:
    """The names in the folder where `path` should be; at most a thousand."""
    try:
        return tuple(sorted(entry.name for entry in islice(path.parent.iterdir(), _MOST_NEIGHBOURS)))
    except (OSError, ValueError):
        return ()


def text_of(path: Path) -> str:
    """What a script or a lock file says; empty if it can't be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(_LONGEST_SCRIPT).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def json_fault(path: Path) -> str:
    """Why the file is no JSON; empty if it is, or can't be read."""
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return str(error)
    except OSError:
        return ""
    return ""


def leaves_repository(path: Path, start: Path) -> bool:
    """Whether the path leads out of the git repository around the folder `start`, or of `start` where there is none."""
    root = next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
    return not Path(normpath(path)).is_relative_to(root)
