"""Rules about parameters: that their defaults keep to their own limits, and that somebody reads them."""

from collections.abc import Iterator, Mapping

from mlopsctl.check.meaning.mentions import may_read_variables, mentions
from mlopsctl.diagnostics import Finding, Related, Severity, rule
from mlopsctl.ir.lower_parts import read_params
from mlopsctl.ir.model import Pipeline
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import Param


@rule("MLO250")
def default_out_of_bounds(pipeline: Pipeline) -> Iterator[Finding]:
    """The default of a parameter is outside its own `min` and `max`.

    Example:
        params:
          depth: {type: int, default: 0, min: 1}

    Fix: change the default or the bound.
    """
    for origin, param in _declared(pipeline):
        value = param.default
        if isinstance(value, int | float) and not isinstance(value, bool) and not _is_reversed(param):
            for key, bound, breaks in (
                ("min", param.minimum, param.minimum is not None and value < param.minimum),
                ("max", param.maximum, param.maximum is not None and value > param.maximum),
            ):
                if breaks:
                    yield Finding(
                        message=f"the default of `{param.name}` is {value}, its `{key}` is {bound}",
                        span=origin.value("params", param.name, "default"),
                        related=(Related(origin.value("params", param.name, key), "the bound"),),
                    )


@rule("MLO251")
def default_not_allowed(pipeline: Pipeline) -> Iterator[Finding]:
    """The default of a parameter is none of the values that it allows.

    Example:
        params:
          loss: {type: string, default: log, in: [logistic, hinge]}

    Fix: use one of the values under `in`, or add the default to them.
    """
    for origin, param in _declared(pipeline):
        if param.choices and param.default is not None and param.default not in param.choices:
            yield Finding(
                message=f"the default of `{param.name}` is none of the values that it allows: `{param.default}`",
                span=origin.value("params", param.name, "default"),
                related=(Related(origin.value("params", param.name, "in"), "the values allowed"),),
            )


@rule("MLO252")
def param_bounds_reversed(pipeline: Pipeline) -> Iterator[Finding]:
    """The `min` of a parameter is above its `max`, so that no value is allowed.

    Example:
        params:
          depth: {type: int, min: 32, max: 1}

    Fix: exchange the two.
    """
    for origin, param in _declared(pipeline):
        if _is_reversed(param):
            yield Finding(
                message=f"no value fits `{param.name}`: its `min` is {param.minimum}, its `max` is {param.maximum}",
                span=origin.value("params", param.name, "min"),
                related=(Related(origin.value("params", param.name, "max"), "below `min`"),),
            )


@rule("MLO253", Severity.WARNING)
def unused_param(pipeline: Pipeline) -> Iterator[Finding]:
    """Nothing mentions a parameter, so that setting it changes nothing.

    A stage sees the parameters of the pipeline that it mentions, and all of its own.

    Example:
        params: {trees: 200}
        run: python train.py --data ${inputs.flights}

    Fix: write `${params.trees}` in the command, or remove the parameter.
    """
    own = {name for stage in pipeline.stages.values() for name, _, _ in stage.origin.entries("params")}
    for param in pipeline.params.values() if pipeline.is_whole else ():
        if param.name not in own and not _is_mentioned(pipeline, param.name):
            yield Finding(message=f"no stage mentions the parameter `{param.name}`", span=param.span)
    for stage in pipeline.stages.values():
        for name, param in read_params(stage.origin).items():
            if not mentions(stage, "params", name) and not may_read_variables(pipeline, stage):
                yield Finding(message=f"the command of `{stage.name}` never mentions `{name}`", span=param.span)


@rule("MLO254", Severity.WARNING)
def shadowed_type(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage declares a parameter of the pipeline again, with another type.

    Example:
        params: {depth: 8}
        stages:
          model: {kind: train, params: {depth: deep}, …}

    Fix: give it the same type, or a name of its own.
    """
    for stage in pipeline.stages.values():
        for name, param in read_params(stage.origin).items():
            outer = pipeline.params.get(name)
            if outer is not None and {outer.type, param.type} not in ({outer.type}, {"int", "float"}):
                yield Finding(
                    message=f"`{name}` is of type {param.type} in `{stage.name}`, and of type {outer.type} elsewhere",
                    span=param.span,
                    related=(Related(outer.span, "the pipeline's"),),
                )


@rule("MLO255")
def choice_out_of_bounds(pipeline: Pipeline) -> Iterator[Finding]:
    """A parameter lists a value under `in` that its own `min` or `max` refuses.

    Example:
        params:
          depth: {type: int, default: 4, in: [4, 8, 64], max: 32}

    Fix: remove the value, or move the bound. Beside `in`, bounds are seldom needed.
    """
    for origin, param in _declared(pipeline):
        for index, value in enumerate(param.choices if not _is_reversed(param) else ()):
            if isinstance(value, int | float) and not _is_within(value, param):
                yield Finding(
                    message=f"`{param.name}` lists {value}, which its own bounds refuse",
                    span=origin.value("params", param.name, "in", index),
                )


def _declared(pipeline: Pipeline) -> Iterator[tuple[Origin, Param]]:
    """Every parameter with the origin below whose `params` it stands."""
    owners: list[tuple[Origin, Mapping[str, Param]]] = [(pipeline.origin, pipeline.params)]
    owners += [(stage.origin, read_params(stage.origin)) for stage in pipeline.stages.values()]
    return ((origin, param) for origin, params in owners for param in params.values())


def _is_reversed(param: Param) -> bool:
    return param.minimum is not None and param.maximum is not None and param.minimum > param.maximum


def _is_within(value: float, param: Param) -> bool:
    above = param.minimum is None or value >= param.minimum
    return above and (param.maximum is None or value <= param.maximum)


def _is_mentioned(pipeline: Pipeline, name: str) -> bool:
    return any(mentions(stage, "params", name) for stage in pipeline.stages.values())
