"""What stands in the way of those who stop, resume or turn back what serves, in words."""

from collections.abc import Sequence

from mlopsctl.diagnostics import Finding, Severity, Span, diagnostic


@diagnostic("MLO790")
def no_route(span: Span | None, pipeline: str, environment: str, *, has_gateway: bool) -> Finding:
    """There is no route to a pipeline's model, so there is nothing that could lead requests elsewhere.

    Requests come by the HTTPRoute of a deploy stage, which `apply` makes where the environment has a `gateway`. Those
    who ask a server inside the cluster by its own name don't come that way, and aren't stopped.

    Example:
        mlopsctl stop churn --env staging      # in which `churn` was never applied

    Fix: name the pipeline and the environment that are meant. Without a gateway, delete what serves: `kubectl delete
    inferenceservice --selector mlopsctl.dev/pipeline=NAME`.
    """
    here = f"mlopsctl status {pipeline} --env {environment}"
    known = f"see what serves: {here}" if has_gateway else "give the environment a `gateway`, or delete what serves"
    return Finding(
        message=f"no route leads to `{pipeline}` in {environment}, so there is nothing to stop or to resume",
        span=span,
        helps=(known,),
    )


@diagnostic("MLO791")
def not_servable(pipeline: str, service: str, why: str, notes: tuple[str, ...]) -> Finding:
    """The version that is to get the requests is not ready, so what holds now is left as it is.

    Example:
        mlopsctl resume churn --env staging      # and the image of its server has been deleted

    Fix: mend what the message names and do it again. A stop or a rollback that is in force stays so until then.
    """
    return Finding(
        message=f"`{pipeline}` is left as it is: {service} is not ready: {why}",
        notes=notes,
        helps=("mend what keeps it from being ready, then do the same again",),
    )


@diagnostic("MLO792")
def not_followed(pipeline: str, why: str, notes: tuple[str, ...]) -> Finding:
    """The route says what was asked for, and the gateway doesn't say that it follows.

    Example:
        mlopsctl stop churn --env staging      # and the gateway's controller is down

    Fix: see to the gateway's controller. The route stays as it was written, so once it is back it follows.
    """
    return Finding(
        message=f"the route of `{pipeline}` is written, and the gateway doesn't follow: {why}",
        notes=notes,
        helps=("see that the gateway's controller is running: the route stays as it is now",),
    )


@diagnostic("MLO794", Severity.WARNING)
def not_noted(did: str, pipeline: str, why: str) -> Finding:
    """What was done about a pipeline is done, and the log of its environment doesn't know of it.

    Example:
        mlopsctl stop churn --env staging      # while the store of the environment is out of reach

    Fix: see to the store. The route itself says who stopped the pipeline, when and why, as `status` shows.
    """
    return Finding(message=f"`{pipeline}` is {did}, and that is not noted in the log: {why}")


@diagnostic("MLO793")
def nothing_applied(pipeline: str, environment: str, what: str) -> Finding:
    """What has been applied doesn't say how the pipeline serves, so nobody can lead requests back.

    Example:
        mlopsctl resume churn --env staging      # after its ConfigMap `churn-contract` was deleted

    Fix: apply the environment, then resume.
    """
    return Finding(
        message=f"`{pipeline}` can't be led back to in {environment}: {what}",
        helps=(f"mlopsctl apply --env {environment}, then resume",),
    )


@diagnostic("MLO795")
def nothing_earlier(pipeline: str, environment: str, serving: str) -> Finding:
    """No earlier release of the pipeline served in the environment that wasn't rejected since, or none is known.

    Example:
        mlopsctl rollback churn --env staging      # of the first release that there was

    Fix: name the run with `--to`, or stop the pipeline, until a better model is there.
    """
    serves = f"run {serving} serves" if serving else "nothing serves"
    return Finding(
        message=f"there is no earlier release of `{pipeline}` in {environment} to turn back to: {serves}",
        helps=(f"so that nothing answers: mlopsctl stop {pipeline} --env {environment}",),
    )


