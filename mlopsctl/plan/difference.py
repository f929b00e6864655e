"""What differs between two documents of one object, field by field, as people think of its fields."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.manifest import CONTRACT, Document, Key, Path, key_of
from mlopsctl.plan.model import ABSENT, FieldChange
from mlopsctl.plan.normal import is_amount, is_identical, is_same, masked, stripped
from mlopsctl.plan.steps import Item, Steps, item_of, nearest, written

ListKeys = Callable[[Key, Path], tuple[str, ...] | None]
"""By which fields the items of the list under a path of such an object are told apart; None if it isn't known."""

# By the name of a list what its items are known by, for kinds whose definition isn't at hand; the first that fits.
_MERGE_KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "conditions": (("type",),),
    "hostAliases": (("ip",),),
    "ownerReferences": (("uid",),),
    "ports": (("containerPort", "protocol"), ("containerPort",), ("port", "protocol"), ("port",)),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "volumeDevices": (("devicePath",),),
    "volumeMounts": (("mountPath",),),
}

_WHOLE = "{…}"  # a part of a contract that is new, or isn't there any more: pages of what is said elsewhere


@frozen
class Difference:
    """A value before and after; `is_order` if it is what the items of a list are known by, in their order."""

    steps: Steps
    before: Any
    after: Any
    is_order: bool = False


def differences(
    before: Document,
    after: Document,
    *,
    place: Callable[[Path], Span | None] = lambda _: None,
    list_keys: ListKeys = lambda *_: None,
    source: Document | None = None,
) -> tuple[FieldChange, ...]:
    """What differs, in the order of `after`, what is gone last; empty if Kubernetes means the same by both.

    What servers own, our stamps and the inventory's label are left out; secret values are masked. `place` says where
    the value under a path of `source` is written; `source` is the document as rendered, or None if that is `after`.
    """
    known = after if source is None else source
    return tuple(
        field_change(each, (before, after), None if each.after is ABSENT else place(placed(each.steps, known)))
        for each in compared(before, after, list_keys=list_keys)
    )


def field_change(found: Difference, documents: tuple[Document, Document], place: Span | None) -> FieldChange:
    """What people are shown of a difference between these two documents."""
    kind, in_contract = str(documents[1]["kind"]), any(is_contract(each) for each in documents)
    is_whole = in_contract and (found.before is ABSENT or found.after is ABSENT) and _is_text_of_json(found.steps)
    before, after = (
        _WHOLE if is_whole and value is not ABSENT else masked(kind, found.steps, value)
        for value in (found.before, found.after)
    )
    return FieldChange(path=_shown(found, in_contract=in_contract), before=before, after=after, place=place)


def compared(before: Document, after: Document, *, list_keys: ListKeys = lambda *_: None) -> tuple[Difference, ...]:
    """The same with paths as values and nothing masked."""
    comparison = _Comparison(key_of(after), list_keys)
    found = list(comparison.mappings(stripped(before), stripped(after), (), ()))
    return tuple(sorted(found, key=lambda each: each.after is ABSENT))


