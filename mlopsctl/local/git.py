"""What git says of the project: which commit, and how many files changed since."""

import subprocess
from pathlib import Path

from mlopsctl.engine.commit import Commit

_PATIENCE = 10  # seconds


def commit_of(folder: Path) -> Commit:
    """The commit of the repository that holds `folder`."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return Commit("", 0)
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", ".")
    lines = status.splitlines()
    said = {name: value for name, _, value in (line[2:].partition(" ") for line in lines if line.startswith("# "))}
    oid, head = said.get("branch.oid", ""), said.get("branch.head", "")
    return Commit(
        digest="" if oid == "(initial)" else oid,
        changed_files=sum(not line.startswith("#") for line in lines),
        branch="" if head == "(detached)" else head,
    )


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
