"""The objects of a cluster: how they are read, foretold, applied and deleted."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import field, replace
from typing import Any, TypeVar

from mlopsctl.cluster import object_faults
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent, ClusterError, Outdated, Refused
from mlopsctl.cluster.request import APPLY, JSON, MERGE, Request
from mlopsctl.cluster.resources import Resource, Resources
from mlopsctl.frozen import frozen
from mlopsctl.manifest import MANAGER, Document, Key, key_of

T = TypeVar("T")

PAGE = 500  # objects in one answer
_HEADS_ONLY = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_HEAD_ONLY = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_GONE = 410
_BEGINNINGS = 5
_AFTER_BREAK = 0.5  # seconds


@frozen(kw_only=True)
class Head:
    """What is known of an object without its content. `version` is its `resourceVersion`, which each change moves.

    `deleted_at` is empty unless its end has begun.
    """

    key: Key
    api_version: str
    uid: str
    version: str
    generation: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    deleted_at: str
    managed: str = field(repr=False)  # as JSON, which takes a tenth of the memory that its values take

    @property
    def managed_fields(self) -> list[dict[str, Any]]:
        """Who has set which fields, and when: `metadata.managedFields`."""
        found: list[dict[str, Any]] = json.loads(self.managed)
        return found


class Objects:
    """The objects that one user sees of one cluster; may be used by several threads. Methods raise ClusterError.

    What is set is set in the name of `manager`.
    """

    def __init__(self, connection: Connection, resources: Resources, manager: str = MANAGER) -> None:
        self.connection = connection
        self.resources = resources
        self._manager = manager

    def heads(self, api_version: str, kind: str, namespace: str, selector: str = "") -> list[Head]:
        """The heads of all objects of a kind that a label selector fits; none if the server doesn't know the kind.

        Without a namespace they are those of all namespaces.
        """
        resource = self.resources.of(api_version, kind)
        return [] if resource is None else self.heads_of(resource, namespace, selector)

    def heads_of(self, resource: Resource, namespace: str, selector: str = "") -> list[Head]:
        """The same of a resource that is known."""
        return self._listed(resource, (namespace, selector), _HEADS_ONLY, head_of)

    def listed(self, api_version: str, kind: str, namespace: str, selector: str = "") -> list[Document]:
        """All objects of a kind that a label selector fits, whole but for their `managedFields`.

        There are none if the server doesn't know the kind.
        """
        resource = self.resources.of(api_version, kind)
        return [] if resource is None else self._listed(resource, (namespace, selector), JSON, _whole)

    def get(self, key: Key, api_version: str) -> Document | None:
        """The object, or None if it or its kind is not there."""
        resource = self.resources.of(api_version, key.kind)
        if resource is None:
            return None
        try:
            return self.connection.get(self.resources.path(resource, key.namespace, key.name))
        except Absent:
            return None

    def await_change(self, key: Key, api_version: str, *, since: str, seconds: int) -> None:
        """Wait until an object is another than in the version `since`, or for as many seconds.

        A server that breaks off meanwhile is no fault yet: who looks at the object next is told.
        """
        resource = self.resources.of(api_version, key.kind)
        if resource is None:
            return
        # Without a version to begin at, as a server forgets old ones: it tells first of the object as it is.
        query = {"watch": "true", "fieldSelector": f"metadata.name={key.name}", "timeoutSeconds": str(seconds)}
        path = self.resources.path(resource, key.namespace)
        try:
            with closing(self.connection.lines(path, accept=_HEAD_ONLY, **query)) as events:
                is_well = _are_well(events, since)
        except (ClusterError, ValueError):
            is_well = False
        if not is_well:
            time.sleep(_AFTER_BREAK)

    def predicted(self, document: Document, *, force: bool) -> Document:
        """What `applied` would make of the object, by the server's own word; nothing is changed."""
        return self._applied(document, {"dryRun": "All"}, force=force)

    def applied(self, document: Document, *, force: bool) -> Document:
        """The object after its fields were set as in `document`, which may make it.

        Raises Conflicted if others have set some of them otherwise, unless `force` takes these over.
        """
        return self._applied(document, {}, force=force)

    def created(self, document: Document) -> Document:
        """The new object. Raises Outdated if there is one of that name, which may be this one if an answer got lost."""
        key = key_of(document)
        path = self._path(document["apiVersion"], key, is_new=True)
        query = {"fieldManager": self._manager, "fieldValidation": "Strict"}
        request = Request(method="POST", path=path, query=query, body=document, is_repeatable=True)
        return self.connection.send(request).document

    def merged(self, key: Key, api_version: str, patch: Mapping[str, Any], *, version: str) -> Document:
        """The object after a JSON merge patch. Raises Outdated if `version` is not the object's `resourceVersion`."""
        metadata = {**patch.get("metadata", {}), "resourceVersion": version}
        request = Request(
            method="PATCH",
            path=self._path(api_version, key),
            query={"fieldManager": self._manager},
            body={**patch, "metadata": metadata},
            content_type=MERGE,
            is_repeatable=True,
        )
        return self.connection.send(request).document

    def deleted(self, key: Key, api_version: str, *, uid: str, propagation: str = "Background") -> bool:
        """Begin the end of the object with this uid; false if it is not there, though one of its name may be.

        `propagation` is `Background` or `Foreground`: whether it goes before or after what it owns.
        """
        resource = self.resources.of(api_version, key.kind)
        if resource is None:
            return False
        options = {"preconditions": {"uid": uid}, "propagationPolicy": propagation}
        path = self.resources.path(resource, key.namespace, key.name)
        try:
            self.connection.send(Request(method="DELETE", path=path, body=options, is_repeatable=True))
        except (Absent, Outdated):
            return False
        return True

    def _applied(self, document: Document, query: Mapping[str, str], *, force: bool) -> Document:
        said = {"fieldManager": self._manager, "fieldValidation": "Strict", "force": "true" if force else "false"}
        request = Request(
            method="PATCH",
            path=self._path(document["apiVersion"], key_of(document)),
            query={**said, **query},
            body=document,
            content_type=APPLY,
            is_repeatable=True,
        )
        return self.connection.send(request).document

    def _path(self, api_version: str, key: Key, *, is_new: bool = False) -> str:
        resource = self.resources.of(api_version, key.kind)
        if resource is None:
            raise Absent(object_faults.no_definition(None, key.kind, api_version), kind=key.kind)
        return self.resources.path(resource, key.namespace, "" if is_new else key.name)

    def _listed(
        self, resource: Resource, where: tuple[str, str], accept: str, read: Callable[[Resource, Document], T]
    ) -> list[T]:
        """What `read` makes of each object in a namespace that a selector fits.

        A list of many pages is one as it was at its first. A server that has forgotten how that was is asked anew.
        """
        namespace, selector = where
        path = self.resources.path(resource, namespace)
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        for beginning in range(1, _BEGINNINGS + 1):
            try:
                return [
                    read(resource, item)
                    for item in self._items(Request(method="GET", path=path, query=query, accept=accept))
                ]
            except Absent:  # its definition has gone since we asked
                return []
            except Refused as refusal:
                if refusal.status != _GONE or beginning == _BEGINNINGS:
                    raise
        return []

    def _items(self, request: Request) -> Iterator[Document]:
        """The objects of all pages."""
        query = dict(request.query)
        while True:
            page = self.connection.send(replace(request, query=query)).document
            yield from page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token


def head_of(resource: Resource, item: Document) -> Head:
    """The head of an object that a server gave, whole or in part."""
    metadata = item["metadata"]
    group, slash, _ = resource.api_version.rpartition("/")
    return Head(
        key=Key(group if slash else "", resource.kind, metadata.get("namespace", ""), metadata["name"]),
        api_version=resource.api_version,
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        deleted_at=metadata.get("deletionTimestamp") or "",
        managed=json.dumps(metadata.get("managedFields") or [], separators=(",", ":")),
    )


def _whole(resource: Resource, item: Document) -> Document:
    """An object of a list, which says of what kind they are once for all.

    It is without the record of who has set what: that is half of it, and a list may have thousands.
    """
    metadata = {name: part for name, part in item["metadata"].items() if name != "managedFields"}
    return {**item, "metadata": metadata, "apiVersion": resource.api_version, "kind": resource.kind}


def _are_well(events: Iterator[str], since: str) -> bool:
    """Read what is told of an object until it is another than in `since`, or until the end; false for an error."""
    for event in map(json.loads, events):
        if event["type"] == "ERROR":
            return False
        if event["object"]["metadata"]["resourceVersion"] != since:
            return True
    return True
