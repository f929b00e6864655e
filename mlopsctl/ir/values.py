"""What parameters are worth in one run: defaults, what the command line says, and whether it may."""

import json
import math
from collections.abc import Mapping

from mlopsctl.diagnostics import Diagnostic, Finding, Span, diagnostic, similar
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import Pipeline, Stage, TrainStage
from mlopsctl.ir.parts import Param
from mlopsctl.source.interpolation import Text
from mlopsctl.source.nodes import Plain


@frozen
class Values:
    """The values of a run's parameters. `given` are those of the command line, by `name` or `stage.name`."""

    given: Mapping[str, Plain]

    def of(self, stage: Stage) -> dict[str, Plain]:
        """The parameters that a stage sees: those it mentions, and those that it declares itself.

        Others don't count for its cache key, so that changing one runs only the stages that use it. Nor do those that
        a search varies, unless it begins with them. What a stage fans out over takes the place of a parameter of that
        name.
        """
        own = {name for name, _, _ in stage.origin.entries("params")}
        mentioned = {
            reference.parts[1]
            for text in stage.texts()
            for reference in text.references()
            if reference.parts[0] == "params" and len(reference.parts) > 1
        }
        values = {
            name: self._value(stage, param, is_own=name in own)
            for name, param in stage.params.items()
            if name in own | mentioned and name not in stage.each
        }
        values |= {stage.item.param: stage.item.value} if stage.item else {}
        return stage.tune.narrowed(values) if isinstance(stage, TrainStage) and stage.tune else values

    def all(self, pipeline: Pipeline) -> dict[str, Plain]:
        """The values of all parameters; those that a stage declares itself are `stage.name`."""
        declared = declared_params(pipeline)
        return {name: self.given.get(name, param.default) for name, param in declared.items()}

    def _value(self, stage: Stage, param: Param, *, is_own: bool) -> Plain:
        qualified = f"{stage.written_name}.{param.name}"
        if qualified in self.given:
            return self.given[qualified]
        if not is_own and param.name in self.given:
            return self.given[param.name]
        return param.default


def read_values(pipeline: Pipeline, given: Mapping[str, str]) -> tuple[Values, tuple[Diagnostic, ...]]:
    """The values for `-p name=value` and `-p stage.name=value`, each checked against its parameter."""
    declared = declared_params(pipeline)
    values: dict[str, Plain] = {}
    wrong: list[Diagnostic] = []
    for name, written in given.items():
        if name not in declared:
            wrong.append(no_such_param(name, tuple(declared)))
            continue
        value = _parsed(declared[name], written)
        fault = fault_of(declared[name], value)
        if fault:
            wrong.append(bad_value(name, written, fault, declared[name].span))
        values[name] = value
    for name, param in declared.items():
        if param.default is None and name not in values:
            wrong.append(no_value(name, param.span))
    return Values(values), tuple(wrong)


def shown(value: Plain) -> str:
    """A value as a command's argument: true and false in lower case, a whole float without losing its point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def in_short(params: Mapping[str, Plain]) -> str:
    """Parameters for people, `trees=310 rate=0.0315`: of a number with a point the first three digits that tell."""
    told = {name: f"{value:.3g}" if isinstance(value, float) else shown(value) for name, value in params.items()}
    return " ".join(f"{name}={value}" for name, value in told.items())


def source_text(text: Text, values: Mapping[str, Plain], known: Mapping[str, str]) -> str:
    """A data stage's source with its references resolved: parameters, and `known` by dotted name."""
    return text.resolved(
        lambda reference: (
            shown(values.get(reference.parts[-1]))
            if reference.parts[0] == "params"
            else known.get(".".join(reference.parts), "")
        )
    )


def declared_params(pipeline: Pipeline) -> dict[str, Param]:
    """The parameters of a pipeline by the names that `-p` takes: `name`, or `stage.name`."""
    declared = dict(pipeline.params)
    for stage in pipeline.stages.values():
        for name, _, _ in stage.origin.entries("params"):
            declared[f"{stage.name}.{name}"] = stage.params[name]
    return declared


def _parsed(param: Param, written: str) -> Plain:
    """The value as the parameter's type reads it; the text itself where it doesn't."""
    if param.type == "string":
        return written
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return written
    return float(value) if param.type == "float" and type(value) is int else value


def fault_of(param: Param, value: Plain) -> str:
    """Why the parameter can't have the value: `it must be at least 1`; empty if it can."""
    wanted = {"int": int, "float": float, "string": str, "bool": bool}[param.type]
    if type(value) is not wanted:
        return f"it must be of type {param.type}"
    if isinstance(value, float) and not math.isfinite(value):
        return "it must be finite"
    if isinstance(value, int | float) and param.minimum is not None and value < param.minimum:
        return f"it must be at least {param.minimum}"
    if isinstance(value, int | float) and param.maximum is not None and value > param.maximum:
        return f"it must be at most {param.maximum}"
    if param.choices and value not in param.choices:
        return f"it must be one of {', '.join(shown(choice) for choice in param.choices)}"
    return ""


@diagnostic("MLO260")
def no_such_param(name: str, known: tuple[str, ...]) -> Finding:
    """The command line sets a parameter that the pipeline doesn't have.

    Example:
        mlopsctl run churn -p tres=100

    Fix: use a parameter of the pipeline, or `stage.name` for one that a stage declares itself.
    """
    near = similar(name, known)
    advice = f"a parameter with a similar name: `{near}`" if near else f"there are {', '.join(known) or 'none'}"
    return Finding(message=f"there is no parameter `{name}`", helps=(advice,))


@diagnostic("MLO261")
def bad_value(name: str, written: str, fault: str, declared: Span) -> Finding:
    """The command line gives a parameter a value that it can't have.

    Example:
        mlopsctl run churn -p trees=many

    Fix: give a value of the parameter's type, within its bounds.
    """
    return Finding(message=f"`-p {name}={written}`: {fault}", span=declared, label="declared here")


@diagnostic("MLO262")
def no_value(name: str, declared: Span) -> Finding:
    """A parameter without a default is given no value.

    Example:
        params:
          month: {type: string}

    Fix: give it one with `-p month=2013-02`, or declare a default.
    """
    return Finding(
        message=f"the parameter `{name}` has no value",
        span=declared,
        label="declared without a default",
        helps=(f"give it one with `-p {name}=…`, or declare a `default`",),
    )
