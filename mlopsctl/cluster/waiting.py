"""Waiting until what was applied is well, and no longer than there is hope."""

import select
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from mlopsctl.cluster.belongings import Belongings, Surroundings, has_pods
from mlopsctl.cluster.errors import Forbidden
from mlopsctl.cluster.evidence import Events, Evidence, evidence
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.unwell import Awaited, Unwell
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Document, Key
from mlopsctl.plan.health import READY, Health, State, failing, progressing, status_of
from mlopsctl.plan.pod_health import container_statuses
from mlopsctl.plan.readiness import health, health_with, may_be_unready
from mlopsctl.plan.serving_health import parents
from mlopsctl.runtime.stop import Stop

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 2.0  # seconds between two looks
_SLOWER = 1.25
# How long something must be wrong without a break, in seconds, to be a failure and not a moment of a rollout.
GRACE = 20.0
_NOT_STARTED = {"ContainerCreating", "PodInitializing"}


@frozen
class Waiting:
    """An object's health is another than it was when it was last looked at."""

    key: Key
    health: Health


@frozen
class Patience:
    """How long is waited at most, and for how long something may be wrong that might heal, in seconds."""

    longest: float
    grace: float = GRACE


@frozen
class _Seen:
    """One object as it was found, or wasn't, with what belongs to it."""

    health: Health
    document: Document | None = None
    belongings: Belongings = Belongings()
    unseen: tuple[str, ...] = ()


def wait(
    objects: Objects,
    awaited: Iterable[Awaited],
    *,
    patience: Patience,
    on_change: Callable[[Waiting], None],
    stop: Stop | None = None,
) -> tuple[Unwell, ...]:
    """What isn't well in the end: none if all are ready in time; else those that failed, or all that are not ready.

    It ends as soon as one has failed: at once for what never heals, else when it has been wrong for as long as the
    grace; and on `stop`, as if time were up. An object that was ready once isn't looked at again. Raises ClusterError
    if the cluster can't be asked, but what lies around the objects, pods, events and logs, may be forbidden; then that
    is said.
    """
    return _Watch(objects, awaited, patience, on_change).until_the_end(stop)


class _Watch:
    def __init__(
        self, objects: Objects, awaited: Iterable[Awaited], patience: Patience, on_change: Callable[[Waiting], None]
    ) -> None:
        self._objects = objects
        self._pending = {each.key: each for each in awaited}
        self._patience = patience
        self._on_change = on_change
        self._begun = time.monotonic()
        self._said: dict[Key, Health] = {}
        self._wrong_since: dict[Key, float] = {}

    def until_the_end(self, stop: Stop | None) -> tuple[Unwell, ...]:
        pause = _FIRST_PAUSE
        while self._pending:
            seen = look(self._objects, self._pending.values())
            now = time.monotonic()
            for key, found in seen.items():
                self._note(key, found.health, now)
            if wrong := [key for key in self._pending if self._has_failed(key, now)]:
                # What is about to be a failure for the same reason is worth telling in the same breath.
                return self._unwell(seen, [key for key in self._pending if key in self._wrong_since], wrong)
            left = self._begun + self._patience.longest - now
            if self._pending and (left <= 0 or (stop is not None and stop.is_set())):
                return self._unwell(seen, list(self._pending), wrong)
            if self._pending:
                select.select([stop] if stop is not None else [], [], [], min(pause, left))
            pause = min(pause * _SLOWER, _LONGEST_PAUSE)
        return ()

    def _note(self, key: Key, found: Health, now: float) -> None:
        if self._said.get(key) != found:
            self._said[key] = found
            self._on_change(Waiting(key, found))
        if found.state in (State.FAILING, State.FAILED):
            self._wrong_since.setdefault(key, now)
        else:
            self._wrong_since.pop(key, None)
        if found.is_ready:
            del self._pending[key]

    def _has_failed(self, key: Key, now: float) -> bool:
        if key not in self._wrong_since:
            return False
        return self._said[key].state is State.FAILED or now - self._wrong_since[key] >= self._patience.grace

    def _unwell(self, seen: Mapping[Key, _Seen], keys: Sequence[Key], wrong: Sequence[Key]) -> tuple[Unwell, ...]:
        events = {key.namespace: Events(self._objects, key.namespace) for key in keys}
        seconds = time.monotonic() - self._begun
        return tuple(
            Unwell(
                awaited=self._pending[key],
                health=seen[key].health,
                is_final=bool(wrong),
                seconds=seconds,
                evidence=_evidence(self._objects, events[key.namespace], seen[key]),
            )
            for key in keys
        )


