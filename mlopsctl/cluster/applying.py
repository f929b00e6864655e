"""Carrying out a plan: what is new or changed first, then until it is well, then the end of what is no longer wanted.

Traffic is sent elsewhere only when what it is sent to is ready.

Each step can be done again. Whoever finds an apply that was cut off applies again: what is done already is left alone,
and what the set should hold was recorded before any of it was made.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, replace

from mlopsctl.cluster.access import AT_ONCE
from mlopsctl.cluster.applyset import ApplySet, GroupKind
from mlopsctl.cluster.errors import ClusterError, Conflicted
from mlopsctl.cluster.lock import Lock
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.override import end_override
from mlopsctl.cluster.refusals import refusals_of
from mlopsctl.cluster.troubles import Stop
from mlopsctl.cluster.unwell import Awaited, Unwell
from mlopsctl.cluster.waiting import Patience, Waiting, wait
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Finding, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.manifest import PIPELINE, Document, Key, Manifest
from mlopsctl.plan.difference import differences
from mlopsctl.plan.model import Action, ObjectChange, Plan
from mlopsctl.plan.order import Keyed, moves_traffic, ranks, ranks_of_deletion, takes_traffic
from mlopsctl.plan.overrides import ends_turning_back
from mlopsctl.plan.ownership import without_theirs
from mlopsctl.plan.progress import ApplyEvent, ObjectApplied, ObjectReady, Pruned, Result, WaitingFor
from mlopsctl.plan.readiness import may_be_unready

_GONE_AFTER = 120.0  # seconds; finalizers of others may take their time
_PAUSE = 0.2
# Seconds until Argo knows a template. Of a schedule that comes sooner it takes no notice for 20 minutes. (0045)
_LEARNT_AFTER = 3.0


@frozen(kw_only=True)
class Application:
    """One plan on its way into a cluster; `digest` is its own.

    `manifests` are known where the plan was made by the same command.
    """

    plan: Plan
    digest: str
    objects: Objects
    applyset: ApplySet
    lock: Lock
    manifests: Mapping[Key, Manifest] = field(repr=False)
    patience: Patience
    emit: Callable[[ApplyEvent], None]
    settled: frozenset[Key] = frozenset()  # what is already as the plan wants it

    def carry_out(self) -> tuple[Unwell, ...]:
        """Do all that the plan says. What isn't well at its end is returned, and then nothing is deleted.

        Raises DiagnosedError where the cluster refuses, if somebody else was faster, or if the lock is lost.
        """
        made = [change for change in self.plan.changes if change.action is not Action.DELETE]
        gone = [change for change in self.plan.changes if change.action is Action.DELETE]
        self.lock.check()
        self.applyset.widen(_kinds(made), {change.key.namespace for change in made}, plan=self.digest)
        until = time.monotonic() + self.patience.longest
        # What was left alone may be what traffic is sent to, and not be well yet since an apply that was cut off.
        pending = [*self._kept(_pipelines(change for change in made if moves_traffic(change.key)), takes_traffic)]
        learnt = 0.0
        for rank in ranks(made):
            if any(moves_traffic(change.key) for change in rank):
                if unwell := self._awaited(pending, until):
                    return unwell
                pending = []
            if any(_begins_a_schedule(change) for change in rank):
                time.sleep(max(learnt - time.monotonic(), 0.0))
            self._make(rank)
            if any(change.key.kind == "WorkflowTemplate" for change in rank):
                learnt = time.monotonic() + _LEARNT_AFTER
            pending += [_awaited(change) for change in rank if not change.is_letting_go]
        if unwell := self._awaited([*pending, *self._kept(_pipelines(gone))], until):
            return unwell
        for rank in ranks_of_deletion(gone):
            self._in_parallel(self._deleted, rank)
        self.tidy()
        return ()

    def destroy(self) -> tuple[Unwell, ...]:
        """Delete all that the plan says, which is all there is, then what stands for it. Raises as `carry_out`."""
        for rank in ranks_of_deletion(self.plan.changes):
            self._in_parallel(self._deleted, rank)
            self._until_gone(rank)
        self.lock.check()
        self.applyset.remove()
        return ()

    def _make(self, rank: Sequence[ObjectChange]) -> None:
        self._in_parallel(self._applied, rank)
        if any(change.key.kind == "CustomResourceDefinition" for change in rank):
            # What is of these kinds comes in a later rank, and can't be made before they are served.
            self._awaited(map(_awaited, rank), time.monotonic() + self.patience.longest)
            self.objects.resources.forget()

    def _in_parallel(self, do: Callable[[ObjectChange], Result], rank: Sequence[ObjectChange]) -> None:
        """Do it for each, and raise DiagnosedError with what failed once all are through.

        Once the cluster can't be asked at all, the rest isn't tried.
        """
        stop = Stop()

        def done(change: ObjectChange) -> tuple[Diagnostic, ...]:
            if stop.is_set:
                return ()
            begun = time.monotonic()
            faults: tuple[Diagnostic, ...] = ()
            result = Result.FAILED
            try:
                result = do(change)
            except ClusterError as error:
                faults = self._refusals(change, error) if stop.is_worth_telling(error) else ()
            except DiagnosedError as error:
                faults = error.diagnostics
            if result is Result.FAILED and not faults:
                return ()  # for a reason that is told already
            why = faults[0].message if faults else ""
            self.emit(_ended(change, result, time.monotonic() - begun, why))
            return faults

        with ThreadPoolExecutor(AT_ONCE) as pool:
            failed = dict.fromkeys(fault for faults in pool.map(done, rank) for fault in faults)
        if failed:
            raise DiagnosedError(*failed)

    def _applied(self, change: ObjectChange) -> Result:
        self.lock.check()
        if change.key in self.settled:
            return Result.UNCHANGED
        if change.is_letting_go:
            is_member = self.applyset.let_go(change.key, change.api_version, uid=change.uid)
            return Result.DONE if is_member else Result.UNCHANGED
        if change.action is Action.REPLACE:
            self.objects.deleted(change.key, change.api_version, uid=change.uid, propagation="Foreground")
            self._until_gone([change])
        try:
            self.objects.applied(change.wanted or {}, force=False)
        except Conflicted:
            self._applied_over(change)
        if change.key.kind == "HTTPRoute":
            self._obey_git(change)
        return Result.DONE

    def _obey_git(self, change: ObjectChange) -> None:
        """Take away what people had set of a route for as long as git named what they turned back from."""
        live = self.objects.get(change.key, change.api_version)
        if live is not None and ends_turning_back(live["metadata"], change.wanted or {}):
            end_override(self.objects, live)

    def _applied_over(self, change: ObjectChange) -> None:
        """Apply it where others have set some of its fields: theirs stay theirs, and what the plan showed goes back."""
        live = self.objects.get(change.key, change.api_version) or {}
        wanted = without_theirs(change.wanted or {}, live) if live else change.wanted or {}
        try:
            self.objects.applied(wanted, force=False)
        except Conflicted:
            if not self._is_foreseen(change, live, wanted):
                raise
            self.objects.applied(wanted, force=True)

    def _is_foreseen(self, change: ObjectChange, live: Document, wanted: Document) -> bool:
        """Whether to take over what others have set does just what the plan showed."""
        taken = differences(live, self.objects.predicted(wanted, force=True))
        return {(each.path, repr(each.after)) for each in taken} <= {
            (each.path, repr(each.after)) for each in change.fields
        }

    def _deleted(self, change: ObjectChange) -> Result:
        self.lock.check()
        is_there = self.objects.deleted(change.key, change.api_version, uid=change.uid)
        return Result.DONE if is_there else Result.UNCHANGED

    def _until_gone(self, changes: Iterable[ObjectChange]) -> None:
        """Wait until the server has forgotten them. Raises DiagnosedError for what stays, with what holds it."""
        deadline = time.monotonic() + _GONE_AFTER
        for change in changes:
            while (found := self.objects.get(change.key, change.api_version)) is not None:
                if found["metadata"].get("uid") != change.uid:
                    break
                if time.monotonic() > deadline:
                    raise DiagnosedError(not_gone(change, found["metadata"].get("finalizers") or ()))
                time.sleep(_PAUSE)

    def settle(self) -> tuple[Unwell, ...]:
        """Wait until all that is there is well, where nothing is to be changed. What isn't in the end is returned."""
        pipelines = {manifest.pipeline for manifest in self.manifests.values()}
        return self._awaited(self._kept(pipelines), time.monotonic() + self.patience.longest)

    def tidy(self) -> None:
        """Leave to the set only the kinds and namespaces that it has members of."""
        self.lock.check()
        members = self.applyset.members()
        self.applyset.trim(_kinds(members), {head.key.namespace for head in members})

    def _kept(self, pipelines: Collection[str], concerns: Callable[[Key], bool] = may_be_unready) -> Iterator[Awaited]:
        """What there is of these pipelines that the plan leaves alone, and that can be unwell."""
        changed = {each.key for each in self.plan.changes}
        for head in self.applyset.members() if pipelines else ():
            manifest = self.manifests.get(head.key)
            pipeline = manifest.pipeline if manifest else head.labels.get(PIPELINE, "")
            is_kept = head.key not in changed and (pipeline in pipelines or not pipeline)
            if is_kept and may_be_unready(head.key) and concerns(head.key):
                yield Awaited(key=head.key, api_version=head.api_version, origin=manifest.origin if manifest else None)

    def _awaited(self, awaited: Iterable[Awaited], until: float) -> tuple[Unwell, ...]:
        begun = time.monotonic()

        def told(seen: Waiting) -> None:
            if seen.health.is_ready:
                self.emit(ObjectReady(key=seen.key, seconds=time.monotonic() - begun, why=seen.health.why))
            else:
                self.emit(WaitingFor(key=seen.key, state=seen.health.state, why=seen.health.why))

        patience = replace(self.patience, longest=max(until - begun, 0.0))
        return wait(self.objects, awaited, patience=patience, on_change=told)

    def _refusals(self, change: ObjectChange, error: ClusterError) -> tuple[Diagnostic, ...]:
        """Why the cluster refuses, at the line of the source; of a saved plan only what its change tells is known."""
        manifest = self.manifests.get(change.key)
        if manifest is None and change.origin is not None and change.wanted is not None:
            manifest = Manifest(
                document=change.wanted, pipeline=change.pipeline, stage=change.stage, origin=change.origin, places={}
            )
        return (error.found,) if manifest is None else refusals_of(error, manifest)


