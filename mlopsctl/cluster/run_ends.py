"""How a stage ended whose pod was ended from outside, so that it could not say why, or had no word at all."""

from collections.abc import Mapping

from mlopsctl.cluster.evidence import Events, Evidence, evidence
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.pod_logs import CONTAINER
from mlopsctl.cluster.run_faults import ended_silently, taken_away
from mlopsctl.cluster.run_nodes import PodNode, StageNodes
from mlopsctl.diagnostics import Diagnostic, Span
from mlopsctl.engine.faults import out_of_memory
from mlopsctl.ir.model import Stage
from mlopsctl.manifest import Document
from mlopsctl.plan.pod_health import container_statuses


def last_failed(nodes: StageNodes) -> PodNode | None:
    """The last pod of a stage that ended badly, if any did."""
    return next((node for node in reversed(nodes.pods) if node.went_wrong), None)


def why_ended(nodes: StageNodes) -> str:
    """What Argo says of the end of a stage."""
    node = last_failed(nodes)
    return (node.message if node else "") or nodes.message


def fault_of(
    objects: Objects, stage: Stage, nodes: StageNodes, pods: Mapping[str, Document], span: Span | None
) -> Diagnostic:
    """What went wrong, by what Argo and the last of the pods tell. Raises ClusterError."""
    why, node = why_ended(nodes), last_failed(nodes)
    last = next((pods[one.id] for one in reversed(nodes.pods) if one.id in pods), None)
    found = (
        Evidence() if last is None else evidence(objects, Events(objects, last["metadata"]["namespace"]), last, [last])
    )
    kind = node.failure if node else ""
    if kind == "oom" and _ran_out_of_memory(last):
        return out_of_memory(span, stage.name, why, None, found.logs)
    if kind == "preempted":
        return taken_away(span, stage.name, why, found)
    return ended_silently(span, stage.name, why, found)


def _ran_out_of_memory(pod: Document | None) -> bool:
    """Whether the kernel ended the container of the command because it reached its limit."""
    statuses = container_statuses(pod) if pod else ()
    ended = ((each.get("state") or {}).get("terminated") or {} for each in statuses if each.get("name") == CONTAINER)
    return any(each.get("reason") == "OOMKilled" for each in ended)
