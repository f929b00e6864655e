"""Checkers made of stripped schemas: made once for each, then walking only the objects, most of which are right.

A checker is called with a value and gives its faults. Where they are is put together on the way up, so that a value
without one costs nothing but the look at it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mlopsctl.render.fault import (
    FINE,
    Check,
    Fault,
    Faults,
    Rule,
    here,
    inside,
    missing_field,
    shown,
    unknown_field,
    wrong_type,
)
from mlopsctl.render.fixed import FixedList, FixedMapping
from mlopsctl.render.scalar_checks import (
    boolean,
    choice_checker,
    either_checker,
    number_checker,
    size_checker,
    text,
    text_checker,
)

Schema = Mapping[str, Any]
_FIXED = (FixedMapping, FixedList)


def checker(schema: Schema) -> Check:
    """What finds the faults of a value; a part that the schema holds several times is made once."""
    return _Making().made(schema)


class _Making:
    """The checkers made so far, by the identity of their schemas, which outlive it."""

    def __init__(self) -> None:
        self._made: dict[int, Check] = {}

    def made(self, schema: Schema) -> Check:
        if id(schema) not in self._made:
            self._made[id(schema)] = self._or_null(schema, self._whole(schema))
        return self._made[id(schema)]

    def _or_null(self, schema: Schema, check: Check) -> Check:
        return (lambda value: FINE if value is None else check(value)) if schema.get("nullable") else check

    def _whole(self, schema: Schema) -> Check:
        kind = self._by_type(schema)
        if "enum" not in schema:
            return kind
        choice = choice_checker(schema)
        return lambda value: kind(value) or choice(value)

    def _by_type(self, schema: Schema) -> Check:
        if schema.get("x-kubernetes-int-or-string"):
            return either_checker(schema)
        match schema.get("type"):
            case "string":
                return text_checker(schema)
            case "boolean":
                return boolean
            case "integer" | "number":
                return number_checker(schema)
            case "array":
                return self._array(schema)
            case "object":
                return self._object(schema)
            case _:
                return self._object(schema) if "properties" in schema else _anything

    def _object(self, schema: Schema) -> Check:
        fields = {name: self.made(part) for name, part in schema.get("properties", {}).items()}
        size = size_checker(schema, "Properties", "field")
        others = self._others(schema, fields)
        # What has a default is there by the time that the server looks.
        parts = schema.get("properties", {})
        required = frozenset(name for name in schema.get("required", ()) if "default" not in parts.get(name, {}))

        texts = frozenset(name for name, field in fields.items() if field is text)

        def check(value: Any) -> Faults:
            if not isinstance(value, dict):
                return wrong_type("an object", value)
            faults: list[Fault] = []
            for name, part in value.items():
                if name in texts and type(part) is str:  # which half of all fields are
                    continue
                field = fields.get(name, others)
                found = field(part) if field else [unknown_field(name, fields)]
                if found:
                    faults += inside(name, found) if field else found
            if not required <= value.keys():
                faults += [missing_field(name) for name in sorted(required - value.keys())]
            return [*faults, *size(value)] if size else faults

        return _once(check)

    def _others(self, schema: Schema, fields: Mapping[str, Check]) -> Check | None:
        """What checks a field that isn't named: in a map, each; None where there may be none."""
        if isinstance(schema.get("additionalProperties"), Mapping):
            return self.made(schema["additionalProperties"])
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            return _anything
        is_whole_object = schema.get("x-kubernetes-embedded-resource") and not fields
        return _anything if is_whole_object else None

    def _array(self, schema: Schema) -> Check:
        item = self.made(schema["items"]) if "items" in schema else _anything
        size = size_checker(schema, "Items", "item")
        same = _distinct(schema)

        def check(value: Any) -> Faults:
            if not isinstance(value, list):
                return wrong_type("a list", value)
            faults: list[Fault] = []
            for index, part in enumerate(value):
                found = item(part)
                if found:
                    faults += inside(index, found)
            if same and len(value) > 1 and not faults:
                faults += same(value)
            return [*faults, *size(value)] if size else faults

        return _once(check)


def _once(check: Check) -> Check:
    """The check, which doesn't look again at a part of a template that it has found no fault in."""

    def checked(value: Any) -> Faults:
        if not isinstance(value, _FIXED):
            return check(value)
        if check in value.fine:
            return FINE
        faults = check(value)
        if not faults:
            value.fine.add(check)
        return faults

    return checked


def _anything(_: Any) -> Faults:
    return FINE


def _distinct(schema: Schema) -> Callable[[list[Any]], Faults] | None:
    """What finds items that are taken for one and the same, in a list that server-side apply merges."""
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        return lambda items: _repeated(items, lambda item: item, "")
    if kind != "map":
        return None
    keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
    parts = schema.get("items", {}).get("properties", {})
    defaults = {key: parts.get(key, {}).get("default") for key in keys}
    named = f" of `{'`, `'.join(keys)}`"

    def key_of(item: Any) -> Any:
        return [item.get(key, defaults[key]) for key in keys]

    def faults(items: list[Any]) -> Faults:
        if len(keys) == 1:  # mostly a name, and mostly each its own, which a set sees at once
            names = [item.get(keys[0]) for item in items]
            if all(type(name) is str for name in names) and len(set(names)) == len(names):
                return FINE
        return _repeated(items, key_of, named)

    return faults


def _written(key: Any) -> Any:
    """What is the same for the same key: most are texts, and need not be written to be told apart."""
    if type(key) is list and all(type(each) is str for each in key):
        return tuple(key)
    return json.dumps(key, sort_keys=True, default=str)


def _repeated(items: list[Any], key_of: Callable[[Any], Any], named: str) -> Faults:
    first: dict[Any, int] = {}
    faults: list[Fault] = []
    for index, item in enumerate(items):
        key = key_of(item)
        written = _written(key)
        if written in first:
            values = ", ".join(shown(each) for each in key) if isinstance(key, list) else shown(key)
            said = f"this has the same `{values}`{named} as item {first[written]}"
            faults += inside(index, here(Rule.REPEATED, said))
        first.setdefault(written, index)
    return faults