def _begins_a_schedule(change: ObjectChange) -> bool:
    return change.key.kind == "CronWorkflow" and change.action in (Action.CREATE, Action.REPLACE)


def _awaited(change: ObjectChange) -> Awaited:
    return Awaited(key=change.key, api_version=change.api_version, origin=change.origin)


def _pipelines(changes: Iterable[ObjectChange]) -> set[str]:
    return {change.pipeline for change in changes}


def _kinds(objects: Iterable[Keyed]) -> set[GroupKind]:
    return {GroupKind(each.key.group, each.key.kind) for each in objects}


def _ended(change: ObjectChange, result: Result, seconds: float, why: str) -> ApplyEvent:
    if change.action is Action.DELETE:
        return Pruned(key=change.key, result=result, seconds=seconds, why=why)
    return ObjectApplied(key=change.key, action=change.action, result=result, seconds=seconds, why=why)


@diagnostic("MLO750")
def not_gone(change: ObjectChange, finalizers: Sequence[str]) -> Finding:
    """An object that was deleted stays, because something else has to clean up first and doesn't.

    Example:
        an InferenceService is deleted while KServe's controller is down

    Fix: see to it that what its finalizers name is running, then apply again.
    """
    held = f"held by {', '.join(finalizers)}" if finalizers else "and nothing says what holds it"
    return Finding(
        message=f"{change.key} was deleted and is still there after {_GONE_AFTER:.0f} s, {held}",
        span=change.origin,
        helps=("see that the controller that cleans up after it is running, then apply again",),
    )
