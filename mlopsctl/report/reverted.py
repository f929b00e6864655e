"""A release that git is to turn back to, in words: for the terminal, and for the commit that a reviewer judges."""

from collections.abc import Iterable, Iterator

from mlopsctl.frozen import frozen
from mlopsctl.ir.release import Release
from mlopsctl.release.proposal import Outcome, Proposal
from mlopsctl.release.pull_request import Offered
from mlopsctl.report.display import padded, shown
from mlopsctl.report.promoted import approvals_needed
from mlopsctl.report.wording import difference, metric, short_run

_SHORT_DIGEST = 19  # `sha256:` and twelve digits


@frozen(kw_only=True)
class Reverted:
    """A pipeline in an environment that is to serve an earlier release instead of the one that git names.

    `at_once` says that its requests go there already, `stopped` that nobody gets any until it is resumed; `path` is the
    file in the repository, `base` what the branch is made on top of.
    """

    environment: str
    left: Release
    release: Release
    who: str
    why: str
    at_once: bool
    stopped: bool
    approvals: int
    path: str
    base: str


def title(reverted: Reverted) -> str:
    """`Turn flight-delays back to 01JD3WQ7AB12 in production`."""
    name, run = reverted.release.pipeline, short_run(reverted.release.run)
    return f"Turn {name} back to {run} in {reverted.environment}"


def commit_message(reverted: Reverted) -> str:
    """What a reviewer reads in git: what is turned back from, by whom and why, and what serves then."""
    release = reverted.release
    said = f": {shown(reverted.why)}" if reverted.why else ""
    lines = [
        title(reverted),
        "",
        f"Turned back from run {reverted.left.run} by {shown(reverted.who)}{said}",
        "",
        *_table(reverted),
        "",
        f"Run: {release.run}",
        f"Model: {release.digest}",
        f"Evidence: {release.evidence}",
    ]
    return "\n".join(lines) + "\n"


def render_text(reverted: Reverted, proposal: Proposal, offered: Offered) -> str:
    """For people at a terminal: what serves, what doesn't any more, and what makes git agree."""
    return _text(reverted, _end(reverted, proposal, offered))


def render_unproposed(reverted: Reverted) -> str:
    """The same where nobody could merge a branch that is written, as in a job of a forge."""
    name, environment = shown(reverted.release.pipeline), shown(reverted.environment)
    end = (
        f"Git still names run {short_run(reverted.left.run)}, and applies leave it so.",
        "In a clone, this proposes the merge that makes git agree:",
        f"  mlopsctl rollback {name} --env {environment} --pr",
    )
    return _text(reverted, end)


def _text(reverted: Reverted, end: Iterable[str]) -> str:
    left, run = short_run(reverted.left.run), short_run(reverted.release.run)
    where = f"{shown(reverted.release.pipeline)} in {shown(reverted.environment)}"
    if reverted.stopped:
        head = f"{where} is stopped, and stays so: once it is resumed, run {run} gets all requests, in place of {left}."
    elif reverted.at_once:
        head = f"{where} serves run {run} again, in place of {left}."
    else:
        head = f"{where} is to serve run {run} again, in place of {left}, which serves until that is applied."
    lines = [
        head,
        *_table(reverted),
        f"Run {left} is rejected, so that nothing brings it back. A mistake?",
        f"  mlopsctl reject {left} --withdraw --reason TEXT",
        *end,
    ]
    return "\n".join(lines) + "\n"


def _table(reverted: Reverted) -> list[str]:
    rows = list(_rows(reverted))
    width = max(len(name) for name, _ in rows)
    return [f"  {padded(shown(name), width)}  {value}" for name, value in rows]


def _rows(reverted: Reverted) -> Iterator[tuple[str, str]]:
    release, left = reverted.release, reverted.left
    for name, value in sorted(release.metrics.items()):
        before = left.metrics.get(name)
        yield name, metric(value) + ("" if before is None else f"   {difference(value, before)}")
    if release.commit != left.commit:
        yield "code", f"{left.commit[:7]} → {release.commit[:7]}"
    yield "model", f"{left.digest[:_SHORT_DIGEST]} → {release.digest[:_SHORT_DIGEST]}"
    if reverted.approvals:
        yield "approvals", approvals_needed(reverted.approvals)


def _end(reverted: Reverted, proposal: Proposal, offered: Offered) -> Iterator[str]:
    if proposal.outcome is Outcome.PROPOSED_BEFORE:
        yield f"Nothing new: branch {proposal.branch} has this release already, at {proposal.commit[:7]}."
    else:
        yield f"Wrote {reverted.path} on branch {proposal.branch}, on top of {reverted.base}."
    if offered.address:
        yield f"Opened {offered.address}; the merge makes git agree."
        return
    yield (
        "Git still says otherwise, and applies leave it so; the merge makes git agree:"
        if reverted.at_once
        else ("The merge turns it back; to do that at once, give --now as well:")
    )
    yield from (f"  {step}" for step in offered.steps)
