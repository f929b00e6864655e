"""Whether a value follows a JSON Schema, as a plain yes or no: quickly, and without a library that takes long to load.

The schema is turned into functions once. They say of a value what jsonschema would say of it, and nothing more: what
is wrong, and where, jsonschema is asked. See docs/decisions/0014-accepting-quickly.md.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any

Accepts = Callable[[Any], bool]
Schema = Mapping[str, Any]

# Keywords that describe and don't restrict. `format` is one of them, as nobody asks jsonschema to check it.
_SAID_ONLY = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "examples", "format", "x-expected"}
)


def accepts(schema: Schema) -> Accepts:
    """What says whether a value follows the schema. Raises ValueError for a keyword that isn't known here."""
    return _Making(schema).made(schema)


@cache
def to_the_end(pattern: str) -> str:
    """The pattern with each `$` that isn't escaped or in a set replaced by the end of the text.

    In the standard `$` is the end; in Python a line break may follow. Source: ECMA-262, section 22.2.2.4, Assertion.
    """
    return re.sub(r"(\\.|\[(?:\\.|[^\]\\])*\])|\$", lambda found: found[1] or r"\Z", pattern)


class _Making:
    """Makes functions of the parts of one schema; definitions that refer to each other are made once."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._definitions: dict[str, Accepts] = {}

    def made(self, schema: Schema | bool) -> Accepts:  # noqa: FBT001 - true and false are schemas
        if isinstance(schema, bool):
            return _anything if schema else _nothing
        if unknown := schema.keys() - _KEYWORDS - _SAID_ONLY:
            raise ValueError(f"the keyword `{min(unknown)}` is not known here")
        parts = [_typed(schema["type"])] if "type" in schema else []
        parts += [_one_of([schema["const"]])] if "const" in schema else []
        parts += [_one_of(schema["enum"])] if "enum" in schema else []
        parts += [part for part in (_text(schema), _number(schema), self._list(schema), self._mapping(schema)) if part]
        parts += self._combined(schema)
        return _all(parts)

    def _combined(self, schema: Schema) -> list[Accepts]:
        parts = [self._definition(schema["$ref"])] if "$ref" in schema else []
        parts += [self.made(part) for part in schema.get("allOf", ())]
        if "anyOf" in schema:
            parts.append(_any([self.made(part) for part in schema["anyOf"]]))
        if "not" in schema:
            parts.append(_not(self.made(schema["not"])))
        if "if" in schema:
            then, otherwise = self.made(schema.get("then", True)), self.made(schema.get("else", True))
            parts.append(_if(self.made(schema["if"]), then, otherwise))
        return parts

    def _definition(self, reference: str) -> Accepts:
        name = reference.removeprefix("#/$defs/")
        if name == reference or name not in self._root.get("$defs", {}):
            raise ValueError(f"`{reference}` is none of the schema's own definitions")

        def accepted(value: Any) -> bool:
            """Made when first asked: a definition may hold itself, and most documents need only some of them."""
            if name not in self._definitions:
                self._definitions[name] = self.made(self._root["$defs"][name])
            return self._definitions[name](value)

        return accepted

    def _list(self, schema: Schema) -> Accepts | None:
        if schema.keys().isdisjoint({"items", "minItems", "maxItems", "uniqueItems"}):
            return None
        item = self.made(schema.get("items", True))
        least, most = _size(schema, "Items")
        is_set = schema.get("uniqueItems", False)

        def accepted(value: Any) -> bool:
            if not isinstance(value, list):
                return True
            if not least <= len(value) <= most or (is_set and _repeats(value)):
                return False
            return all(map(item, value))

        return accepted

    def _mapping(self, schema: Schema) -> Accepts | None:
        size = {"minProperties", "maxProperties"}
        if schema.keys().isdisjoint({"properties", "required", "additionalProperties", "propertyNames", *size}):
            return None
        fields = {name: self.made(part) for name, part in schema.get("properties", {}).items()}
        others = self.made(schema.get("additionalProperties", True))
        key = self.made(schema["propertyNames"]) if "propertyNames" in schema else None
        required = frozenset(schema.get("required", ()))
        least, most = _size(schema, "Properties")

        def accepted(value: Any) -> bool:
            if not isinstance(value, dict):
                return True
            if not required <= value.keys() or not least <= len(value) <= most:
                return False
            if key is not None and not all(map(key, value)):
                return False
            for name, part in value.items():  # noqa: SIM110 - a loop takes half as long as `all` of a generator
                if not fields.get(name, others)(part):
                    return False
            return True

        return accepted


def _all(parts: Sequence[Accepts]) -> Accepts:
    """What accepts a value that all of them accept."""
    match parts:
        case []:
            return _anything
        case [part]:
            return part
        case [first, second]:
            return lambda value: first(value) and second(value)
        case _:
            return _all([_all(parts[:2]), _all(parts[2:])])  # pairs are quicker than a loop


def _any(parts: Sequence[Accepts]) -> Accepts:
    return lambda value: any(part(value) for part in parts)


def _not(part: Accepts) -> Accepts:
    return lambda value: not part(value)


def _if(condition: Accepts, then: Accepts, otherwise: Accepts) -> Accepts:
    return lambda value: then(value) if condition(value) else otherwise(value)


def _anything(_: Any) -> bool:
    return True


def _nothing(_: Any) -> bool:
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Accepts] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}


def _typed(types: str | Sequence[str]) -> Accepts:
    return _TYPES[types] if isinstance(types, str) else _any([_TYPES[name] for name in types])


def _one_of(choices: Sequence[Any]) -> Accepts:
    """What accepts one of some scalars. To Python 1 and true are the same, to JSON 1 and 1.0 are."""
    if any(isinstance(choice, list | dict) for choice in choices):
        raise ValueError("a choice of lists or mappings is not known here")
    if all(isinstance(choice, str) for choice in choices):
        texts = frozenset(choices)
        return lambda value: isinstance(value, str) and value in texts
    kinds = [(isinstance(choice, bool), choice) for choice in choices]
    return lambda value: not isinstance(value, list | dict) and (isinstance(value, bool), value) in kinds


def _text(schema: Schema) -> Accepts | None:
    if schema.keys().isdisjoint({"pattern", "minLength", "maxLength"}):
        return None
    pattern = to_the_end(schema.get("pattern", ""))  # compiled when it is first needed, and kept by `re`
    least, most = _size(schema, "Length")
    return lambda value: (
        not isinstance(value, str)
        or (least <= len(value) <= most and (not pattern or re.search(pattern, value) is not None))
    )


def _number(schema: Schema) -> Accepts | None:
    if schema.keys().isdisjoint({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}):
        return None
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    above, below = schema.get("exclusiveMinimum", float("-inf")), schema.get("exclusiveMaximum", float("inf"))
    return lambda value: not _is_number(value) or (least <= value <= most and above < value < below)


def _size(schema: Schema, what: str) -> tuple[float, float]:
    return schema.get(f"min{what}", 0), schema.get(f"max{what}", float("inf"))


def _repeats(items: list[Any]) -> bool:
    """Whether two items are the same in JSON, where 1 and true differ, also deep inside."""
    return len({_marked(item) for item in items}) < len(items)


def _marked(value: Any) -> Hashable:
    """What equals another one of its kind only if the values do; a truth value equals nothing else."""
    match value:
        case bool():
            return (value,)
        case list():
            return ("list", *map(_marked, value))
        case dict():
            return frozenset((key, _marked(item)) for key, item in value.items())
        case _:
            known: Hashable = value
            return known


_KEYWORDS = frozenset(
    {
        *("type", "const", "enum", "pattern", "minLength", "maxLength"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("items", "minItems", "maxItems", "uniqueItems"),
        *("properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"),
        *("$ref", "allOf", "anyOf", "not", "if", "then", "else"),
    }
)
