"""The commit of a promotion or a rollback, on a branch of its own: made once, and nothing else changes in git."""

from enum import StrEnum

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.release import faults
from mlopsctl.release.git import Base, GitRefused, Repository
from mlopsctl.release.release_file import ReleaseFile


class Outcome(StrEnum):
    """What a proposal came to."""

    WRITTEN = "written"
    PROPOSED_BEFORE = "proposed-before"  # the branch is there, with this release
    RELEASED_BEFORE = "released-before"  # the base has this release: it was merged


@frozen(kw_only=True)
class Proposal:
    """Where the release is written: the branch, and the commit that it is at. Both are empty where it is merged."""

    outcome: Outcome
    branch: str
    commit: str


def found_before(repository: Repository, base: Base, branch: str, file: ReleaseFile) -> Proposal | None:
    """What an earlier proposal of the same left behind, if one did. Raises DiagnosedError for another's branch."""
    if repository.file(base.commit, str(file.path)) == file.text:
        return Proposal(outcome=Outcome.RELEASED_BEFORE, branch="", commit="")
    tip = repository.tip(branch)
    if tip is None:
        return None
    is_old = _is_merged(repository, tip, base)
    if repository.file(tip, str(file.path)) != file.text or (is_old and branch == repository.checked_out()):
        raise DiagnosedError(faults.branch_taken(branch, tip))
    if is_old:
        return None  # that was merged, and taken back since
    return Proposal(outcome=Outcome.PROPOSED_BEFORE, branch=branch, commit=tip)


def propose(repository: Repository, base: Base, branch: str, file: ReleaseFile, message: str) -> Proposal:
    """Write the release on a new branch on top of `base`. Raises DiagnosedError if git refuses, or lost a race."""
    try:
        repository.told("check-ref-format", f"refs/heads/{branch}")
        commit = repository.commit(base.commit, str(file.path), file.text, message)
    except GitRefused as error:
        raise DiagnosedError(faults.git_needed(str(error))) from error
    before = repository.tip(branch)
    merged = before if before and _is_merged(repository, before, base) else ""
    try:
        repository.put_branch(branch, commit, merged)
    except GitRefused as error:
        if repository.tip(branch) != (merged or None):
            raise DiagnosedError(faults.promoted_meanwhile(branch)) from error
        raise DiagnosedError(faults.git_needed(str(error))) from error
    return Proposal(outcome=Outcome.WRITTEN, branch=branch, commit=commit)


def _is_merged(repository: Repository, tip: str, base: Base) -> bool:
    """Whether a branch is one of an earlier time, of which the base has all."""
    return repository.said("merge-base", "--is-ancestor", tip, base.commit) is not None
