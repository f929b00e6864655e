"""What a verification of a live endpoint refuses, and why one can't be made."""

from mlopsctl.diagnostics import Finding, Span, diagnostic


@diagnostic("MLO425")
def does_not_answer(span: Span, stage: str, url: str, why: str) -> Finding:
    """The live endpoint doesn't answer the request of the load test, or not with predictions.

    Example:
        mlopsctl verify flight-delays --env staging      # while its gateway leads nowhere

    Fix: see with `mlopsctl status` what serves there, and in the logs of its pods why it doesn't answer; `--url` names
    the gateway's address where its host name isn't known to this machine.
    """
    return Finding(
        message=f"`{stage}` doesn't answer: {why}",
        span=span,
        notes=(f"asked at {url}",),
        helps=("see what serves with `mlopsctl status`; give --url if the gateway has another address here",),
    )


@diagnostic("MLO426")
def other_release(span: Span, stage: str, expected: str, found: str) -> Finding:
    """What answers isn't the release that should: another version, several, or none.

    Example:
        mlopsctl verify flight-delays --env staging      # before the apply of its new release

    Fix: apply what git says, wait until a rollout has ended, or `resume` what was stopped; then verify again.
    """
    return Finding(
        message=f"`{stage}` isn't the release that should answer: {found}",
        span=span,
        notes=(f"should answer: {expected}",),
        helps=("apply what git says, or wait until a rollout has ended; then verify again",),
    )


@diagnostic("MLO427")
def too_slow(span: Span, stage: str, expectation: str, observed: str) -> Finding:
    """The live endpoint doesn't stand the load test of its stage.

    Example:
        loadTest: {users: 20, duration: 30s, request: request.json, p99: 5ms}

    Fix: give it more replicas or resources, look at what lies between here and there, or correct the bound.
    """
    return Finding(message=f"`{stage}` doesn't stand its load live: {expectation}, observed {observed}", span=span)


@diagnostic("MLO428")
def worth_too_little(span: Span, stage: str, expectation: str, observed: str) -> Finding:
    """What the live endpoint predicts for data whose truth is known is not worth what `verify` of its stage asks.

    Example:
        verify: {data: holdout, label: late, metric: auc, min: 0.80}

    Fix: roll back to the release before. If the evaluation of the same model was good, what is sent to the endpoint
    differs from what the evaluation read, or the endpoint computes something else: compare both for one row.
    """
    return Finding(
        message=f"`{stage}` is worth too little live: {expectation}, observed {observed}",
        span=span,
        helps=("mlopsctl rollback leads to the release before",),
    )


@diagnostic("MLO429")
def not_measurable(span: Span, stage: str, why: str, help: str) -> Finding:  # noqa: A002 - the diagnostic's own word
    """The data of `verify` can't be sent to the endpoint, or its answers can't be measured.

    Example:
        verify: {data: holdout, label: lat, metric: auc, min: 0.8}      # a column that isn't there

    Fix: name columns as the data has them; where the request has one tensor for all, `columns` says which are in it.
    """
    return Finding(message=f"`{stage}` can't be measured live: {why}", span=span, helps=(help,))
