"""What is ours in a cluster: an ApplySet, whose parent is a ConfigMap and whose members have a label with its id.

The format is that of kubectl and others, so that tools know each other's sets. Only members are ever deleted, and of
what others own nothing is taken over.

Source: https://git.k8s.io/enhancements/keps/sig-cli/3659-kubectl-apply-prune.
"""

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain

from mlopsctl import __version__
from mlopsctl.cluster import object_faults as faults
from mlopsctl.cluster.access import AT_ONCE
from mlopsctl.cluster.errors import Outdated
from mlopsctl.cluster.objects import Head, Objects
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.manifest import ENVIRONMENT, MANAGED_BY, PART_OF, PREFIX, TOOL, Document, Key

_SPACE = "applyset.kubernetes.io/"
ID = f"{_SPACE}id"
_TOOLING, _KINDS, _NAMESPACES = f"{_SPACE}tooling", f"{_SPACE}contains-group-kinds", f"{_SPACE}additional-namespaces"
PROJECT = f"{PREFIX}project"
_PLAN = f"{PREFIX}plan"
_ATTEMPTS = 10


@frozen(order=True)
class GroupKind:
    """A kind without its version; `group` is empty for Kubernetes' own. As text it is `Workflow.argoproj.io`."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


@frozen(kw_only=True)
class Estate:
    """What belongs together in a cluster: the objects of one project in one environment."""

    project: str
    environment: str
    namespace: str

    @property
    def name(self) -> str:
        """The name of what stands for it: the parent of its ApplySet, and its lock."""
        return f"{TOOL}-{self.project}-{self.environment}"


@frozen(kw_only=True)
class _Parent:
    """What the parent says; `uid` and `version` are its own, empty as long as there is none."""

    uid: str = ""
    version: str = ""
    kinds: tuple[GroupKind, ...] = ()
    namespaces: tuple[str, ...] = ()
    plan: str = ""


class ApplySet:
    """The ApplySet of one project in one environment. Methods raise ClusterError, and what `read` raises."""

    def __init__(self, objects: Objects, estate: Estate, parent: _Parent) -> None:
        self.estate = estate
        self.key = Key("", "ConfigMap", estate.namespace, estate.name)
        self.id = applyset_id(self.key)
        self._objects = objects
        self._parent = parent

    @classmethod
    def read(cls, objects: Objects, estate: Estate) -> "ApplySet":
        """The ApplySet as it is in the cluster, which may be that there is none yet.

        Raises DiagnosedError if what stands there is another tool's or project's, or is damaged.
        """
        found = cls(objects, estate, _Parent())
        found._read()
        return found

    @property
    def version(self) -> str:
        """The `resourceVersion` of its parent; empty if there is none."""
        return self._parent.version

    @property
    def kinds(self) -> tuple[GroupKind, ...]:
        """The kinds of its members, and perhaps some more."""
        return self._parent.kinds

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces beside its own in which it may have members."""
        return self._parent.namespaces

    @property
    def plan(self) -> str:
        """The digest of the plan that was carried out last, or begun; empty if it isn't known."""
        return self._parent.plan

    def holds_just(self, keys: Collection[Key]) -> bool:
        """Whether the kinds and namespaces of these objects are all that it says it may have members of."""
        kinds, namespaces = {GroupKind(key.group, key.kind) for key in keys}, {key.namespace for key in keys}
        return kinds == set(self.kinds) and namespaces - {self.key.namespace, ""} == set(self.namespaces)

    def widen(self, kinds: Iterable[GroupKind], namespaces: Iterable[str] = (), *, plan: str = "") -> None:
        """Add kinds and namespaces, before anything of them is applied, and make the parent if need be.

        `plan` is the digest of the plan that begins, which may be carried out again should it be cut off.
        """
        kinds, namespaces = set(kinds), set(namespaces)
        for _ in range(_ATTEMPTS):
            try:
                return self._record(kinds.union(self.kinds), namespaces.union(self.namespaces), plan)
            except Outdated:  # whoever was faster, what it has recorded stays
                self._read()
        raise DiagnosedError(faults.set_contended(self.key.name, self.key.namespace))

    def trim(self, kinds: Iterable[GroupKind], namespaces: Iterable[str] = ()) -> None:
        """Leave these kinds and namespaces alone, once all other members are gone.

        It stays as it is if somebody else has changed it: too many kinds cost requests, too few would lose members.
        """
        try:
            self._record(set(kinds), set(namespaces), self.plan)
        except Outdated:
            self._read()

    def let_go(self, key: Key, api_version: str, *, uid: str) -> bool:
        """Take the object with this uid out of the set and leave it as it is; false if it is no member any more."""
        for _ in range(_ATTEMPTS):
            live = self._objects.get(key, api_version)
            metadata = live["metadata"] if live else {}
            if metadata.get("uid") != uid or PART_OF not in (metadata.get("labels") or {}):
                return False
            with suppress(Outdated):  # a status that has changed is enough
                version = metadata["resourceVersion"]
                self._objects.merged(key, api_version, {"metadata": {"labels": {PART_OF: None}}}, version=version)
                return True
        raise DiagnosedError(faults.set_contended(self.key.name, self.key.namespace))

    def remove(self) -> None:
        """Delete the parent, once there are no members."""
        if self._parent.uid:
            self._objects.deleted(self.key, "v1", uid=self._parent.uid)
        self._parent = _Parent()

    def members(self) -> list[Head]:
        """The heads of all members, by one list for each kind and namespace, whatever their number is."""
        resources = self._objects.resources
        with ThreadPoolExecutor(AT_ONCE) as pool:
            known = pool.map(lambda each: resources.of_any_version(each.group, each.kind), self.kinds)
            lists = [
                (resource, namespace)
                for resource in known
                if resource is not None  # without a definition there are none
                for namespace in ((self.key.namespace, *self.namespaces) if resource.is_namespaced else ("",))
            ]
            heads = pool.map(lambda each: self._objects.heads_of(each[0], each[1], f"{PART_OF}={self.id}"), lists)
            return list(chain.from_iterable(heads))

    def joined(self, document: Document) -> Document:
        """An object with the label that makes it a member."""
        metadata = document["metadata"]
        labels = {**(metadata.get("labels") or {}), PART_OF: self.id}
        return {**document, "metadata": {**metadata, "labels": labels}}

    def _read(self) -> None:
        parent = self._objects.get(self.key, "v1")
        self._parent = _Parent() if parent is None else self._taken(parent)

    def _taken(self, parent: Document) -> _Parent:
        """What a parent says that is ours."""
        metadata = parent["metadata"]
        annotations = metadata.get("annotations") or {}
        if why := self._foreign(metadata.get("labels") or {}, annotations):
            raise DiagnosedError(faults.foreign_set(self.key.name, self.key.namespace, why))
        return _Parent(
            uid=metadata["uid"],
            version=metadata["resourceVersion"],
            kinds=_kinds_of(annotations.get(_KINDS, "")),
            namespaces=tuple(sorted(name for name in annotations.get(_NAMESPACES, "").split(",") if name)),
            plan=annotations.get(_PLAN, ""),
        )

    def _foreign(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
        """Why a ConfigMap can't be the parent; empty if it is."""
        tool = annotations.get(_TOOLING, "").partition("/")[0]
        project, environment = labels.get(PROJECT, ""), labels.get(ENVIRONMENT, "")
        if not tool and ID not in labels:
            return "it is no ApplySet"
        if tool != TOOL:
            return f"it is an ApplySet of `{tool or 'an unknown tool'}`"
        if labels.get(ID) != self.id:
            return f"its id is `{labels.get(ID, '')}` and should be `{self.id}`"
        if (project, environment) != (self.estate.project, self.estate.environment):
            return f"it is of the project `{project}` in the environment `{environment}`"
        return ""

    def _record(self, kinds: Collection[GroupKind], namespaces: Collection[str], plan: str) -> None:
        """Make the parent say this. Raises Outdated if it has changed since we read it."""
        sorted_kinds = tuple(sorted(kinds))
        others = tuple(sorted(set(namespaces) - {self.key.namespace, ""}))
        if self.version and (sorted_kinds, others, plan) == (self.kinds, self.namespaces, self.plan):
            return
        annotations = {
            _TOOLING: f"{TOOL}/v{__version__}",
            _KINDS: ",".join(sorted(map(str, sorted_kinds))),
            _NAMESPACES: ",".join(others),
            _PLAN: plan,
        }
        self._parent = self._taken(self._changed(annotations) if self.version else self._made(annotations))

    def _changed(self, annotations: Mapping[str, str]) -> Document:
        patch = {"metadata": {"annotations": annotations}}
        return self._objects.merged(self.key, "v1", patch, version=self.version)

    def _made(self, annotations: Mapping[str, str]) -> Document:
        own = {PROJECT: self.estate.project, ENVIRONMENT: self.estate.environment}
        metadata = {
            "name": self.key.name,
            "namespace": self.key.namespace,
            "labels": {ID: self.id, MANAGED_BY: TOOL, **own},
            "annotations": annotations,
        }
        return self._objects.created({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def applyset_id(parent: Key) -> str:
    """The id of the ApplySet with this parent, which nobody can choose to be that of another."""
    text = f"{parent.name}.{parent.namespace}.{parent.kind}.{parent.group}"
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"applyset-{digest}-v1"


def _kinds_of(text: str) -> tuple[GroupKind, ...]:
    parts = (name.partition(".") for name in text.split(",") if name)
    return tuple(sorted(GroupKind(group, kind) for kind, _, group in parts))
