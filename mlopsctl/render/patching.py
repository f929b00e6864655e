"""Objects with something in them changed, and the places of what was."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mlopsctl.diagnostics import Span
from mlopsctl.manifest import Document, Manifest
from mlopsctl.render.skeleton import plain
from mlopsctl.render.sourced import Places
from mlopsctl.source.nodes import Json, Path


def merge(manifest: Manifest, patch: Json, at: Path = ()) -> Manifest:
    """The object with a merge patch on what is at `at`; what it sets is placed where the patch says it."""
    places: dict[Path, Span] = {}
    change = plain(patch, (), places)
    document = _changed(manifest.document, change, at)
    known = dict(manifest.places)
    for path, target in _set(change, _value(document, at), (), ()):
        near = next((places[path[:length]] for length in range(len(path), -1, -1) if path[:length] in places), None)
        if near is not None:
            known[(*at, *target)] = near
    inside = manifest.places.inside if isinstance(manifest.places, Places) else {}
    return replace(manifest, document=document, places=Places(known, inside))


def _changed(document: Document, patch: Json, at: Path) -> Document:
    for step in reversed(at):
        patch = {str(step): patch}
    made = merged(document, patch)
    assert isinstance(made, dict), "a patch on an object is an object"
    return made


def _value(document: Document, path: Path) -> Json:
    found: Json = document
    for step in path:
        found = found[step] if isinstance(found, dict) and isinstance(step, str) else None
    return found


def _set(patch: Json, made: Json, path: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """The paths of what a patch sets, and where that is now; what it removes is nowhere."""
    if isinstance(patch, dict) and isinstance(made, dict) and patch:
        for key in patch.keys() & made.keys():
            yield from _set(patch[key], made[key], (*path, key), (*target, key))
    elif _is_named(patch) and isinstance(patch, list) and isinstance(made, list):
        names = [item.get("name") if isinstance(item, dict) else None for item in made]
        for index, item in enumerate(patch):
            now = names.index(item["name"]) if isinstance(item, dict) else index
            rest = {key: value for key, value in item.items() if key != "name"} if isinstance(item, dict) else item
            yield from _set(rest, made[now], (*path, index), (*target, now))
    else:
        yield path, target


def merged(base: Json, patch: Json) -> Json:
    """A merge patch, in which lists of named parts, such as containers, are merged by their names.

    Source: RFC 7396, with the names of Kubernetes' strategic merge.
    """
    if isinstance(base, dict) and isinstance(patch, dict):
        kept = {key: value for key, value in base.items() if key not in patch or patch[key] is not None}
        changed = {key: merged(base.get(key), value) for key, value in patch.items() if value is not None}
        return {**kept, **changed}
    if _is_named(base) and _is_named(patch):
        return _merged_by_name(base, patch)  # type: ignore[arg-type]  # both are lists of mappings by now
    return patch


def _is_named(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "name" in item for item in value)


def _merged_by_name(base: Sequence[dict[str, Json]], patch: Sequence[dict[str, Json]]) -> list[Json]:
    changes = {str(item["name"]): item for item in patch}
    names = {str(item["name"]) for item in base}
    kept = [merged(item, changes.get(str(item["name"]), {})) for item in base]
    return [*kept, *(item for name, item in changes.items() if name not in names)]
