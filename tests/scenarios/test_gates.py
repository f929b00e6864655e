"""Gates and data contracts: what they let through, what they say, and what stays as it is when they refuse."""

import hashlib
import os
import time

import pytest

from tests.scenarios.project import Project

NUMBERS = "n,carrier\n1,AA\n2,UA\n"


def gated(gates: str) -> str:
    """A pipeline that trains on `quality` and measures it, with something behind the gates."""
    return f"""
        params: {{quality: 0.9, document: '{{}}'}}
        stages:
          model:
            kind: train
            outputs: {{model: model.txt}}
            run: echo ${{params.quality}} > ${{outputs.model}}
          quality:
            kind: evaluate
            inputs: {{model: model}}
            run: echo ${{params.document}} | sed "s/AUC/$(cat ${{inputs.model}})/" > ${{outputs.metrics}}
            gates: [{gates}]
          behind:
            kind: task
            requires: [quality]
            outputs: {{report: report}}
            run: echo behind >> $OUTSIDE/ran; echo > ${{outputs.report}}
        """


def document(metrics: str) -> tuple[str, str]:
    return "-p", f"document={metrics}"


def test_a_gate_that_fails_stops_what_is_behind_it(project: Project) -> None:
    project.pipeline(gated("{metric: auc, min: 0.8}, {metric: loss, max: 0.5}"))
    said = project.run("-p", "quality=0.79", *document('{"auc": AUC, "loss": 0.7}'), code=5)
    assert "error[MLO412]: gate of `quality` fails: auc ≥ 0.80" in said.err
    assert "error[MLO412]: gate of `quality` fails: loss ≤ 0.50" in said.err
    assert "short by 0.010" in said.out
    assert project.ran() == []
    assert project.outcomes() == {"model": "done", "quality": "refused", "behind": "skipped"}
    again = project.run("-p", "quality=0.79", *document('{"auc": AUC, "loss": 0.7}'), code=5)
    assert "cached" in again.out  # the metrics; the gates are judged each time
    assert again.err.count("error[MLO412]") == 2


NAIVE = "{metric: auc, against: naive, margin: 0.05}"
SLICE = "{metric: auc, slice: carrier, min: 0.7}"
LARGE_SLICES = "{metric: auc, slice: carrier, min: 0.7, minSamples: 10}"
SLICES = '{"auc": 1, "slices": {"carrier": {"HA": {"auc": 0.6, "n": 9}, "AA": {"auc": 0.8, "n": 99}}}}'


@pytest.mark.parametrize(
    ("gate", "metrics", "code", "sentence"),
    [
        (NAIVE, '{"auc": 0.56, "naive": {"auc": 0.5}}', 0, "auc 0.05 above naive"),
        (NAIVE, '{"auc": 0.54, "naive": {"auc": 0.5}}', 5, "auc 0.05 above naive"),
        (NAIVE, '{"auc": 0.54}', 5, "naive"),
        (SLICE, SLICES, 5, "HA"),
        (LARGE_SLICES, SLICES, 0, "AA"),
        ("{metric: auc, min: 0.7}", '{"other": 1}', 5, "auc"),
    ],
    ids=["naive-holds", "naive-fails", "naive-missing", "slice-fails", "slice-too-small", "metric-missing"],
)
def test_gates(project: Project, gate: str, metrics: str, code: int, sentence: str) -> None:
    project.pipeline(gated(gate))
    said = project.run(*document(metrics), code=code)
    assert sentence in said.out
    assert ("error[MLO412]" in said.err) == (code == 5)


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ('{"auc": NaN}', "the metrics hold NaN"),
        ('{"auc": "0.87"}', "`auc` in the metrics is not a number"),
        ('{"auc": true}', "`auc` in the metrics is not a number"),
        ("auc=0.87", "`metrics.json` is not JSON"),
        ("[0.87]", "`metrics.json` is not a JSON object"),
        ("", "`metrics.json` is empty"),
    ],
)
def test_metrics_that_nobody_can_judge(project: Project, metrics: str, sentence: str) -> None:
    project.pipeline(gated("{metric: auc, min: 0.8}"))
    said = project.run(*document(metrics), code=1)
    assert f"error[MLO414]: the metrics of `quality`: {sentence}" in said.err


