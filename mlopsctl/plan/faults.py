"""Why a plan isn't carried out, in words: one function for each code."""

from collections.abc import Sequence

from mlopsctl.diagnostics import Finding, Span, diagnostic

_SHOWN = 20


@diagnostic("MLO860")
def plan_unusable(path: str, doing: str, why: str, advice: str) -> Finding:
    """The file of a saved plan can't be read or written.

    Example:
        mlopsctl apply /no/such/plan.json

    Fix: give the path that was given to `mlopsctl plan -o`, of a file that you may read; to save a plan, choose a
    folder that is there and that you may write to.
    """
    return Finding(message=f"the plan `{path}` can't be {doing}: {why}", helps=(advice,))


@diagnostic("MLO861")
def not_a_plan(path: str, why: str) -> Finding:
    """A file that should be a saved plan is something else, or only a part of one.

    Example:
        mlopsctl plan > .mlops/plan.json        # that is the text for people
        mlopsctl apply .mlops/plan.json

    Fix: save the plan with `mlopsctl plan -o .mlops/plan.json`, and copy the whole file.
    """
    return Finding(
        message=f"`{path}` is not a saved plan: {why}", helps=("save one anew: mlopsctl plan -o .mlops/plan.json",)
    )


@diagnostic("MLO862")
def other_format(path: str, found: str, known: int, by: str) -> Finding:
    """A plan was saved by another version of mlopsctl, in a format that this one doesn't read.

    A plan is meant to be applied soon, so there is no conversion.

    Example:
        mlopsctl plan -o .mlops/plan.json       # here, with one version
        mlopsctl apply .mlops/plan.json         # there, with another

    Fix: plan and apply with one version of mlopsctl, or plan anew.
    """
    writer = f" by mlopsctl {by}" if by else ""
    return Finding(
        message=f"`{path}` was saved{writer} in format {found}, and this mlopsctl reads format {known}",
        helps=("plan and apply with one version of mlopsctl, or plan anew",),
    )


@diagnostic("MLO863")
def plan_edited(path: str) -> Finding:
    """A saved plan was changed after it was saved.

    A plan says what somebody looked at and agreed to. It carries a digest of itself, which no longer fits.

    Example:
        sed -i s/staging/prod/ .mlops/plan.json

    Fix: change the source instead, and plan anew.
    """
    return Finding(
        message=f"`{path}` was edited after it was saved",
        notes=("its digest does not fit what is in it, so it isn't the plan that was looked at",),
        helps=("change the source instead, then plan anew: mlopsctl plan -o .mlops/plan.json",),
    )


@diagnostic("MLO864")
def plan_has_secrets(path: str, secrets: Sequence[tuple[str, Span | None]]) -> Finding:
    """A plan can't be saved, as it would put the values of a Secret into a file.

    Without them the plan couldn't be applied from the file. mlopsctl renders no values of secrets itself, so they come
    from a template or patch of the project.

    Example:
        kind: Secret
        stringData: {token: hunter2}

    Fix: have the Secret made by what keeps secrets in your cluster, and name it under `secrets`; or apply without a
    file.
    """
    name, span = secrets[0]
    more = f" and {len(secrets) - 1} more" if len(secrets) > 1 else ""
    return Finding(
        message=f"the plan can't be saved to `{path}`: {name}{more} has values that would be in the file",
        span=span,
        label="rendered from here" if span else "",
        notes=tuple(each for each, _ in secrets[1:]),
        helps=("have it made by what keeps secrets in the cluster, or apply without a file: mlopsctl apply",),
    )


@diagnostic("MLO865")
def too_much_deleted(kept: int, deleted: Sequence[str], environment: str) -> Finding:
    """A plan deletes all objects, or more than half of them, which is seldom meant.

    Most often a pipeline, a folder or an environment has got lost on the way: a checkout without it, a pattern that
    doesn't match any more.

    Example:
        spec: {pipelines: [pipelines/*]}      # after the folder was renamed

    Fix: look whether the list of deletions is what you mean. If so, say it: `--allow-destroy`.
    """
    total = kept + len(deleted)
    what = f"all {total} objects" if kept == 0 else f"{len(deleted)} of {total} objects"
    return Finding(
        message=f"this would delete {what} in `{environment}`",
        notes=_listed(deleted),
        helps=("if that is meant, say so: --allow-destroy; else look for what is missing: mlopsctl render",),
    )


@diagnostic("MLO866")
def protected_deleted(deleted: Sequence[str], environment: str, span: Span | None) -> Finding:
    """A plan deletes objects in an environment that is protected; one that is replaced is deleted, too.

    Example:
        protected: true

    Fix: look whether each deletion is what you mean. If so, say it: `--allow-destroy`.
    """
    count = f"{len(deleted)} objects" if len(deleted) > 1 else deleted[0]
    return Finding(
        message=f"this would delete {count} in `{environment}`, which is protected",
        span=span,
        label="protected here" if span else "",
        notes=_listed(deleted) if len(deleted) > 1 else (),
        helps=("if that is meant, say so: --allow-destroy",),
    )


@diagnostic("MLO867")
def other_target(what: str, planned: str, found: str, advice: str) -> Finding:
    """A saved plan was made for another cluster, namespace or environment than the one it is applied to.

    A cluster is known by the UID of its namespace `kube-system`: one that was made anew under the same address and name
    is another one.

    Example:
        mlopsctl plan --env staging -o plan.json
        mlopsctl apply .mlops/plan.json --env prod

    Fix: apply it to where it was made for, or plan anew for here.
    """
    return Finding(message=f"the plan was made for {what} `{planned}`, and this is `{found}`", helps=(advice,))


@diagnostic("MLO868")
def inventory_moved(planned: str, found: str, who: str) -> Finding:
    """Somebody has applied or destroyed since a plan was saved, so it no longer says all that would happen.

    Fix: plan anew, look at what is different now, and apply that.
    """
    notes = (f"last changed {who}",) if who else ()
    return Finding(
        message="the plan is stale: somebody has applied since it was made",
        notes=(*notes, f"the inventory was at version {planned or 'none'}, and is at {found or 'none'}"),
        helps=("plan anew: mlopsctl plan -o .mlops/plan.json",),
    )


@diagnostic("MLO869")
def object_moved(name: str, what: str, who: str, span: Span | None, changes: Sequence[str]) -> Finding:
    """An object has changed since a plan was saved, so that the plan would do something else than it says.

    Changes of its status don't count, nor those of fields that the plan leaves alone.

    Fix: plan anew, look at what is different now, and apply that.
    """
    return Finding(
        message=f"the plan is stale: {name} {what}",
        span=span,
        label="planned from here" if span else "",
        notes=((f"last changed {who}",) if who else ()) + _listed(changes),
        helps=("plan anew: mlopsctl plan -o .mlops/plan.json",),
    )


def _listed(names: Sequence[str]) -> tuple[str, ...]:
    return (*names[:_SHOWN], *((f"and {len(names) - _SHOWN} more",) if len(names) > _SHOWN else ()))
