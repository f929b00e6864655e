"""How it is worded that a run can't be promoted: what was found, where, and what to do about it."""

from collections.abc import Iterable

from mlopsctl.diagnostics import Finding, Severity, Span, diagnostic


@diagnostic("MLO770")
def nothing_to_promote(pipeline: str, environment: str, seen: Iterable[str]) -> Finding:
    """There is no run in the environment before that could be promoted.

    A run can be promoted if all its stages ended well and its deployment let its release serve there.

    Example:
        mlopsctl promote churn --to staging      # and no run of `churn` in `dev` has passed yet

    Fix: run the pipeline in the environment before, and see why its last runs did not pass.
    """
    return Finding(
        message=f"no run of `{pipeline}` in `{environment}` can be promoted",
        notes=tuple(seen),
        helps=(f"mlopsctl run {pipeline} --env {environment}",),
    )


@diagnostic("MLO771")
def not_pinned(span: Span | None, environment: str) -> Finding:
    """The environment doesn't serve what git names, so a release in git would change nothing there.

    Example:
        spec: {promotesFrom: dev}      # and nothing says `releases: pinned`

    Fix: say `releases: pinned` in the environment.
    """
    return Finding(
        message=f"`{environment}` serves every run that passes there, and not what git names",
        span=span,
        helps=("say `releases: pinned` in the environment, then promote again",),
    )


@diagnostic("MLO772")
def promotes_from_nowhere(span: Span | None, environment: str, known: Iterable[str]) -> Finding:
    """The environment doesn't say from which other one releases come to it.

    Example:
        mlopsctl promote churn --to dev      # and `dev` is the first of all

    Fix: say `promotesFrom: ENVIRONMENT`, or promote to an environment that says so.
    """
    names = ", ".join(f"`{name}`" for name in known)
    return Finding(
        message=f"nothing says from where releases come to `{environment}`",
        span=span,
        helps=("say `promotesFrom` in the environment",) + ((f"environments that do: {names}",) if names else ()),
    )


@diagnostic("MLO773")
def run_unfit(run: str, why: str, notes: Iterable[str] = (), helps: Iterable[str] = ()) -> Finding:
    """The run can't be promoted: a stage of it did not end well, it is of another pipeline, or it never served.

    Example:
        mlopsctl promote churn --to staging --run 01JD3WQ7      # whose gate failed

    Fix: name a run that passed; `mlopsctl runs list` shows them.
    """
    return Finding(message=f"run {run} can't be promoted: {why}", notes=tuple(notes), helps=tuple(helps))


@diagnostic("MLO774")
def evidence_wrong(run: str, why: str) -> Finding:
    """What was judged of a run can't be shown: its evidence is gone, damaged, or about another model.

    Evidence is kept in the store by its digest, which the run's record names.

    Example:
        a blob of the store that was edited by hand

    Fix: bring the store back from a backup, or let a new run be judged. Nothing is promoted without evidence.
    """
    return Finding(
        message=f"the evidence of run {run} doesn't stand: {why}",
        helps=("restore the store from a backup, or run the pipeline again",),
    )


@diagnostic("MLO775")
def gate_not_judged(span: Span, run: str, stage: str, judged: Iterable[str]) -> Finding:
    """A gate in git is another, or a stricter one, than the run was judged by.

    A release is judged by the gates as they are now, in the environment that it goes to.

    Example:
        gates: [{metric: auc, min: 0.85}]      # and the run was judged by `auc ≥ 0.80`

    Fix: let a run be judged by the gate as it is now, then promote that one.
    """
    known = "; ".join(judged)
    return Finding(
        message=f"run {run} was not judged by this gate of `{stage}`",
        span=span,
        notes=(f"it was judged by {known}" if known else "it was judged by no gate there",),
        helps=("run the pipeline again, so that the gate is judged, then promote that run",),
    )


@diagnostic("MLO776")
def blob_damaged(run: str, what: str, why: str) -> Finding:
    """What is to be promoted isn't whole in the store: its bytes are not those of its digest, or they are gone.

    Example:
        a byte of the model flipped on the disk of the store

    Fix: bring the blob back from a backup or another store, or run the pipeline again with `--force`.
    """
    return Finding(
        message=f"{what} of run {run} is not whole: {why}",
        helps=("restore it from a backup, or run the pipeline again with `--force`",),
    )


@diagnostic("MLO777")
def rejected(run: str, who: str, when: str, reason: str, span: Span | None = None) -> Finding:
    """The run, or another one that made the same model, was rejected: it can't be promoted, and it can't serve again.

    Example:
        mlopsctl reject 01JD3WQ7 --reason "leaked label"

    Fix: promote another run. If the rejection was a mistake: `mlopsctl reject RUN --withdraw --reason TEXT`.
    """
    return Finding(
        message=f"run {run} is rejected: {reason}",
        span=span,
        notes=(f"by {who}, {when}",),
        helps=(f"if that was a mistake: mlopsctl reject {run} --withdraw --reason TEXT",),
    )