@diagnostic("MLO796")
def not_the_one(asked: str, pipeline: str, environment: str, why: str, known: Sequence[str]) -> Finding:
    """The run that is to serve again let nothing serve there, serves already, or is one of several that are meant.

    Example:
        mlopsctl rollback churn --env staging --to 01JD      # and several runs begin so

    Fix: name one of the runs that the message lists.
    """
    listed = f"those that served: {', '.join(known)}" if known else "none that is known served there"
    return Finding(message=f"`{pipeline}` can't be turned back to {asked} in {environment}: {why}", helps=(listed,))


@diagnostic("MLO797")
def moved_meanwhile(pipeline: str, environment: str) -> Finding:
    """While it was turned back, a run let another release serve, or somebody else turned it back.

    Example:
        mlopsctl rollback churn --env staging      # in the moment in which a run's deploy stage ends

    Fix: see what serves now, and decide again.
    """
    return Finding(
        message=f"what serves of `{pipeline}` in {environment} was moved meanwhile by somebody else",
        helps=(f"see what it is now: mlopsctl status {pipeline} --env {environment}",),
    )


@diagnostic("MLO788")
def not_kept(pipeline: str, run: str, service: str, environment: str) -> Finding:
    """The earlier release can't get requests at once, as what answered for it is no longer in the cluster.

    The version that served last is kept ready, an older one is not, and neither is what was never applied.

    Example:
        mlopsctl rollback churn --env prod --now --to 01JCZX44      # which served before the one that served before

    Fix: merge the commit and apply, which makes it anew, and stop the pipeline until then if it does harm.
    """
    return Finding(
        message=f"run {run} of `{pipeline}` can't serve at once in {environment}: {service} isn't there",
        helps=(
            "without --now: the merge of the commit makes it anew",
            f"until then: mlopsctl stop {pipeline} --env {environment}",
        ),
    )


@diagnostic("MLO789", Severity.WARNING)
def git_is_behind(span: Span, run: str, who: str, to: str) -> Finding:
    """Git names a release that somebody turned back from at once, and the commit that says so isn't merged.

    Requests go to the earlier release, and apply leaves that so until git names another one than was left.

    Example:
        mlopsctl rollback churn --env prod --now      # and then a plan, before its branch is merged

    Fix: merge the branch that `rollback` wrote, and apply.
    """
    return Finding(
        message=f"git still names run {run}, from which {who} turned back to run {to}",
        span=span,
        helps=("merge the branch that `mlopsctl rollback` wrote, so that git says what serves",),
    )


@diagnostic("MLO767", Severity.WARNING)
def history_ends(pipeline: str, environment: str) -> Finding:
    """The clone is shallow, so what git named before may be in a part of the history that isn't there.

    Example:
        mlopsctl rollback churn --env prod      # in a clone of the last commit alone, as jobs make them

    Fix: fetch the whole history: `git fetch --unshallow`, `fetch-depth: 0` at GitHub, `GIT_DEPTH: 0` at GitLab.
    """
    return Finding(
        message=f"this clone is shallow, so of what git named of `{pipeline}` in {environment} it knows the end alone",
        helps=("fetch the whole history, as by git fetch --unshallow",),
    )


@diagnostic("MLO768", Severity.WARNING)
def turned_all_the_same(pipeline: str, run: str, environment: str) -> Finding:
    """Requests go to the earlier release, and something that comes after that failed.

    `rollback --now` leads the requests first, as that has to be quick. Then it keeps in the store that the run is
    rejected that was left, and then it writes the commit that makes git agree.

    Example:
        mlopsctl rollback churn --env prod --now      # while the store of the environment is out of reach

    Fix: mend what the error names, then give the same command again, which does the rest.
    """
    return Finding(
        message=f"run {run} of `{pipeline}` gets all requests in {environment} all the same: that was done first",
        helps=("mend the above and give the same command again: it does the rest, and leads nobody elsewhere",),
    )


@diagnostic("MLO799")
def names_nothing(pipeline: str, path: str, base: str) -> Finding:
    """Git names no release of the pipeline in the environment, so there is nothing to turn back from.

    Example:
        mlopsctl rollback churn --env prod      # to which nothing was promoted yet

    Fix: fetch, if the release was merged elsewhere; else promote a run.
    """
    return Finding(
        message=f"git names no release of `{pipeline}` there: `{base}` has no {path}",
        helps=("git fetch, if it was merged elsewhere",),
    )
