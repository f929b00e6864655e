"""A run in a cluster, followed to its end, and told by the same events as a run on this machine."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from mlopsctl.cluster.access import THOROUGH
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.pod_logs import Logs
from mlopsctl.cluster.run_ends import fault_of, why_ended
from mlopsctl.cluster.run_faults import run_gone
from mlopsctl.cluster.run_logs import pods_of
from mlopsctl.cluster.run_nodes import (
    PodNode,
    StageNodes,
    is_cancelled,
    is_of_cancelling,
    is_over,
    items_of,
    stage_nodes,
)
from mlopsctl.cluster.run_trials import Trials
from mlopsctl.cluster.run_waits import Waits
from mlopsctl.cluster.runs import API_VERSION, ClusterRun
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Span
from mlopsctl.engine.commit import Commit
from mlopsctl.engine.fan_out import common_end
from mlopsctl.engine.notes import Note, read_note
from mlopsctl.engine.releases import read_serving
from mlopsctl.engine.result import StageResult, as_kept, as_told
from mlopsctl.engine.selection import why_skipped
from mlopsctl.engine.telling import Hearing, TrialHearing
from mlopsctl.events import Event, Outcome, RunEnded, RunStarted, StageEnded, StageRetried
from mlopsctl.frozen import frozen
from mlopsctl.ir.fan_out import part, written_parts
from mlopsctl.ir.model import MonitorStage, Pipeline, Stage, TrainStage
from mlopsctl.ir.parts import Item
from mlopsctl.manifest import Document
from mlopsctl.store import Outage, RunRecord, RunStage, Store

_TICK = 2  # seconds between two looks at what Argo doesn't tell of by itself, such as why a pod waits
_LAST_LINES = 30.0  # seconds for the rest of a log once its stage has ended
_AWAY = 600.0  # seconds for which a server or a store that is away is waited for: the run goes on without us
_WELL = (Outcome.DONE, Outcome.CACHED)
_NOT_BLOCKING = (*_WELL, Outcome.SKIPPED, Outcome.NOT_RUN)
_RECORDS = "runs"
# Where in the source what a pod says is at home; the rest is about the command.
_FIELDS = {"MLO412": "gates", "MLO413": "contract", "MLO415": "loadTest", "MLO416": "maxAge", "MLO802": "timeout"}


@frozen(kw_only=True)
class Followed:
    """How a run ended, and why it didn't end well."""

    outcome: Outcome
    diagnostics: tuple[Diagnostic, ...]


@frozen(kw_only=True)
class Subject:
    """What is followed: a run with what it is of. `has_source`: the pipeline is that of files which can be shown."""

    objects: Objects
    store: Store
    run: ClusterRun
    pipeline: Pipeline
    commit: Commit
    has_source: bool