class _Comparison:
    """Compares two documents of the object `key`. Paths come twice: as steps, and as `list_keys` wants them."""

    def __init__(self, key: Key, list_keys: ListKeys) -> None:
        self._key = key
        self._list_keys = list_keys

    def values(self, before: Any, after: Any, steps: Steps, path: Path) -> Iterator[Difference]:
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self.mappings(before, after, steps, path)
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._lists(before, after, steps, path)
        elif not self._is_same(before, after, steps):
            documents = self._embedded(before, after, steps)
            inner = list(_Inside().values(*documents, steps, path)) if documents else []
            yield from inner or [Difference(steps, before, after)]

    def mappings(
        self, before: Mapping[str, Any], after: Mapping[str, Any], steps: Steps, path: Path
    ) -> Iterator[Difference]:
        for name, value in after.items():
            inner = ((*steps, name), (*path, name))
            if name in before:
                yield from self.values(before[name], value, *inner)
            else:
                yield Difference(inner[0], ABSENT, value)
        yield from (Difference((*steps, name), before[name], ABSENT) for name in before if name not in after)

    def _lists(self, before: list[Any], after: list[Any], steps: Steps, path: Path) -> Iterator[Difference]:
        if self._is_same(before, after, steps):
            return
        keyed = self._keyed(before, after, path)
        if keyed:
            yield from self._items(*keyed, steps, path)
        elif all(isinstance(each, dict | list) for each in (*before, *after)) and before and after:
            yield from self._elements(before, after, steps, path)
        else:
            yield Difference(steps, before, after)

    def _items(
        self, before: Mapping[Item, Any], after: Mapping[Item, Any], steps: Steps, path: Path
    ) -> Iterator[Difference]:
        for place, (item, value) in enumerate(after.items()):
            if item in before:
                yield from self.values(before[item], value, (*steps, item), (*path, place))
            else:
                yield Difference((*steps, item), ABSENT, value)
        old, new = [each for each in before if each in after], [each for each in after if each in before]
        if old != new:
            yield Difference(steps, [_name(each) for each in old], [_name(each) for each in new], is_order=True)
        yield from (Difference((*steps, item), before[item], ABSENT) for item in before if item not in after)

    def _elements(self, before: list[Any], after: list[Any], steps: Steps, path: Path) -> Iterator[Difference]:
        """One by one, after what both begin and end with, so that one that is put in isn't a change of all behind."""
        shorter = min(len(before), len(after))
        first = _agreeing(range(shorter), lambda at: self._is_same(before[at], after[at], steps))
        last = _agreeing(range(shorter - first), lambda at: self._is_same(before[-1 - at], after[-1 - at], steps))
        for at in range(first, shorter - last):
            yield from self.values(before[at], after[at], (*steps, at), (*path, at))
        for at in range(shorter - last, len(after) - last):
            yield Difference((*steps, at), ABSENT, after[at])
        for at in range(shorter - last, len(before) - last):
            yield Difference((*steps, at), before[at], ABSENT)

    def _keyed(self, before: list[Any], after: list[Any], path: Path) -> tuple[dict[Item, Any], dict[Item, Any]] | None:
        told = self._list_keys(self._key, path)
        usual = (*_MERGE_KEYS.get(str(path[-1]), ()), ("name",)) if path else ()
        for names in ((told,) if told else ()) + usual:
            keyed = _by_keys(before, names), _by_keys(after, names)
            if keyed[0] is not None and keyed[1] is not None and (before or after):
                return keyed[0], keyed[1]
        return None

    def _is_same(self, before: Any, after: Any, steps: Steps) -> bool:
        return is_same(before, after, is_amount=is_amount(steps))

    def _embedded(self, before: Any, after: Any, steps: Steps) -> tuple[Any, Any] | None:
        """The documents in the texts, if they are JSON in a ConfigMap."""
        if self._key.kind != "ConfigMap" or not _is_text_of_json(steps):
            return None
        documents = _parsed(before), _parsed(after)
        return documents if all(isinstance(each, dict) for each in documents) else None


class _Inside(_Comparison):
    """Compares documents of our own inside of others, in which 1 and 1.0 are two values and 1000m is a text."""

    def __init__(self) -> None:
        super().__init__(Key("", "", "", ""), lambda *_: None)

    def _is_same(self, before: Any, after: Any, steps: Steps) -> bool:  # noqa: ARG002 - as of any comparison
        return is_identical(before, after)


def _is_text_of_json(steps: Steps) -> bool:
    return len(steps) == 2 and steps[0] == "data" and str(steps[1]).endswith(".json")  # noqa: PLR2004 - data and its key


def _agreeing(places: range, agrees: Callable[[int], bool]) -> int:
    return next((at for at in places if not agrees(at)), len(places))


def _by_keys(items: list[Any], names: tuple[str, ...]) -> dict[Item, Any] | None:
    """The items by what tells them apart; None if that doesn't."""
    try:
        keyed = {item_of(names, each): each for each in items if isinstance(each, dict)}
    except (KeyError, TypeError):
        return None
    return keyed if len(keyed) == len(items) else None


def _name(item: Item) -> Any:
    values = [value for _, value in item.keys]
    return values[0] if len(values) == 1 else values


def _parsed(text: Any) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


def is_contract(document: Document) -> bool:
    """Whether it is a ConfigMap that carries a pipeline's contract."""
    return document.get("kind") == "ConfigMap" and CONTRACT in (document["metadata"].get("labels") or {})


def _shown(found: Difference, *, in_contract: bool) -> str:
    steps = found.steps
    if in_contract and len(steps) > 1 and steps[0] == "data":
        steps = _in_contract(str(steps[1]), steps[2:]) or steps
    return written(steps) + (" (order)" if found.is_order else "")


def _in_contract(name: str, inside: Steps) -> Steps:
    """A field of a contract as the pipeline has it, below its `spec`; empty if it has none such."""
    if name == "pipeline.json":
        return inside[1:] if inside[:1] == ("spec",) else inside
    if name == "pins.json":
        return inside
    is_stage = name.startswith("stage.") and name.endswith(".json")
    return ("stages", name.removeprefix("stage.").removesuffix(".json"), *inside) if is_stage else ()


def placed(steps: Steps, document: Document) -> Path:
    """The path of this document nearest to these steps, which may lead into a text that is JSON."""
    path = nearest(steps, document)
    return path + nearest(steps[2:], _parsed(document["data"][path[1]])) if _is_text_of_json(path) else path
