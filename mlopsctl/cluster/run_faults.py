"""How it is worded that a run in a cluster can't begin, can't go on, or ended without a word of its own."""

from collections.abc import Sequence

from mlopsctl.cluster.evidence import Evidence
from mlopsctl.diagnostics import Finding, Span, diagnostic


@diagnostic("MLO872")
def not_applied(span: Span | None, pipeline: str, namespace: str) -> Finding:
    """A run in a cluster needs what `apply` makes once: the accounts and rights of its pods.

    Example:
        mlopsctl run churn --env staging    # before the first apply

    Fix: apply the project to that environment. From then on runs need no apply: they carry the code that they run.
    """
    return Finding(
        message=f"`{pipeline}` is not in the namespace `{namespace}` yet",
        span=span,
        helps=("make what its pods need there: mlopsctl apply",),
    )


@diagnostic("MLO873")
def not_as_applied(span: Span | None, pipeline: str, environment: str, differing: Sequence[str]) -> Finding:
    """In a protected environment only what was applied may run, and what is here is something else.

    Elsewhere a run is of the code and the pipeline that are here.

    Example:
        protected: true    # and train.py was edited since the last apply

    Fix: apply it first, as it is done in this project for such environments; or run it in another environment.
    """
    return Finding(
        message=f"`{environment}` is protected, and `{pipeline}` is not here what was applied there",
        span=span,
        notes=(f"another: {', '.join(differing)}",),
        helps=("see what differs: mlopsctl plan; then apply it, or run it in another environment",),
    )


@diagnostic("MLO874")
def cannot_begin(span: Span | None, stage: str, why: str, evidence: Evidence, run: str) -> Finding:
    """The pod of a stage can't start, for a reason that doesn't heal by itself.

    Such are an image that isn't there, a Secret that is missing, a volume that can't be mounted. The run is left in the
    cluster: once what is missing is there, it goes on.

    Fix: make or correct what the message names; or cancel the run.
    """
    events = _noted(evidence)
    return Finding(
        message=f"the pod of `{stage}` can't start: {why}",
        span=span,
        notes=(*events, *evidence.unseen),
        helps=(f"mend it, and the run goes on by itself; or end it: mlopsctl runs cancel {run}",),
    )


@diagnostic("MLO875")
def ended_silently(span: Span | None, stage: str, why: str, evidence: Evidence) -> Finding:
    """The pod of a stage ended before it could say how.

    Fix: the message is what the cluster says of it. Run again; stages that are done come from the cache.
    """
    events = _noted(evidence)
    return Finding(
        message=f"`{stage}` ended without a word: {why or 'nobody says why'}",
        span=span,
        notes=(*events, *evidence.logs, *evidence.unseen),
        helps=("run again; stages that are done come from the cache",),
    )


@diagnostic("MLO890")
def taken_away(span: Span | None, stage: str, why: str, evidence: Evidence) -> Finding:
    """The pod of a stage was ended by the cluster while its command ran.

    A node was drained, shut down or is gone, as nodes at a lower price are at times; another pod was more important;
    the node ran short of memory or disk; or somebody deleted the pod.

    Example:
        kubectl drain node-7        # and the stage has no `retries` with `preempted`

    Fix: let the stage begin again by itself, in another pod, with `retries: {limit: 3, on: [preempted]}`. If the
    message tells of memory or disk, say under `resources` how much of it the stage needs: it comes to a node that has
    it.
    """
    return Finding(
        message=f"the pod of `{stage}` was taken away while it ran: {why or 'nobody says why'}",
        span=span,
        notes=_noted(evidence),
        helps=(
            "`retries: {limit: 3, on: [preempted]}` begins such a stage again by itself",
            "run again; stages that are done come from the cache",
        ),
    )


@diagnostic("MLO876")
def not_running(run: str, outcome: str) -> Finding:
    """The command is about a run that goes on, and this one has ended.

    Example:
        mlopsctl runs cancel 01JD3WQ7 --env staging

    Fix: nothing; `mlopsctl runs show` says how it ended.
    """
    return Finding(message=f"run {run} has ended: {outcome}", helps=(f"mlopsctl runs show {run}",))


@diagnostic("MLO877")
def run_gone(run: str, name: str) -> Finding:
    """The workflow of a run was deleted while it went on.

    Fix: see who deletes workflows in that namespace; run again, stages that are done come from the cache.
    """
    return Finding(
        message=f"run {run} is gone: its workflow `{name}` was deleted",
        helps=("run again; stages that are done come from the cache",),
    )


@diagnostic("MLO878")
def argo_would_replace(name: str) -> Finding:
    """A parameter of a run in a cluster has `{{` in its value, which Argo would take for something of its own.

    Example:
        mlopsctl run churn --env staging -p title='{{name}}'

    Fix: leave the brackets out of the value, and let the command add them.
    """
    return Finding(message=f"Argo would read the `{{{{` in the value of `{name}`", helps=("leave it out of the value",))


@diagnostic("MLO879")
def workflow_gone(run: str, command: str) -> Finding:
    """The run can't be repeated as it was: the cluster no longer has its workflow, which says what it ran.

    Argo keeps workflows for a day, those that failed for a week.

    Fix: begin a new run of the same commit; what was done comes from the cache.
    """
    return Finding(
        message=f"the cluster no longer has the workflow of run {run}", helps=(f"begin a new one: {command}",)
    )


def _noted(evidence: Evidence) -> tuple[str, ...]:
    """The last events as one note, if there are any."""
    return ("\n".join(("the last events:", *(f"  {line}" for line in evidence.events))),) if evidence.events else ()
