"""The user's own git, asked and told: what a promotion needs, without touching what is checked out or staged."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.release import faults

_PATIENCE = 60  # seconds, for what works on this machine
_PUSH_PATIENCE = 300
_FILE = "100644"


class GitRefused(Exception):
    """Git didn't do what it was told; the text is its own, in one line."""


@frozen
class Base:
    """What a promotion or a rollback is a commit on top of. `remote` is empty where the repository has none."""

    name: str
    commit: str
    remote: str

    @property
    def branch(self) -> str:
        """The branch as the remote calls it."""
        return self.name.removeprefix(f"{self.remote}/") if self.remote else self.name


@frozen
class Repository:
    """A repository with a working tree, whose uppermost folder is `top`."""

    top: Path

    def said(self, *arguments: str) -> str | None:
        """What a git command prints, or None if it says no."""
        return said_in(self.top, *arguments)

    def told(self, *arguments: str, text: str = "", environ: Mapping[str, str] | None = None) -> str:
        """What a git command prints that gets `text` to read. Raises GitRefused."""
        return _git(self.top, *arguments, text=text, environ=environ)

    def tip(self, branch: str) -> str | None:
        """The commit that a branch of this repository is at."""
        return self.said("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")

    def checked_out(self) -> str | None:
        """The branch that is checked out."""
        return self.said("symbolic-ref", "--quiet", "--short", "HEAD")

    def file(self, commit: str, path: str) -> str | None:
        """The text of a file in a commit, or None if it has none."""
        return self.said("cat-file", "blob", f"{commit}:{path}")

    def changes_of(self, commit: str, path: str, most: int) -> list[str]:
        """The commits that changed a file on the way to `commit`, the newest first: merges as one."""
        said = self.said("log", "--first-parent", f"--max-count={most}", "--format=%H", commit, "--", path)
        return (said or "").split()

    def count(self, span: str) -> int:
        """How many commits a range like `a..b` has; 0 if git doesn't know one of them."""
        return int(self.said("rev-list", "--count", span) or 0)

    @property
    def is_shallow(self) -> bool:
        """Whether its history ends before it began."""
        return self.said("rev-parse", "--is-shallow-repository") == "true"

    def has(self, commit: str) -> bool:
        """Whether the repository has a commit."""
        return bool(commit) and self.said("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def commit(self, base: str, path: str, text: str, message: str) -> str:
        """A commit on top of `base` with a file that says `text`; no branch is at it yet. Raises GitRefused.

        It is made in an index of its own, so neither the user's index nor a file that is checked out changes.
        """
        blob = self.told("hash-object", "-w", "--stdin", text=text).strip()
        with TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self.told("read-tree", base, environ=index)
            self.told("update-index", "--add", "--cacheinfo", f"{_FILE},{blob},{path}", environ=index)
            tree = self.told("write-tree", environ=index).strip()
        return self.told("commit-tree", tree, "-p", base, "-F", "-", text=message).strip()

    def put_branch(self, branch: str, commit: str, before: str = "") -> None:
        """Put a branch at a commit that is `before` it now, or isn't there. Raises GitRefused, also if it moved."""
        self.told("update-ref", "-m", "mlopsctl", f"refs/heads/{branch}", commit, before or "0" * len(commit))

    def push(self, remote: str, branch: str) -> None:
        """Bring a branch to a remote. Raises GitRefused."""
        _git(self.top, "push", "--quiet", "--set-upstream", remote, f"{branch}:{branch}", patience=_PUSH_PATIENCE)


def said_in(folder: Path, *arguments: str) -> str | None:
    """What a git command prints in a folder, or None if it says no, as where there is no repository and no git."""
    try:
        return _git(folder, *arguments)
    except GitRefused:
        return None


def repository_of(folder: Path) -> Repository:
    """The repository that holds `folder`. Raises DiagnosedError if there is none, or git can't be used."""
    try:
        top = _git(folder, "rev-parse", "--show-toplevel")
        repository = Repository(Path(top))
        repository.told("rev-parse", "--verify", "HEAD^{commit}")
    except GitRefused as error:
        helps = ("work in a clone of the project's repository that has a commit",)
        raise DiagnosedError(faults.git_needed(str(error), helps)) from error
    return repository


def base_of(repository: Repository) -> Base:
    """The default branch of the remote as it was last fetched; without a remote, what is checked out.

    A promotion is reviewed and merged there, whatever branch somebody happens to work on.
    """
    remote = _remote(repository)
    if remote:
        default = repository.said("symbolic-ref", "--quiet", "--short", f"refs/remotes/{remote}/HEAD")
        for name in filter(None, (default, f"{remote}/main", f"{remote}/master")):
            commit = repository.said("rev-parse", "--verify", "--quiet", f"refs/remotes/{name}^{{commit}}")
            if commit:
                return Base(name, commit, remote)
    return base_here(repository)


def base_here(repository: Repository) -> Base:
    """What is checked out, whatever remotes have."""
    return Base(repository.checked_out() or "HEAD", repository.told("rev-parse", "HEAD"), "")


def _remote(repository: Repository) -> str:
    """The remote of the branch that is checked out, else `origin`, else the only one."""
    remotes = (repository.said("remote") or "").split()
    branch = repository.checked_out()
    of_branch = repository.said("config", "--get", f"branch.{branch}.remote") if branch else None
    for wanted in (of_branch, "origin"):
        if wanted in remotes:
            return str(wanted)
    return remotes[0] if len(remotes) == 1 else ""


def _git(
    folder: Path, *arguments: str, text: str = "", environ: Mapping[str, str] | None = None, patience: int = _PATIENCE
) -> str:
    """What git prints, without the line break at its end unless it is a file's. Raises GitRefused."""
    asks_nobody = {"GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],  # noqa: S607 - the user's own git, from the user's own PATH
            cwd=folder,
            env={**asks_nobody, **os.environ, **(environ or {})},
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=patience,
        )
    except FileNotFoundError as error:
        raise GitRefused("git is not installed") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise GitRefused(str(error)) from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise GitRefused(said or f"git {arguments[0]} ended with {done.returncode}")
    out = done.stdout.decode(errors="replace")
    return out if arguments[0] == "cat-file" else out.rstrip("\n")
