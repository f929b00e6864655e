"""Nodes that train together, from their beginning to their end: what they print, what they wait for, how each ended."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from mlopsctl.cluster.evidence import Events, evidence
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.pod_logs import Logs, has_begun
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.notes import read_rank
from mlopsctl.engine.ranks import RankEnd, ending_of, rank_line
from mlopsctl.engine.session import Session
from mlopsctl.engine.telling import Hearing
from mlopsctl.events import StageOutput, StageWaiting
from mlopsctl.ir.model import Stage
from mlopsctl.manifest import Document, key_of
from mlopsctl.plan.health import State, conditions_of, status_of
from mlopsctl.plan.pod_health import container_statuses, pod_health
from mlopsctl.pod import faults
from mlopsctl.runtime.process import OUT_OF_MEMORY, TERMINATED
from mlopsctl.runtime.step import StepResult

_TICK = 2  # seconds between two looks at what a JobSet doesn't tell of by itself
_SLOW = 10.0  # seconds after which it is worth saying what a node waits for
_GRACE = 300.0  # seconds for which something may be wrong with a pod that has not begun: registries come back
# Seconds for what ends to say so, beside those that its pods have to end in; and where this pod is to end itself.
_LAST_WORDS, _LAST_WORDS_STOPPED = 15.0, 20.0
_GRACE_OF_PODS = 30  # seconds, of those that don't say
_RANK = "batch.kubernetes.io/job-completion-index"
_OVER = ("Succeeded", "Failed")
_FAILED = 1


class NodeWatch:
    """Watches the pods of one JobSet; removes it if it is left before its end."""

    def __init__(self, objects: Objects, session: Session, stage: Stage, made: Document) -> None:
        self._objects, self._session, self._stage, self._made = objects, session, stage, made
        self._key, self._uid = key_of(made), str(made["metadata"]["uid"])
        (replicated,) = made["spec"]["replicatedJobs"]
        self._count = int(replicated["template"]["spec"]["completions"])
        pod = replicated["template"]["spec"]["template"]["spec"]
        self._grace = int(pod.get("terminationGracePeriodSeconds") or _GRACE_OF_PODS)
        self._logs = Logs(objects.connection, self._key.namespace, self._heard, at_once=self._count)
        self._hearing: dict[str, tuple[int, Hearing]] = {}
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._wrong_since: float | None = None
        self._said = ""
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_over:
            self._remove()

    def ends(self) -> list[RankEnd]:
        """How each rank ended, in their order. Raises DiagnosedError if none of them says why they ended."""
        found: Document | None = self._made
        while found is not None and not _is_over(found) and not self._session.stop.is_set():
            self._look(found)
            version = found["metadata"]["resourceVersion"]
            self._objects.await_change(self._key, self._made["apiVersion"], since=version, seconds=_TICK)
            found = self._objects.get(self._key, self._made["apiVersion"])
        self._is_over = found is None or _is_over(found)
        if not self._is_over:
            self._remove()
        pods = self._last_words()
        known = [self._end(rank, pods.get(rank)) for rank in range(self._count)]
        if found is not None and conditions_of(found)["Completed"].holds:
            return [end or _silent(rank, _FAILED) for rank, end in enumerate(known)]
        if not self._session.stop.is_set() and all(end is None or end.is_well or end.was_asked for end in known):
            self._expect_taken_away(found, known, pods)
        # What ended with the others and could not say so.
        return [end or _asked(rank) for rank, end in enumerate(known)]

    def _expect_taken_away(
        self, found: Document | None, known: list[RankEnd | None], pods: Mapping[int, Document]
    ) -> None:
        """Raises DiagnosedError unless nodes were asked to end, as those are whose machine goes."""
        if found is not None and any(end is not None and end.was_asked for end in known):
            return
        if found is None:
            why = f"somebody has removed {self._key}"
        else:
            failed = conditions_of(found)["Failed"]
            why = failed.said or "their pods are gone"
        raise DiagnosedError(self._no_result(why, pods))

    def _no_result(self, why: str, pods: Mapping[int, Document]) -> Any:
        seen = evidence(self._objects, Events(self._objects, self._key.namespace), self._made, pods.values())
        return faults.nodes_ended(self._stage.name, why, (*seen.events, *seen.unseen))

    def _look(self, found: Document) -> None:
        """Follow what the pods print, and say what is waited for. Raises DiagnosedError if it is in vain."""
        pods = self._pods()
        for rank, pod in pods.items():
            self._follow(rank, pod)
        waiting = {rank: pod for rank, pod in pods.items() if not has_begun(pod)}
        healths = {rank: pod_health(pod) for rank, pod in waiting.items()}
        wrong = {rank: one for rank, one in healths.items() if one.state in (State.FAILING, State.FAILED)}
        self._say(found, pods, {rank: one.why for rank, one in healths.items()})
        now = time.monotonic()
        self._wrong_since = (self._wrong_since or now) if wrong else None
        for rank, one in wrong.items():
            if one.state is State.FAILED or now - (self._wrong_since or now) > _GRACE:
                raise DiagnosedError(self._no_result(f"rank {rank} can't begin: {one.why}", pods))

    def _say(self, found: Document, pods: Mapping[int, Document], waiting: Mapping[int, str]) -> None:
        if found["spec"].get("suspend"):
            queue = found["metadata"].get("labels", {}).get("kueue.x-k8s.io/queue-name")
            why = f"waits in the queue `{queue}`" if queue else "its JobSet is suspended"
        elif time.monotonic() - self._began < _SLOW or (len(pods) == self._count and not waiting):
            why = ""
        else:
            reasons = "; ".join(dict.fromkeys(why for why in waiting.values() if "starting" not in why))
            begun = len(pods) - len(waiting)
            why = f"{begun} of {self._count} nodes run" + (f": {reasons}" if reasons else "")
        if why != self._said and why:
            self._session.emit(StageWaiting(stage=self._stage.name, kind=self._stage.kind, why=why, is_trouble=True))
        self._said = why

    def _follow(self, rank: int, pod: Document) -> None:
        with self._lock:
            hearing = Hearing(self._stage.name, self._stage.kind, 1)
            self._hearing.setdefault(pod["metadata"]["uid"], (rank, hearing))
        self._logs.follow(pod)

    def _heard(self, pod: str, line: str) -> None:
        with self._lock:
            rank, hearing = self._hearing[pod]
        event = hearing.heard(line)
        if isinstance(event, StageOutput):
            self._session.emit(replace(event, line=rank_line(rank, event.line)))
        elif isinstance(event, StageWaiting):
            self._session.emit(replace(event, why=f"rank {rank}: {event.why}"))

    def _last_words(self) -> dict[int, Document]:
        """The pods when all have ended, or when they have had the time for it; the last that was seen of each."""
        seconds = _LAST_WORDS_STOPPED if self._session.stop.is_set() else self._grace + _LAST_WORDS
        end, seen = time.monotonic() + seconds, dict[int, Document]()
        while True:
            there = self._pods()
            seen |= there
            for rank, pod in there.items():
                self._follow(rank, pod)
            if all(status_of(pod).get("phase") in _OVER for pod in there.values()) or time.monotonic() > end:
                break
            time.sleep(_TICK / 2)
        for pod in seen.values():
            self._logs.await_end(pod, max(0.0, end - time.monotonic()))
        return seen

    def _end(self, rank: int, pod: Document | None) -> RankEnd | None:
        """How a rank ended by its own word, or by what its pod ended with; None if nobody knows."""
        said = read_rank(self._session.store, self._session.run, self._key.name, rank)
        return said or (_of_pod(rank, pod) if pod is not None else None)

    def _pods(self) -> dict[int, Document]:
        """Those of the JobSet by their ranks."""
        selector = f"jobset.sigs.k8s.io/jobset-name={self._key.name}"
        pods = self._objects.listed("v1", "Pod", self._key.namespace, selector)
        return {int((pod["metadata"].get("annotations") or {}).get(_RANK, 0)): pod for pod in pods}

    def _remove(self) -> None:
        self._is_over = True
        self._objects.deleted(self._key, self._made["apiVersion"], uid=self._uid)


def _is_over(job_set: Document) -> bool:
    conditions = conditions_of(job_set)
    return conditions["Completed"].holds or conditions["Failed"].holds


def _of_pod(rank: int, pod: Document) -> RankEnd | None:
    """How a pod ended that couldn't say so itself: its memory was over, or its machine is gone."""
    status = status_of(pod)
    for each in container_statuses(pod):
        ended = (each.get("state") or {}).get("terminated") or {}
        if ended.get("reason") == "OOMKilled":
            return _silent(rank, OUT_OF_MEMORY, lacked_memory=True, at=ended.get("finishedAt"))
        if ended.get("exitCode") and not conditions_of(pod)["DisruptionTarget"].holds:
            return _silent(rank, int(ended["exitCode"]), at=ended.get("finishedAt"))
    if status.get("phase") == "Failed":
        return _silent(rank, TERMINATED)
    return None


def _silent(rank: int, exit_code: int, *, lacked_memory: bool = False, at: str | None = None) -> RankEnd:
    ending = ending_of(exit_code, lacked_memory=lacked_memory)
    moment = datetime.fromisoformat(at).timestamp() if at else time.time()
    return RankEnd(rank=rank, result=StepResult(ending=ending), at=moment)


def _asked(rank: int) -> RankEnd:
    return RankEnd(rank=rank, result=StepResult(ending=ending_of(TERMINATED, reason="stopped")), at=time.time())
