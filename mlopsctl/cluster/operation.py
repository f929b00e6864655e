"""An apply or a destroy from its lock to its record: one at a time, only what was planned, and told as it goes."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, field, replace
from threading import Lock as Mutex

from mlopsctl.cluster.access import AT_ONCE
from mlopsctl.cluster.applying import Application
from mlopsctl.cluster.applyset import ApplySet
from mlopsctl.cluster.ephemeral import leave, prolong
from mlopsctl.cluster.errors import ClusterError
from mlopsctl.cluster.history import AppliedRecord, History
from mlopsctl.cluster.holder import Holder
from mlopsctl.cluster.lock import Held, Lock, Terms, locked
from mlopsctl.cluster.site import Site
from mlopsctl.cluster.unwell import Unwell, diagnosed
from mlopsctl.cluster.waiting import Patience
from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Document, Key, Manifest
from mlopsctl.plan.encoding import digest_of
from mlopsctl.plan.model import Action, Plan
from mlopsctl.plan.ownership import is_untouched, without_theirs
from mlopsctl.plan.progress import (
    ApplyEnded,
    ApplyEvent,
    ApplyOutcome,
    ApplyStarted,
    Counts,
    LockAwaited,
    ObjectApplied,
    Pruned,
    Result,
    Task,
)
from mlopsctl.plan.staleness import Present, misdirected, stale, to_predict

_CONFLICTS = frozenset({"MLO840", "MLO867", "MLO868", "MLO869"})


Emit = Callable[[ApplyEvent], None]
Step = Callable[[Application], tuple[Unwell, ...]]


@frozen
class Ended:
    """How it ended: what is told of it, and what is to be said about it."""

    event: ApplyEnded
    diagnostics: tuple[Diagnostic, ...]


@frozen(kw_only=True)
class Operation:
    """A plan that may be carried out. `manifests` are what it was made from, as far as the same command made it."""

    plan: Plan
    site: Site
    manifests: Mapping[Key, Manifest] = field(repr=False)
    holder: Holder
    patience: Patience
    lock_timeout: float  # seconds

    def apply(self, emit: Emit) -> Ended:
        """Bring the cluster to where the plan leads. Raises DiagnosedError if it can't begin, such as for a lock."""
        if astray := misdirected(self.plan, self.site.target):
            raise DiagnosedError(*astray)
        for change in self.plan.changes:
            if change.key.kind == "Namespace" and change.wanted:  # where the lock will be
                self.site.objects.applied(change.wanted, force=False)
        prolong(self.site, self.holder)
        return self._under_lock(Application.carry_out, emit, Task.APPLY)

    def destroy(self, emit: Emit) -> Ended:
        """Delete all that is ours, of an ephemeral environment its namespace, too. Raises as `apply`."""
        ended = self._under_lock(Application.destroy, emit, Task.DESTROY)
        if self.site.environment.ephemeral is not None and ended.event.outcome is ApplyOutcome.DONE:
            self.leave()
        return ended

    def leave(self) -> None:
        """Have the namespace of an ephemeral environment deleted with all that is in it."""
        leave(self.site)

    def settle(self, emit: Emit) -> Ended:
        """See an earlier apply to its end that was cut off or not well, where nothing is left to change; as `apply`.

        There is a lock only if the set says more than it has, as after an apply that was cut off late.
        """
        prolong(self.site, self.holder)
        applyset = self.site.applyset()
        if applyset.version and not applyset.holds_just(self.manifests):
            return self._under_lock(Application.carry_out, emit, Task.APPLY)
        lock = Lock(self.site.objects.connection, self._terms, self.holder)  # that is never taken
        return self._told(Application.settle, self._application(applyset, lock, emit), Task.APPLY)

    def _under_lock(self, do: Step, emit: Emit, task: Task) -> Ended:
        with ExitStack() as closing:
            lock = self._lock(closing, emit)
            applyset = self.site.applyset()
            application = self._application(applyset, lock, emit)
            settled = self._refuse_stale(applyset, is_begun=applyset.plan == application.digest)
            return self._told(do, replace(application, settled=settled), task)

    def _lock(self, closing: ExitStack, emit: Emit) -> Lock:
        """The lock until `closing` is closed; of one that has to be waited for it is said who has it."""
        connection, terms = self.site.objects.connection, self._terms
        try:
            return closing.enter_context(locked(connection, terms, self.holder))
        except Held as held:
            if not self.lock_timeout:
                raise
            emit(LockAwaited(holder=held.holder.identity, since=held.holder.started))
        return closing.enter_context(locked(connection, replace(terms, timeout=self.lock_timeout), self.holder))

    @property
    def _terms(self) -> Terms:
        return Terms(name=self.site.estate.name, namespace=self.site.estate.namespace)

    def _refuse_stale(self, applyset: ApplySet, *, is_begun: bool) -> frozenset[Key]:
        """The objects that are as the plan wants them. Raises DiagnosedError if what is there isn't what it is for.

        If it `is_begun`, and was cut off, it is this plan itself that has moved the inventory.
        """
        objects = self.site.objects
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda change: objects.get(change.key, change.api_version), self.plan.changes)
            live = {each.key: document for each, document in zip(self.plan.changes, found, strict=True) if document}
            moved = to_predict(self.plan, live)
            shared = [without_theirs(change.wanted or {}, live[change.key]) for change in moved]
            foretold = pool.map(lambda document: objects.predicted(document, force=True), shared)
            predicted = {change.key: document for change, document in zip(moved, foretold, strict=True)}
        present = Present(
            target=self.site.target,
            inventory=self.plan.inventory if is_begun else replace(self.plan.inventory, version=applyset.version),
            parent=objects.get(applyset.key, "v1"),
            live=self._without_namespace(live),
            predicted=predicted,
        )
        if outdated := stale(self.plan, present):
            raise DiagnosedError(*outdated)
        wanted = {change.key: change.wanted for change in self.plan.changes if change.wanted}
        return frozenset(key for key, document in live.items() if key in wanted and is_untouched(document, wanted[key]))

    @staticmethod
    def _without_namespace(live: Mapping[Key, Document]) -> dict[Key, Document]:
        """What lives but for the namespace, which has just been made for the lock."""
        return {key: document for key, document in live.items() if key.kind != "Namespace"}

    def _application(self, applyset: ApplySet, lock: Lock, emit: Emit) -> Application:
        return Application(
            plan=self.plan,
            digest=digest_of(self.plan),
            objects=self.site.objects,
            applyset=applyset,
            lock=lock,
            manifests=self.manifests,
            patience=self.patience,
            emit=emit,
        )

    def _told(self, do: Step, application: Application, task: Task) -> Ended:
        """Do it, tell how it began and ended, and keep a record of that, whatever happens."""
        begun, tally, emit = time.monotonic(), _Tally(application.emit), application.emit
        digest, commit, target = application.digest, self.plan.provenance.commit, self.site.target
        emit(ApplyStarted(target=target, digest=digest, commit=commit, planned=_planned(self.plan), task=task))
        outcome = ApplyOutcome.INTERRUPTED
        unwell: tuple[Unwell, ...] = ()
        faults: tuple[Diagnostic, ...] = ()
        try:
            unwell = do(replace(application, emit=tally.handle))
            outcome = ApplyOutcome.UNHEALTHY if unwell else ApplyOutcome.DONE
            faults = tuple(diagnosed(each) for each in unwell)
        except DiagnosedError as error:
            faults = error.diagnostics
            is_conflict = any(fault.code in _CONFLICTS for fault in faults)
            outcome = ApplyOutcome.CONFLICT if is_conflict else ApplyOutcome.FAILED
        except KeyboardInterrupt:
            pass  # what it came to says so
        finally:
            ended = ApplyEnded(
                target=target,
                outcome=outcome,
                seconds=time.monotonic() - begun,
                done=tally.counts(),
                left=len(self.plan.changes) - tally.total,
                unready=tuple(each.awaited.key for each in unwell),
                task=task,
            )
            emit(ended)
            if self.plan.changes:
                self._keep(ended, digest, faults)
        return Ended(ended, faults)

    def _keep(self, ended: ApplyEnded, digest: str, faults: tuple[Diagnostic, ...]) -> None:
        """Record it. That it can't be recorded is no reason to call it failed."""
        holder, provenance = self.holder, self.plan.provenance
        record = AppliedRecord(
            id=holder.id,
            user=holder.user,
            host=holder.host,
            run=holder.run,
            at=holder.started,
            version=provenance.version,
            commit=provenance.commit,
            plan=digest,
            counts=asdict(ended.done),
            result=ended.outcome.value,
            why=faults[0].message if faults else "",
            seconds=ended.seconds,
        )
        with suppress(ClusterError):
            History(self.site.objects, self.site.estate).append(record)


class _Tally:
    """Counts what is done while it is told."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._mutex = Mutex()
        self._done = dict.fromkeys(Action, 0)
        self._unchanged = 0

    @property
    def total(self) -> int:
        """How many objects are done."""
        return sum(self._done.values()) + self._unchanged

    def handle(self, event: ApplyEvent) -> None:
        """Count the event, and pass it on."""
        with self._mutex:
            match event:
                case ObjectApplied(result=Result.DONE):
                    self._done[event.action] += 1
                case Pruned(result=Result.DONE):
                    self._done[Action.DELETE] += 1
                case ObjectApplied(result=Result.UNCHANGED) | Pruned(result=Result.UNCHANGED):
                    self._unchanged += 1
                case _:
                    pass
        self._emit(event)

    def counts(self) -> Counts:
        """How many of each."""
        return replace(_counts(self._done), unchanged=self._unchanged)


def _planned(plan: Plan) -> Counts:
    return _counts({action: plan.count(action) for action in Action})


def _counts(number: Mapping[Action, int]) -> Counts:
    return Counts(
        added=number[Action.CREATE],
        changed=number[Action.UPDATE],
        replaced=number[Action.REPLACE],
        deleted=number[Action.DELETE],
    )
