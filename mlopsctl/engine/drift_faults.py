"""How what goes wrong with a check for drift is worded, beside what goes wrong with a stage anywhere."""

from mlopsctl.diagnostics import Finding, Span, diagnostic
from mlopsctl.ir.parts import Performance

_MOST_NAMES = 8


@diagnostic("MLO820")
def no_monitor(pipeline: str, wanted: str, known: tuple[str, ...]) -> Finding:
    """The pipeline has no monitor that could be checked, or several of which one has to be named.

    Example:
        mlopsctl drift churn --monitor drift      # of a pipeline whose monitor is called `watch`

    Fix: name a monitor that the pipeline has; add one if it has none.
    """
    if not known:
        advice = "add a stage: `drift: {kind: monitor, watches: serve, reference: flights}`"
        return Finding(message=f"`{pipeline}` has no monitor", helps=(advice,))
    listed = ", ".join(f"`{name}`" for name in known)
    if not wanted:
        return Finding(message=f"`{pipeline}` has {len(known)} monitors: {listed}", helps=("choose with `--monitor`",))
    return Finding(message=f"`{pipeline}` has no monitor `{wanted}`", helps=(f"there is {listed}",))


@diagnostic("MLO821")
def no_reference(span: Span, monitor: str, stage: str, run: str) -> Finding:
    """The store doesn't know the data that the model which serves was trained on.

    Example:
        reference: flights       # a stage that was added after the run whose model serves

    Fix: run the pipeline, so that the model that serves comes from a run that has the stage.
    """
    return Finding(
        message=f"`{monitor}` compares with `{stage}`, of which run {run} left nothing in this store",
        span=span,
        helps=("run the pipeline once more: the model that serves then has a reference",),
    )


@diagnostic("MLO822")
def reference_unreadable(span: Span, monitor: str, why: str) -> Finding:
    """A monitor's reference holds no rows that requests could be compared with.

    Example:
        reference: images       # a folder of pictures

    Fix: name data in CSV, TSV, JSON lines or parquet. Parquet takes `pyarrow` or `polars` in the requirements.
    """
    return Finding(message=f"the reference of `{monitor}` can't be read: {why}", span=span)


@diagnostic("MLO823")
def nothing_in_common(span: Span, monitor: str, compared: tuple[str, ...], logged: tuple[str, ...]) -> Finding:
    """Requests have none of the columns that a monitor compares.

    Example:
        {"inputs": [{"name": "measurements", "shape": [1, 4], …}]}      # where the reference has `bill_length`

    Fix: let clients name the columns in requests, one input each, as the reference does; or let the monitor compare the
    columns of requests with a stage that writes the features under these names.
    """
    return Finding(
        message=f"requests have none of the columns that `{monitor}` compares",
        span=span,
        notes=(
            f"compared: {', '.join(compared[:_MOST_NAMES]) or 'none'}",
            f"in requests: {', '.join(logged[:_MOST_NAMES]) or 'none'}",
        ),
        helps=("name the inputs of requests as the columns of the reference",),
    )


@diagnostic("MLO824")
def checked_meanwhile(span: Span, monitor: str) -> Finding:
    """Another check of the same monitor ended while this one was going on, so this one counts for nothing.

    Fix: nothing. The other check saw the same requests.
    """
    return Finding(
        message=f"another check of `{monitor}` ended meanwhile", span=span, helps=("look at that one's report",)
    )


@diagnostic("MLO940")
def truth_unreadable(monitor: str, performance: Performance, why: str, hint: str) -> Finding:
    """The truth that a monitor holds predictions against can't be read, or is gone since an earlier check.

    What the check found of drift counts all the same. While there was never a truth, none is missed.

    Example:
        performance: {metric: auc, min: 0.75, truth: "s3://outcomes/${run.date}.csv", on: flight_id}    # none today

    Fix: check the path, which is relative to the pipeline's file, or the address and your rights there. The truth is
    CSV, TSV, JSON lines or parquet of at most 500,000 rows: of the predictions that are measured, `within`, no more.
    """
    return Finding(
        message=f"the truth of `{monitor}` can't be read: {why}",
        span=performance.origin.value("truth"),
        helps=(hint,) if hint else (),
    )


@diagnostic("MLO941")
def truth_unclear(monitor: str, performance: Performance, names: tuple[str, ...]) -> Finding:
    """The truth doesn't have the column that joins it to predictions, or it isn't clear which one says what came true.

    Example:
        flight_id,late,landed                                                   # two beside the id
        performance: {metric: auc, min: 0.75, truth: outcomes.csv, on: flight_id}

    Fix: name the columns as the truth has them: `on` and `outcome`.
    """
    notes = (f"it has: {', '.join(names[:_MOST_NAMES])}",) if names and not performance.outcome else ()
    for key, name in (("on", performance.on), ("outcome", performance.outcome)):
        if name and name not in names:
            message = f"the truth of `{monitor}` has no column `{name}`"
            return Finding(message=message, span=performance.origin.value(key), notes=notes)
    others = len(names) - 1
    return Finding(
        message=f"the truth of `{monitor}` has {others or 'no'} columns beside `{performance.on}`",
        span=performance.origin.value("truth"),
        notes=notes,
        helps=("say with `outcome` which one says what came true",) if others else (),
    )


@diagnostic("MLO942")
def prediction_unclear(monitor: str, performance: Performance, names: tuple[str, ...]) -> Finding:
    """Answers have several columns, and a monitor isn't told which of them is the prediction to measure.

    Example:
        {"outputs": [{"name": "predict_proba", "shape": [3, 2], …}]}        # `predict_proba.0` and `predict_proba.1`

    Fix: name the column with `prediction`: `prediction: predict_proba.1`.
    """
    return Finding(
        message=f"answers have {len(names)} columns that `{monitor}` could measure",
        span=performance.origin.name,
        notes=(f"they have: {', '.join(names[:_MOST_NAMES])}",),
        helps=("say which one with `prediction`",),
    )
