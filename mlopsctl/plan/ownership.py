"""Who owns which field of an object, as its server keeps record of it, and whether anybody took one of ours.

The record, `metadata.managedFields`, comes with an object's metadata alone, so that a plan in which nothing changes
needs no object in full and no dry run.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.manifest import DIGEST, MANAGER, STAMPED, Document, Key, Path, key_of, without_commit
from mlopsctl.plan.by_design import BY_DESIGN, GATEWAY, KSERVE, ByDesign
from mlopsctl.plan.overrides import ends_turning_back, override_of, turned_back_of
from mlopsctl.plan.steps import Item, Member, Step, Steps, nearest

FieldSet = frozenset[Steps]

IsAtomic = Callable[[Key, Path], bool]
"""Whether the mapping under a path of such an object has one owner as a whole. False, if that isn't known."""

Json = Mapping[str, Any]

_RULES = ("spec", "rules")
_LEFT_OUT = frozenset({"name", "namespace"})  # of metadata, and nobody owns them
# The mappings of Kubernetes' own kinds that have one owner each.
_ATOMIC = frozenset(
    {
        "claimRef",
        "configMapKeyRef",
        "fieldRef",
        "labelSelector",
        "namespaceSelector",
        "nodeSelector",
        "resourceFieldRef",
        "roleRef",
        "secretKeyRef",
        "selector",
        "targetRef",
    }
)


@frozen(kw_only=True)
class Holder:
    """Another manager with the fields that it set, the last time at `at` (RFC 3339)."""

    manager: str
    operation: str  # `Apply` or `Update`
    subresource: str
    at: str
    fields: FieldSet


def owned(managed_fields: Iterable[Json], manager: str, operation: str = "Apply") -> FieldSet:
    """The fields that this manager has; the innermost ones, or a mapping or list that is owned as a whole."""
    found = (_fields(entry) for entry in managed_fields if _is_of(entry, manager, operation))
    return frozenset(steps for fields in found for steps in fields)


def others(
    managed_fields: Iterable[Json], key: Key, *, by_design: Iterable[ByDesign] = BY_DESIGN, manager: str = MANAGER
) -> tuple[Holder, ...]:
    """The other managers of an object, latest first, without what they are there to set and without its status."""
    known = tuple(by_design)
    holders = (_holder(entry, key, known) for entry in managed_fields if not _is_of(entry, manager, "Apply"))
    return tuple(sorted((each for each in holders if each.fields), key=lambda each: each.at, reverse=True))


def is_untouched(head: Json, wanted: Document, *, is_atomic: IsAtomic | None = None) -> bool:
    """Whether applying `wanted` would change nothing, as far as `head`, an object's metadata, proves that.

    `wanted` is the document as it is applied, with its stamps and labels; of the commit that it comes from nothing
    depends. True needs the same digest, and each field of `wanted` and no other to be ours: whoever changes a field or
    takes one away becomes or ends its owner. What others add beside isn't looked at. False means: ask the server.
    """
    metadata = head.get("metadata", {})
    digest = wanted["metadata"].get("annotations", {}).get(DIGEST)
    if not digest or (metadata.get("annotations") or {}).get(DIGEST) != digest or "deletionTimestamp" in metadata:
        return False
    ours = [entry for entry in metadata.get("managedFields") or () if _is_of(entry, MANAGER, "Apply")]
    if len(ours) != 1 or ours[0].get("apiVersion") != wanted["apiVersion"]:
        return False
    cover = _Cover(key_of(wanted), is_atomic or is_usually_atomic)
    return cover.is_exact(_without_commit(ours[0].get("fieldsV1") or {}), _ownable(wanted), ())


def without_theirs(wanted: Document, live: Document, *, by_design: Iterable[ByDesign] = BY_DESIGN) -> Document:
    """What is wanted, without the fields of the object that lives whose owner is there to set them.

    An autoscaler's replicas are one: who says them again fights it. What is wanted itself stays as it is. The
    rules of a route that people turned back are git's again once git names another release.
    """
    key, known = key_of(live), tuple(each for each in by_design if not each.yields)
    entries = [each for each in live["metadata"].get("managedFields") or () if not _is_of(each, MANAGER, "Apply")]
    theirs = {steps for entry in entries for steps in _set_by_design(entry, key, known)}
    if ends_turning_back(live["metadata"], wanted):
        theirs = {steps for steps in theirs if steps[:2] != _RULES}
    for steps in sorted(theirs, key=str):
        path = nearest(steps, wanted)
        if len(path) == len(steps) and isinstance(path[-1], str):
            wanted = _without(wanted, path)
    return wanted


def is_taken_back(wanted: Document, live: Document, *, by_design: Iterable[ByDesign] = BY_DESIGN) -> bool:
    """Whether it has fields of the object that lives whose owner was there to set them until git did."""
    key, known = key_of(live), tuple(each for each in by_design if each.yields)
    theirs = (
        each for entry in live["metadata"].get("managedFields") or () for each in _set_by_design(entry, key, known)
    )
    return any(len(nearest(steps, wanted)) == len(steps) for steps in theirs)


