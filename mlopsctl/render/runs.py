"""One run of a pipeline as objects: a Workflow that carries all of what it runs, and the contract that its pods read.

It doesn't refer to what was applied, so that a run is of the code of whoever begins it, and an apply changes no run
that has begun.
"""

from collections.abc import Mapping
from copy import deepcopy

from mlopsctl.frozen import frozen
from mlopsctl.manifest import CONTRACT, DIGEST, Document, Manifest
from mlopsctl.render.argo import parameter_name

_ENTRY = "Pipeline"


@frozen(kw_only=True)
class Wish:
    """A run that is to begin. `params` are the values that were given, as texts by their names.

    `labels` say of the run what its pods are told, `needed` are the stages that it is about.
    """

    name: str
    params: Mapping[str, str]
    labels: Mapping[str, str]
    needed: frozenset[str]


@frozen(kw_only=True)
class RunObjects:
    """The objects of a run; the contract becomes the workflow's own once that is there."""

    workflow: Manifest
    contract: Manifest


def run_objects(template: Manifest, contract: Manifest, wish: Wish) -> RunObjects:
    """The objects of a run, from those that an apply would make for the pipeline. Their names are the run's."""
    spec = deepcopy(template.document["spec"])
    spec.pop("workflowMetadata", None)
    for volume in spec.get("volumes", ()):
        if volume.get("configMap", {}).get("name") == contract.key.name:
            volume["configMap"]["name"] = wish.name
    for each in spec.get("templates", ()):
        if each.get("name") == _ENTRY and "dag" in each:
            each["dag"]["tasks"] = [task for task in each["dag"]["tasks"] if task["name"] in wish.needed]
    if given := _arguments(spec, wish.params):
        spec["arguments"] = {**spec.get("arguments", {}), "parameters": given}
    document = {
        "apiVersion": template.api_version,
        "kind": "Workflow",
        "metadata": _metadata(template, wish.name, {**_labels(template), **wish.labels}),
        "spec": spec,
    }
    labels = {name: value for name, value in _labels(contract).items() if name != CONTRACT}
    data = {**contract.document, "metadata": _metadata(contract, wish.name, labels)}
    return RunObjects(workflow=_manifest(template, document), contract=_manifest(contract, data))


def is_applied(wanted: Manifest, live: Document | None) -> bool:
    """Whether what lives is what an apply would make now, by the digest that it is stamped with."""
    stamps = live["metadata"].get("annotations", {}) if live is not None else {}
    return bool(stamps.get(DIGEST) == wanted.digest)


def _arguments(spec: Document, params: Mapping[str, str]) -> list[Document]:
    """The parameters with the values that were given; those whose defaults Argo isn't told are not in the template."""
    given = {parameter_name(name): text for name, text in params.items()}
    known = {each["name"]: each for each in spec.get("arguments", {}).get("parameters", ())}
    return [{**known.get(name, {"name": name}), **_value(name, given)} for name in (*known, *(given.keys() - known))]


def _value(name: str, given: Mapping[str, str]) -> dict[str, str]:
    return {"value": given[name]} if name in given else {}


def _labels(manifest: Manifest) -> dict[str, str]:
    labels: dict[str, str] = manifest.document["metadata"].get("labels", {})
    return labels


def _metadata(manifest: Manifest, name: str, labels: Mapping[str, str]) -> Document:
    return {**manifest.document["metadata"], "name": name, "labels": dict(labels)}


def _manifest(source: Manifest, document: Document) -> Manifest:
    return Manifest(document=document, pipeline=source.pipeline, stage="", origin=source.origin, places=source.places)
