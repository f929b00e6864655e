"""What git says of the project: which commit, and how many files changed since."""

import subprocess
from pathlib import Path

from mlopsctl.frozen import frozen

_PATIENCE = 10  # seconds


@frozen
class Commit:
    """The commit that is checked out, and the number of files that differ from it. Empty outside of git."""

    digest: str
    changed_files: int

    @property
    def short(self) -> str:
        """As people name it."""
        return self.digest[:7]


def commit_of(folder: Path) -> Commit:
    """The commit of the repository that holds `folder`."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return Commit("", 0)
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", ".")
    lines = status.splitlines()
    oid = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), "")
    return Commit("" if oid == "(initial)" else oid, sum(not line.startswith("#") for line in lines))


def _git(folder: Path, *arguments: str) -> str:
    """What a git command prints; nothing where git is missing, refuses or hangs, as no run depends on it."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],  # noqa: S607 - the user's own git, from the user's own PATH
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
