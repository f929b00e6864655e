"""Fan-outs on a real cluster: Argo starts a pod for each item, and each has a result of its own.

Six wide, as a node has room for few pods at a time; tests/unit/render renders 203 and checks them.
"""

import gzip
import json
from base64 import b64encode
from pathlib import Path

import pytest

from mlopsctl.ir.fan_out import MOST
from mlopsctl.store import Store
from tests.cluster.conftest import Whole
from tests.cluster.lines import Applied, applied_in
from tests.cluster.objects import Objects

PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: line}
spec:
  params: {values: '["x", "{{workflow.name}}"]', suffix: .txt}
  stages:
    made:
      kind: task
      outputs: {a_list: list.json}
      run: printf %s "$MLOPS_PARAM_VALUES" > ${outputs.a_list}; echo ${params.values}
      retries: {limit: 1}
    found:
      kind: task
      each: {value: made.a_list}
      outputs: {value: value.txt}
      run: printf %s ${params.value} > ${outputs.value}
    wide:
      kind: train
      each: {number: [1, 2, 3, 10, 11, twelve]}
      outputs: {model: model.txt}
      run: printf 'model %s' ${params.number} > ${outputs.model}
      retries: {limit: 1}
      resources: {cpu: 20m, memory: 96Mi}
    quality:
      kind: evaluate
      each: {number: [1, twelve]}
      inputs: {model: wide}
      run: |
        grep -q " ${params.number}$" ${inputs.model}
        printf '{"auc": 0.9}' > ${outputs.metrics}
      gates: [{metric: auc, min: 0.5}]
    all:
      kind: task
      inputs: {models: "wide[*]", values: "found[*]"}
      requires: [quality]
      outputs: {list: list.txt}
      run: (cd ${inputs.models}; grep -r . .; cd ${inputs.values}; grep -r . . || true) | sort > ${outputs.list}
"""


@pytest.fixture
def applied(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    return applied_in(cluster, namespace, tmp_path, store, pipeline=PIPELINE)


def test_each_item_is_a_pod_with_a_result_of_its_own(applied: Applied) -> None:
    first = applied.run("first")
    assert set(first.phases().values()) == {"Succeeded"}, first.phases()
    stages = first.record().stages
    assert [name for name in stages if name.startswith(("found", "quality"))] == [
        "found[x]",
        "found[%7B%7Bworkflow.name%7D%7D]",
        "found",
        "quality[1]",
        "quality[twelve]",
        "quality",
    ]
    assert stages["wide"].summary == "6 parts"
    written = applied.store.get_bytes(first.note("all").outputs["list"].digest).decode().splitlines()
    numbers = [1, 2, 3, 10, 11, "twelve"]
    assert written == sorted(
        [
            *(f"./{number}.txt:model {number}" for number in numbers),
            "./x.txt:x",
            "./%7B%7Bworkflow.name%7D%7D.txt:{{workflow.name}}",
        ]
    )
    nodes = [node for node in first.status["nodes"].values() if node.get("templateName") == "wide"]
    assert len(json.dumps(nodes)) / 6 * MOST > 1024 * 1024, "what Argo keeps compressed, as it fits in no other way"
    assert len(b64encode(gzip.compress(json.dumps(nodes).encode()))) / 6 * MOST < 1024 * 1024

    second = applied.run("second", values="[]")
    phases = second.phases()
    assert phases["found"].startswith("Skipped")
    assert second.record().outcome == "done", phases
    assert second.record().stages["wide"].summary == "6 parts, all from cache"
    assert second.record().stages["found"].summary == "no parts: the list is empty"

    third = applied.run("third", values="{}")
    assert third.record().stages["made"].summary == "`found` can't fan out over `made.a_list`: it is no list"
    assert third.phases()["found"].startswith("Omitted")
