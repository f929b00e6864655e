"""Fields as servers write them, such as `.spec.templates[name="x"].image` or `spec.rules[0].name`, as paths.

A name may have dots in it and is not quoted: only the document says where it ends.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from mlopsctl.manifest import Path

_NAME = re.compile(r"[^.\[]+")
_ENDS = (".", "[", "")


def path_of(text: str, document: Mapping[str, Any]) -> Path:
    """The path of a field in a document; of what the document doesn't have, as far as names alone tell it."""
    path: list[str | int] = []
    value: Any = document
    rest = text
    while rest:
        step, rest = _bracket(rest, value) if rest[0] == "[" else _field(rest.removeprefix("."), value)
        if step is None:
            break
        path.append(step)
        value = _at(value, step)
    return tuple(path)


def _field(rest: str, value: Any) -> tuple[str | None, str]:
    """The name that comes next, and what is left after it."""
    known = sorted(value, key=len, reverse=True) if isinstance(value, Mapping) else []
    fitting = (name for name in known if name and rest.startswith(name) and rest[len(name) : len(name) + 1] in _ENDS)
    name = next(fitting, None)
    if name is None:
        found = _NAME.match(rest)
        name = found[0] if found else None
    return name, rest[len(name or "") :]


def _bracket(rest: str, value: Any) -> tuple[str | int | None, str]:
    """The item or key in brackets that comes next, and what is left after it."""
    inside, rest = _inside(rest)
    if isinstance(value, Mapping):
        return inside or None, rest
    if inside.isdecimal():
        return int(inside), rest
    if not isinstance(value, list):
        return None, rest
    return _index(value, _pairs(inside)), rest


def _inside(rest: str) -> tuple[str, str]:
    """What is between a bracket and its end, which is none of those in strings, and what is left."""
    is_text, skips = False, False
    for index, character in enumerate(rest):
        if skips:
            skips = False
        elif is_text and character == "\\":
            skips = True
        elif character == '"':
            is_text = not is_text
        elif character == "]" and not is_text:
            return rest[1:index], rest[index + 1 :]
    return rest[1:], ""


def _pairs(inside: str) -> dict[str, Any]:
    """The keys of an item in a list: `name="x",port=80`. An item of a set has its own value under no name."""
    pairs, decoder = {}, json.JSONDecoder()
    while inside:
        name, _, value = inside.partition("=")
        try:
            pairs[name], end = decoder.raw_decode(value)
        except ValueError:
            return {}
        inside = value[end:].removeprefix(",")
    return pairs


def _index(items: list[Any], wanted: Mapping[str, Any]) -> int | None:
    """Where the item is that has these keys. One that lacks some may have them by the definition's defaults."""
    if "" in wanted:
        return next((index for index, item in enumerate(items) if item == wanted[""]), None)
    shared = {index: item.keys() & wanted.keys() for index, item in enumerate(items) if isinstance(item, Mapping)}
    fitting = [index for index, names in shared.items() if all(items[index][name] == wanted[name] for name in names)]
    best = max(fitting, key=lambda index: len(shared[index]), default=None)
    return best if best is not None and shared[best] else None


def _at(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None
