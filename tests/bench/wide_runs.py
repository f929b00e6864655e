"""`python -m tests.bench.wide_runs`: a stage of 200 parts and an artifact of 2 GiB, on the test cluster that is up.

What a part costs is processor time of all pods of the node, beside the same pods whose containers do nothing:
it doesn't depend on who else uses the machine. Parts ask for what any stage does that says nothing, so that a node has
no more of them at once than it can start; with 10m each, two processors begin 110 at once and hardly finish any.
`--parts` and `--gib` make less of it; `--bare` is how many parts the workflow has that does nothing.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from mlopsctl.store import open_store
from tests.bench.node import Node
from tests.bench.steps_of_argo import doing_nothing, shared_cluster
from tests.cluster.conftest import Whole, own_namespace
from tests.cluster.lines import WORKFLOW, Applied, Run, applied_in
from tests.cluster.objects import Manifest, Objects
from tests.cluster.stores import new_store, open_to_pods

IDLE_S = 10.0
HEAD = "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: line}\nspec:\n  stages:\n"
WIDE = """\
    wide:
      kind: task
      each: {number: NUMBERS}
      outputs: {made: made.txt}
      run: echo ${params.number} > ${outputs.made}
    all:
      kind: task
      inputs: {made: "wide[*]"}
      outputs: {count: count.txt}
      run: ls ${inputs.made} | wc -l > ${outputs.count}
"""
LARGE = """\
    large:
      kind: task
      outputs: {file: file.bin}
      run: head -c BYTES /dev/urandom > ${outputs.file}
      resources: {memory: 256Mi}
    size:
      kind: task
      inputs: {file: large}
      outputs: {size: size.txt}
      run: stat -c %s ${inputs.file} > ${outputs.size}
      resources: {memory: 256Mi}
"""
CONTROLLER = "workflow-controller"


def main() -> int:
    """Print what both cost; 1 if one of them isn't what was wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.wide_runs")
    parser.add_argument("--parts", type=int, default=200, help="of the wide stage; 0 leaves it out")
    parser.add_argument("--bare", type=int, default=20, help="parts that do nothing")
    parser.add_argument("--gib", type=int, default=2, help="of the artifact; 0 leaves it out")
    asked = parser.parse_args()
    cluster = shared_cluster()
    node = Node(cluster.kubeconfig)
    idle = _spent(node, lambda: time.sleep(IDLE_S)) / IDLE_S
    good = True
    if asked.parts:
        good &= _wide(cluster, node, idle, parts=asked.parts, bare_parts=asked.bare)
    if asked.gib:
        good &= _large(cluster, node, idle, gib=asked.gib)
    return int(not good)


def _wide(cluster: Whole, node: Node, idle: float, *, parts: int, bare_parts: int) -> bool:
    with ExitStack() as closing:
        applied, namespace = _applied(cluster, closing, _wide_pipeline(bare_parts))
        template = namespace.wait_for("argoproj.io/v1alpha1", "WorkflowTemplate", "line", lambda _: True)
        began = time.monotonic()
        spent = _spent(node, lambda: _apply_and_end(applied, namespace, template))
        nothing = (spent - idle * (time.monotonic() - began)) / bare_parts
    with ExitStack() as closing:
        applied, namespace = _applied(cluster, closing, _wide_pipeline(parts))
        began, found = time.monotonic(), list[Run]()
        with node.watched((CONTROLLER,)) as peaks:
            spent = _spent(node, lambda: found.append(applied.run("wide")))
        seconds, (run,) = time.monotonic() - began, found
        ours = (spent - idle * seconds) / parts
        size, nodes = len(json.dumps(namespace.get(*WORKFLOW, "wide"))), len(json.dumps(run.status["nodes"]))
        good = _is_good(run, "all", "count", parts)
    _say(
        f"{parts} parts: {'good' if good else run.phases()}, {seconds:.0f} s, load {os.getloadavg()[0]:.1f}",
        f"  CPU of a part: {ours:.2f} s, bare {nothing:.2f} s; idle node {idle:.2f} s a second, taken off",
        f"  the workflow is {size >> 10} KiB at its end, {nodes >> 10} KiB of it its nodes",
        f"  the controller's memory: {peaks.memory[CONTROLLER]} MiB at most",
    )
    return good


def _large(cluster: Whole, node: Node, idle: float, *, gib: int) -> bool:
    programs = ("mlopsctl.pod stage large", "mlopsctl.pod stage size")
    with ExitStack() as closing:
        applied, _ = _applied(cluster, closing, HEAD + LARGE.replace("BYTES", str(gib << 30)))
        began, found = time.monotonic(), list[Run]()
        with node.watched(programs) as peaks:
            spent = _spent(node, lambda: found.append(applied.run("large")))
        seconds, (run,) = time.monotonic() - began, found
        good = _is_good(run, "size", "size", gib << 30)
    kept, fetched = (peaks.memory[program] for program in programs)
    _say(
        f"{gib} GiB: {'good' if good else run.phases()}, {seconds:.0f} s, load {os.getloadavg()[0]:.1f}",
        f"  memory of our process: {kept} MiB where it is kept, {fetched} MiB where it is fetched",
        f"  on the disk of a pod: {peaks.disk} MiB at most",
        f"  CPU of it all, S3 server included: {spent - idle * seconds:.0f} s",
    )
    return good


def _wide_pipeline(parts: int) -> str:
    return HEAD + WIDE.replace("NUMBERS", json.dumps(list(range(parts))))


def _applied(cluster: Whole, closing: ExitStack, pipeline: str) -> tuple[Applied, Objects]:
    """The pipeline in a namespace and with a store of its own, until the end of the block."""
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="mlopsctl-bench-")))
    namespace = closing.enter_context(own_namespace(cluster, folder))
    os.environ.update(open_to_pods(namespace, cluster.s3))
    applied = applied_in(cluster, namespace, folder, open_store(new_store()), pipeline=pipeline)
    return applied, namespace


def _spent(node: Node, do: Callable[[], object]) -> float:
    before = node.cpu_seconds()
    do()
    return node.cpu_seconds() - before


def _apply_and_end(applied: Applied, namespace: Objects, template: Manifest) -> None:
    namespace.apply([doing_nothing(template, "bare")])
    assert applied.ended("bare").status["phase"] == "Succeeded"


def _is_good(run: Run, stage: str, output: str, wanted: int) -> bool:
    if run.record().outcome != "done":
        return False
    return int(run.store.get_bytes(run.note(stage).outputs[output].digest)) == wanted


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
