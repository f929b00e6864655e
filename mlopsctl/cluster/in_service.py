"""What runs have put into service: an InferenceService for each version, and the route that shares requests out.

They carry our labels and are no members of the set that apply looks after: the runs that made them collect them. The
same is true of what served before what git names.
"""

import time
from collections.abc import Callable, Collection, Mapping

from mlopsctl.cluster.applyset import Estate
from mlopsctl.cluster.errors import ClusterError, Conflicted
from mlopsctl.cluster.evidence import tail
from mlopsctl.cluster.objects import Head, Objects
from mlopsctl.cluster.unwell import Awaited, Unwell
from mlopsctl.cluster.waiting import Patience, Waiting, wait
from mlopsctl.ir.draft import Draft, Version
from mlopsctl.manifest import (
    ENVIRONMENT,
    MANAGED_BY,
    MODEL,
    OVERRIDE_MANAGER,
    PART_OF,
    PART_OF_PROJECT,
    PIPELINE,
    PREFIX,
    RUN,
    TOOL,
    Document,
    Key,
    key_of,
)
from mlopsctl.plan.overrides import Override, override_of
from mlopsctl.runtime.stop import Stop

_SERVICE = ("serving.kserve.io/v1beta1", "InferenceService")
_LABELS = (PIPELINE, ENVIRONMENT, f"{PREFIX}stage")
_POD_LABEL, _CONTAINER = "serving.kserve.io/inferenceservice", "kserve-container"
_PAUSE = 0.3
_GONE_AFTER = 60.0
_PORTS = (80, 8080)  # of the service, and of its pods where that has no address of its own


class InService:
    """The versions of one deploy stage in a cluster. Methods raise ClusterError.

    Whoever waits is told of changes by `on_change`, and ends on `stop`.
    """

    def __init__(self, objects: Objects, draft: Draft, on_change: Callable[[Waiting], None], stop: Stop) -> None:
        self._objects = objects
        self._draft = draft
        self._on_change = on_change
        self._stop = stop

    def addresses(self, version: Version) -> tuple[str, ...]:
        """Where the version may answer inside the cluster, without regard to what the route says."""
        namespace = self._key(version.service).namespace
        return tuple(f"http://{version.service}-predictor.{namespace}.svc:{port}" for port in _PORTS)

    def run_of(self, service: str) -> str | None:
        """The run that made what is called so; None if it isn't there."""
        live = self._live(service)
        return None if live is None else str((live["metadata"].get("annotations") or {}).get(RUN, ""))

    def made_by(self, service: str) -> tuple[str, str] | None:
        """The run that made what is called so, and the digest of its model; None if it isn't there."""
        live = self._objects.get(self._key(service), _SERVICE[0])
        said = (live["metadata"].get("annotations") or {}) if live else {}
        return (said[RUN], said[MODEL]) if RUN in said and MODEL in said else None

    def put(self, version: Version) -> None:
        """Make what serves the version, or bring it to where the draft is now."""
        document = self._draft.service_of(version)
        metadata = document["metadata"]
        annotations = {**(metadata.get("annotations") or {}), RUN: version.run, MODEL: version.model}
        self._objects.applied({**document, "metadata": {**metadata, "annotations": annotations}}, force=True)

    def unready(self, version: Version, patience: Patience) -> Unwell | None:
        """What keeps the version from being ready; None once it is."""
        return self._awaited(Awaited(key=self._key(version.service), api_version=_SERVICE[0], origin=None), patience)

    def last_words(self, version: Version) -> tuple[str, ...]:
        """What a pod of the version printed last, in a block; what can't be read says so."""
        try:
            pods = self._objects.listed("v1", "Pod", self._key("").namespace, f"{_POD_LABEL}={version.service}")
            return tail(self._objects, pods[0], _CONTAINER) if pods else ()
        except ClusterError as error:
            return (error.found.message,)

    def share(
        self, weights: Mapping[Version, int], patience: Patience, *, lifts_override: bool = False
    ) -> Unwell | None:
        """Share the requests out, in percent; what keeps the gateway from doing so, None once it does.

        What people have set stays, unless this `lifts_override`: then it raises Conflicted. What anybody else has is
        taken over.
        """
        route = self._draft.route_to(weights)
        if route is None:
            return None
        try:
            self._objects.applied(route, force=lifts_override)
        except Conflicted as error:
            if any(each.manager == OVERRIDE_MANAGER for each in error.conflicts):
                raise
            self._objects.applied(route, force=True)
        awaited = Awaited(key=key_of(route), api_version=route["apiVersion"], origin=None)
        return self._awaited(awaited, patience)

    def override(self) -> Override | None:
        """What people have set over what runs decide; None where there is nothing, or no route."""
        if self._draft.route is None:
            return None
        route = self._objects.get(key_of(self._draft.route), self._draft.route["apiVersion"])
        return override_of(route["metadata"]) if route else None

    def collect(self, keep: Collection[str]) -> list[str]:
        """Remove all versions but these; the names of those that were there."""
        gone = [head for head in self._versions() if head.key.name not in keep and not head.deleted_at]
        for head in gone:
            self._objects.deleted(head.key, head.api_version, uid=head.uid)
        return [head.key.name for head in gone]

    def remove(self, service: str) -> None:
        """Remove one, if it is there."""
        live = self._live(service)
        if live is not None:
            self._objects.deleted(self._key(service), _SERVICE[0], uid=live["metadata"]["uid"])

    def _versions(self) -> list[Head]:
        labels = self._draft.service["metadata"].get("labels") or {}
        if any(name not in labels for name in _LABELS):
            return []  # a template of the user's that lets nobody tell whose they are
        selector = ",".join([*(f"{name}={labels[name]}" for name in _LABELS), f"!{PART_OF}"])
        return self._objects.heads(*_SERVICE, self._key("").namespace, selector)

    def _live(self, service: str) -> Document | None:
        """The object, unless its end has begun: then its end is waited for."""
        until = time.monotonic() + _GONE_AFTER
        while (found := self._objects.get(self._key(service), _SERVICE[0])) is not None:
            if not found["metadata"].get("deletionTimestamp") or self._stop.is_set() or time.monotonic() > until:
                return found
            time.sleep(_PAUSE)
        return None

    def _key(self, service: str) -> Key:
        drafted = key_of(self._draft.service)
        return Key(drafted.group, drafted.kind, drafted.namespace, service)

    def _awaited(self, awaited: Awaited, patience: Patience) -> Unwell | None:
        found = wait(self._objects, [awaited], patience=patience, on_change=self._on_change, stop=self._stop)
        return next(iter(found), None)


def of_no_set(objects: Objects, estate: Estate, pipelines: Collection[str]) -> list[Head]:
    """The versions of these pipelines of a project that runs have made in its environment, or apply has let go of."""
    if not pipelines:
        return []
    found = objects.heads(*_SERVICE, estate.namespace, f"{labels_of(estate)},!{PART_OF}")
    return [head for head in found if head.labels.get(PIPELINE) in pipelines]


def labels_of(estate: Estate) -> str:
    """What all objects of a project in an environment are found by."""
    labels = {ENVIRONMENT: estate.environment, PART_OF_PROJECT: estate.project, MANAGED_BY: TOOL}
    return ",".join(f"{name}={value}" for name, value in labels.items())