def data(contract: str, more: str = "") -> str:
    return f"""
        stages:
          numbers:
            kind: data
            source: numbers.csv
            {more}
            contract: {contract}
          model:
            kind: train
            inputs: {{numbers: numbers}}
            outputs: {{model: model}}
            run: echo model >> $OUTSIDE/ran; cp ${{inputs.numbers}} ${{outputs.model}}
        """


def test_all_breaks_of_a_contract_are_told_at_once_each_at_its_line(project: Project) -> None:
    project.write("numbers.csv", "n,carrier\n1,AA\n200,XX\n,AA\n1,AA\n")
    project.pipeline("""
        stages:
          numbers:
            kind: data
            source: numbers.csv
            contract:
              rows: {min: 10}
              columns:
                n: {type: integer, max: 100}
                carrier: {type: string, in: [AA, UA]}
                origin: {type: string}
              unique: [[n, carrier]]
          model: {kind: train, inputs: {numbers: numbers}, outputs: {m: m}, run: 'cp ${inputs.numbers} ${outputs.m}'}
        """)
    said = project.run(code=5)
    broken = [line for line in said.err.splitlines() if line.startswith("error[MLO413]: the data of `numbers` breaks")]
    assert len(broken) >= 5
    for line in (11, 13, 14, 15, 16):
        assert f"pipeline.yaml:{line}:" in said.err
    assert project.outcomes() == {"numbers": "refused", "model": "skipped"}
    project.write("numbers.csv", NUMBERS)
    assert "error[MLO413]" in project.run(code=5).err  # other data, checked anew; two rows are too few


def test_data_that_a_command_writes_is_checked_too(project: Project) -> None:
    project.pipeline("""
        stages:
          numbers: {kind: data, run: "printf 'n\\nx\\n' > ${outputs.data}", contract: {columns: {n: {type: integer}}}}
          model: {kind: train, inputs: {numbers: numbers}, outputs: {m: m}, run: 'cp ${inputs.numbers} ${outputs.m}'}
        """)
    for _ in range(2):
        assert "error[MLO413]" in project.run(code=5).err


def test_data_that_is_too_old(project: Project) -> None:
    file = project.write("numbers.csv", NUMBERS)
    project.pipeline(data("{freshness: 36h}"))
    project.run()
    hours_ago = time.time() - 50 * 3600
    os.utime(file, (hours_ago, hours_ago))
    said = project.run(code=5)
    assert "error[MLO416]: the data of `numbers` is 2 days old, its contract allows 36h" in said.err
    tomorrow = time.time() + 86400
    os.utime(file, (tomorrow, tomorrow))
    project.run()


def test_data_of_another_version(project: Project) -> None:
    file = project.write("numbers.csv", NUMBERS)
    seen = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    project.pipeline(data("{rows: {min: 1}}", f"version: sha256:{'0' * 64}"))
    said = project.run(code=1)
    assert "error[MLO810]: the data of `numbers` is not the pinned version" in said.err
    assert f"seen {seen}" in said.err
    project.pipeline(data("{rows: {min: 1}}", f"version: {seen}"))
    project.run()
    assert project.ran() == ["model"]


def test_a_file_of_the_future_is_still_noticed_to_change(project: Project) -> None:
    file = project.write("numbers.csv", NUMBERS)
    project.pipeline(data("{rows: {min: 1}}"))
    tomorrow = time.time() + 86400
    for carrier in ("AA", "UA"):
        file.write_text(f"n,carrier\n1,{carrier}\n")
        os.utime(file, (tomorrow, tomorrow))
        project.run()
    assert project.ran() == ["model", "model"]


def test_a_folder_is_data(project: Project) -> None:
    project.write("prompts/greet.txt", "Hello\n")
    project.write("prompts/deep/bye é.txt", "Bye\n")
    project.pipeline("""
        stages:
          prompts: {kind: data, source: prompts}
          copy:
            kind: task
            inputs: {prompts: prompts}
            outputs: {all: all}
            run: |
              echo copy >> $OUTSIDE/ran
              cp -r ${inputs.prompts}/ ${outputs.all}
              ls -R ${outputs.all} > $OUTSIDE/seen
          read: {kind: task, inputs: {all: copy}, outputs: {one: one}, run: "cat ${inputs.all}/deep/* > ${outputs.one}"}
        """)
    project.run()
    assert "bye é.txt" in (project.outside / "seen").read_text()
    assert project.blob_with(b"Bye\n")
    project.run()
    assert project.ran() == ["copy"]
    project.write("prompts/new.txt", "New\n")
    project.run()
    assert project.ran() == ["copy"]