class Following:
    """Follows one run, and tells it."""

    def __init__(self, subject: Subject, emit: Callable[[Event], None]) -> None:
        objects, run, pipeline = subject.objects, subject.run, subject.pipeline
        patient = replace(THOROUGH, repeat=_AWAY)
        self._objects = Objects(objects.connection.waiting(patient), objects.resources)
        self._store = subject.store.waiting(Outage(known=_AWAY, unknown=_AWAY, tell=lambda _: None, pause=_pause))
        self._run, self._pipeline, self._emit = run, pipeline, emit
        self._commit, self._has_source = subject.commit, subject.has_source
        self._stages: list[Stage] = [one for one in pipeline.ordered() if not isinstance(one, MonitorStage)]
        self._ended: dict[str, StageEnded] = {}
        self._retried: set[str] = set()
        self._hearing: dict[str, Hearing] = {}
        self._faults: list[Diagnostic] = []
        self._is_cancelled = False
        self._logs = Logs(objects.connection, run.key.namespace, self._heard)
        self._trials = Trials(self._store, run.id, emit)
        self._waits = Waits(self._objects, run.id, self._span, emit)

    def to_the_end(self) -> Followed:
        """Tell all that happens until the run has ended.

        Raises DiagnosedError if it can't go on, is gone, or if the cluster can't be asked for long; StoreError.
        """
        workflow = self._run.workflow
        for workflow in self._looks():
            self._look(workflow)
        return self._finish(workflow)

    def announce(self) -> None:
        """Tell which run it is."""
        self._emit(
            RunStarted(
                run=self._run.id,
                pipeline=self._pipeline.name,
                environment=self._run.environment,
                commit=self._commit.short,
                changed_files=self._commit.changed_files,
                stages=tuple((stage.name, stage.kind) for stage in self._stages),
                parts=written_parts(self._pipeline),
            )
        )

    def _looks(self) -> Iterator[Document]:
        """The workflow each time that it has changed, and every few seconds; the last time when it has ended."""
        key = self._run.key
        while True:
            found = self._objects.get(key, API_VERSION)
            if found is None:
                if self._store.read_record(_RECORDS, self._run.id) is None:
                    raise DiagnosedError(run_gone(self._run.id, key.name))
                return
            yield found
            if is_over(found):
                return
            version = found["metadata"]["resourceVersion"]
            self._objects.await_change(key, API_VERSION, since=version, seconds=_TICK)

    def _look(self, workflow: Document) -> None:
        self._is_cancelled = is_cancelled(workflow)
        self._find_parts(workflow)
        nodes = stage_nodes(workflow, [stage.name for stage in self._stages])
        going = {stage.name: nodes[stage.name] for stage in self._stages if self._is_open(stage.name, nodes)}
        if not going:
            return
        pods = pods_of(self._objects, self._run)
        for stage in self._stages:
            if stage.name in going:
                self._tell(stage, nodes[stage.name], pods)
        over = [name for name in going if nodes[name].is_over and not nodes[name].was_left_out]
        for name in sorted(over, key=lambda name: nodes[name].finished):
            self._end(self._stage(name), nodes[name], pods)

    def _find_parts(self, workflow: Document) -> None:
        """Put the parts of stages that have fanned out before them. Their values are known in the cluster only."""
        known = {stage.name for stage in self._stages}
        for stage in [stage for stage in self._stages if stage.each]:
            (param,) = stage.each
            found = [part(stage, Item(param, item, item)) for item in items_of(workflow, stage.name)]
            place = self._stages.index(stage)
            self._stages[place:place] = [one for one in found if one.name not in known]

    def _stage(self, name: str) -> Stage:
        return next(stage for stage in self._stages if stage.name == name)

    def _is_open(self, stage: str, nodes: Mapping[str, StageNodes]) -> bool:
        return stage in nodes and stage not in self._ended

    def _tell(self, stage: Stage, nodes: StageNodes, pods: Mapping[str, Document]) -> None:
        """Follow the logs of its pods, say which of them failed and are begun again, and what it waits for."""
        for number, node in enumerate(nodes.pods, start=1):
            pod = pods.get(node.id)
            if pod is not None:
                self._hearing.setdefault(pod["metadata"]["uid"], _hearing(stage, node, number))
                self._logs.follow(pod)
            if node.went_wrong and not node.trial and not nodes.is_over and node.id not in self._retried:
                self._retried.add(node.id)
                self._emit(_retried(stage, node, number))
        self._trials.look(stage, nodes)
        if not nodes.is_over:
            self._waits.look(stage, nodes, pods)

    def _heard(self, pod: str, line: str) -> None:
        event = self._hearing[pod].heard(line)
        if event is not None:
            self._emit(event)

    def _end(self, stage: Stage, nodes: StageNodes, pods: Mapping[str, Document]) -> None:
        """Tell how a stage ended, by its own word, or if its pod was ended from outside, by Argo's."""
        for node in nodes.pods:
            if node.id in pods:
                self._logs.await_end(pods[node.id], _LAST_LINES)
        if stage.each:
            self._told(stage.name, as_kept(self._common_end(stage)))
            return
        note = read_note(self._store, self._run.id, stage.name)
        if note is not None and (self._is_cancelled or note.stage.outcome != Outcome.INTERRUPTED):
            self._end_as_noted(stage, note)
        elif nodes.phase == "Succeeded":
            self._told(stage.name, _kept(stage, Outcome.DONE))
        else:
            self._end_silently(stage, nodes, pods)

    def _common_end(self, stage: Stage) -> StageResult:
        parts = [one for one in self._stages if one.item and one.written_name == stage.name and one.name in self._ended]
        ends = {one.item.name: self._ended[one.name].outcome for one in parts if one.item}
        return common_end(stage, ends, seconds=sum(self._ended[one.name].seconds for one in parts))

    def _end_as_noted(self, stage: Stage, note: Note) -> None:
        self._faults += [replace(fault, span=self._span(stage, fault.code)) for fault in note.faults]
        self._told(stage.name, note.stage)

    def _end_silently(self, stage: Stage, nodes: StageNodes, pods: Mapping[str, Document]) -> None:
        why = why_ended(nodes)
        if self._is_cancelled or is_of_cancelling(why):
            self._told(stage.name, _kept(stage, Outcome.INTERRUPTED, summary="cancelled"))
            return
        fault = fault_of(self._objects, stage, nodes, pods, self._span(stage, ""))
        self._faults.append(fault)
        self._told(stage.name, _kept(stage, Outcome.FAILED, summary=fault.message))

    def _told(self, name: str, kept: RunStage) -> None:
        event = replace(as_told(name, kept), kind=self._stage(name).kind)
        self._ended[name] = event
        self._emit(event)

    def _finish(self, workflow: Document) -> Followed:
        """Tell the end of the stages that never began, and of the run: by its record, if its last pod kept one."""
        document = self._store.read_record(_RECORDS, self._run.id)
        record = RunRecord.from_json(document) if document else None
        for stage in self._stages:
            if stage.name not in self._ended:
                kept = record.stages.get(stage.name) if record else None
                self._told(stage.name, kept or self._skipped(stage, workflow))
        outcome = Outcome(record.outcome) if record else self._outcome(workflow)
        serving = read_serving(self._store, self._pipeline.name, self._run.environment).release
        self._emit(
            RunEnded(
                run=self._run.id,
                pipeline=self._pipeline.name,
                outcome=outcome,
                seconds=_seconds(self._run, workflow),
                stages=len(self._whole()),
                cached=sum(event.outcome is Outcome.CACHED for event in self._whole().values()),
                serving=serving.run if serving else "",
            )
        )
        return Followed(outcome=outcome, diagnostics=tuple(self._faults))

    def _skipped(self, stage: Stage, workflow: Document) -> RunStage:
        opened = [name for name, event in self._whole().items() if event.outcome in _WELL]
        stopped = [name for name, event in self._whole().items() if event.outcome not in _NOT_BLOCKING]
        why = why_skipped(self._pipeline, stage, opened=opened, stopped=stopped)
        reason = "cancelled before it began" if is_cancelled(workflow) else why
        return _kept(stage, Outcome.SKIPPED, reason=reason)

    def _whole(self) -> dict[str, StageEnded]:
        """The stages that have ended, without the parts of those that fan out."""
        return {name: event for name, event in self._ended.items() if not event.part_of}

    def _outcome(self, workflow: Document) -> Outcome:
        if is_cancelled(workflow):
            return Outcome.INTERRUPTED
        outcomes = {event.outcome for event in self._ended.values()}
        return next((grave for grave in (Outcome.FAILED, Outcome.REFUSED) if grave in outcomes), Outcome.FAILED)

    def _span(self, stage: Stage, code: str) -> Span | None:
        if not self._has_source:
            return None
        field = _FIELDS.get(code, "run")
        return stage.origin.value(field) if stage.origin.has(field) else stage.origin.name


def _kept(stage: Stage, outcome: Outcome, *, summary: str = "", reason: str = "") -> RunStage:
    """A stage that has left no word of its own."""
    return RunStage(
        kind=stage.kind,
        key=None,
        outcome=outcome.value,
        reason=reason,
        seconds=0.0,
        summary=summary,
        part_of=stage.written_name if stage.item else "",
    )


def _hearing(stage: Stage, node: PodNode, number: int) -> Hearing:
    if node.trial and isinstance(stage, TrainStage) and stage.tune:
        return TrialHearing(stage.name, node.trial, stage.tune.trials)
    return Hearing(stage.name, stage.kind, number)


def _retried(stage: Stage, node: PodNode, number: int) -> StageRetried:
    return StageRetried(
        stage=stage.name,
        attempt=number,
        limit=stage.retries.limit,
        wait=stage.retries.backoff * 2 ** (number - 1),
        why=node.failure,
    )


def _pause(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _seconds(run: ClusterRun, workflow: Document) -> float:
    finished = (workflow.get("status") or {}).get("finishedAt")
    ended = datetime.fromisoformat(finished) if finished else datetime.now(UTC)
    return max(0.0, (ended - run.began).total_seconds())
