"""Fan-outs: a stage that runs once for each value of a list, and what such a part of it is.

A part is the stage with one parameter more, so that its cache key is that of the same stage run with that parameter.
It has a name of its own, by which people, files and records call it: `model[AA]`.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import TypeVar

from mlopsctl.ir.model import Pipeline, Stage, StageBase
from mlopsctl.ir.parts import Item, StageOutput
from mlopsctl.ir.values import shown
from mlopsctl.source.nodes import Plain

MOST = 1000  # parts of a stage, as Argo keeps what it knows of all of them in one object
LONGEST = 150  # bytes of an item's name, which is part of file names that may have 255
LISTS = "lists"  # the folder in a pod, below the one that it works in, for the lists that its stage makes for others
_PLAIN = frozenset("._-+=@,")
_COMPRESSED = frozenset((".gz", ".bz2", ".xz", ".zst"))

S = TypeVar("S", bound=StageBase)


class UnusableListError(ValueError):
    """A list that nothing can fan out over; the text says why."""


def items_of(param: str, values: object) -> tuple[Item, ...]:
    """The items of a list, in its order. Raises UnusableListError for what is no list of different plain values."""
    if not isinstance(values, list | tuple):
        raise UnusableListError("it is no list")
    if len(values) > MOST:
        raise UnusableListError(f"it has {len(values):,} values, and a stage fans out into {MOST:,} parts at most")
    found: dict[str, Item] = {}
    for value in values:
        item = Item(param, _plain(value), _name(_plain(value)))
        if item.name in found:
            raise UnusableListError(f"`{item.name}` is in it twice")
        found[item.name] = item
    return tuple(found.values())


def written_items(stage: StageBase) -> tuple[Item, ...]:
    """The items of a stage whose list stands in the pipeline; none if another stage makes the list.

    Raises UnusableListError, which the rules about pipelines have found before anything runs.
    """
    return tuple(
        item
        for param, values in stage.each.items()
        if not isinstance(values, StageOutput)
        for item in items_of(param, values)
    )


def list_of(stage: StageBase) -> StageOutput | None:
    """The output that is the list a stage fans out over, if another stage makes it."""
    return next((values for values in stage.each.values() if isinstance(values, StageOutput)), None)


def part(stage: S, item: Item) -> S:
    """The part of a stage for one item."""
    return replace(stage, name=part_name(stage.name, item.name), each={}, item=item)


def written_parts(pipeline: Pipeline) -> tuple[str, ...]:
    """What the parts are called of all stages whose lists stand in the pipeline."""
    stages = pipeline.stages.values()
    return tuple(part_name(stage.name, item.name) for stage in stages for item in written_items(stage))


def part_name(stage: str, item: str) -> str:
    """What a part is called: `model[AA]`."""
    return f"{stage}[{item}]"


def is_paired(stage: Stage, source: Stage) -> bool:
    """Whether each part of a stage can read the part of `source` for the same item.

    They fan out over the same list, or over written ones, of which that of `source` has all that the other has.
    """
    if not stage.each or stage.each.keys() != source.each.keys():
        return False
    if stage.each == source.each:
        return True
    if list_of(stage) is not None or list_of(source) is not None:
        return False
    try:
        return {item.name for item in written_items(stage)} <= {item.name for item in written_items(source)}
    except UnusableListError:
        return True  # which is said elsewhere


def entry_name(item: str, output: str) -> str:
    """What a part's output is called in the folder of all parts: the item, with the ending of the file."""
    endings = PurePath(output).suffixes
    return item + "".join(endings[-2:] if endings and endings[-1] in _COMPRESSED else endings[-1:])


def _plain(value: object) -> Plain:
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise UnusableListError("its values have to be texts, numbers or booleans")


def _name(value: Plain) -> str:
    """The value as a file name: letters, digits and a few signs as they are, all else as in a web address."""
    name = "".join(_encoded(shown(value)))
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if not name:
        raise UnusableListError("a text in it is empty")
    if len(name.encode()) > LONGEST:
        raise UnusableListError(f"`{shown(value)[:20]}…` is too long for a file name")
    return name


def _encoded(text: str) -> Iterable[str]:
    for character in text:
        if character.isalnum() or character in _PLAIN:
            yield character
        else:
            yield from (f"%{byte:02X}" for byte in character.encode(errors="surrogatepass"))
