"""A search on a real cluster: a pod for each trial, two at once, and nothing that is known runs again."""

import re
from pathlib import Path

import pytest

from mlopsctl.engine.results import record_name
from mlopsctl.store import SearchRecord, StageRecord, Store
from tests.cluster.conftest import Whole
from tests.cluster.lines import Applied, Run, applied_in
from tests.cluster.objects import Objects

PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: line}
spec:
  params: {trees: 7, note: none}
  stages:
    model:
      kind: train
      outputs: {model: model.txt, metrics: metrics.json}
      # The trial that begins with the parameters as they are fails.
      run: |
        test ${params.trees} -ne 7
        printf %s ${params.trees} > ${outputs.model}
        printf '{"auc": %s}' ${params.trees} > ${outputs.metrics}
      tune: {trials: 4, parallel: 2, objective: {metric: auc}, space: {trees: {int: [1, 500]}}}
      resources: {cpu: 20m, memory: 96Mi}
    copy: {kind: task, inputs: {model: model}, outputs: {o: o.txt}, run: "cp ${inputs.model} ${outputs.o}"}
"""


@pytest.fixture
def applied(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    return applied_in(cluster, namespace, tmp_path, store, pipeline=PIPELINE)


def search_of(applied: Applied, run: Run) -> SearchRecord:
    stage = run.note("model").stage
    assert stage.key is not None
    kept = applied.store.read_record("stages", record_name(stage.key, stage.cached_from or run.id))
    search = StageRecord.from_json(kept or {}).search
    assert search is not None
    return search


def begun(run: Run, name: str) -> list[str]:
    """When the pods that are called so began, and when they ended, by their number."""
    nodes = [node for node in run.status["nodes"].values() if node["displayName"].startswith(name)]
    return [node["startedAt"] + node["finishedAt"] for node in sorted(nodes, key=lambda node: node["name"])]


def test_trials_are_pods_and_a_search_that_is_known_has_none(applied: Applied) -> None:
    first, said = applied.run_from_here("--verbose")
    assert sorted(re.findall(r"trial (\d) of 4: (\w+)", said)) == [
        ("1", "the"),
        ("2", "auc"),
        ("3", "auc"),
        ("4", "auc"),
    ], said
    assert {f"model │ {number} │" for number in range(1, 5)} <= set(re.findall(r"model │ \d │", said)), said
    assert "argo=true" not in said
    phases = first.phases()
    assert {
        name: phase for name, phase in phases.items() if name in ("model", "begin", "conclude", "copy")
    } == dict.fromkeys(("model", "begin", "conclude", "copy"), "Succeeded"), phases
    assert first.record().outcome == "done"
    trials = [node for node in first.status["nodes"].values() if node.get("templateName") == "0-trial-model"]
    assert sorted(node["phase"] for node in trials if node["type"] == "Pod") == ["Failed", *["Succeeded"] * 3]

    search = search_of(applied, first)
    values = [trial.value for trial in search.trials]
    assert (len(values), values[0]) == (4, None)
    best = max(value for value in values if value is not None)
    assert search.best_trial.value == best
    stage = first.record().stages["model"]
    assert stage.summary == f"4 trials, 1 failed, best auc {best:.3f}: trees={best:.0f}"
    assert applied.store.get_bytes(first.note("copy").outputs["o"].digest).decode() == f"{best:.0f}"

    second = applied.run("second", note="other")
    assert second.record().outcome == "cached"
    assert "0-trial-model" not in {node.get("templateName") for node in second.status["nodes"].values()}
    assert search_of(applied, second) == search
