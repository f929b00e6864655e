"""Who agreed to a release: trailers of the commits that brought its file to what it is, or what the forge says.

Who wrote one of these commits doesn't count, whatever the trailers say.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError, Finding, Related, Span, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.release.git import said_in

_FIELD, _RECORD = "\x1f", "\x1e"
_FORMAT = "--format=%H%x1f%an <%ae>%x1f%(trailers:key=Approved-by,key=Reviewed-by,valueonly,unfold,separator=%x0a)%x1e"


@frozen(kw_only=True)
class Review:
    """What a forge says of a request: the commit that was looked at, and who agreed to it."""

    commit: str
    approved: tuple[str, ...]


@frozen(kw_only=True)
class Agreement:
    """Who wrote and who agreed to what a release's file says, and the commit that brought it; empty if none did."""

    commit: str
    authors: tuple[str, ...]
    approved: tuple[str, ...]


NOBODY = Agreement(commit="", authors=(), approved=())


@frozen
class _Commit:
    digest: str
    author: str
    approved: tuple[str, ...]


def agreement_on(file: Path, reviews: Sequence[Review] = ()) -> Agreement:
    """Who agreed to what the file of a release says.

    That is what the last commit of the branch itself says that changed it, and the commits that this one merged.
    Nobody agreed to what isn't committed. Raises DiagnosedError if all reviews are of other commits, or if the clone
    doesn't have the commits.
    """
    folder = file.parent
    last = _last(file)
    if not last:
        return NOBODY
    digest, *parents = last
    brought = [f"{parents[0]}..{digest}"] if parents else [digest]
    commits = list(_commits(said_in(folder, "log", _FORMAT, *brought) or ""))
    changing = {digest, *(said_in(folder, "log", "--format=%H", *brought, "--", file.name) or "").split()}
    fitting = [review for review in reviews if review.commit in {each.digest for each in commits}]
    if reviews and not fitting:
        raise DiagnosedError(other_commit(reviews[0].commit, digest))
    written = [each for each in commits if each.digest in changing]
    is_merge = len(parents) > 1
    authors = [each.author for each in written if not (is_merge and each.digest == digest)]
    said = [
        *(name for each in written for name in each.approved),
        *(name for review in fitting for name in review.approved),
    ]
    keys = {_person(author) for author in authors}
    agreed = {_person(name): name for name in said if _person(name) not in keys}
    return Agreement(commit=digest, authors=tuple(dict.fromkeys(authors)), approved=tuple(agreed.values()))


def brought_by(file: Path) -> str:
    """The commit that brought what the file of a release says; empty if none did. Raises DiagnosedError."""
    return next(iter(_last(file)), "")


def _last(file: Path) -> list[str]:
    """The last commit of the branch itself that changed the file, and its parents; nothing for what isn't committed."""
    folder = file.parent
    if said_in(folder, "status", "--porcelain", "--", file.name):
        return []
    last = (said_in(folder, "log", "--first-parent", "-1", "--format=%H %P", "--", file.name) or "").split()
    # Where a shallow clone ends, a commit looks as if it had brought everything by itself.
    if len(last) == 1 and said_in(folder, "rev-parse", "--is-shallow-repository") == "true":
        raise DiagnosedError(history_missing(file.name, last[0]))
    return last


def read_reviews(path: Path) -> tuple[Review, ...]:
    """Reviews as CI hands them over, one or a list. Raises DiagnosedError."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DiagnosedError(review_unusable(str(path), error.strerror or str(error))) from error
    except ValueError as error:
        raise DiagnosedError(review_unusable(str(path), f"it is no JSON: {error}")) from error
    return tuple(_review(each, str(path)) for each in (document if isinstance(document, list) else [document]))


def _review(said: object, path: str) -> Review:
    match said:
        case {"commit": str(commit), "approved": [*approved]} if all(isinstance(name, str) for name in approved):
            return Review(commit=commit, approved=tuple(map(str, approved)))
    raise DiagnosedError(review_unusable(path, "`commit` is a text, and `approved` a list of texts"))


def _commits(said: str) -> Iterator[_Commit]:
    for record in said.split(_RECORD):
        if record.strip():
            digest, author, approved = record.strip("\n").split(_FIELD)
            yield _Commit(digest, author, tuple(line.strip() for line in approved.splitlines() if line.strip()))


def _person(name: str) -> str:
    """What tells one from another: the address, or the name where there is none."""
    before, _, address = name.rpartition("<")
    return (address.rstrip("> ") if before or address.endswith(">") else name).strip().lower()


def missing(agreement: Agreement, required: int) -> int:
    """How many persons have still to agree."""
    return max(required - len(agreement.approved), 0)


@diagnostic("MLO420")
def not_approved(pipeline: str, agreement: Agreement, required: int, places: tuple[Span, Span]) -> Finding:
    """A release would serve in an environment before as many persons have agreed to it as the environment asks for.

    Those count who stand in the trailers `Approved-by:` or `Reviewed-by:` of the commits that changed the file of the
    release, or in the review that `--approvals` hands over; not who wrote one of these commits.

    Example:
        approvals: {required: 1}        # and a release that its author has pushed

    Fix: have others agree to the change, and merge it with their trailers or hand over what the forge says.
    """
    short, (wanted, release) = missing(agreement, required), places
    agreed = ", ".join(agreement.approved) or "nobody"
    wrote = (
        f"written by {', '.join(agreement.authors)}" if agreement.commit else "its file has changes without a commit"
    )
    return Finding(
        message=f"the release of `{pipeline}` lacks {short} of {required} approval{'' if required == 1 else 's'}",
        span=wanted,
        related=(Related(release, wrote),),
        notes=(f"approved by {agreed}",),
        helps=("merge it with trailers such as `Approved-by: Ann <ann@example.com>`, or give --approvals FILE",),
    )


@diagnostic("MLO421")
def other_commit(commit: str, release: str) -> Finding:
    """A review is of other commits than those that brought the release.

    Example:
        mlopsctl apply --approvals yesterday.json

    Fix: hand over the review of the request that changed the file of the release.
    """
    return Finding(
        message=f"the review is of commit {commit[:7] or 'none'}, and the release came with {release[:7]}",
        helps=("hand over the review of the request that changed the release",),
    )


@diagnostic("MLO422")
def review_unusable(path: str, why: str) -> Finding:
    """The file of a review can't be read, or says something else.

    Example:
        mlopsctl apply --approvals none.json

    Fix: write `{"commit": "…", "approved": ["ann@example.com"]}`, with the last commit of the request.
    """
    return Finding(message=f"the review `{path}` can't be used: {why}")


@diagnostic("MLO764")
def history_missing(file: str, commit: str) -> Finding:
    """The clone is shallow and ends at the commit that seems to have brought a release, so who agreed can't be told.

    Example:
        git clone --depth 1        # and an environment with approvals

    Fix: fetch the whole history: `git fetch --unshallow`, `fetch-depth: 0` at GitHub, `GIT_DEPTH: 0` at GitLab.
    """
    return Finding(
        message=f"who agreed to `{file}` can't be told: the clone ends at {commit[:7]}",
        helps=("fetch the whole history, as by git fetch --unshallow",),
    )
