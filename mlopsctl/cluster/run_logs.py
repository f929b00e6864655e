"""What the pods of a run have printed, found by the nodes that Argo has for its stages."""

from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.pod_logs import has_begun, log_lines
from mlopsctl.cluster.run_nodes import NODE_ID, items_of, stage_nodes
from mlopsctl.cluster.runs import ClusterRun
from mlopsctl.engine.telling import Hearing
from mlopsctl.events import StageOutput
from mlopsctl.ir.fan_out import part_name
from mlopsctl.manifest import Document


def stage_log(objects: Objects, run: ClusterRun, stage: str) -> list[str]:
    """What a stage has printed so far, as far as its pods are still there; of pods that never began, what they said."""
    namespace = run.key.namespace
    parts = [part_name(stage, item) for item in items_of(run.workflow, stage)]
    nodes = stage_nodes(run.workflow, [stage, *parts])
    pods = pods_of(objects, run)
    found: list[str] = []
    for name, node in ((name, node) for name, its in nodes.items() for node in its.pods):
        pod = pods.get(node.id)
        if pod is None or not has_begun(pod):
            continue
        lines = list(log_lines(objects.connection, namespace, pod["metadata"]["name"], follow=False))
        hearing = Hearing(name, "", 1)
        heard = [event.line for line in lines if isinstance(event := hearing.heard(line), StageOutput)]
        found += heard or lines
    return found


def pods_of(objects: Objects, run: ClusterRun) -> dict[str, Document]:
    """The pods of the run that are there, by their nodes. Raises ClusterError."""
    selector = f"workflows.argoproj.io/workflow={run.key.name}"
    found = objects.listed("v1", "Pod", run.key.namespace, selector)
    return {(pod["metadata"].get("annotations") or {}).get(NODE_ID, ""): pod for pod in found}
