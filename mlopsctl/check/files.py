"""What rules ask about the files that a pipeline names. A question that can't be answered is answered with no."""

import json
from os.path import normpath
from pathlib import Path

from mlopsctl.source.questions import LONGEST_TEXT, content, has_match, kind_of, names_in


def is_file(path: Path) -> bool:
    """Whether there is a file."""
    return kind_of(path) == "file"


def is_folder(path: Path) -> bool:
    """Whether there is a folder."""
    return kind_of(path) == "folder"


def exists(path: Path) -> bool:
    """Whether there is a file or a folder."""
    return kind_of(path) != ""


def neighbours(path: Path) -> tuple[str, ...]:
    """The names in the folder where `path` should be; at most a thousand."""
    return names_in(path.parent)


def text_of(path: Path) -> str:
    """What a script or a lock file says; empty if it can't be read."""
    try:
        return content(path, longest=LONGEST_TEXT).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def json_fault(path: Path) -> str:
    """Why the file is no JSON; empty if it is, or can't be read."""
    try:
        json.loads(content(path))
    except (ValueError, RecursionError) as error:
        return str(error)
    except OSError:
        return ""
    return ""


def matches(folder: Path, pattern: str) -> bool:
    """Whether a pattern of `Path.glob` is of anything below a folder."""
    try:
        return has_match(folder, pattern)
    except (ValueError, NotImplementedError, OSError, IndexError):  # no pattern that glob can read
        return False


def leaves_repository(path: Path, start: Path) -> bool:
    """Whether the path leads out of the git repository around the folder `start`, or of `start` where there is none."""
    root = next((folder for folder in (start, *start.parents) if kind_of(folder / ".git")), start)
    return not Path(normpath(path)).is_relative_to(root)
