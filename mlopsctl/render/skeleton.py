"""What a template's text says once it is read: a document with holes, which values fill."""

import re
from collections.abc import Sequence
from typing import Any

from mlopsctl.diagnostics import Position, Span
from mlopsctl.frozen import frozen
from mlopsctl.render.fixed import FixedList, FixedMapping
from mlopsctl.render.sourced import Sourced
from mlopsctl.source.nodes import MappingNode, Node, Path, ScalarNode, SequenceNode

# Characters for private use, which no template contains but for what is written here.
OPEN, CLOSE = "\ue000", "\ue001"
_HOLE = re.compile(f"{OPEN}([0-9]+){CLOSE}")


class NotWholeError(Exception):
    """A value stands beside other text, or can't stand where it does; `span` is in the text that was read."""

    def __init__(self, message: str, span: Span | None) -> None:
        super().__init__(message)
        self.span = span


@frozen
class Filled:
    """A document, and where its values are written; the path of the document itself is empty.

    Documents are values: parts of them may be parts of others, too, so nobody changes them in place.
    """

    document: Any
    places: dict[Path, Span]


@frozen
class Hole:
    """Where the value of this number belongs."""

    number: int
    span: Span


@frozen
class HoledMapping:
    """A mapping with holes somewhere in its values.

    `whole` has all of its keys in their order, each with its value or, where that is in `holed`, with None.
    """

    whole: dict[str, Any]
    holed: tuple[tuple[str, "Skeleton"], ...]


@frozen
class HoledKeys:
    """A mapping with holes as keys, and maybe in its values."""

    entries: tuple[tuple["str | Hole", "Skeleton"], ...]


@frozen
class HoledList:
    """A list with holes somewhere in it."""

    items: tuple["Skeleton", ...]


@frozen
class Whole:
    """A value without holes."""

    value: Any


Skeleton = Hole | HoledMapping | HoledKeys | HoledList | Whole


def placeholder(number: int) -> str:
    """What stands in a template's text for the value of this number."""
    return f"{OPEN}{number}{CLOSE}"


def skeleton_of(node: Node) -> Skeleton:
    """The node with its placeholders as holes. Raises NotWholeError for one that isn't a whole scalar."""
    match node:
        case ScalarNode():
            return _scalar(node)
        case SequenceNode():
            items = tuple(skeleton_of(item) for item in node.items)
            if all(isinstance(item, Whole) for item in items):
                return Whole(FixedList([item.value for item in items if isinstance(item, Whole)]))
            return HoledList(items)
        case MappingNode():
            return _mapping(node)


def _mapping(node: MappingNode) -> Whole | HoledMapping | HoledKeys:
    entries = [(_key(key, entry.key), skeleton_of(entry.value)) for key, entry in node.entries.items()]
    if any(isinstance(key, Hole) for key, _ in entries):
        return HoledKeys(tuple(entries))
    whole = {str(key): value.value if isinstance(value, Whole) else None for key, value in entries}
    holed = tuple((str(key), value) for key, value in entries if not isinstance(value, Whole))
    return HoledMapping(whole, holed) if holed else Whole(FixedMapping(whole))


def _scalar(node: ScalarNode) -> Hole | Whole:
    if not isinstance(node.value, str) or OPEN not in node.value:
        return Whole(node.value)
    if found := _HOLE.fullmatch(node.value):
        return Hole(int(found[1]), node.span)
    raise NotWholeError("a value stands beside other text", node.span)


def _key(key: str, span: Span) -> str | Hole:
    if OPEN not in key:
        return key
    if found := _HOLE.fullmatch(key):
        return Hole(int(found[1]), span)
    raise NotWholeError("a value stands beside other text", span)


def fill(skeleton: Skeleton, values: Sequence[object]) -> Filled:
    """The document with its holes filled by the values of their numbers.

    Raises NotWholeError for a value that is none of JSON's, or a key that is no string or there twice.
    """
    places: dict[Path, Span] = {}
    return Filled(_filled(skeleton, values, (), places), places)


def _filled(skeleton: Skeleton, values: Sequence[object], path: Path, places: dict[Path, Span]) -> Any:
    if isinstance(skeleton, HoledMapping):
        made = skeleton.whole.copy()
        for key, below in skeleton.holed:
            # Plain texts are most of what fills holes, and this is most of rendering: they need no call.
            if isinstance(below, Hole) and type(value := values[below.number]) is str:
                made[key] = value
            else:
                made[key] = _filled(below, values, (*path, key), places)
        return made
    if isinstance(skeleton, Whole):
        return skeleton.value
    if isinstance(skeleton, HoledList):
        return [_filled(item, values, (*path, index), places) for index, item in enumerate(skeleton.items)]
    if isinstance(skeleton, HoledKeys):
        return _with_keys(skeleton, values, path, places)
    try:
        return plain(values[skeleton.number], path, places)
    except TypeError as error:
        raise NotWholeError(str(error), skeleton.span) from error


def _with_keys(skeleton: HoledKeys, values: Sequence[object], path: Path, places: dict[Path, Span]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, below in skeleton.entries:
        key = name if isinstance(name, str) else _key_of(name, values)
        if key in made:
            raise NotWholeError(f"the key `{key}` is there twice", name.span if isinstance(name, Hole) else None)
        made[key] = _filled(below, values, (*path, key), places)
    return made


def _key_of(hole: Hole, values: Sequence[object]) -> str:
    value = values[hole.number]
    if not isinstance(value, str):
        raise NotWholeError("a key is a string, and this value is none", hole.span)
    return str.__str__(value)


def plain(value: object, path: Path, places: dict[Path, Span]) -> Any:
    """The value as JSON has it; the places of its parts are added to `places`. Raises TypeError if it is no JSON."""
    if type(value) is str:  # which most values are
        return value
    if isinstance(value, Filled):
        places.update({(*path, *below): span for below, span in value.places.items()})
        return value.document
    if isinstance(value, Sourced):
        places[path] = value.span
    if isinstance(value, dict):
        return {
            # Plain texts, which most are, need no call.
            key if type(key) is str else _text_key(key): below
            if type(below) is str
            else plain(below, (*path, key), places)
            for key, below in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item, (*path, index), places) for index, item in enumerate(value)]
    return _scalar_of(value)


def _scalar_of(value: object) -> Any:
    """The scalar without a place."""
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case _:
            raise TypeError(f"a value is a {type(value).__name__}, which YAML has no form for")


def _text_key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError("a mapping has keys that are no strings")
    return str.__str__(key)


def line_of(span: Span | None) -> int:
    """The line, counted from 1."""
    return (span.start if span else Position(1, 1)).line
