"""Why a stage of a run doesn't begin: told as it goes, and at some time for good."""

import time
from collections.abc import Callable, Mapping

from mlopsctl.cluster.evidence import Events, evidence
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.pod_logs import has_begun
from mlopsctl.cluster.run_faults import cannot_begin
from mlopsctl.cluster.run_nodes import StageNodes
from mlopsctl.diagnostics import DiagnosedError, Span
from mlopsctl.events import Event, StageWaiting
from mlopsctl.ir.model import Stage
from mlopsctl.manifest import Document
from mlopsctl.plan.health import Health, State, failing, progressing
from mlopsctl.plan.pod_health import pod_health

# How long something must be wrong without a break, in seconds, until nobody waits for it to heal.
GRACE = 60.0
_SLOW = 10.0  # seconds after which it is worth asking why a pod that was given to a node has not begun
_STARTING = "its pod is starting"


class Waits:
    """Looks at the pods of stages that have not begun."""

    def __init__(
        self, objects: Objects, run: str, span: Callable[[Stage, str], Span | None], emit: Callable[[Event], None]
    ) -> None:
        self._objects, self._run, self._span, self._emit = objects, run, span, emit
        self._said: dict[str, Health] = {}
        self._since: dict[str, float] = {}
        self._wrong_since: dict[str, float] = {}

    def look(self, stage: Stage, nodes: StageNodes, pods: Mapping[str, Document]) -> None:
        """Say what the stage waits for, if that is something new. Raises DiagnosedError if it waits in vain."""
        waiting = [node for node in nodes.pods if not node.is_over]
        if not waiting or (pods.get(waiting[-1].id) and has_begun(pods[waiting[-1].id])):
            self._said.pop(stage.name, None)
            self._since.pop(stage.name, None)
            self._wrong_since.pop(stage.name, None)
            return
        node = waiting[-1]
        pod = pods.get(node.id)
        now = time.monotonic()
        since = self._since.setdefault(stage.name, now)
        found = self._of_pod(pod, is_slow=now - since > _SLOW) if pod else progressing(node.waits_for)
        self._tell(stage, found)
        if found.state not in (State.FAILING, State.FAILED):
            self._wrong_since.pop(stage.name, None)
            return
        wrong_since = self._wrong_since.setdefault(stage.name, now)
        if pod is not None and (found.state is State.FAILED or now - wrong_since > GRACE):
            events = Events(self._objects, pod["metadata"]["namespace"])
            seen = evidence(self._objects, events, pod, [pod])
            raise DiagnosedError(cannot_begin(self._span(stage, ""), stage.name, found.why, seen, self._run))

    def _of_pod(self, pod: Document, *, is_slow: bool) -> Health:
        found = pod_health(pod)
        if found.state is State.PROGRESSING and is_slow and "no node" not in found.why:
            metadata = pod["metadata"]
            events = Events(self._objects, metadata["namespace"])
            why = next(events.failed_mounts({metadata["uid"]: metadata["name"]}), "")
            return failing(why) if why else found
        return found

    def _tell(self, stage: Stage, found: Health) -> None:
        if self._said.get(stage.name) == found:
            return
        self._said[stage.name] = found
        is_trouble = bool(found.why) and "starting" not in found.why
        why = found.why if is_trouble else _STARTING
        self._emit(StageWaiting(stage=stage.name, kind=stage.kind, why=why, is_trouble=is_trouble))
