"""Pull and merge requests, through the forge's own command line where it is installed."""

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.release.faults import not_proposed
from mlopsctl.release.git import Base, GitRefused, Repository

_PATIENCE = 120  # seconds


@frozen(kw_only=True)
class Request:
    """A request to merge `branch` into `base`, with the title and the text that reviewers read."""

    base: Base
    branch: str
    title: str
    body: str


class ForgeRefused(Exception):
    """What the forge's program said instead of opening a request, in one line; or that there is none."""


def steps(repository: Repository, request: Request) -> list[str]:
    """The commands that bring the branch to its reviewers, as a person would type them."""
    if not request.base.remote:
        return [f"git merge {request.branch}"]
    found = [f"git push --set-upstream {request.base.remote} {request.branch}"]
    match _program(repository, request.base.remote):
        case "gh":
            found.append(f"gh pr create --base {request.base.branch} --head {request.branch} --fill")
        case "glab":
            found.append(
                f"glab mr create --target-branch {request.base.branch} --source-branch {request.branch} --fill"
            )
        case _:
            found.append(f"# open a request to merge {request.branch} into {request.base.branch}")
    return found


@frozen(kw_only=True)
class Offered:
    """What became of a request: its address, if one was opened, and the commands that are still to be given."""

    address: str
    steps: tuple[str, ...]


def offer(repository: Repository, request: Request, *, is_requested: bool) -> Offered:
    """Push the branch and open a request if that is asked for. Raises DiagnosedError if either fails."""
    left = steps(repository, request)
    if not is_requested or not request.base.remote:
        return Offered(address="", steps=tuple(left))
    try:
        return Offered(address=open_request(repository, request), steps=tuple(left[1:]))
    except ForgeRefused as error:
        raise DiagnosedError(not_proposed(f"the request for `{request.branch}`", str(error), left)) from error


def open_request(repository: Repository, request: Request) -> str:
    """Push the branch and open a request; its address, or empty if no program of a forge is here to open one.

    Raises ForgeRefused, and DiagnosedError if somebody else was faster.
    """
    try:
        repository.push(request.base.remote, request.branch)
    except GitRefused as error:
        there = repository.said("ls-remote", "--heads", request.base.remote, f"refs/heads/{request.branch}")
        if there and there.split()[0] != repository.tip(request.branch):
            raise DiagnosedError(proposed_elsewhere(request.branch, request.base.remote, there[:7])) from error
        raise ForgeRefused(str(error)) from error
    program = _program(repository, request.base.remote)
    where = shutil.which(program) if program else None
    return _opened(where, program, request, repository.top) if where else ""


def _opened(where: str, program: str, request: Request, folder: Path) -> str:
    common = ["--title", request.title]
    arguments = {
        "gh": [
            "pr",
            "create",
            "--base",
            request.base.branch,
            "--head",
            request.branch,
            *common,
            "--body",
            request.body,
        ],
        "glab": [
            *("mr", "create", "--target-branch", request.base.branch, "--source-branch", request.branch),
            *(*common, "--description", request.body, "--yes"),
        ],
    }[program]
    try:
        done = subprocess.run(
            [where, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ForgeRefused(str(error)) from error
    if done.returncode != 0:
        raise ForgeRefused(" ".join(done.stderr.split()) or f"{program} ended with {done.returncode}")
    return next((line for line in reversed(done.stdout.split()) if "://" in line), "")


def _program(repository: Repository, remote: str) -> str:
    """Which program speaks with the forge of a remote, by the name of its host; empty if none is known to."""
    url = repository.said("remote", "get-url", remote) or ""
    host = urlsplit(url).hostname if "://" in url else url.partition("@")[2].partition(":")[0]
    for program, name in (("gh", "github"), ("glab", "gitlab")):
        if name in (host or ""):
            return program
    return ""


@diagnostic("MLO894")
def proposed_elsewhere(branch: str, remote: str, commit: str) -> Finding:
    """The remote has a branch of this name that says something else: somebody has proposed the same from their clone.

    Example:
        mlopsctl promote churn --to staging --pr      # in two clones at once

    Fix: see what they have proposed. If it is the same release, nothing is left to do.
    """
    return Finding(
        message=f"`{remote}` has a branch `{branch}` already, at {commit}, which somebody else has pushed",
        helps=(
            f"see it: git fetch {remote} {branch} && git show FETCH_HEAD",
            "if yours says something else, give it another name: --branch NAME",
        ),
    )
