"""Whether a document has the shape that its JSON Schema describes, worded for people and put at the right place.

The schemas are the only description of the input. Most documents are right, which `accepting` sees at once; of others,
jsonschema says which keywords fail. That is rewritten here, each keyword in its own way: where, what was expected, and
which similar name exists.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from mlopsctl.check import shape_faults as faults
from mlopsctl.check.accepting import Accepts, accepts, to_the_end
from mlopsctl.diagnostics import Diagnostic, Span, similar
from mlopsctl.frozen import frozen
from mlopsctl.source.header import Kind, Source
from mlopsctl.source.nodes import MappingNode, Path, key_span, plain, value_span

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SCHEMAS = FilePath(__file__).parent.parent / "schemas" / "v1"


def check(source: Source, root: MappingNode) -> tuple[tuple[Diagnostic, Path], ...]:
    """What is wrong with the shape of `root`, each with the path of the value at fault.

    `root` is the document of `source`, or what an environment's overrides made of it.
    """
    document = plain(root)
    if _acceptor(source.kind)(document):
        return ()
    errors = _first_of_each(_validator(source.kind).iter_errors(document))
    definitions = schema(source.kind)["$defs"] if errors else {}
    return tuple(found for error in errors for found in _worded(error, root, definitions))


def _first_of_each(errors: "Iterable[ValidationError]") -> "list[ValidationError]":
    """The errors without those that only follow from another: what is of the wrong type is no choice either."""
    found = list(errors)
    of_wrong_type = {tuple(error.absolute_path) for error in found if error.validator == "type"}
    return [
        error
        for error in found
        if error.validator not in ("enum", "const") or tuple(error.absolute_path) not in of_wrong_type
    ]


def schema(kind: Kind) -> dict[str, Any]:
    """The published schema of one kind of document."""
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{kind.lower()}.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _acceptor(kind: Kind) -> Accepts:
    return accepts(schema(kind))


@cache
def _validator(kind: Kind) -> "Draft202012Validator":
    return validator(schema(kind))


def validator(schema: Mapping[str, Any]) -> "Draft202012Validator":
    """What says which keywords of a schema fail, and is the judge of what right is."""
    from jsonschema import Draft202012Validator, validators  # here, as what is right needs nobody to say what is wrong

    checker: type[Draft202012Validator] = validators.extend(  # type: ignore[no-untyped-call]  # the library's own
        Draft202012Validator, {"pattern": _pattern}
    )
    return checker(schema)


def _pattern(
    validator: "Draft202012Validator", pattern: str, instance: object, _: object
) -> "Iterator[ValidationError]":
    """The keyword `pattern` as the standard has it, where `$` is the end; in Python a line break may follow."""
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not re.search(to_the_end(pattern), str(instance)):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@frozen(kw_only=True)
class _Failing:
    """A keyword that fails: what jsonschema says of it, with types that say what they are."""

    keyword: str
    limit: Any  # the keyword's own value
    schema: Mapping[str, Any]  # the one that the keyword stands in
    instance: Any
    is_key: bool  # the instance is a key of the mapping at `path`, not the value there
    path: Path
    root: MappingNode
    definitions: Mapping[str, Any]

    @property
    def what(self) -> str:
        """The name of what is at fault: the last key of its path, and for an item of a list the list's."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def expected(self) -> str:
        """The schema's own phrase for what a value must be."""
        return str(self.schema.get("x-expected", ""))

    def description(self, schema: Mapping[str, Any]) -> str:
        """What a schema says of itself, or else the definition that it refers to."""
        definition = self.definitions.get(str(schema.get("$ref", "")).removeprefix("#/$defs/"), {})
        return str(schema.get("description") or definition.get("description", ""))

    @property
    def value(self) -> Span:
        return value_span(self.root, self.path)

    @property
    def key(self) -> Span:
        return key_span(self.root, (*self.path, str(self.instance)) if self.is_key else self.path)


def _worded(
    error: "ValidationError", root: MappingNode, definitions: Mapping[str, Any]
) -> Iterator[tuple[Diagnostic, Path]]:
    failing = _Failing(
        keyword=str(error.validator),
        limit=error.validator_value,
        schema=error.schema if isinstance(error.schema, dict) else {},
        instance=error.instance,
        is_key="propertyNames" in error.absolute_schema_path,
        path=tuple(error.absolute_path),
        root=root,
        definitions=definitions,
    )
    for found in _WORDINGS.get(failing.keyword, _otherwise)(failing):
        yield found, failing.path


