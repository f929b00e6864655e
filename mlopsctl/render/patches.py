"""Patches of the user's on rendered objects: which objects each is for, and what it makes of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Finding, Severity, Span, diagnostic
from mlopsctl.manifest import Document, Manifest
from mlopsctl.render.fault import place_of
from mlopsctl.render.patching import merge
from mlopsctl.render.rendering import Rendered
from mlopsctl.render.skeleton import plain
from mlopsctl.render.sourced import Places, sourced
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import MappingNode, Node, Path, SequenceNode, at, value_span
from mlopsctl.source.nodes import plain as plain_of

_IDENTITY = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))


class Patches:
    """The patches that are for one environment, in the order of their files, and which of them met an object.

    `names` are what they may call it.
    """

    def __init__(self, patches: Iterable[Source], names: Sequence[str]) -> None:
        targets = [(patch, _target(patch)) for patch in patches]
        self._ours = [each for each in targets if each[1].pop("environment", names[0]) in names]
        self._unmet = [patch for patch, _ in self._ours]

    def patched(self, manifests: Sequence[Manifest]) -> Rendered:
        """The objects after the patches, and what can't be done to them."""
        made, found = list(manifests), list[Diagnostic]()
        for patch, target in self._ours:
            hits = [index for index, manifest in enumerate(made) if _is_meant(manifest, target)]
            if hits:
                self._unmet = [each for each in self._unmet if each is not patch]
            for index in hits:
                try:
                    made[index] = _changed(made[index], patch)
                except DiagnosedError as error:
                    found.extend(error.diagnostics)
        return Rendered(made, found)

    def unmet(self) -> Iterator[Diagnostic]:
        """The patches that were for none of the objects so far."""
        return (matches_no_object(value_span(patch.root, ("spec", "target")), patch.name) for patch in self._unmet)


def _target(patch: Source) -> dict[str, str]:
    node = at(patch.root, ("spec", "target"))
    said = plain_of(node) if isinstance(node, MappingNode) else {}
    return {key: str(value) for key, value in said.items()} if isinstance(said, dict) else {}


def _is_meant(manifest: Manifest, target: dict[str, str]) -> bool:
    key = manifest.key
    known = {"kind": key.kind, "name": key.name, "pipeline": manifest.pipeline}
    return all(known[name] == wanted for name, wanted in target.items())


def _changed(manifest: Manifest, patch: Source) -> Manifest:
    change, operations = at(patch.root, ("spec", "merge")), at(patch.root, ("spec", "json"))
    made = merge(manifest, sourced(change)) if isinstance(change, MappingNode) else manifest
    for operation in operations.items if isinstance(operations, SequenceNode) else ():
        if isinstance(operation, MappingNode):
            made = _operated(made, operation)
    for path in _IDENTITY:
        if _value(made.document, path) != _value(manifest.document, path):
            raise DiagnosedError(another_object(made.place(path), place_of(path), str(manifest.key)))
    return made


def _value(document: Document, path: Path) -> Any:
    found: Any = document
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _operated(manifest: Manifest, operation: MappingNode) -> Manifest:
    """The object after one operation. Raises DiagnosedError if it can't be carried out.

    Source: RFC 6902, and RFC 6901 for its paths.
    """
    said = {key: entry.value for key, entry in operation.entries.items()}
    pointer, op = str(plain_of(said["path"])), str(plain_of(said["op"]))
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    if op != "remove" and "value" not in said:
        raise DiagnosedError(operation_fails(operation.span, op, pointer, "it has no `value`"))
    value = said.get("value", said["path"])
    places: dict[Path, Span] = {}
    try:
        document, path = _applied(manifest.document, steps, op, plain(sourced(value), (), places))
    except LookupError as error:
        raise DiagnosedError(operation_fails(said["path"].span, op, pointer, str(error.args[0]))) from error
    if op == "test":
        return manifest
    return replace(manifest, document=document, places=_moved(manifest, path, value if op != "remove" else None))


def _moved(manifest: Manifest, path: Path, value: Node | None) -> Places:
    """The places after a change at `path`. In a list others may have moved, whose places are then the list's."""
    stale = path[:-1] if path and isinstance(path[-1], int) else path
    known = {place: span for place, span in manifest.places.items() if place[: len(stale)] != stale or place == stale}
    if value is not None:
        below: dict[Path, Span] = {(): value.span}
        plain(sourced(value), (), below)
        known |= {(*path, *step): span for step, span in below.items()}
    inside = manifest.places.inside if isinstance(manifest.places, Places) else {}
    return Places(known, {root: node for root, node in inside.items() if root[: len(stale)] != stale})


def _applied(document: Any, steps: Sequence[str], op: str, value: Any) -> tuple[Any, Path]:
    """The document after an operation, and the path that it was at. Raises LookupError, which says why it can't be."""
    first, *rest = steps
    if not isinstance(document, dict | list):
        raise LookupError(f"there is nothing below it that `{first}` could be in")  # noqa: TRY004 - as for other paths
    step = _step(document, first, is_new=op == "add" and not rest)
    if not rest:
        return _at_last(document, step, op, value), (step,)
    below, path = _applied(document[step], rest, op, value)  # type: ignore[index]  # a step of its own container
    copy = document.copy()
    copy[step] = below  # type: ignore[index]  # likewise
    return copy, (step, *path)


def _step(document: Any, step: str, *, is_new: bool) -> str | int:
    if isinstance(document, dict):
        if step not in document and not is_new:
            raise LookupError(f"there is no `{step}`")
        return step
    if step == "-" and is_new:
        return len(document)
    if not step.isdecimal() or int(step) >= len(document) + is_new:
        raise LookupError(f"the list has {len(document)} items and no `{step}`")
    return int(step)


def _at_last(document: Any, step: Any, op: str, value: Any) -> Any:
    copy = document.copy()
    if op == "test" and document[step] != value:
        raise LookupError("another value is there")
    if op == "remove":
        del copy[step]
    elif op == "add" and isinstance(copy, list):
        copy.insert(step, value)
    elif op in ("add", "replace"):
        copy[step] = value
    return copy


@diagnostic("MLO742")
def operation_fails(span: Span, op: str, pointer: str, why: str) -> Finding:
    """An operation of a patch can't be carried out on an object that it is for.

    Example:
        json: [{op: replace, path: /spec/templates/9/name, value: x}]

    Fix: correct the path; `mlopsctl render` shows the objects as they are. `add` makes what isn't there.
    """
    return Finding(
        message=f"can't {op} `{pointer}`: {why}",
        span=span,
        helps=("`mlopsctl render` without this patch shows what is there",),
    )


@diagnostic("MLO743", Severity.WARNING)
def matches_no_object(span: Span, name: str) -> Finding:
    """A patch is for no object that is rendered.

    Example:
        target: {kind: WorkflowTemplate, name: flight-dealys}

    Fix: correct kind and names; `mlopsctl render` shows them. Give the patch an `environment` if it is for another one.
    """
    return Finding(
        message=f"the patch `{name}` changes nothing: no such object is rendered",
        span=span,
        helps=("`mlopsctl render` shows the kinds and names",),
    )


@diagnostic("MLO744")
def another_object(span: Span, field: str, key: str) -> Finding:
    """A patch changes what an object is known by, so that it would be another object.

    Example:
        merge: {metadata: {name: mine}}

    Fix: leave name, namespace and kind as they are.
    """
    return Finding(message=f"a patch can't change `{field}` of {key}", span=span)
