"""A promotion in words: for the terminal, for the commit that a reviewer judges, for a pull request, for programs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.release.changes import Changes, Code, Data, Metric
from mlopsctl.release.proposal import Outcome, Proposal
from mlopsctl.report.display import padded, shown
from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.report.markdown import code as in_code
from mlopsctl.report.markdown import prose
from mlopsctl.report.wording import counted, difference, metric, short_run, size
from mlopsctl.store import Artifact

_MOST_FILES = 5
_SHORT_DIGEST = 19  # `sha256:` and twelve digits
_LONGEST_LABEL = 24


@frozen(kw_only=True)
class Promoted:
    """A promotion: `path` is the file in the repository, `base` what the branch is made on top of.

    `checks` are what was expected and observed. `copied_to` is the store that it was brought to, empty where both
    environments share one. `approvals` is how many others than the author have to agree.
    """

    pipeline: str
    run: str
    promoted_from: str
    to: str
    changes: Changes
    checks: tuple[dict[str, Any], ...]
    evidence: str
    model: Artifact
    path: str
    base: str
    copied_to: str
    copied_bytes: int
    approvals: int = 0


@frozen(kw_only=True)
class Told:
    """A promotion with what it came to, and the commands that are still to be given.

    `request` is the address of the pull request, if one was opened.
    """

    promoted: Promoted
    proposal: Proposal
    steps: Sequence[str]
    request: str = ""


def title(promoted: Promoted) -> str:
    """`Promote flight-delays 01JD3WQ7AB12 to staging`."""
    return f"Promote {promoted.pipeline} {short_run(promoted.run)} to {promoted.to}"


def render_text(told: Told) -> str:
    """For people at a terminal."""
    promoted, changes = told.promoted, told.promoted.changes
    now = f"serving there: {short_run(changes.serving)}" if changes.serving else "nothing serves there"
    if told.proposal.outcome is Outcome.RELEASED_BEFORE:
        return "\n".join(_end(told)) + "\n"
    head = f"run {short_run(promoted.run)} · {promoted.promoted_from} → {promoted.to}   ({now})"
    rows = list(_rows(promoted))
    if promoted.copied_to:
        rows.append(("copied", f"{size(promoted.copied_bytes)} to {promoted.copied_to}"))
    return "\n".join([head, *_table(rows), *_end(told)]) + "\n"


def commit_message(promoted: Promoted) -> str:
    """What a reviewer reads in git: what serves now against what would, and what that was judged by."""
    rows = list(_rows(promoted))
    serving = promoted.changes.serving
    lines = [
        title(promoted),
        "",
        f"It takes the place of run {serving}." if serving else f"Nothing of it is served in {promoted.to} yet.",
        "",
        *_table(rows),
        "",
        "Checks",
        *(f"  {shown(check['expectation'])}: {shown(check['observed'])}" for check in promoted.checks),
        *(() if promoted.checks else ("  none: no gate is required",)),
        "",
        f"Run: {promoted.run}",
        f"Model: {promoted.model.digest}",
        f"Evidence: {promoted.evidence}",
    ]
    if promoted.changes.card:
        lines[-4:-4] = ["", "Model card", *(f"  {line}".rstrip() for line in _card(promoted))]
    return "\n".join(lines) + "\n"


def render_markdown(told: Told) -> str:
    """For the text of a pull request."""
    return "\n".join(_markdown(told.promoted)) + "\n"


def request_body(promoted: Promoted) -> str:
    """The text of a pull request, before there is one."""
    return "\n".join(_markdown(promoted)) + "\n"


def render_json(told: Told) -> str:
    """For programs; `schemas/output/v1/promotion.json` describes it."""
    promoted = told.promoted
    return dumped(
        {
            "version": VERSION,
            "outcome": told.proposal.outcome.value,
            "pipeline": promoted.pipeline,
            "run": promoted.run,
            "from": promoted.promoted_from,
            "to": promoted.to,
            "model": promoted.model.digest,
            "evidence": promoted.evidence,
            "checks": list(promoted.checks),
            "changes": asdict(promoted.changes),
            "approvals": promoted.approvals,
            "copied": {"to": promoted.copied_to, "bytes": promoted.copied_bytes} if promoted.copied_to else None,
            "file": promoted.path,
            "base": promoted.base,
            "branch": told.proposal.branch,
            "commit": told.proposal.commit,
            "request": told.request,
            "next": list(told.steps),
        }
    )


def _rows(promoted: Promoted) -> Iterator[tuple[str, str]]:
    changes = promoted.changes
    yield from ((each.name, _metric(each)) for each in changes.metrics)
    yield from ((each.stage, _data(each)) for each in changes.data)
    if changes.params:
        yield (
            "params",
            ", ".join(f"{each.name} {shown(str(each.before))} → {shown(str(each.value))}" for each in changes.params),
        )
    yield "code", _code(changes.code)
    yield "model", f"{promoted.model.digest[:_SHORT_DIGEST]}  {size(promoted.model.size)}"
    yield "evidence", f"{_checks(promoted.checks)}  {promoted.evidence[:_SHORT_DIGEST]}"
    if promoted.approvals:
        yield "approvals", approvals_needed(promoted.approvals)


def approvals_needed(number: int) -> str:
    """Who has to agree, and how that is said, so that apply lets it serve."""
    return f"{counted(number, 'person')} other than the author: `Approved-by: NAME <ADDRESS>` in the merge, or a review"


def _metric(found: Metric) -> str:
    was = "" if found.before is None else f"   {difference(found.value, found.before)}"
    return f"{metric(found.value)}{was}"


def _data(found: Data) -> str:
    rows = "" if found.rows is None else f"{counted(found.rows, 'row')}  "
    if found.digest == found.digest_before:
        return f"{rows}the same data"
    more = None if found.rows is None or found.rows_before is None else found.rows - found.rows_before
    by = f"{'−' if more < 0 else '+'}{counted(abs(more), 'row')}  " if more else ""
    before = f"{found.digest_before[:_SHORT_DIGEST]} → " if found.digest_before else ""
    return f"{rows}{by}{before}{found.digest[:_SHORT_DIGEST]}"


def _code(found: Code) -> str:
    if not found.commit_before:
        return found.commit[:7]
    if found.commit == found.commit_before:
        return f"{found.commit[:7]}, the same commit"
    span = f"{found.commit_before[:7]} → {found.commit[:7]}"
    if found.commits is None:
        return f"{span}, which this clone doesn't have"
    files = [shown(name) for name in found.files[:_MOST_FILES]]
    more = [f"{len(found.files) - _MOST_FILES} more"] if len(found.files) > _MOST_FILES else []
    changed = ", ".join([*files, *more]) or "no file of the pipeline"
    return f"{span}, {counted(found.commits, 'commit')}: {changed}"


def _checks(checks: Sequence[dict[str, Any]]) -> str:
    return f"{counted(len(checks), 'check')}, all hold" if checks else "no gate is required"


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(rows)
    width = min(max((len(name) for name, _ in rows), default=0), _LONGEST_LABEL)
    return [f"  {padded(shown(name), width)}  {value}".rstrip() for name, value in rows]


def _end(told: Told) -> Iterator[str]:
    proposal, promoted = told.proposal, told.promoted
    match proposal.outcome:
        case Outcome.RELEASED_BEFORE:
            release = f"the release of run {short_run(promoted.run)}"
            yield f"Nothing to do: {promoted.base} has {release} already, in {promoted.path}."
            return
        case Outcome.PROPOSED_BEFORE:
            yield f"Nothing new: branch {proposal.branch} has this release already, at {proposal.commit[:7]}."
        case Outcome.WRITTEN:
            yield f"Wrote {promoted.path} on branch {proposal.branch}, on top of {promoted.base}."
    if told.request:
        yield f"Opened {told.request}; the merge is the promotion."
        return
    yield "The merge is the promotion:"
    yield from (f"  {step}" for step in told.steps)


def _markdown(promoted: Promoted) -> Iterator[str]:
    changes = promoted.changes
    yield f"Run {in_code(promoted.run)} goes from {in_code(promoted.promoted_from)} to {in_code(promoted.to)}" + (
        f", in place of {in_code(changes.serving)}." if changes.serving else "; nothing of it is served there yet."
    )
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, value in _rows(promoted):
        yield f"| {prose(name)} | {prose(' '.join(value.split()))} |"
    yield ""
    yield "| expected | observed |"
    yield "|---|---|"
    for check in promoted.checks:
        yield f"| {prose(str(check['expectation']))} | {prose(str(check['observed']))} |"
    if changes.card:
        yield from ("", "Model card", "", *(f"    {line}".rstrip() for line in _card(promoted)))


def _card(promoted: Promoted) -> list[str]:
    return [shown(line) for line in promoted.changes.card.splitlines()]
