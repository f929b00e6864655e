"""What several releases of a kind allow alike, as one schema.

Releases differ in few fields, and nearly every object has none of them: it is held against this one schema, and only
what breaks it against that of each release.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

NOTHING: Schema = {"enum": []}  # no value is one of these
_WITH_PARTS = frozenset({"properties", "items", "additionalProperties", "required"})
# What only ever allows less than a schema without it.
_LIMITS = frozenset(
    {
        *("enum", "pattern", "minimum", "maximum"),
        *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    }
)
# With one of these, an object may have fields that aren't named.
_OPEN = frozenset({"additionalProperties", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"})


def common_schema(first: Schema, second: Schema) -> Schema:
    """A schema that allows nothing that one of the two, both stripped, doesn't.

    It may allow less than both do: where they differ otherwise than by a field or a limit that one of them lacks, it
    allows nothing.
    """
    return _Making().made(first, second)


class _Making:
    """The schemas made so far, by the identities of those that they are common to, so that shared parts stay shared."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], Schema] = {}

    def made(self, first: Schema, second: Schema) -> Schema:
        key = (id(first), id(second))
        if key not in self._made:
            self._made[key] = self._common(first, second)
        return self._made[key]

    def _common(self, first: Schema, second: Schema) -> Schema:
        mine, theirs = _without_parts(first), _without_parts(second)
        if any(mine.get(key) != theirs.get(key) for key in (mine.keys() | theirs.keys()) - _one_sided(mine, theirs)):
            return NOTHING
        made = {**mine, **theirs}
        for part in ("items", "additionalProperties"):
            if (part in first) != (part in second):
                return NOTHING
            if part in first:
                made[part] = self.made(first[part], second[part])
        fields, others = first.get("properties", {}), second.get("properties", {})
        if fields.keys() != others.keys() and not _OPEN.isdisjoint(first):
            return NOTHING
        if "properties" in first or "properties" in second:
            made["properties"] = {name: self.made(fields[name], others[name]) for name in fields if name in others}
        if required := {*first.get("required", ()), *second.get("required", ())}:
            made["required"] = sorted(required)
        return made


def _one_sided(first: Schema, second: Schema) -> frozenset[str]:
    """The limits that only one of them has."""
    return _LIMITS & (first.keys() ^ second.keys())


def _without_parts(schema: Schema) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in _WITH_PARTS}
