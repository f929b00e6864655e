"""How it is worded that a run went well and its result is refused: by a gate, a contract, a load test, a pin."""

from typing import Protocol

from mlopsctl.diagnostics import Finding, Severity, Span, diagnostic


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


@diagnostic("MLO829")
def pickle_refused(span: Span, stage: str, where: str, names: str, what: str) -> Finding:
    """A model is a pickle that imports what models need not, so it is not loaded and doesn't serve.

    A pickle is a program: loading it imports the names in it and calls them. They were found without loading it.

    Example:
        a model.pkl that imports os.system, which runs whatever command it was given

    Fix: find out how it came into the model: it may not be what your training wrote. What the model does need may be
    allowed by name: `scan: {allow: [features.Cleaner]}` in the deploy stage.
    """
    return Finding(
        message=f"the model of `{stage}` may not be loaded: {where} imports {names}",
        span=span,
        label=what,
        helps=("what the model needs may be allowed by name, with `scan` of the stage",),
    )


@diagnostic("MLO830", Severity.WARNING)
def pickle_suspicious(span: Span, stage: str, where: str, names: str, what: str) -> Finding:
    """A model is a pickle that imports something that is not known to make up models. It serves all the same.

    Example:
        a model.joblib with a class of yours in it, features.Cleaner

    Fix: if it belongs there, name it: `scan: {allow: [features.Cleaner]}` in the deploy stage. With
    `scan: {unknown: refuse}` nothing else comes to serve.
    """
    return Finding(
        message=f"the model of `{stage}` imports {names}, in {where}",
        span=span,
        label=what,
        helps=("if it belongs there, allow it by name, with `scan` of the stage",),
    )


@diagnostic("MLO418")
def rollout_fails(span: Span, stage: str, expectation: str, observed: str) -> Finding:
    """A version that had passed does not keep what its rollout asks while it answers a share of the requests.

    What served before has all requests again. A version in shadow, which answers copies, has had none.

    Example:
        rollout: {canary: {steps: [5%, 50%]}, checks: [{errors: 1%}]}

    Fix: see in the log of its pods what it failed at, or correct the bound.
    """
    return Finding(message=f"the rollout of `{stage}` fails: {expectation}, observed {observed}", span=span)


@diagnostic("MLO834")
def nothing_copied(span: Span, stage: str, seconds: float) -> Finding:
    """No request was copied to a version in shadow, so that its rollout's checks can't be judged. It doesn't serve.

    Only what the model that serves has answered well is copied, of POSTs over HTTP/1.1.

    Example:
        rollout: {shadow: {of: 1%, for: 10m}, checks: [{errors: 1%}]}      # and ten requests came

    Fix: let it take longer, or copy more of the requests. Of a model that is rarely asked, a load test says more.
    """
    return Finding(
        message=f"no request was copied to the candidate of `{stage}` in {seconds:g} s, so its rollout can't be judged",
        span=span,
        helps=("let `for` be longer or `of` be more, or take `checks` out",),
    )


@diagnostic("MLO835", Severity.WARNING)
def not_in_shadow(span: Span, stage: str) -> Finding:
    """A version comes to serve without having been in shadow: what serves can't copy requests, as it was made before.

    Servers copy requests if `rollout.shadow` was there when they came to serve.

    Example:
        the first version after `rollout: {shadow: {for: 1d}}` was written

    Fix: nothing. The version after this one will be in shadow first.
    """
    return Finding(
        message=f"`{stage}` was not in shadow: what serves can't copy requests, as it came to serve without `shadow`",
        span=span,
        helps=("the next version will be",),
    )


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


@diagnostic("MLO893")
def serving_changed(span: Span, stage: str, evaluation: str, serves: str, notes: tuple[str, ...]) -> Finding:
    """Since a model was compared with what served, another came to serve, and it isn't shown to stand up to that one.

    Gates `against: serving` are judged when their evaluation ends, and again before the model is put into service. What
    serves stays.

    Example:
        gates: [{metric: auc, against: serving}]      # in two runs at once, of which the other has the better model

    Fix: run the pipeline again. All that is known comes from the cache, and the gate is judged by what serves by then.
    """
    return Finding(
        message=f"`{stage}` doesn't serve: since `{evaluation}` was judged, run {serves} came to serve",
        span=span,
        notes=notes,
        helps=("run the pipeline again: it is then compared with what serves now",),
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
