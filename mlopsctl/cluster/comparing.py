"""One object as git says and as it lives: what apply would do to it, by the server's own word."""

from collections.abc import Collection
from dataclasses import field, replace

from mlopsctl.cluster import object_faults as faults
from mlopsctl.cluster.applyset import ApplySet
from mlopsctl.cluster.errors import Absent, ClusterError
from mlopsctl.cluster.objects import Head, Objects, head_of
from mlopsctl.cluster.ownership import refusal_to_adopt
from mlopsctl.cluster.refusals import is_immutable
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.manifest import FALLBACK, MANAGED_BY, PART_OF, PIPELINE, TOOL, Document, Manifest
from mlopsctl.plan.difference import differences
from mlopsctl.plan.drift import Sides, drifted
from mlopsctl.plan.model import Action, Drift, ObjectChange
from mlopsctl.plan.overrides import ends_turning_back, led_by, override_of, turned_back_of
from mlopsctl.plan.ownership import is_taken_back, with_rules, without_theirs


@frozen(kw_only=True)
class Compared:
    """What was found of one object: nothing to change if `change` is None. `live` is None if it isn't there."""

    manifest: Manifest
    live: Document | None = field(repr=False)
    change: ObjectChange | None
    drift: tuple[Drift, ...] = ()


@frozen(kw_only=True)
class Coming:
    """What the same apply brings first, so that the server can't be asked of what needs it: namespaces and kinds."""

    namespaces: Collection[str] = ()
    kinds: Collection[tuple[str, str]] = ()  # group and kind


class Comparison:
    """Compares the objects of one ApplySet; may be used by several threads."""

    def __init__(
        self, objects: Objects, applyset: ApplySet, coming: Coming, by_runs: Collection[str] = frozenset()
    ) -> None:
        self._objects = objects
        self._applyset = applyset
        self._coming = coming
        self._by_runs = by_runs  # the pipelines whose runs put models into service

    def of(self, manifest: Manifest, wanted: Document) -> Compared:
        """What apply would do to one object; `wanted` is as it is applied, with its stamps and labels.

        Raises DiagnosedError for what isn't ours, and ClusterError for what the cluster would refuse.
        """
        key = manifest.key
        if key.namespace in self._coming.namespaces or (key.group, key.kind) in self._coming.kinds:
            return Compared(manifest=manifest, live=None, change=_new(manifest, wanted, is_predicted=False))
        return self._asked(manifest, wanted)

    def _asked(self, manifest: Manifest, wanted: Document) -> Compared:
        key = manifest.key
        resource = self._objects.resources.of(manifest.api_version, key.kind)
        if resource is None:
            raise Absent(faults.no_definition(manifest.origin, key.kind, manifest.api_version), kind=key.kind)
        live = self._objects.get(key, manifest.api_version)
        if live is None:
            self._objects.predicted(wanted, force=False)  # for what it refuses
            return Compared(manifest=manifest, live=None, change=_new(manifest, wanted, is_predicted=True))
        if refusal := refusal_to_adopt(manifest, head_of(resource, live), self._applyset):
            raise DiagnosedError(refusal)
        return self._foretold(manifest, wanted, live)

    def _foretold(self, manifest: Manifest, wanted: Document, live: Document) -> Compared:
        """The change of an object that is there.

        Fields that others have set are taken back, which shows as drift, but for those that are theirs to set.
        """
        if manifest.pipeline in self._by_runs:
            wanted = with_rules(wanted, live)
        shared = without_theirs(wanted, live)
        try:
            predicted = self._objects.predicted(shared, force=True)
        except ClusterError as error:
            if not is_immutable(error):
                raise
            change = _changed(Action.REPLACE, manifest, wanted, (live, wanted))
            return Compared(manifest=manifest, live=live, change=change)
        drift = drifted(Sides(wanted=shared, live=live, predicted=predicted), place=manifest.place)
        change = _changed(Action.UPDATE, manifest, shared, (live, predicted))
        change = replace(change, note=_note(change, live, is_by_runs=manifest.pipeline in self._by_runs))
        is_change = bool(change.fields or change.note)
        return Compared(manifest=manifest, live=live, change=change if is_change else None, drift=drift)


def _note(change: ObjectChange, live: Document, *, is_by_runs: bool) -> str:
    """What there is to know of a change by which an object, or one of its fields, becomes git's."""
    labels = live["metadata"].get("labels") or {}
    if PART_OF not in labels:
        is_kept = change.key.kind == "InferenceService" and labels.get(MANAGED_BY) == TOOL
        return "kept until now: it serves again" if is_kept else "taken over: it is there, and nobody's"
    if override := _note_of_override(change.wanted or {}, live["metadata"], is_by_runs=is_by_runs):
        return override
    is_back = bool(change.fields) and is_taken_back(change.wanted or {}, live)
    return "git says where requests go from now on, in place of runs" if is_back else ""


def _note_of_override(wanted: Document, live: Document, *, is_by_runs: bool) -> str:
    """What becomes of what people have set of a route; `live` is its metadata."""
    turned = turned_back_of(live)
    if override_of(live) is not None:
        before, after = (metadata.get("annotations") or {} for metadata in (live, wanted.get("metadata", {})))
        is_first = FALLBACK in after and FALLBACK not in before
        return "its first fallback answers once it was resumed and is stopped again" if is_first else ""
    if turned is None or not ends_turning_back(live, wanted):
        return ""
    if is_by_runs:
        return f"runs say where requests go from now on; until one does, it is where {turned.by} turned back to"
    if not led_by(wanted):
        return f"git names no release any more, so what {turned.by} turned back to gets no requests either"
    return f"git names another release than was turned back from by {turned.by}, so it is obeyed again"


def deletion(head: Head, *, note: str = "") -> ObjectChange:
    """The end of an object that git doesn't have any more."""
    return of_head(head, Action.DELETE, note=note)


def of_head(head: Head, action: Action, *, note: str) -> ObjectChange:
    """What is to be done with an object of which git wants nothing more, told by its head alone."""
    return ObjectChange(
        action=action,
        key=head.key,
        api_version=head.api_version,
        pipeline=head.labels.get(PIPELINE, ""),
        stage="",
        origin=None,
        fields=(),
        wanted=None,
        uid=head.uid,
        version=head.version,
        is_predicted=True,
        note=note,
    )


def _new(manifest: Manifest, wanted: Document, *, is_predicted: bool) -> ObjectChange:
    return ObjectChange(
        action=Action.CREATE,
        key=manifest.key,
        api_version=manifest.api_version,
        pipeline=manifest.pipeline,
        stage=manifest.stage,
        origin=manifest.origin,
        fields=(),
        wanted=wanted,
        uid="",
        version="",
        is_predicted=is_predicted,
    )


def _changed(action: Action, manifest: Manifest, wanted: Document, sides: tuple[Document, Document]) -> ObjectChange:
    """The change from the object that lives, the first of `sides`, to the second."""
    live, after = sides
    return ObjectChange(
        action=action,
        key=manifest.key,
        api_version=manifest.api_version,
        pipeline=manifest.pipeline,
        stage=manifest.stage,
        origin=manifest.origin,
        fields=differences(live, after, place=manifest.place, source=manifest.document),
        wanted=wanted,
        uid=live["metadata"]["uid"],
        version=live["metadata"]["resourceVersion"],
        is_predicted=True,
    )
