"""Objects for Kubernetes as values: what is wanted of each, what it is known by, and where its fields are written."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.store import digest_json

Document = dict[str, Any]
Path = tuple[str | int, ...]

PREFIX = "mlopsctl.dev/"
COMMIT = f"{PREFIX}commit"
DIGEST = f"{PREFIX}digest"
PIPELINE = f"{PREFIX}pipeline"
ENVIRONMENT = f"{PREFIX}environment"
# What whoever begins a run says of it, as labels of its workflow, which its pods are told.
CHANGED_FILES = f"{PREFIX}changed-files"
FROM = f"{PREFIX}from"
ONLY = f"{PREFIX}only"
FORCE = f"{PREFIX}force"
BY = f"{PREFIX}by"
CONTRACT = f"{PREFIX}contract"  # the label of what carries a pipeline's contract
# Kubernetes' own labels, for what every tool shows.
PART_OF_PROJECT, MANAGED_BY, TOOL = "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by", "mlopsctl"
PART_OF = "applyset.kubernetes.io/part-of"  # the label that says which ApplySet an object is of
# Where the commit is stamped: on the object, and where Argo takes the labels of the runs from that it starts by itself.
STAMPED = (("metadata", "annotations", COMMIT), ("spec", "workflowMetadata", "labels", COMMIT))
MANAGER = "mlopsctl"  # as whom apply sets fields
RUN_MANAGER = "mlopsctl-run"  # as whom a run does, that puts a model into service
OVERRIDE_MANAGER = "mlopsctl-override"  # as whom people stop what serves, or turn it back, over git and runs
RUN = f"{PREFIX}run"  # the annotation of what a run made
FALLBACK = f"{PREFIX}fallback"  # on a route what answers when its model is stopped; on pods that they are that
MODEL = f"{PREFIX}model"  # the annotation that says which model an object serves, by digest


@frozen(order=True)
class Key:
    """What an object is known by in a cluster. `group` is empty for Kubernetes' own, `namespace` for what has none."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@frozen(kw_only=True)
class Manifest:
    """One object as it should be, without stamps. `origin` is what in the source it is there for.

    `places` says of paths in `document` where their values are written; `stage` is empty where it is of no one stage.
    """

    document: Document
    pipeline: str
    stage: str
    origin: Span = field(compare=False)
    places: Mapping[Path, Span] = field(compare=False, repr=False)

    @property
    def key(self) -> Key:
        """What it is known by."""
        return key_of(self.document)

    @property
    def kind(self) -> str:
        """Such as `WorkflowTemplate`."""
        return str(self.document["kind"])

    @property
    def api_version(self) -> str:
        """Such as `argoproj.io/v1alpha1`."""
        return str(self.document["apiVersion"])

    @property
    def digest(self) -> str:
        """The digest of all that is wanted of it; the commit it comes from is no part of that."""
        return digest_json(self.document)

    def place(self, path: Path) -> Span:
        """Where the value under `path` comes from: its own place, or that of the nearest value around it.

        Of a list or mapping in which one place is known, it is that place.
        """
        if path not in self.places:
            inside = {span for inner, span in self.places.items() if inner[: len(path)] == path}
            if path and len(inside) == 1:
                return inside.pop()
        found = (self.places.get(path[:length]) for length in range(len(path), 0, -1))
        return next((span for span in found if span is not None), self.origin)


def key_of(document: Mapping[str, Any]) -> Key:
    """What an object is known by that has `apiVersion`, `kind` and `metadata.name`."""
    metadata = document["metadata"]
    group, slash, _ = str(document["apiVersion"]).rpartition("/")
    return Key(group if slash else "", document["kind"], metadata.get("namespace", ""), metadata["name"])


def is_known(document: Mapping[str, Any]) -> bool:
    """Whether it has what an object is known by, as not all has that a template of somebody's own makes."""
    metadata = document.get("metadata")
    texts = (document.get("apiVersion"), document.get("kind"), isinstance(metadata, dict) and metadata.get("name"))
    return all(isinstance(text, str) for text in texts)


def stamped(manifest: Manifest, commit: str) -> Document:
    """The object with its digest as an annotation and, if it is known, the commit that it comes from."""
    document = manifest.document
    metadata = document["metadata"]
    annotations = {**metadata.get("annotations", {}), DIGEST: manifest.digest} | ({COMMIT: commit} if commit else {})
    document = {**document, "metadata": {**metadata, "annotations": annotations}}
    spec = document.get("spec")
    of_runs = spec.get("workflowMetadata") if isinstance(spec, dict) else None
    if not isinstance(of_runs, dict) or not commit:
        return document
    labels = {**of_runs.get("labels", {}), COMMIT: commit}
    return {**document, "spec": {**document["spec"], "workflowMetadata": {**of_runs, "labels": labels}}}


def without_commit(document: Document) -> Document:
    """The object without the stamps of its commit."""
    for path in STAMPED:
        document = _without(document, path)
    return document


def _without(value: Any, path: tuple[str, ...]) -> Any:
    name, *rest = path
    if not isinstance(value, dict) or name not in value:
        return value
    if not rest:
        return {each: inner for each, inner in value.items() if each != name}
    return {**value, name: _without(value[name], tuple(rest))}
