"""Rules about data: where it comes from, and contracts that can't be kept or demand nothing."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from mlopsctl.check.advice import closest
from mlopsctl.check.files import exists, leaves_repository, neighbours
from mlopsctl.diagnostics import Finding, Related, Severity, rule, similar
from mlopsctl.ir.model import DataStage, MonitorStage, Pipeline, Stage
from mlopsctl.ir.origin import Origin
from mlopsctl.source.interpolation import Text


@rule("MLO301", Severity.WARNING)
def source_not_there(pipeline: Pipeline) -> Iterator[Finding]:
    """A file that data comes from is not there, with the parameters as they are by default.

    Example:
        flights: {kind: data, source: data/fligths.csv}

    Fix: correct the path, which is relative to the pipeline's file, or make the file before you run.
    """
    for _, text in _sources(pipeline):
        path = _local_path(pipeline, text)
        if path is not None and not leaves_repository(path, pipeline.file.parent) and not exists(path):
            near = similar(path.name, neighbours(path))
            yield Finding(
                message=f"`{_resolved(pipeline, text)}` is not there",
                span=text.span,
                label=f"a file with a similar name: `{near}`" if near else "",
                helps=() if near else ("paths are relative to the folder of the pipeline's file",),
            )


@rule("MLO302")
def version_of_a_command(pipeline: Pipeline) -> Iterator[Finding]:
    """A data stage pins the bytes of what a command makes.

    A `version` says which bytes a source must have. What a command makes depends on more than this file says.

    Example:
        flights: {kind: data, run: python extract.py --out ${outputs.data}, version: sha256:…}

    Fix: remove `version`; each run records the digest of what the command made.
    """
    for stage in pipeline.of_kind(DataStage):
        if stage.version is not None and stage.source is None:
            yield Finding(
                message=f"stage `{stage.name}` has a `version` but no `source` to pin", span=stage.origin.key("version")
            )


@rule("MLO303", Severity.WARNING)
def version_of_many(pipeline: Pipeline) -> Iterator[Finding]:
    """A data stage pins the bytes of a source that is another one in each run.

    Example:
        flights: {kind: data, source: "data/${params.month}.csv", version: sha256:…}

    Fix: remove `version`, or write the one source that it is of.
    """
    for stage in pipeline.of_kind(DataStage):
        if stage.version is not None and stage.source is not None and any(stage.source.references()):
            yield Finding(
                message=f"stage `{stage.name}` pins one version of a source that varies",
                span=stage.origin.key("version"),
                related=(Related(stage.source.span, "varies"),),
            )


@rule("MLO304")
def reversed_range(pipeline: Pipeline) -> Iterator[Finding]:
    """A contract has a `min` above its `max`, so that no data keeps it.

    Example:
        contract:
          rows: {min: 1000, max: 100}

    Fix: exchange the two.
    """
    for _, contract in _contracts(pipeline):
        places = [
            ("`rows`", contract.below("rows")),
            *((f"column `{name}`", column) for name, column in _columns(contract)),
        ]
        for what, origin in places:
            if origin is not None and _is_reversed(origin):
                yield Finding(
                    message=f"no data fits {what}: its `min` is above its `max`",
                    span=origin.value("min"),
                    related=(Related(origin.value("max"), "below `min`"),),
                )


@rule("MLO305")
def bad_pattern(pipeline: Pipeline) -> Iterator[Finding]:
    """The `pattern` of a column is not a regular expression.

    Example:
        tailnum: {type: string, pattern: "N[0-9"}

    Fix: correct it; the syntax is that of Python's `re`.
    """
    for _, contract in _contracts(pipeline):
        for name, column in _columns(contract):
            why = _pattern_fault(column.text("pattern") or "")
            if why:
                yield Finding(
                    message=f"the pattern of column `{name}` is not a regular expression: {why}",
                    span=column.value("pattern"),
                )


@rule("MLO306")
def undeclared_unique(pipeline: Pipeline) -> Iterator[Finding]:
    """A closed contract demands that a column be unique which it doesn't allow.

    Example:
        contract:
          columns: {flight: {type: string}}
          unique: [[flight, day]]
          closed: true

    Fix: declare the column under `columns`, or correct its name.
    """
    for _, contract in _contracts(pipeline):
        declared = [name for name, _ in _columns(contract)]
        groups = contract.items("unique") if contract.flag("closed", default=False) else ()
        places = [
            ("unique", group, at)
            for group, _ in enumerate(groups)
            for at, _ in enumerate(contract.items("unique", group))
        ]
        for place in places:
            name = contract.text(*place) or ""
            if name not in declared:
                yield Finding(
                    message=f"`unique` names the column `{name}`, which the closed contract does not have",
                    span=contract.value(*place),
                    **closest(name, declared, "column"),
                )


@rule("MLO307")
def impossible_value(pipeline: Pipeline) -> Iterator[Finding]:
    """A contract allows a value that the column can't have.

    Example:
        hour: {type: integer, in: [0, 6, 12.5], max: 23}

    Fix: remove the value, or change the column's type or bounds.
    """
    for _, contract in _contracts(pipeline):
        for name, column in _columns(contract):
            least, most = column.number("min"), column.number("max")
            for index, _ in enumerate(column.items("in")):
                value = column.number("in", index)
                if value is None or _is_reversed(column):
                    continue
                is_fraction = column.text("type") == "integer" and not float(value).is_integer()
                if is_fraction or (least is not None and value < least) or (most is not None and value > most):
                    yield Finding(
                        message=f"column `{name}` can't be {value}, by its own type and bounds",
                        span=column.value("in", index),
                    )


@rule("MLO308", Severity.WARNING)
def empty_contract(pipeline: Pipeline) -> Iterator[Finding]:
    """A contract demands nothing.

    Example:
        contract: {}

    Fix: say what the data must be like, such as `rows: {min: 1000}`, or remove the contract.
    """
    for stage, contract in _contracts(pipeline):
        if not any(key != "closed" for key, _, _ in contract.entries()):
            yield Finding(message=f"the contract of `{stage.name}` demands nothing", span=contract.name)


@rule("MLO309", Severity.WARNING)
def closed_without_columns(pipeline: Pipeline) -> Iterator[Finding]:
    """A contract is closed and names no columns, so that every column would breach it.

    Example:
        contract: {rows: {min: 1}, closed: true}

    Fix: name the columns, or remove `closed`.
    """
    for stage, contract in _contracts(pipeline):
        if contract.flag("closed", default=False) and not contract.has("columns") and contract.has("rows"):
            yield Finding(
                message=f"the contract of `{stage.name}` is closed, but names no columns", span=contract.key("closed")
            )


def _sources(pipeline: Pipeline) -> Iterator[tuple[Stage, Text]]:
    for stage in pipeline.of_kind(DataStage):
        if stage.source is not None and not stage.each:
            yield stage, stage.source
    for monitor in pipeline.of_kind(MonitorStage):
        if monitor.performance is not None and monitor.performance.truth is not None:
            yield monitor, monitor.performance.truth


def _local_path(pipeline: Pipeline, text: Text) -> Path | None:
    """The file or folder that a source names; None for a URI, and where a part is known in a run only."""
    defaults = {reference.parts: pipeline.params.get(reference.parts[-1]) for reference in text.references()}
    is_known = all(
        parts[0] == "params" and param is not None and param.default is not None for parts, param in defaults.items()
    )
    return pipeline.file.parent / _resolved(pipeline, text) if is_known and "://" not in str(text) else None


def _resolved(pipeline: Pipeline, text: Text) -> str:
    return text.resolved(lambda reference: str(pipeline.params[reference.parts[-1]].default))


def _contracts(pipeline: Pipeline) -> Iterator[tuple[Stage, Origin]]:
    for stage in pipeline.of_kind(DataStage):
        if stage.contract is not None:
            yield stage, stage.contract.origin


def _columns(contract: Origin) -> Iterator[tuple[str, Origin]]:
    for name, _, _ in contract.entries("columns"):
        if column := contract.below("columns", name):
            yield name, column


def _is_reversed(origin: Origin) -> bool:
    least, most = origin.scalar("min"), origin.scalar("max")
    if isinstance(least, str) and isinstance(most, str):  # days sort as they are written, moments of one day may not
        return least[:10] > most[:10]
    return isinstance(least, int | float) and isinstance(most, int | float) and least > most


def _pattern_fault(pattern: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what a later Python may take for a set, this one doesn't
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            return str(error)
    return ""
