"""Paths to fields that stay right when lists are reordered: an item is known by its keys, not by where it stands."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.manifest import Path

_PLAIN = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
# Fields that a server fills in before it tells items apart by them.
_KEY_DEFAULTS: Mapping[str, object] = {"protocol": "TCP"}


@frozen
class Item:
    """The one item of a list whose fields have these values, sorted by the fields' names."""

    keys: tuple[tuple[str, Any], ...]


@frozen
class Member:
    """The one element of a list with this value."""

    value: Any


Step = str | int | Item | Member
Steps = tuple[Step, ...]


def item_of(names: Iterable[str], value: Mapping[str, Any]) -> Item:
    """What tells this item apart from others by the fields of these names. Raises KeyError if it lacks one."""
    return Item(tuple((name, value[name]) for name in sorted(names)))


def written(steps: Steps) -> str:
    """As people write it: `spec.templates[model].timeout`, `metadata.annotations["a.b/c"]`."""
    return "".join(_written(step) for step in steps).removeprefix(".")


def _written(step: Step) -> str:
    match step:
        case int():
            return f"[{step}]"
        case Item():
            return f"[{','.join(str(value) for _, value in step.keys)}]"
        case Member():
            return f"[{json.dumps(step.value, ensure_ascii=False)}]"
        case _ if _PLAIN.fullmatch(step):
            return f".{step}"
        case _:
            return f"[{json.dumps(step, ensure_ascii=False)}]"


def located(steps: Steps, document: Any) -> Path | None:
    """The same path with places in lists as this document has them; None if it has no such field."""
    found = nearest(steps, document)
    return found if len(found) == len(steps) else None


def nearest(steps: Steps, document: Any) -> Path:
    """The part of a path that this document has, with places in lists as it has them."""
    found: list[str | int] = []
    for step in steps:
        place = _place(step, document)
        if place is None:
            break
        found.append(place)
        document = document[place]
    return tuple(found)


def value_at(path: Path, document: Any) -> Any:
    """The value under a path that `located` gave for this document."""
    for step in path:
        document = document[step]
    return document


def _place(step: Step, value: Any) -> str | int | None:
    if isinstance(step, str):
        return step if isinstance(value, dict) and step in value else None
    if not isinstance(value, list):
        return None
    if isinstance(step, int):
        return step if step < len(value) else None
    places = [place for place, each in enumerate(value) if _is(step, each)]
    return places[0] if len(places) == 1 else None


def _is(step: Item | Member, value: Any) -> bool:
    if isinstance(step, Member):
        return type(step.value) is type(value) and bool(step.value == value)
    return isinstance(value, dict) and all(
        value.get(name, _KEY_DEFAULTS.get(name)) == wanted for name, wanted in step.keys
    )