def _unknown_keys(failing: _Failing) -> Iterator[Diagnostic]:
    known = list(failing.schema.get("properties", {}))
    for key in failing.instance:
        if key not in known:
            yield faults.unknown_key(key_span(failing.root, (*failing.path, key)), key, known, failing.what)


def _missing_keys(failing: _Failing) -> Iterator[Diagnostic]:
    if failing.expected and "type" not in failing.schema:  # one of several keys, of which the keyword names the last
        yield faults.missing_key(failing.key, failing.expected, failing.what, "")
        return
    known = failing.schema.get("properties", {})
    is_closed = failing.schema.get("additionalProperties") is False
    # Keys that don't exist are reported as such already, each with the key that it is a slip of.
    slips = {similar(key, known) for key in failing.instance if key not in known} if is_closed else set()
    for key in failing.limit:
        slip = next((each for each in failing.instance if each not in known and similar(each, [key])), None)
        if key in failing.instance or key in slips:
            continue
        if slip is not None:  # of a mapping of which it isn't known yet which other keys it may have
            yield faults.unknown_key(key_span(failing.root, (*failing.path, slip)), slip, [key], failing.what)
        else:
            yield faults.missing_key(failing.key, f"`{key}`", failing.what, failing.description(known.get(key, {})))


def _type(failing: _Failing) -> Iterator[Diagnostic]:
    types = failing.limit if isinstance(failing.limit, list) else [failing.limit]
    if failing.instance is None:
        yield faults.nothing(failing.key, failing.what, types)
    else:
        wanted = faults.Wanted(types, failing.expected)
        yield faults.wrong_type(failing.value, failing.what, wanted, failing.instance)


def _choice(failing: _Failing) -> Iterator[Diagnostic]:
    choices = failing.limit if failing.keyword == "enum" else [failing.limit]
    yield faults.not_a_choice(failing.value, failing.what, failing.instance, choices)


def _form(failing: _Failing) -> Iterator[Diagnostic]:
    if failing.is_key:
        yield faults.key_form(failing.key, str(failing.instance), failing.expected)
    else:
        yield faults.wrong_form(failing.value, failing.what, str(failing.instance), failing.expected)


def _range(failing: _Failing) -> Iterator[Diagnostic]:
    words = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}
    bound = f"{words[failing.keyword]} {failing.limit}"
    yield faults.out_of_range(failing.value, failing.what, failing.instance, bound)


def _size(failing: _Failing) -> Iterator[Diagnostic]:
    unit = {"Length": "character", "Items": "item"}.get(failing.keyword[3:], "key")
    least = "at least" if failing.keyword.startswith("min") else "at most"
    bound = f"{least} {failing.limit} {unit}{'' if failing.limit == 1 else 's'}"
    if failing.is_key:
        yield faults.key_form(failing.key, str(failing.instance), bound)
    else:
        yield faults.wrong_size(failing.value, failing.what, len(failing.instance), bound)


def _repeated(failing: _Failing) -> Iterator[Diagnostic]:
    first: dict[str, Span] = {}
    for index, item in enumerate(failing.instance):
        written, span = json.dumps(item, sort_keys=True), value_span(failing.root, (*failing.path, index))
        if written in first:
            yield faults.repeated_item(span, item, first[written])
        first.setdefault(written, span)


def _otherwise(failing: _Failing) -> Iterator[Diagnostic]:
    yield faults.not_as_described(failing.key, failing.what, failing.expected or failing.keyword)


_WORDINGS: Mapping[str, Callable[[_Failing], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
    "type": _type,
    "enum": _choice,
    "const": _choice,
    "pattern": _form,
    "minimum": _range,
    "maximum": _range,
    "exclusiveMinimum": _range,
    "exclusiveMaximum": _range,
    "minLength": _size,
    "maxLength": _size,
    "minItems": _size,
    "maxItems": _size,
    "minProperties": _size,
    "maxProperties": _size,
    "uniqueItems": _repeated,
}
