"""How what goes wrong in a pod is worded, beside what goes wrong with a stage anywhere."""

from mlopsctl.diagnostics import Finding, Severity, diagnostic, similar
from mlopsctl.store import DriftCheck


@diagnostic("MLO880")
def setting_wrong(name: str, why: str) -> Finding:
    """The program in a pod was not told what it has to know, or in a way that it can't read.

    Example:
        a pod made by hand, without the variable MLOPS_STORE

    Fix: let Argo make the pods of a pipeline, from what `mlopsctl apply` put into the cluster. If you have templates of
    your own, compare them with those of this version.
    """
    return Finding(message=f"`{name}` {why}", helps=("apply the pipeline again with the mlopsctl of the pod's image",))


@diagnostic("MLO881")
def contract_unreadable(folder: str, why: str) -> Finding:
    """The contract, which tells a pod what its stage is, is missing or can't be read.

    Example:
        an image of mlopsctl that is older than the one that applied the pipeline

    Fix: apply the pipeline again, with the mlopsctl that the image has.
    """
    return Finding(message=f"the contract in `{folder}` can't be read: {why}", helps=("apply the pipeline again",))


@diagnostic("MLO882")
def no_such_stage(name: str, known: tuple[str, ...], wanted: str) -> Finding:
    """A pod was told to run a stage that its pipeline doesn't have, or that is of another kind.

    Example:
        a workflow that began before its pipeline was changed

    Fix: begin a new run; the old one can't go on, as its stages are no longer the same.
    """
    near = similar(name, known)
    advice = f"a stage with a similar name: `{near}`" if near else f"there are {', '.join(known) or 'none'}"
    return Finding(message=f"the pipeline has no {wanted} `{name}`", helps=(advice, "begin a new run"))


@diagnostic("MLO883")
def nothing_from(stage: str, upstream: str, run: str) -> Finding:
    """A stage needs what another one makes, and the store has no result of that stage from this run.

    Example:
        a stage that is started by itself, in a run in which the one before it failed

    Fix: begin a new run; what is done comes from the cache.
    """
    return Finding(
        message=f"`{stage}` needs `{upstream}`, which has no result in run {run}",
        helps=("begin a new run; what is done comes from the cache",),
    )


@diagnostic("MLO884")
def not_run_in_pods(stage: str, part: str) -> Finding:
    """A part of the language that nothing in a pod runs yet. So that nobody takes its result for one, the stage fails.

    Example:
        each: {region: [emea, apac]}

    Fix: do without it for now; `docs/parity.md` says what runs where.
    """
    return Finding(message=f"`{part}` of `{stage}` is not run in a cluster yet", helps=("leave it out for now",))


@diagnostic("MLO886")
def model_unknown(digest: str, run: str, stage: str) -> Finding:
    """What is to be served is not what the run made: the store has no model of that digest from that run.

    Example:
        a release that was written by hand, or an environment whose store is another one than the run's

    Fix: release a model of a run that this store has.
    """
    return Finding(
        message=f"run {run} made no model `{digest}` that the store of this environment has",
        notes=(f"`{stage}` serves what that run made",),
        helps=("release a model of a run that is in this store",),
    )


@diagnostic("MLO888")
def not_led_to(stage: str, service: str, why: str, notes: tuple[str, ...]) -> Finding:
    """A version has passed and is the one that serves, and the gateway doesn't lead to it.

    Example:
        a gateway whose controller is down, or that doesn't take routes of this namespace

    Fix: mend what the message names, and run again: the version is there, and only its route is written anew.
    """
    return Finding(
        message=f"`{stage}`: no requests are led to {service}: {why}",
        notes=notes,
        helps=("mend the gateway and run again: the version is ready, and only the route is written anew",),
    )


@diagnostic("MLO889")
def no_answer(stage: str, path: str, why: str) -> Finding:
    """A server of a release doesn't answer the request of its load test yet, so it gets no others.

    While it starts that is as it should be. If it stays so, the model or its server can't answer such a request.

    Example:
        loadTest: {request: request.json}        # with columns that the model has never seen

    Fix: see what the server prints, and whether the request is one that this model can answer.
    """
    return Finding(
        message=f"the server of `{stage}` answers `{path}` with {why}",
        helps=("see what the server prints, and whether the model can answer the request of the load test",),
    )


@diagnostic("MLO887")
def bug(trace: str) -> Finding:
    """Something happened in mlopsctl that should never happen, in a pod.

    Fix: nothing of yours is at fault. Please send us what the pod printed.
    """
    lines = tuple(line for line in trace.splitlines() if line.strip())
    return Finding(
        message="this is a bug in mlopsctl",
        notes=lines[-12:],
        helps=("please send this to the project; look through it first for what should not leave your house",),
    )


_BY_HAND = {"retrain": "run {} --env NAME", "rollback": "rollback {} --env NAME", "stop": "stop {} --env NAME"}


