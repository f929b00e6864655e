"""`python -m tests.bench.steps_of_argo`: what mlopsctl adds to a step of Argo's, on the test cluster that is up.

The same pods in the same order twice: once their containers do what a stage does, once they do nothing at all. The
images, volumes, rights and Argo's own part are the same, so what differs is ours. Both run in turns.
"""

import os
import statistics
import sys
import tempfile
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

from mlopsctl.store import open_store
from tests.cluster.access import NAMED, read_access
from tests.cluster.conftest import Whole, own_namespace
from tests.cluster.lines import WORKFLOW, Applied
from tests.cluster.objects import Manifest, Objects
from tests.cluster.provider.cluster import Cluster
from tests.cluster.provider.folders import DEFAULT_NAME
from tests.cluster.stores import new_store, open_to_pods

STEPS, PAIRS, WANTED = 5, 3, 1.0
PIPELINE = (
    "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: line}\nspec:\n  params: {turn: 0}\n  stages:\n"
)


def main() -> int:
    """Print what a step costs, bare and ours, in the median of all turns; 1 if ours costs more than is wanted."""
    with tempfile.TemporaryDirectory(prefix="mlopsctl-bench-") as folder:
        cluster = shared_cluster()
        with own_namespace(cluster, Path(folder)) as namespace:
            pairs = list(_measured(cluster, namespace, Path(folder)))
    more = [ours - bare for bare, ours in pairs]
    bare, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    sys.stdout.write(f"a step, of {STEPS} in a line: bare {bare:.2f} s, ours {ours:.2f} s\n")
    sys.stdout.write(f"ours takes {statistics.median(more):.2f} s more ({min(more):.2f} to {max(more):.2f}), ")
    sys.stdout.write(f"wanted: less than {WANTED:g} s; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    return int(statistics.median(more) >= WANTED)


def shared_cluster() -> Whole:
    """The test cluster that is up, or the one that is named."""
    kubeconfig = Path(os.environ[NAMED]) if NAMED in os.environ else Cluster(DEFAULT_NAME).kubeconfig
    where = read_access(kubeconfig)
    return Whole.told(kubeconfig, where)


def _measured(cluster: Whole, namespace: Objects, folder: Path) -> list[tuple[float, float]]:
    """Seconds a step, bare and ours, of each turn; one turn before them warms the node."""
    os.environ.update(open_to_pods(namespace, cluster.s3))
    (folder / "project").mkdir()
    stages = [f"    s{n}: {{kind: task, run: 'true ${{params.turn}}'{_behind(n)}}}" for n in range(STEPS)]
    files = {"pipeline.yaml": PIPELINE + "\n".join(stages) + "\n"}
    store = open_store(new_store())
    applied = Applied(cluster, namespace, folder / "project", store, serving="", files=files)
    applied.apply()
    template = namespace.wait_for("argoproj.io/v1alpha1", "WorkflowTemplate", "line", lambda _: True)
    found = []
    for turn in range(PAIRS + 1):
        namespace.apply([doing_nothing(template, f"bare-{turn}")])
        bare = applied.ended(f"bare-{turn}").status
        ours = applied.run(f"ours-{turn}", turn=str(turn + 1)).status
        found.append((_seconds(bare), _seconds(ours)))
    return found[1:]


def _behind(number: int) -> str:
    return f", requires: [s{number - 1}]" if number else ""


def doing_nothing(template: Manifest, name: str) -> Manifest:
    """A workflow of the same pods, whose containers do nothing."""
    spec = deepcopy(template["spec"])
    spec["templates"] = [each for each in spec["templates"] if each["name"] != spec["onExit"]]
    del spec["onExit"]
    for each in spec["templates"]:
        if "container" in each:
            each["container"] |= {"command": ["true"], "args": []}
    version, kind = WORKFLOW
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _seconds(status: Any) -> float:
    """From the beginning of the graph to its end, for each of its steps."""
    assert status["phase"] == "Succeeded", status
    (graph,) = (node for node in status["nodes"].values() if node["type"] == "DAG")
    began, ended = (datetime.fromisoformat(graph[key]) for key in ("startedAt", "finishedAt"))
    return (ended - began).total_seconds() / STEPS


if __name__ == "__main__":
    sys.exit(main())
