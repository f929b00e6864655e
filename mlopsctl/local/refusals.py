"""How it is worded that a run went well and its result is refused: by a gate, a contract, a load test, a pin."""

from typing import Protocol

from mlopsctl.diagnostics import Finding, Span, diagnostic


class Judged(Protocol):
    """What a gate says of itself, in words."""

    @property
    def expectation(self) -> str:
        """What must hold: `auc ≥ 0.80`."""

    @property
    def observed(self) -> str:
        """What is: `0.79`."""

    @property
    def verdict(self) -> str:
        """By how much it is missed."""

    @property
    def helps(self) -> tuple[str, ...]:
        """Where to look."""


@diagnostic("MLO412")
def gate_fails(span: Span, stage: str, judged: Judged, unchanged: str) -> Finding:
    """A gate does not hold.

    Nothing downstream of the evaluation runs, and what serves stays as it is.

    Example:
        gates:
          - {metric: auc, min: 0.80}      # and metrics.json says 0.79

    Fix: look at what changed with `mlopsctl runs compare`, and improve the model or the data. Lower the bound only if
    it was wrong.
    """
    return Finding(
        message=f"gate of `{stage}` fails: {judged.expectation}",
        span=span,
        label=judged.verdict,
        notes=(f"observed: {judged.observed}", *((unchanged,) if unchanged else ())),
        helps=judged.helps,
    )


@diagnostic("MLO413")
def contract_broken(span: Span, stage: str, message: str, examples: tuple[str, ...]) -> Finding:
    """The data is not as its contract says.

    Nothing downstream of the data runs. All breaks are listed at once, each with some of the rows.

    Example:
        columns:
          dep_delay: {type: number, max: 1500}     # and a row says 1911

    Fix: correct the data at its source, or the contract if it is wrong.
    """
    return Finding(message=f"the data of `{stage}` breaks its contract: {message}", span=span, notes=examples)


@diagnostic("MLO414")
def metrics_unreadable(span: Span, stage: str, message: str, hint: str) -> Finding:
    """What an evaluation wrote as its metrics can't be read as metrics.

    Metrics are a JSON file of numbers; nested mappings become dotted names, `naive` and `slices` have a meaning.

    Example:
        {"auc": "0.87"}

    Fix: write numbers: {"auc": 0.87}.
    """
    return Finding(message=f"the metrics of `{stage}`: {message}", span=span, helps=(hint,) if hint else ())


@diagnostic("MLO415")
def load_test_fails(span: Span, stage: str, expectation: str, observed: str) -> Finding:
    """The candidate does not stand its load test, so it does not serve.

    Example:
        loadTest: {users: 20, duration: 30s, request: request.json, p99: 5ms}

    Fix: make the model or the server faster, give it more resources, or correct the bound.
    """
    return Finding(message=f"the load test of `{stage}` fails: {expectation}, observed {observed}", span=span)


@diagnostic("MLO416")
def too_old(span: Span, stage: str, age: str, allowed: str) -> Finding:
    """The data is older than its contract allows.

    Example:
        contract: {freshness: 36h}      # and the file was last written two days ago

    Fix: renew the data, or find out why nobody did.
    """
    return Finding(message=f"the data of `{stage}` is {age} old, its contract allows {allowed}", span=span)


@diagnostic("MLO417")
def serving_not_evaluated(span: Span, stage: str, serving: str, why: str) -> Finding:
    """The release that serves can't be evaluated, so a gate against it can't be judged.

    A gate that can't be judged does not hold.

    Example:
        the model that serves was saved by a library that this pipeline no longer has

    Fix: see why the evaluation fails on that model; keep evaluate.py able to read the older model.
    """
    return Finding(
        message=f"`{stage}` can't evaluate what serves now, run {serving}: {why}",
        span=span,
        helps=("the evaluation has to work on the older model too, or the two can't be compared",),
    )


@diagnostic("MLO810")
def other_version(span: Span, stage: str, pinned: str, seen: str) -> Finding:
    """The data is not the version that is pinned.

    Example:
        source: https://example.com/flights.csv
        version: sha256:0000…                      # and the file there is another one

    Fix: pin the new digest if the change is wanted, or restore the data.
    """
    return Finding(
        message=f"the data of `{stage}` is not the pinned version",
        span=span,
        label="pinned here",
        notes=(f"pinned {pinned}", f"seen {seen}"),
        helps=("to accept the data as it is now, pin the digest seen",),
    )
