"""How what goes wrong with a search over parameters is worded."""

from mlopsctl.diagnostics import Finding, Span, diagnostic


@diagnostic("MLO819")
def all_trials_failed(span: Span, stage: str, trials: int, why: str) -> Finding:
    """No trial of a search came to a value of its metric, so there is no best one.

    A trial that fails is left out, and the others go on; a search has no result only if all of its trials fail.

    Example:
        run: python train.py --tres ${params.trees}       # which knows no such option, so that every trial ends at once

    Fix: read what the first trial printed. Trials whose command went well come from the cache the next time.
    """
    return Finding(
        message=f"all {trials} trials of `{stage}` failed" if trials > 1 else f"the only trial of `{stage}` failed",
        span=span,
        notes=(f"trial 1: {why}",),
    )


@diagnostic("MLO820")
def optuna_missing(span: Span, stage: str) -> Finding:
    """A stage searches for the best parameters, and Optuna, which knows what to try next, isn't installed here.

    It is large, so `mlopsctl` comes without it; runtime images have it.

    Example:
        tune: {trials: 40, objective: {metric: auc}, space: {depth: {int: [3, 16]}}}

    Fix: install mlopsctl with what searches need, `pip install 'mlopsctl[tune]'`, or `optuna` beside it.
    """
    return Finding(
        message=f"the search of `{stage}` needs Optuna, which is not installed beside mlopsctl",
        span=span,
        helps=("pip install 'mlopsctl[tune]', into the environment that mlopsctl runs in",),
    )
