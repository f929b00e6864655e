"""What runs make, to train and to serve: rendered, patched and checked as other objects, then part of contracts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mlopsctl.ir.contract import write_draft, write_job_set
from mlopsctl.ir.draft import SHORT, Draft
from mlopsctl.manifest import CONTRACT, Document, Manifest
from mlopsctl.render.nodes import is_job_set
from mlopsctl.render.sourced import Places


def handed_over(manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """The objects as apply makes them: what of them is drafted for runs is in the contract of its pipeline.

    That are JobSets, InferenceServices of versions that no run has built yet, and the rules of the HTTPRoutes to them.
    """
    drafts = {(each.pipeline, each.stage): each for each in manifests if _serves(each)}
    routes = {
        (each.pipeline, each.stage): each
        for each in manifests
        if each.kind == "HTTPRoute" and (each.pipeline, each.stage) in drafts
    }
    texts: dict[str, dict[str, str]] = {}
    for place, service in drafts.items():
        route = _rules(routes[place]) if place in routes else None
        draft = Draft(service=service.document, route=route)
        texts.setdefault(service.pipeline, {}).update(write_draft(service.stage, draft))
    for each in filter(is_job_set, manifests):
        texts.setdefault(each.pipeline, {}).update(write_job_set(each.stage, each.document))
    return tuple(_own(manifests, texts, routes.values()))


def _is_draft(manifest: Manifest) -> bool:
    """Whether it is one that a run makes, not apply: what trains on several nodes, or a version to come."""
    return is_job_set(manifest) or _serves(manifest)


def _serves(manifest: Manifest) -> bool:
    """Whether it is of a version that no run has built yet."""
    return manifest.kind == "InferenceService" and manifest.key.name.endswith(f"-{SHORT}")


def _own(
    manifests: Iterable[Manifest], texts: dict[str, dict[str, str]], routes: Iterable[Manifest]
) -> Iterable[Manifest]:
    """What is apply's: contracts with the drafts in them, routes without rules, and all else as it is."""
    theirs = {route.key for route in routes}
    for manifest in manifests:
        labels = manifest.document["metadata"].get("labels") or {}
        if _is_draft(manifest):
            continue
        if manifest.kind == "HTTPRoute" and manifest.key in theirs:
            spec = {key: value for key, value in manifest.document["spec"].items() if key != "rules"}
            yield _changed(manifest, {**manifest.document, "spec": spec})
        elif CONTRACT in labels and manifest.pipeline in texts:
            data = {**manifest.document["data"], **texts[manifest.pipeline]}
            yield _changed(manifest, {**manifest.document, "data": data})
        else:
            yield manifest


def _changed(manifest: Manifest, document: Document) -> Manifest:
    """The object as this document, with the places of what is still there."""
    known = {path: span for path, span in manifest.places.items() if path[:2] != ("spec", "rules")}
    inside = manifest.places.inside if isinstance(manifest.places, Places) else {}
    return replace(manifest, document=document, places=Places(known, inside))


def _rules(route: Manifest) -> Document:
    """The rules of a route with what it is known by, as a run applies them."""
    metadata = {name: route.document["metadata"][name] for name in ("name", "namespace")}
    head = {key: route.document[key] for key in ("apiVersion", "kind")}
    return {**head, "metadata": metadata, "spec": {"rules": route.document["spec"].get("rules", [])}}
