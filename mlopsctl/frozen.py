"""Values that start fast: a short command defines a hundred of their classes and makes values of a third of them.

For each frozen class `dataclasses` writes and compiles the source of eight methods, which was a quarter of the time of
a run in which nothing changed. Here the classes share what is the same for all, and `__init__` is compiled when the
first value is made. See docs/decisions/0015-values-start-fast.md.
"""

import operator
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import partial
from types import MethodType
from typing import Any, NoReturn, TypeVar, dataclass_transform, overload

T = TypeVar("T")
Methods = dict[str, Callable[..., Any]]


@overload
def frozen(cls: type[T], /) -> type[T]: ...


@overload
def frozen(*, kw_only: bool = False, order: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T] | None = None, /, *, kw_only: bool = False, order: bool = False) -> Any:
    """What `dataclass(frozen=True, slots=True)` makes of a class; `fields`, `asdict` and `replace` take its values.

    Every field is a parameter of `__init__`, and there is no `__post_init__`.
    """
    if cls is None:
        return partial(_frozen, kw_only=kw_only, order=order)
    return _frozen(cls, kw_only=kw_only, order=order)


def _frozen(cls: type[T], *, kw_only: bool, order: bool) -> type[T]:
    made = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
    methods = _SHARED | _comparisons(made, order=order)
    for name in methods.keys() - vars(cls).keys():
        setattr(made, name, methods[name])
    type.__setattr__(made, "__init__", _Init(made))
    return made


class _Init:
    """Stands in the place of `__init__` until it is first needed."""

    def __init__(self, cls: type[Any]) -> None:
        self._cls = cls

    def __get__(self, instance: object, _: type[Any]) -> Callable[..., None]:
        self._cls.__init__ = _init(self._cls)
        return self._cls.__init__ if instance is None else MethodType(self._cls.__init__, instance)


def _init(cls: type[Any]) -> Callable[..., None]:
    """A method with the fields as its parameters, those by position first."""
    # The slots themselves, as the class refuses to be set.
    names: dict[str, Any] = {"_MISSING": MISSING} | {
        f"_set_{each.name}": getattr(cls, each.name).__set__ for each in fields(cls)
    }
    by_position = [_parameter(each, names) for each in fields(cls) if not each.kw_only]
    by_keyword = [_parameter(each, names) for each in fields(cls) if each.kw_only]
    parameters = ", ".join(["self", *by_position, *(["*", *by_keyword] if by_keyword else [])])
    lines = [f"    _set_{each.name}(self, {_given(each)})" for each in fields(cls)]
    exec("\n".join([f"def __init__({parameters}):", *lines, "    return"]), names)  # noqa: S102 - names of fields alone
    method: Callable[..., None] = names["__init__"]
    method.__qualname__, method.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return method


def _parameter(each: Field[Any], names: dict[str, Any]) -> str:
    """The parameter of a field; its default joins the names that the method knows."""
    if each.default_factory is not MISSING:
        names[f"_make_{each.name}"] = each.default_factory
        return f"{each.name}=_MISSING"
    if each.default is not MISSING:
        names[f"_default_{each.name}"] = each.default
        return f"{each.name}=_default_{each.name}"
    return each.name


def _given(each: Field[Any]) -> str:
    if each.default_factory is MISSING:
        return each.name
    return f"_make_{each.name}() if {each.name} is _MISSING else {each.name}"


def _comparisons(cls: type[Any], *, order: bool) -> Methods:
    """Equality, hash and, if wanted, order: those of the tuple of the fields that take part."""
    compared = _tuple_of([each.name for each in fields(cls) if each.compare])

    def by(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def method(self: Any, other: Any) -> Any:
            return compare(compared(self), compared(other)) if type(other) is type(self) else NotImplemented

        return method

    wanted = (operator.eq, operator.lt, operator.le, operator.gt, operator.ge) if order else (operator.eq,)
    return {f"__{compare.__name__}__": by(compare) for compare in wanted} | {
        "__hash__": lambda self: hash(compared(self))
    }


def _tuple_of(names: list[str]) -> Callable[[Any], Any]:
    """Reads the named attributes, as a tuple unless it is one alone."""
    return operator.attrgetter(*names) if names else lambda _: ()


def _repr(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse_to_set(_: object, name: str, value: object) -> NoReturn:  # noqa: ARG001 - as Python calls it
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _restore(self: object, state: tuple[None, dict[str, Any]]) -> None:
    """Set what a copy or a pickle brings, which the usual way would be refused."""
    for name, value in state[1].items():
        object.__setattr__(self, name, value)


_SHARED: Methods = {
    "__repr__": _repr,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__setstate__": _restore,
}
