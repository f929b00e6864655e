"""Schemas of target objects, stripped to what can be right or wrong: types, bounds, choices, required fields.

A definition of a custom resource may have megabytes, mostly descriptions and the same pod again and again. What is left
here is a hundredth of it: one small document for each kind and version, with a part that occurs often written once.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from mlopsctl.frozen import frozen

Schema = dict[str, Any]

_VERBATIM = (
    "type",
    "format",
    "nullable",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "default",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)
# What the API server writes and checks for each kind alike; what the cluster writes is nothing to render.
_OF_THE_SERVER = ("apiVersion", "kind", "metadata", "status")
# The form of quantities such as 500m and 2Gi, which definitions give and Kubernetes' own kinds only describe.
_QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_SMALLEST_SHARED = 60  # characters; a reference has 16


@frozen(kw_only=True)
class TargetSchema:
    """What the objects of one kind may look like; `schema` is a tree of plain values without references.

    `api_version` is as objects give it, such as `apps/v1`. `release` says whose it is, and is empty for a cluster's.
    """

    api_version: str
    kind: str
    release: str
    schema: Schema

    @property
    def path(self) -> PurePosixPath:
        """Where it lies below a folder of schemas."""
        return PurePosixPath(self.api_version, f"{self.kind}.json")

    def to_text(self) -> str:
        """The document to keep: sorted, without spaces, a part that occurs more than once under `$defs`."""
        shared = _Shared(self.schema)
        document = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            **({"release": self.release} if self.release else {}),
            "schema": shared.root,
            "$defs": shared.definitions,
        }
        # A line for each part: a change of one is a change of a line.
        lines = [f"{json.dumps(key)}:{_written(value)}" for key, value in document.items() if key != "$defs"]
        parts = ",\n".join(f"{json.dumps(key)}:{_written(value)}" for key, value in shared.definitions.items())
        return "{" + ",\n".join(lines) + ',\n"$defs":{' + (f"\n{parts}\n" if parts else "") + "}}\n"


def of_definition(definition: Mapping[str, Any], *, release: str) -> Iterator[TargetSchema]:
    """A schema for each served version of a CustomResourceDefinition. Raises ValueError if it isn't one."""
    try:
        spec = definition["spec"]
        for version in spec["versions"]:
            if version.get("served", True):
                yield TargetSchema(
                    api_version=f"{spec['group']}/{version['name']}",
                    kind=str(spec["names"]["kind"]),
                    release=release,
                    schema=_document(stripped(version.get("schema", {}).get("openAPIV3Schema", _ANYTHING))),
                )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no CustomResourceDefinition of apiextensions.k8s.io/v1: no {error}") from error


def of_open_api(document: Mapping[str, Any], kind: str, *, release: str) -> TargetSchema:
    """The schema of a kind of Kubernetes itself, from what `/openapi/v3/apis/GROUP/VERSION` of a server answers.

    Raises ValueError if the document doesn't have the kind.
    """
    schemas = document.get("components", {}).get("schemas", {})
    for found in schemas.values():
        for each in found.get("x-kubernetes-group-version-kind", ()):
            if each["kind"] == kind and found.get("properties", {}).get("kind"):
                version = f"{each['group']}/{each['version']}" if each["group"] else str(each["version"])
                schema = _document(_of_go(stripped(_resolved(found, schemas, ()))))
                return TargetSchema(api_version=version, kind=kind, release=release, schema=schema)
    raise ValueError(f"the document has no kind {kind}")


def metadata_of_open_api(document: Mapping[str, Any], *, release: str) -> TargetSchema:
    """The schema of the `metadata` of all objects, from the same document, as if it were a kind of its own."""
    schemas = document.get("components", {}).get("schemas", {})
    name = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    if name not in schemas:
        raise ValueError("the document has no ObjectMeta")
    schema = _of_go(stripped(_resolved(schemas[name], schemas, ())))
    return TargetSchema(api_version="meta/v1", kind="ObjectMeta", release=release, schema=schema)


def stripped(schema: Mapping[str, Any]) -> Schema:
    """A schema without what is for people, and without what only a cluster can judge, such as rules in CEL."""
    made: Schema = {key: schema[key] for key in _VERBATIM if key in schema}
    if "required" in made:
        made["required"] = sorted(made["required"])
    for key in ("items", "additionalProperties"):
        below = schema.get(key)
        if isinstance(below, Mapping):
            made[key] = stripped(below)
        elif below is True:
            made[key] = dict(_ANYTHING)
    if schema.get("properties"):
        made["properties"] = {name: stripped(below) for name, below in sorted(schema["properties"].items())}
    return made


_ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}


def expanded(document: Mapping[str, Any]) -> TargetSchema:
    """The schema of a kept document. Raises KeyError or TypeError if it isn't one."""
    definitions = document["$defs"]
    parts: dict[str, Any] = {}

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(each) for each in part]
        if not isinstance(part, dict):
            return part
        reference = part.get("$ref")
        if isinstance(reference, str):
            # Parts stay shared in memory, so that what is made of one is made once.
            if reference not in parts:
                parts[reference] = whole(definitions[reference])
            return parts[reference]
        return {key: whole(value) for key, value in part.items()}

    return TargetSchema(
        api_version=document["apiVersion"],
        kind=document["kind"],
        release=document.get("release", ""),
        schema=whole(document["schema"]),
    )


def _document(schema: Schema) -> Schema:
    """The schema of a whole object, without the fields that are the same for all kinds."""
    properties = schema.get("properties", {})
    made = {**schema, "properties": {key: part for key, part in properties.items() if key not in _OF_THE_SERVER}}
    required = [key for key in schema.get("required", ()) if key not in _OF_THE_SERVER]
    if required:
        made["required"] = required
    else:
        made.pop("required", None)
    return made


def _resolved(schema: Any, schemas: Mapping[str, Any], above: tuple[str, ...]) -> Any:
    """The schema with what it refers to in its place."""
    if isinstance(schema, list):
        return [_resolved(each, schemas, above) for each in schema]
    if not isinstance(schema, dict):
        return schema
    combined = schema.get("allOf", ())
    reference = schema.get("$ref") or (combined[0].get("$ref") if len(combined) == 1 else None)
    if not isinstance(reference, str):
        return {key: _resolved(value, schemas, above) for key, value in schema.items()}
    name = reference.rpartition("/")[2]
    if name in above:
        raise ValueError(f"{name} refers to itself")
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
    if name == "io.k8s.apimachinery.pkg.api.resource.Quantity":
        return {"x-kubernetes-int-or-string": True, "pattern": _QUANTITY}
    return {**_resolved(schemas[name], schemas, (*above, name)), **beside}


def _of_go(schema: Schema) -> Schema:
    """What Kubernetes says of its own kinds, in the terms of definitions: their defaults are only Go's empty values."""
    made = {
        key: value for key, value in schema.items() if key != "default" or value not in ("", 0, {}, [], None, False)
    }
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _of_go(made[key])
    if "properties" in made:
        made["properties"] = {name: _of_go(below) for name, below in made["properties"].items()}
    if made.get("format") == "int-or-string":
        return {"x-kubernetes-int-or-string": True, "format": "int32"}
    return made


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class _Shared:
    """A schema in which each part that occurs more than once, and is long enough, is written once."""

    def __init__(self, schema: Schema) -> None:
        self._texts: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self._count(schema)
        self._names: dict[str, str] = {}
        self.definitions: dict[str, Any] = {}
        self.root = self._below(schema)

    def _count(self, schema: Schema) -> None:
        text = self._texts[id(schema)] = _written(schema)
        self._counts[text] += 1
        if self._counts[text] == 1:  # what is in a repeated part is repeated with it
            for child in _children(schema):
                self._count(child)

    def _part(self, schema: Schema) -> Schema:
        text = self._texts.get(id(schema)) or _written(schema)
        if self._counts[text] == 1 or len(text) < _SMALLEST_SHARED:
            return self._below(schema)
        if text not in self._names:
            made = self._below(schema)
            self._names[text] = str(len(self._names))
            self.definitions[self._names[text]] = made
        return {"$ref": self._names[text]}

    def _below(self, schema: Schema) -> Schema:
        made = dict(schema)
        for key in ("items", "additionalProperties"):
            if key in made:
                made[key] = self._part(made[key])
        if "properties" in made:
            made["properties"] = {name: self._part(part) for name, part in made["properties"].items()}
        return made


def _children(schema: Schema) -> Iterator[Schema]:
    yield from (schema[key] for key in ("items", "additionalProperties") if key in schema)
    yield from schema.get("properties", {}).values()
