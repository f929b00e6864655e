"""Changes that are alike, put together: a plan for a thousand pipelines is read like one for one."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from mlopsctl.frozen import frozen
from mlopsctl.plan.model import Action, FieldChange, ObjectChange

T = TypeVar("T")

FEW = 20  # objects that are shown one by one
_ALIKE = 4  # how many it takes to be put together


@frozen(kw_only=True)
class Group:
    """One object, or several to which the same fields happen, in the order of the plan.

    `fields` are those of the first, with the places that all share; `differing` are the paths whose
    values are others in some of them.
    """

    changes: tuple[ObjectChange, ...]
    fields: tuple[FieldChange, ...]
    differing: frozenset[str]

    @property
    def first(self) -> ObjectChange:
        """The one that stands for all."""
        return self.changes[0]

    @property
    def is_destructive(self) -> bool:
        """Whether something that lives is deleted by it."""
        return self.first.action in (Action.DELETE, Action.REPLACE)


def grouped(changes: Sequence[ObjectChange]) -> list[Group]:
    """The changes in their order, with those that are alike at the place of their first, if they are many."""
    if len(changes) <= FEW:
        return [_group([change]) for change in changes]
    groups: list[Group] = []
    for alike in by(changes, _likeness):
        groups += [_group(alike)] if len(alike) >= _ALIKE else [_group([change]) for change in alike]
    return groups


def by(values: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Values with the same key together, in the order in which the keys are first met."""
    found: dict[Hashable, list[T]] = {}
    for value in values:
        found.setdefault(key(value), []).append(value)
    return list(found.values())


def shared(sets: Sequence[Sequence[FieldChange]]) -> tuple[FieldChange, ...]:
    """The fields of the first set, without places that others of the sets do not have."""
    columns = zip(*sets, strict=True)
    return tuple(
        column[0] if all(field.place == column[0].place for field in column) else replace(column[0], place=None)
        for column in columns
    )


def _group(changes: Sequence[ObjectChange]) -> Group:
    first, *others = changes
    differing = {
        field.path
        for other in others
        for field, counterpart in zip(first.fields, other.fields, strict=True)
        if _values(field) != _values(counterpart)
    }
    fields = shared([change.fields for change in changes])
    return Group(changes=tuple(changes), fields=fields, differing=frozenset(differing))


def _likeness(change: ObjectChange) -> Hashable:
    return change.action, change.key.group, change.key.kind, tuple(field.path for field in change.fields)


def _values(field: FieldChange) -> str:
    """Both values so that 1, 1.0, true and none at all are told apart."""
    return f"{field.before!r} {field.after!r}"