def look(objects: Objects, awaited: Iterable[Awaited]) -> dict[Key, _Seen]:
    """How each of them is at this moment. Each kind of a namespace is asked for once, however many there are."""
    documents: dict[Key, Document] = {}
    well: set[Key] = set()
    ordered = sorted(awaited, key=lambda each: each.key)
    for _, same_kind in groupby(ordered, key=lambda each: (each.api_version, each.key.kind, each.key.namespace)):
        group = list(same_kind)
        there = _there(objects, group)
        well |= there
        documents |= _found(objects, [each for each in group if each.key not in there])
    # What belongs to them is asked for later than they: what they know of it is then never newer than it is.
    around = _surroundings(objects, documents)
    return {
        each.key: _Seen(READY)
        if each.key in well
        else _seen(objects, each, documents.get(each.key), around.get(each.key.namespace))
        for each in ordered
    }


def _there(objects: Objects, group: Sequence[Awaited]) -> set[Key]:
    """Those that are well because they are there and stay, as of some kinds all are.

    Only their heads are asked for: a thousand whole WorkflowTemplates are a hundred MiB.
    """
    first = group[0]
    if len(group) == 1 or may_be_unready(first.key):
        return set()
    heads = objects.heads(first.api_version, first.key.kind, first.key.namespace)
    return {head.key for head in heads if not head.deleted_at} & {each.key for each in group}


def _found(objects: Objects, group: Sequence[Awaited]) -> dict[Key, Document]:
    if not group:
        return {}
    first = group[0]
    if len(group) == 1:
        document = objects.get(first.key, first.api_version)
        return {} if document is None else {first.key: document}
    wanted = {each.key.name: each.key for each in group}
    listed = objects.listed(first.api_version, first.key.kind, first.key.namespace)
    return {wanted[name]: each for each in listed if (name := each["metadata"]["name"]) in wanted}


def _surroundings(objects: Objects, documents: Mapping[Key, Document]) -> dict[str, "_Around"]:
    """What there is beside the objects in each namespace where one of them may need it to be judged."""
    keys = sorted(key for key, document in documents.items() if has_pods(key) and _is_open(key, document))
    groups = groupby(sorted(keys, key=lambda key: key.namespace), key=lambda key: key.namespace)
    return {
        namespace: _Around(Surroundings(objects, namespace, list(group)), Events(objects, namespace))
        for namespace, group in groups
    }


def _is_open(key: Key, document: Document) -> bool:
    """Whether an object alone doesn't tell that it is ready, as an InferenceService never does."""
    return key.kind == "InferenceService" or not health(document).is_ready


@frozen
class _Around:
    things: Surroundings
    events: Events


def _seen(objects: Objects, awaited: Awaited, document: Document | None, around: _Around | None) -> _Seen:
    key = awaited.key
    if document is None:
        return _Seen(failing("it is not there"))
    if not has_pods(key) or around is None:
        own = health(document)
        return _Seen(_at_gateways(objects, key, document, own) if key.kind == "HTTPRoute" else own, document)
    belongings = around.things.of(key, document)
    found = health_with(document, belongings.deployments, belongings.pods)
    if found.state is State.PROGRESSING:
        found = _mounting(around.events, belongings.pods, found)
    return _Seen(found, document, belongings, around.things.unseen)


def _mounting(events: Events, pods: Sequence[Document], otherwise: Health) -> Health:
    """Whether pods wait for volumes that can't be mounted, which only events tell."""
    uids = {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in pods if _is_not_started(pod)}
    if not uids:
        return otherwise
    why = next(events.failed_mounts(uids), "")
    return failing(why) if why else otherwise


def _is_not_started(pod: Document) -> bool:
    if status_of(pod).get("phase") != "Pending":
        return False
    reasons = {((each.get("state") or {}).get("waiting") or {}).get("reason") for each in container_statuses(pod)}
    return bool(reasons & _NOT_STARTED)


def _at_gateways(objects: Objects, key: Key, document: Document, own: Health) -> Health:
    """A route is silent on a gateway that isn't there, as nobody is in charge of it."""
    if own.state is not State.PROGRESSING:
        return own
    for namespace, name in parents(document):
        gateway = Key(key.group, "Gateway", namespace, name)
        try:
            if objects.get(gateway, str(document["apiVersion"])) is None:
                return failing(f"there is no Gateway `{name}` in the namespace `{namespace}`")
        except Forbidden:
            return progressing(f"{own.why}; no right to see whether Gateway `{name}` is in `{namespace}`")
    return own


def _evidence(objects: Objects, events: Events, seen: _Seen) -> Evidence:
    if seen.document is None:
        return Evidence()
    found = evidence(objects, events, seen.document, seen.belongings.all)
    return Evidence(found.events, found.logs, tuple(dict.fromkeys((*seen.unseen, *found.unseen))))
