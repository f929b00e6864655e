"""Rules about the truth that predictions are held against: that it can be joined to them."""

from collections.abc import Iterator

from mlopsctl.diagnostics import Finding, Related, Severity, Span, rule
from mlopsctl.ir.model import DataStage, MonitorStage, Pipeline
from mlopsctl.ir.origin import Origin


@rule("MLO514")
def joined_by_what_is_personal(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor joins predictions with the truth by a column that is personal, and so is never kept of requests.

    Example:
        customers: {kind: data, contract: {columns: {email: {type: string, personal: true}}}, …}
        drift: {kind: monitor, performance: {metric: auc, min: 0.8, truth: churned.csv, on: email}, …}

    Fix: join by an id that says nothing of anybody: let clients send one in each request, and name it in the truth.
    """
    for monitor, on in _joined(pipeline):
        place = _personal(pipeline).get(on)
        if place is not None:
            yield Finding(
                message=f"`{monitor.name}` joins by `{on}`, which is personal, so requests are kept without it",
                span=_span(monitor),
                related=(Related(place, "said here"),),
                helps=("join by an id that says nothing of anybody",),
            )


@rule("MLO515", Severity.WARNING)
def joined_by_what_is_not_kept(pipeline: Pipeline) -> Iterator[Finding]:
    """A monitor joins predictions with the truth by a column that no contract declares, though there is personal data.

    Then only columns that a contract declares are kept of requests: a name that nobody knows could hold what is
    personal. What is left to join by is the id of the request itself, if it has a single row.

    Example:
        customers: {kind: data, contract: {columns: {email: {type: string, personal: true}}}, …}
        drift: {kind: monitor, performance: {metric: auc, min: 0.8, truth: churned.csv, on: question}, …}

    Fix: declare the column in a contract, as what it is: `question: {type: string}`; or send it as the request's id.
    """
    personal = _personal(pipeline)
    declared = {name for contract in _contracts(pipeline) for name, _, _ in contract.entries("columns")}
    for monitor, on in _joined(pipeline) if personal else ():
        if on not in declared:
            yield Finding(
                message=f"`{monitor.name}` joins by `{on}`, which no contract declares: it is not kept",
                span=_span(monitor),
                related=(Related(next(iter(personal.values())), "because this is personal"),),
                helps=(f"declare `{on}` in a contract, or send it as the id of requests with one row",),
            )


def _joined(pipeline: Pipeline) -> Iterator[tuple[MonitorStage, str]]:
    """The monitors that hold predictions against the truth, each with the column that joins the two."""
    for monitor in pipeline.of_kind(MonitorStage):
        if monitor.performance is not None:
            yield monitor, monitor.performance.on


def _personal(pipeline: Pipeline) -> dict[str, Span]:
    """The columns that a contract calls personal, and where."""
    return {
        name: contract.value("columns", name, "personal")
        for contract in _contracts(pipeline)
        for name, _, _ in contract.entries("columns")
        if contract.flag("columns", name, "personal", default=False)
    }


def _contracts(pipeline: Pipeline) -> list[Origin]:
    return [stage.contract.origin for stage in pipeline.of_kind(DataStage) if stage.contract is not None]


def _span(monitor: MonitorStage) -> Span:
    assert monitor.performance is not None, "it was just asked for"
    return monitor.performance.origin.value("on")