def with_rules(wanted: Document, live: Document) -> Document:
    """What is wanted of a route whose rules are the runs' to set, with those that were there before runs set any.

    Apply has set them, or who turned back from what git named then. To take them away would be to lead requests nowhere
    until a run comes.
    """
    metadata = live["metadata"]
    is_ours = any(steps[:2] == _RULES for steps in owned(metadata.get("managedFields") or (), MANAGER))
    is_turned_back = turned_back_of(metadata) is not None and override_of(metadata) is None
    if key_of(live).kind != "HTTPRoute" or "rules" in wanted["spec"] or not (is_ours or is_turned_back):
        return wanted
    return {**wanted, "spec": {**wanted["spec"], "rules": live["spec"]["rules"]}}


def _without(value: Any, path: Path) -> Any:
    """A copy of the value that lacks what is at the path, which leads to an entry of a mapping."""
    step, *rest = path
    if not rest:
        return {name: inner for name, inner in value.items() if name != step}
    if isinstance(value, list):
        return [_without(inner, tuple(rest)) if at == step else inner for at, inner in enumerate(value)]
    return {**value, step: _without(value[step], tuple(rest))}


def is_usually_atomic(key: Key, path: Path) -> bool:
    """Whether the mapping there is known to have one owner. Definitions of others may mean something else by a name."""
    is_own = "." not in key.group or (key.group.endswith(".k8s.io") and key.group != GATEWAY)
    # KServe's definition has those of pods in it.
    return (is_own or key.group == KSERVE) and path[-1] in _ATOMIC


class _Cover:
    """Holds what a manager owns against a document of `key`. The record itself says how each list is owned."""

    def __init__(self, key: Key, is_atomic: IsAtomic) -> None:
        self._key = key
        self._is_atomic = is_atomic

    def is_exact(self, tree: Json, value: Any, path: Path) -> bool:
        below = {element: inner for element, inner in tree.items() if element != "."}
        if not below:
            return not isinstance(value, dict) or not value or self._is_whole(path)
        if isinstance(value, dict):
            names = {f"f:{name}" for name in value}
            return below.keys() == names and all(
                self.is_exact(inner, value[element[2:]], (*path, element[2:])) for element, inner in below.items()
            )
        return isinstance(value, list) and len(below) == len(value) and self._are_exact(below, value, path)

    def _is_whole(self, path: Path) -> bool:
        """Whether the mapping is owned as one: others may also have taken all of its entries, which looks alike.

        Of an item that is owned by its fields, those that tell it apart can't be taken.
        """
        return bool(path) and (isinstance(path[-1], int) or self._is_atomic(self._key, path))

    def _are_exact(self, below: Json, items: list[Any], path: Path) -> bool:
        places = [nearest((_step(element),), items) for element in below]
        if not all(places) or len(set(places)) != len(items):  # some have no item, or share one
            return False
        return all(
            element.startswith("v:") or self.is_exact(inner, items[int(place[0])], (*path, place[0]))
            for (element, inner), place in zip(below.items(), places, strict=True)
        )


def _ownable(document: Document) -> Document:
    """What of a document gets an owner, without the commit."""
    document = without_commit(document)
    metadata = {name: value for name, value in document["metadata"].items() if name not in _LEFT_OUT}
    rest = {name: value for name, value in document.items() if name not in ("apiVersion", "kind", "metadata")}
    return rest | {"metadata": {"annotations": {}} | metadata}


def _without_commit(tree: Json) -> Json:
    def without(tree: Json, names: tuple[str, ...]) -> Json:
        name, *rest = names
        element = f"f:{name}"
        if not rest or element not in tree:
            return {each: inner for each, inner in tree.items() if rest or each != element}
        return {**tree, element: without(tree[element], tuple(rest))}

    for path in STAMPED:
        tree = without(tree, path)
    return tree


def _holder(entry: Json, key: Key, by_design: tuple[ByDesign, ...]) -> Holder:
    manager, subresource = str(entry.get("manager", "")), str(entry.get("subresource", ""))
    own = _fields(entry) if subresource != "status" else ()
    left_out = _set_by_design(entry, key, by_design)
    fields = frozenset(steps for steps in own if steps[0] != "status" and steps not in left_out)
    operation, at = str(entry.get("operation", "")), str(entry.get("time", ""))
    return Holder(manager=manager, operation=operation, subresource=subresource, at=at, fields=fields)


def _set_by_design(entry: Json, key: Key, by_design: tuple[ByDesign, ...]) -> FieldSet:
    """The fields of an entry that its manager is there to set."""
    manager = str(entry.get("manager", ""))
    known = [each for each in by_design if each.is_of(key, manager)]
    return (
        frozenset(steps for steps in _fields(entry) if any(each.covers(steps) for each in known))
        if known
        else frozenset()
    )


def _is_of(entry: Json, manager: str, operation: str) -> bool:
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")) == (manager, operation, "")


def _fields(entry: Json) -> Iterator[Steps]:
    return _leaves(entry.get("fieldsV1") or {}, ())


def _leaves(tree: Json, above: Steps) -> Iterator[Steps]:
    below = {element: inner for element, inner in tree.items() if element != "."}
    if not below and above:
        yield above
    for element, inner in below.items():
        yield from _leaves(inner, (*above, _step(element)))


def _step(element: str) -> Step:
    """One element of a path as servers write it: `f:name`, `k:{"name":"model"}`, `v:"value"`, `i:0`."""
    kind, _, rest = element.partition(":")
    match kind:
        case "k":
            return Item(tuple(sorted(json.loads(rest).items())))
        case "v":
            return Member(json.loads(rest))
        case "i":
            return int(rest)
        case _:
            return rest
