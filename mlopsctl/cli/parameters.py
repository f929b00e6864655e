"""Values that need no conversion are not converted: that is where half of the time of a short command would go.

typer converts every value with pydantic, defaults and plain texts too, and importing that takes longer than reading
and checking a project. What has its type already is passed on here as it is; the rest goes typer's way.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, get_args, get_origin

from typer import Context, Typer
from typer.core import TyperArgument, TyperOption
from typer.main import get_command


def command_of(app: Typer) -> Callable[..., Any]:
    """What runs the command line of an application."""
    command = get_command(app)
    for one in _commands(command):
        # typer takes no classes of one's own for parameters, so each object is changed by itself.
        vars(one).update(get_params=partial(_parameters, one))
    return command


def _commands(command: Any) -> Iterator[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _commands(below)


def _parameters(command: Any, context: Context) -> list[TyperArgument | TyperOption]:
    parameters: list[TyperArgument | TyperOption] = type(command).get_params(command, context)
    for parameter in parameters:
        vars(parameter).update(process_value=partial(_processed, parameter))
    return parameters


def _processed(parameter: TyperArgument | TyperOption, context: Context, value: Any) -> Any:
    is_absent = value is None and not parameter.required
    if not is_absent and not _is_a(parameter.type_descriptor.annotation, value):
        return type(parameter).process_value(parameter, context, value)
    return parameter.callback(context, parameter, value) if parameter.callback else value


def _is_a(annotation: Any, value: object) -> bool:
    if isinstance(annotation, type):
        return isinstance(value, annotation)
    if get_origin(annotation) is list and isinstance(value, list | tuple):
        return all(_is_a(item_type, item) for item in value for item_type in get_args(annotation))
    return False
