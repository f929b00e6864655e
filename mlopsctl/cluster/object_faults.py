"""How a cluster's refusals of objects are worded, each at the line of the source that rendered what is refused.

`what` is the object, such as `WorkflowTemplate churn`; `why` are the server's own words.
"""

from mlopsctl.diagnostics import Finding, Span, diagnostic


@diagnostic("MLO840")
def conflicted(span: Span | None, what: str, manager: str, fields: tuple[str, ...]) -> Finding:
    """Somebody else has set a field of an object to another value than git says, and the plan didn't know of it.

    Each field knows who has set it last: a person with kubectl, a controller such as an autoscaler, another tool. It
    isn't taken over silently, as they may go on setting it.

    Example:
        kubectl set image deployment/churn model=churn:mine      # and then: mlopsctl apply

    Fix: plan anew. The new plan shows who has set what; to apply it takes the fields back. If they are right, leave the
    fields out of git, with a patch that removes them.
    """
    named = f"`{fields[0]}`" if len(fields) == 1 else f"{len(fields)} fields"
    return Finding(
        message=f"`{manager}` has set {named} of {what}, and git says otherwise",
        span=span,
        label="what git says",
        notes=tuple(f"set by `{manager}`: {field}" for field in fields),
        helps=(
            f"plan anew: the new plan shows what `{manager}` has set, and to apply that takes it back",
            "or remove the field with a patch, and leave it to them",
        ),
    )


@diagnostic("MLO841")
def invalid(span: Span | None, what: str, where: str, why: str) -> Finding:
    """The API server finds a value of an object wrong, by the schema or the rules of its definition.

    Example:
        gateway: {name: models, host: "*.*.example.com"}

    Fix: the message is the rule's own; correct the value at this line. If no line of yours says it, a template or patch
    of yours does, or a version of the definition that is newer or older than those mlopsctl knows.
    """
    return Finding(
        message=f"the cluster refuses {what}: {f'{where}: ' if where else ''}{why}",
        span=span,
        label=where and f"makes {where}",
        helps=("correct it here, or in the template or patch that makes it",),
    )


@diagnostic("MLO842")
def unknown_field(span: Span | None, what: str, where: str) -> Finding:
    """An object has a field that the cluster's definition of it doesn't have.

    The definitions in the cluster are of another version than those that mlopsctl renders for, or a template or patch
    names a field that isn't there.

    Example:
        patches: [{target: {kind: WorkflowTemplate}, merge: {spec: {entrypont: main}}}]

    Fix: correct the name in the patch; if it is right, have the definition upgraded: `mlopsctl doctor` names versions.
    """
    return Finding(
        message=f"{what} has the field `{where}`, which the cluster doesn't know",
        span=span,
        label="comes from here",
        helps=("correct the name, or have its definition upgraded; `mlopsctl doctor` names the versions",),
    )


@diagnostic("MLO843")
def denied(span: Span | None, what: str, who: str, why: str) -> Finding:
    """A rule of the cluster's own doesn't let an object in: an admission webhook, or an admission policy.

    Example:
        image: docker.io/someone/model:latest      # where only images of the company's registry are allowed

    Fix: the message is the rule's own. Do what it asks for, or ask whoever runs the cluster for an exception.
    """
    return Finding(
        message=f"{who} denies {what}: {why}",
        span=span,
        helps=(f"do what it asks for, or ask whoever runs the cluster about {who}",),
    )


@diagnostic("MLO844")
def webhook_fails(span: Span | None, what: str, webhook: str, why: str) -> Finding:
    """An admission webhook that has to be asked about an object doesn't answer, or can't be asked without effect.

    Nothing that it has to judge can be applied until it does. It is given half a minute, once for all objects; those
    that were not tried by then are left.

    Fix: see whether the controller that serves it is running; `mlopsctl doctor` looks at those that are needed. If it
    is, its Service, its certificate or the network is at fault. Then try again.
    """
    return Finding(
        message=f"the webhook `{webhook}` fails, and nothing that it has to judge can be applied: {why}",
        span=span,
        label=f"it was asked about {what}",
        helps=("see whether what serves it runs, such as by mlopsctl doctor, then try again",),
    )


@diagnostic("MLO845")
def over_quota(span: Span | None, what: str, quota: str, why: str) -> Finding:
    """The namespace may not hold as much as is asked for.

    Example:
        kubectl create quota small --hard=count/services=0

    Fix: delete what isn't needed any more, or ask whoever runs the cluster for a larger quota. `kubectl describe quota`
    says what is used.
    """
    return Finding(
        message=f"there is no room for {what} in the quota `{quota}`: {why}",
        span=span,
        helps=("make room, or ask for a larger quota; what is used: kubectl describe quota",),
    )


@diagnostic("MLO846")
def namespace_terminating(span: Span | None, what: str, namespace: str) -> Finding:
    """The namespace is being deleted, so nothing new gets in.

    Fix: wait until it is gone and make it anew, or name another in the environment. If it never ends, something in it
    waits for a controller that isn't there: `kubectl get namespace NAME -o yaml` says what.
    """
    return Finding(
        message=f"the namespace `{namespace}` is being deleted, {what} can't be made in it",
        span=span,
        helps=(f"wait for its end and make it again; what it waits for: kubectl get namespace {namespace} -o yaml",),
    )