@diagnostic("MLO778")
def release_forged(span: Span, field: str, run: str, kept: str) -> Finding:
    """A release in git says something else of its run than the run's record does.

    Somebody changed the file by hand, or a merge mixed two releases.

    Example:
        model: {digest: sha256:0000…}      # and the run made another model

    Fix: let `mlopsctl promote` write the file, and find out who changed it: `git log -p` on the file.
    """
    return Finding(
        message=f"this is not the {field} of run {run}",
        span=span,
        label="changed here",
        notes=(f"the run's record says {kept}" if kept else "the run's record has none",),
        helps=("git log -p on this file tells who changed it; `mlopsctl promote` writes it anew",),
    )


@diagnostic("MLO779")
def branch_taken(branch: str, tip: str) -> Finding:
    """The branch of the promotion is there already, with another release than this one.

    Example:
        git branch promote/staging/churn-01JD3WQ7AB12; mlopsctl promote churn --to staging

    Fix: delete the branch if nobody needs it, or give another one with `--branch`.
    """
    return Finding(
        message=f"the branch `{branch}` is there already and has another release",
        notes=(f"it is at {tip[:7]}",),
        helps=(f"git branch -D {branch}, if nobody needs it", "or give another name: --branch NAME"),
    )


@diagnostic("MLO780")
def promoted_meanwhile(branch: str) -> Finding:
    """Somebody else made the branch of the promotion while this command was about to.

    Nothing of theirs was changed.

    Example:
        two people who promote the same run at the same time

    Fix: look at the branch; the same command says whether it is the same promotion.
    """
    return Finding(
        message=f"another promotion made the branch `{branch}` just now",
        helps=("run the same command again: it says whether that was the same",),
    )


@diagnostic("MLO781")
def git_needed(why: str, helps: Iterable[str] = ()) -> Finding:
    """A promotion is a commit, and git can't make one here.

    Example:
        mlopsctl promote churn --to staging      # in a folder that is no git repository

    Fix: do what git's own message says; without any, work in the repository's clone.
    """
    return Finding(message=f"git can't make the commit of a promotion: {why}", helps=tuple(helps))


@diagnostic("MLO782", Severity.WARNING)
def not_at_base(base: str, behind: int, ahead: int) -> Finding:
    """What is checked out is not what the promotion is based on.

    The pipeline and its gates are read from what is checked out; the commit is made on top of the base.

    Example:
        a clone that wasn't pulled for a week

    Fix: `git pull`, or check out the base branch, then promote.
    """
    counts = [
        f"{count} {'commit' if count == 1 else 'commits'} {where}"
        for count, where in ((behind, "behind"), (ahead, "ahead of"))
        if count
    ]
    helps = (["git pull, so that the gates are read as they are there"] if behind else []) + (
        ["what is ahead is not part of the promotion"] if ahead else []
    )
    return Finding(message=f"what is checked out is {' and '.join(counts)} `{base}`", helps=tuple(helps))


@diagnostic("MLO783", Severity.WARNING)
def not_in_base(run: str, base: str, why: str) -> Finding:
    """The code that a run was made of is not what the base branch has, so who reads git sees other code than ran.

    Example:
        a run with uncommitted changes

    Fix: commit and merge the code, run it again, and promote that run.
    """
    return Finding(
        message=f"the code of run {run} is not in `{base}`: {why}", helps=("merge the code, then run again",)
    )


@diagnostic("MLO784")
def record_differs(record: str, store: str) -> Finding:
    """The store of the environment has another record under the name of one that goes there.

    Records are written once, so one of the two isn't what it was.

    Example:
        a record in a store that was edited by hand

    Fix: find out which one is right, and bring the other store back from a backup.
    """
    return Finding(
        message=f"`{store}` has another record `{record}` than the store it comes from",
        helps=("records are written once: one of the two was changed",),
    )


@diagnostic("MLO785", Severity.WARNING)
def release_unverified(span: Span, run: str, why: str) -> Finding:
    """Whether a release in git is what its run made can't be seen, as the store doesn't know the run or doesn't answer.

    Example:
        releases/staging/churn.yaml, written by hand

    Fix: let `mlopsctl promote` write releases: it brings what serves into the environment's store first.
    """
    return Finding(
        message=f"nobody can say whether this is what run {run} made: {why}",
        span=span,
        helps=("`mlopsctl promote` writes releases and brings what they need into the store",),
    )


@diagnostic("MLO786")
def not_proposed(what: str, why: str, commands: Iterable[str]) -> Finding:
    """The branch is there, and it could not be pushed, or no pull request could be opened for it.

    Example:
        mlopsctl promote churn --to staging --pr      # without the right to push

    Fix: do what git's or the forge's own message says, then run the commands that are shown.
    """
    return Finding(message=f"{what} failed: {why}", helps=tuple(commands))


@diagnostic("MLO787", Severity.WARNING)
def not_everywhere(run: str, unreachable: Iterable[str]) -> Finding:
    """A rejection could not be kept in all stores, so environments with the others don't know of it.

    Example:
        mlopsctl reject 01JD3WQ7 --reason "leaked label"      # while the store of `prod` doesn't answer

    Fix: run the same command again once the store answers.
    """
    return Finding(
        message=f"not every environment knows that run {run} is judged anew",
        notes=tuple(unreachable),
        helps=("run the same command again once they answer",),
    )
