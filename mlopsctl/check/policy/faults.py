"""What can be wrong with a policy, and what is said where one is broken."""

from collections.abc import Iterable

from mlopsctl.check.advice import closest, listed
from mlopsctl.diagnostics import Finding, Related, Severity, Span, diagnostic
from mlopsctl.ir.policy import Policy


@diagnostic("MLO263")
def not_judged(policies: list[Policy]) -> Finding:
    """The project has policies, and what reads their rules isn't installed.

    Rules are in CEL, for which there is a library that only those need who have policies. A rule that nobody reads
    would hold nothing up, so this is an error.

    Example:
        policies: [policies/*.yaml]     # and a plain `pip install .`

    Fix: install mlopsctl with its extra: `pip install 'mlopsctl[policies]'`.
    """
    count = "1 policy is" if len(policies) == 1 else f"{len(policies)} policies are"
    return Finding(
        message=f"{count} not judged, as the library for CEL is not installed",
        span=policies[0].rule.span,
        helps=("pip install 'mlopsctl[policies]'",),
    )


@diagnostic("MLO264")
def bad_rule(policy: Policy, what: str, span: Span) -> Finding:
    """The rule of a policy is no CEL, or can be neither true nor false.

    Example:
        rule: stage.replicas.min => 2       # it is >=

    Fix: correct the expression. The page about policies has examples; the language is described at cel.dev.
    """
    return Finding(message=f"the rule of `{policy.name}` can't be read: {what}", span=span)


@diagnostic("MLO265")
def unknown_field(policy: Policy, name: str, of: str, known: Iterable[str], span: Span) -> Finding:
    """A policy names a field that isn't there, in its rule or its message.

    Where a policy says which `stageKind` it is for, fields of other kinds are not there either.

    Example:
        appliesTo: {stageKind: deploy}
        rule: stage.replica.min >= 2        # it is replicas

    Fix: use one of the fields that the page about policies lists.
    """
    advice = closest(name, sorted(known), "field")
    what = f"stages of kind `{policy.stage_kind}`" if of == "stage" and policy.stage_kind else f"`{of}`"
    return Finding(message=f"`{name}` is not a field of {what}", span=span, **advice)


@diagnostic("MLO266")
def no_answer(policy: Policy, about: str, why: str, place: Span) -> Finding:
    """A rule has no answer: it asks something of what isn't there.

    What a pipeline doesn't say is null, such as `stage.loadTest` of a stage without one.

    Example:
        rule: stage.loadTest.p99 <= 0.2

    Fix: ask first whether it is there: `stage.loadTest != null && stage.loadTest.p99 <= 0.2`.
    """
    return Finding(
        message=f"the rule of `{policy.name}` has no answer for {about}: {why}",
        span=policy.rule.span,
        related=(Related(place, "asked of this"),),
        helps=("ask whether it is there: `stage.loadTest != null && …`, or say which kind of stages it is for",),
    )


@diagnostic("MLO267", Severity.WARNING)
def for_no_environment(policy: Policy, known: list[str]) -> Finding:
    """A policy is for an environment that the project doesn't have, so it holds nothing up.

    Example:
        appliesTo: {environment: prdo}

    Fix: use the name of an environment; without one a policy is for all of them.
    """
    return Finding(
        message=f"`{policy.name}` is for `{policy.environment}`, which is no environment",
        span=policy.origin.value("appliesTo", "environment"),
        **closest(policy.environment, known, "environment"),
    )


@diagnostic("MLO268")
def unknown_reference(written: str, roots: Iterable[str], span: Span) -> Finding:
    """The message of a policy refers to something that rules don't see.

    Example:
        message: "${step.name} has one replica"     # it is stage

    Fix: begin with `stage`, `pipeline`, `environment` or `release`.
    """
    return Finding(
        message=f"`{written}` is nothing that a policy sees", span=span, helps=(f"there are {listed(roots)}",)
    )


@diagnostic("MLO419")
def broken(policy: Policy, message: str, place: Span) -> Finding:
    """A policy doesn't hold. Nothing is run, rendered or applied in the environment before it does.

    Example:
        rule: stage.replicas.min >= 2       # and a deploy stage with one

    Fix: change the pipeline, or what the environment overrides; or speak with those who wrote the policy.
    """
    return _finding(policy, message, place)


@diagnostic("MLO269", Severity.WARNING)
def advised(policy: Policy, message: str, place: Span) -> Finding:
    """A policy of `severity: warning` doesn't hold. Nothing is held up.

    Example:
        rule: pipeline.owner != null
        severity: warning

    Fix: change the pipeline, or what the environment overrides.
    """
    return _finding(policy, message, place)


def _finding(policy: Policy, message: str, place: Span) -> Finding:
    about = f"policy `{policy.name}`{f': {policy.description}' if policy.description else ''}"
    return Finding(message=message, span=place, related=(Related(policy.rule.span, "the rule"),), notes=(about,))