@diagnostic("MLO847")
def too_large(span: Span | None, what: str, why: str) -> Finding:
    """An object is larger than a cluster keeps: about 1 MiB for a ConfigMap, 1.5 MiB for all others.

    Example:
        contract: {columns: …}       # tens of thousands of them

    Fix: make several pipelines of one, or take long texts out of it: scripts belong into the code, tables into data.
    """
    return Finding(
        message=f"{what} is too large for a cluster: {why}",
        span=span,
        helps=("split the pipeline, or move long texts from it into the code or the data",),
    )


@diagnostic("MLO848")
def immutable(span: Span | None, what: str, where: str, why: str) -> Finding:
    """A field of an object can't be changed as long as the object lives.

    Fix: the object has to be deleted and made again, which plan shows as `-/+`; or leave the field as it is.
    """
    return Finding(
        message=f"{what} can't be changed in place: {f'{where}: ' if where else ''}{why}",
        span=span,
        label=where and f"changes {where}",
        helps=("leave it as it was, or delete the object and apply again",),
    )


@diagnostic("MLO849")
def no_namespace(span: Span | None, what: str, namespace: str) -> Finding:
    """The namespace of an environment isn't there.

    Example:
        cluster: {context: prod-eu, namespace: flihgts}

    Fix: correct its name in the environment, or make it: `kubectl create namespace NAME`.
    """
    return Finding(
        message=f"there is no namespace `{namespace}` for {what}",
        span=span,
        helps=(f"correct it in the environment, or make it: kubectl create namespace {namespace}",),
    )


@diagnostic("MLO850")
def no_definition(span: Span | None, kind: str, api_version: str) -> Finding:
    """The cluster doesn't know the kind of an object that is to be applied.

    Fix: have what it belongs to installed, at a version that serves it: `mlopsctl doctor` says what is missing and
    where to get it.
    """
    return Finding(
        message=f"the cluster has no kind `{kind}` at version `{api_version}`",
        span=span,
        helps=("have it installed; what is there and what isn't: mlopsctl doctor",),
    )


@diagnostic("MLO851")
def not_taken(span: Span | None, what: str, status: int, why: str) -> Finding:
    """The API server doesn't take an object, for a reason that has no code of its own.

    Fix: the message is the server's own. Above 500 it is the server that is at fault: try again later.
    """
    return Finding(message=f"the cluster doesn't take {what}: {why} ({status})", span=span)


@diagnostic("MLO852")
def rights_not_held(span: Span | None, what: str, rights: tuple[str, ...]) -> Finding:
    """Who applies may not grant rights which they don't have themselves.

    Stages run as service accounts whose Roles are part of what is applied.

    Fix: ask whoever runs the cluster for these rights in the namespace, or to apply this once in your place.
    """
    return Finding(
        message=f"{what} would grant rights that you don't have yourself",
        span=span,
        notes=tuple(f"missing: {right}" for right in rights),
        helps=("ask whoever runs the cluster for these rights, or for the right to `escalate` roles in the namespace",),
    )


@diagnostic("MLO853")
def foreign_set(name: str, namespace: str, why: str) -> Finding:
    """What stands in a cluster for all that a project has there is something else than that.

    Everything applied is a member of an ApplySet, whose parent is a ConfigMap `mlopsctl-PROJECT-ENVIRONMENT`. Members
    of other tools' sets, or of other projects', are never touched.

    Fix: if nothing needs that ConfigMap, delete it; else give the project or the environment another name.
    """
    return Finding(
        message=f"the ConfigMap `{name}` in `{namespace}` isn't this project's: {why}",
        helps=(
            f"see what it is: kubectl --namespace {namespace} get configmap {name} -o yaml",
            "delete it if nothing needs it, else give the project or the environment another name",
        ),
    )


@diagnostic("MLO854")
def owned_by_another(span: Span | None, what: str, owner: str) -> Finding:
    """An object of this name is there already, and belongs to another tool or another project.

    It is left as it is: two tools that apply one object undo each other's changes for ever.

    Example:
        helm install churn ./chart      # which has a ConfigMap of the same name as one of a pipeline

    Fix: give the pipeline or stage another name, or delete the object with the tool that it belongs to.
    """
    return Finding(
        message=f"{what} belongs to {owner}",
        span=span,
        helps=("delete it with what it belongs to, or give the pipeline or stage another name",),
    )


@diagnostic("MLO855")
def set_contended(name: str, namespace: str) -> Finding:
    """Somebody changes what stands for a project in the cluster again and again, though only one apply may run.

    Fix: find out who: `kubectl get configmap NAME -o yaml --show-managed-fields`.
    """
    return Finding(
        message=f"somebody else keeps changing the ConfigMap `{name}` in `{namespace}`",
        helps=(f"see who: kubectl --namespace {namespace} get configmap {name} -o yaml --show-managed-fields",),
    )