@diagnostic("MLO826")
def not_answered(pipeline: str, action: str, why: str) -> Finding:
    """A monitor was to do something about what it found, and could not. `notify.onFailure` is told.

    The next check finds the same and tries again: until it is done, no cooldown begins.

    Example:
        onDrift: {do: rollback}        # and no earlier release is left that wasn't rejected

    Fix: see to what the message says, and do yourself what is to be done. If it is about rights, apply the pipeline
    again, which brings those of its monitors back.
    """
    by_hand = _BY_HAND[action].format(pipeline)
    return Finding(
        message=f"`{pipeline}` could not be answered for with `{action}`: {why}",
        helps=(f"do it yourself: mlopsctl {by_hand}", "if it is about rights, apply the pipeline again"),
    )


@diagnostic("MLO827")
def monitor_found(check: DriftCheck, did: str) -> Finding:
    """A monitor found drift, or predictions worse than they may be, in so many checks in a row that it had to act.

    Its workflow fails, to be seen, and the message says what it did: turned back or stopped what serves, or only told.

    Example:
        onDrift: {do: alert}

    Fix: see what it is with `mlopsctl drift --env NAME`. Train on newer data, or release an earlier model. What was
    turned away from comes back after `mlopsctl reject RUN --withdraw`, what was stopped after `mlopsctl resume`.
    """
    action, pipeline = check.action, check.pipeline
    env = f"--env {check.environment}"
    helps = {
        "rollback": ("a mistake? mlopsctl reject RUN --withdraw --reason TEXT",),
        "stop": (f"once it is mended: mlopsctl resume {pipeline} {env}",),
    }
    notes = () if did or action == "alert" else (f"`{action}` is not done in {check.environment}: this only tells",)
    return Finding(
        message=f"`{check.monitor}` found {found_by(check)}" + (f": {did}" if did else ""),
        notes=notes,
        helps=(f"mlopsctl drift {pipeline} --monitor {check.monitor} {env} shows it", *(helps[action] if did else ())),
    )


def found_by(check: DriftCheck) -> str:
    """What a check found that it acts on, in words."""
    judged = check.performance
    found = ["drift"] if check.outcome == "drifted" else []
    if judged is not None and judged["outcome"] == "fails":
        found.append(f"{judged['metric']} {judged['value']:.4g} of predictions")
    return " and ".join(found)


@diagnostic("MLO828", Severity.WARNING)
def not_told(hook: str, why: str) -> Finding:
    """Somebody whom `notify` names could not be told how a run ended. The run is what it was: this fails nothing.

    It was tried three times where that could help, for half a minute at most.

    Example:
        notify: {onFailure: ["${secrets.chat}"]}     # and the Secret is not in the namespace

    Fix: correct the address, or the Secret that has it. Pods have to reach that host.
    """
    return Finding(
        message=f"`{hook}` was not told: {why}",
        helps=("see `notify` of the pipeline and its Secret; pods have to reach that host",),
    )


@diagnostic("MLO831")
def nodes_ended(stage: str, why: str, tail: tuple[str, ...]) -> Finding:
    """The nodes of a training that is distributed ended, or never began, and none of them said why.

    They are pods of a JobSet, which a pod of the run makes, watches and removes. Somebody else may have removed it, the
    cluster may have refused its pods, or their image can't be had.

    Example:
        distributed: {nodes: 4}      # in a namespace whose quota has room for two such pods

    Fix: see what the cluster says of it below. What the nodes ask for is `resources` of the stage, each of them.
    """
    return Finding(message=f"the nodes of `{stage}` have no result: {why}", notes=tail)


@diagnostic("MLO832")
def no_job_sets(stage: str) -> Finding:
    """A training is distributed, and the cluster doesn't know JobSets, by which pods are begun and ended together.

    Example:
        distributed: {nodes: 4}      # in a cluster without JobSet

    Fix: have JobSet installed, 0.8 or newer: https://jobset.sigs.k8s.io. Or say in the `overrides` of the environment
    that the stage isn't distributed there: `distributed: null`.
    """
    return Finding(
        message=f"`{stage}` is distributed, and the cluster has no JobSet",
        helps=("have it installed: https://jobset.sigs.k8s.io", "`mlopsctl doctor` shows what is there"),
    )


@diagnostic("MLO833")
def first_not_found(address: str, why: str) -> Finding:
    """A node can't find the first one of them by its name, which is how they are to meet.

    The name is that of a pod, which the cluster's DNS knows from the time on at which that pod has an address. It was
    waited for.

    Example:
        a first node that waits for a machine for hours, while the others have theirs

    Fix: have all nodes admitted together, by a `queue`; see whether the cluster's DNS answers.
    """
    return Finding(
        message=f"the first node has no address: {address}: {why}",
        helps=("see why its pod does not start, and whether the cluster's DNS answers",),
    )
