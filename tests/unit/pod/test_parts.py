"""Fan-outs in pods: each part is a pod that is told which one it is, and Argo gets the names of a list's items."""

import json
from pathlib import Path

import pytest

from mlopsctl.store import RunRecord
from tests.unit.pod.pods import RUN, Pods

SPEC = """\
stages:
  parts:
    kind: task
    outputs: {note: note.txt, list: list.json}
    run: |
      echo > ${outputs.note}; printf '%s' '["x", "{{workflow.uid}}"]' > ${outputs.list}
  model:
    kind: train
    each: {part: parts.list}
    outputs: {model: model.txt}
    run: printf '%s' "${params.part}" > ${outputs.model}
  quality:
    kind: evaluate
    each: {part: parts.list}
    inputs: {model: model}
    run: |
      test "$(cat ${inputs.model})" = "${params.part}"; printf '{"auc": %s}' 0.9 > ${outputs.metrics}
    gates: [{metric: auc, min: 0.5}]
  country: {kind: task, each: {country: [de, fr]}, outputs: {o: o}, run: "echo ${params.country} > ${outputs.o}"}
  all:
    kind: task
    inputs: {models: "model[*]", countries: "country[*]"}
    requires: [quality]
    run: grep -r . ${inputs.models} ${inputs.countries} | sed 's/.*inputs.//'
"""
X, TEMPLATE = "x", "%7B%7Bworkflow.uid%7D%7D"


@pytest.fixture
def pods(tmp_path: Path) -> Pods:
    found = Pods(tmp_path)
    found.applied(SPEC)
    return found


def run_all(pods: Pods) -> None:
    pods.stage("parts")
    for item in (X, TEMPLATE):
        pods.stage("model", MLOPS_EACH=item)
        pods.stage("quality", MLOPS_EACH=item)
    for item in ("de", "fr"):
        pods.stage("country", MLOPS_EACH=item)


def test_argo_is_given_names_in_which_nothing_is_a_template(pods: Pods) -> None:
    pods.stage("parts", MLOPS_WORK=str(pods.folder / "work"))
    assert json.loads((pods.folder / "work" / "lists" / "list").read_text()) == [X, TEMPLATE]
    again = pods.stage("parts", MLOPS_WORK=str(pods.folder / "again"), MLOPS_RUN="01JD3WQ7ZK8M4N6P2R5S7T9V2Y")
    assert "✓ parts: cached" in again.out
    assert json.loads((pods.folder / "again" / "lists" / "list").read_text()) == [X, TEMPLATE]


def test_each_part_gets_its_value_and_what_reads_them_all_gets_a_folder(pods: Pods) -> None:
    run_all(pods)
    read = pods.stage("all").out
    assert "/model/%7B%7Bworkflow.uid%7D%7D.txt:{{workflow.uid}}\n" in read
    assert "/model/x.txt:x\n" in read
    assert "/country/de:de\n" in read


def test_a_laptop_s_parts_are_hits_in_pods(pods: Pods) -> None:
    run_all(pods)
    other = "01JD3WQ7ZK8M4N6P2R5S7T9V2Y"
    pods.stage("parts", MLOPS_RUN=other)
    assert "✓ model[x]: cached" in pods.stage("model", MLOPS_EACH=X, MLOPS_RUN=other).out


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("", "error[MLO880]: `MLOPS_EACH` is not set"),
        ("y", "error[MLO880]: `MLOPS_EACH` is no item of what `model` fans out over: y"),
    ],
)
def test_a_pod_that_is_told_no_part_or_a_strange_one(pods: Pods, item: str, said: str) -> None:
    pods.stage("parts")
    assert said in pods.stage("model", code=1, MLOPS_EACH=item).err


def test_nothing_follows_before_all_parts_are_done(pods: Pods) -> None:
    pods.stage("parts")
    pods.stage("model", MLOPS_EACH=X)
    pods.stage("quality", MLOPS_EACH=X)
    failed = pods.stage("quality", code=1, MLOPS_EACH=TEMPLATE)
    assert f"error[MLO883]: `quality[{TEMPLATE}]` needs `model[{TEMPLATE}]`" in failed.err
    assert "error[MLO883]: `all` needs `country[de]`" in pods.stage("all", code=1).err


def test_who_makes_an_unusable_list_fails(pods: Pods) -> None:
    pods.applied(SPEC.replace('["x", ', '["{{workflow.uid}}", '))
    assert "error[MLO819]: `model` can't fan out over `parts.list`" in pods.stage("parts", code=1).err
    assert "error[MLO883]: `model` needs `parts`" in pods.stage("model", code=1, MLOPS_EACH=X).err


def test_the_record_of_a_run_has_all_parts(pods: Pods) -> None:
    pods.stage("parts")
    pods.stage("model", MLOPS_EACH=X)
    failures = [
        {"displayName": f"model(1:{TEMPLATE})", "message": "No more retries left"},
        {"displayName": f"model(1:{TEMPLATE})(0)", "message": "OOMKilled (exit code 137)"},
        {"displayName": "model", "message": "child failed"},
    ]
    pods.run("end", MLOPS_STATUS="Failed", MLOPS_FAILURES=json.dumps(failures))
    record = RunRecord.from_json(pods.store.read_record("runs", RUN) or {})
    assert record.outcome == "failed"
    assert {name: (stage.outcome, stage.part_of) for name, stage in record.stages.items()} == {
        "parts": ("done", ""),
        "model[x]": ("done", "model"),
        f"model[{TEMPLATE}]": ("failed", "model"),
        "model": ("failed", ""),
        "quality": ("skipped", ""),
        "country": ("skipped", ""),
        "all": ("skipped", ""),
    }
    assert record.stages[f"model[{TEMPLATE}]"].summary == "OOMKilled (exit code 137)"
    assert record.stages["model"].summary == f"2 parts, 1 failed: {TEMPLATE}"


def test_an_empty_list_is_done_with_no_parts(pods: Pods) -> None:
    pods.applied(SPEC.replace('["x", "{{workflow.uid}}"]', "[]"))
    pods.stage("parts")
    for item in ("de", "fr"):
        pods.stage("country", MLOPS_EACH=item)
    pods.stage("all")
    pods.run("end", MLOPS_STATUS="Succeeded", MLOPS_FAILURES="null")
    record = RunRecord.from_json(pods.store.read_record("runs", RUN) or {})
    assert record.outcome == "done"
    assert (record.stages["model"].outcome, record.stages["model"].summary) == ("done", "no parts: the list is empty")
