"""The program in a pod runs one stage, with nothing but what it was told, what is mounted, and the store."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlopsctl.store import RunRecord, StageRecord
from tests.unit.pod.pods import RUN, Pods, ended

OTHER_RUN = "01JD3WQ7ZK8M4N6P2R5S7T9V2Y"
SPEC = """\
params: {factor: 2, name: one}
stages:
  numbers:
    kind: data
    outputs: {data: numbers.csv}
    run: printf 'n\\n1\\n2\\n3\\n' > ${outputs.data}
    contract: {rows: {min: 2}}
  model:
    kind: train
    inputs: {numbers: numbers}
    outputs: {model: model.txt, extra: a.txt}
    run: python train.py ${inputs.numbers} ${outputs.model} ${outputs.extra} ${params.factor}
  quality:
    kind: evaluate
    inputs: {model: model}
    run: |
      printf '{"score": %s}' "$(cat ${inputs.model})" > ${outputs.metrics}
    gates: [{metric: score, min: 6}]
"""
TRAIN = """\
import sys
source, model, extra, factor = sys.argv[1:]
print("training")
total = sum(int(line) for line in open(source).read().split()[1:])
open(model, "w").write(str(total * int(factor)))
open(extra, "w").write("extra")
"""


LEARNS = """\
import os, sys
first = int(open("state/epoch").read()) if os.path.exists("state/epoch") else 0
print("begins at", first)
open("state/epoch", "w").write(str(first + 1))
if os.environ.get("FAILS"):
    sys.exit(3)
open(sys.argv[1], "w").write("model")
"""


@pytest.fixture
def pods(tmp_path: Path) -> Pods:
    found = Pods(tmp_path)
    found.write("train.py", TRAIN)
    return found


def test_stages_hand_on_what_they_make(pods: Pods) -> None:
    pods.applied(SPEC)
    assert "3 rows, contract holds" in pods.stage("numbers").out
    trained = pods.stage("model").out
    assert "training\n" in trained
    assert "✓ model: done" in trained
    assert "score ≥ 6" in pods.stage("quality").out
    assert list(pods.folder.glob("work-*/now")) == [], "pods stay for a while, and so do their disks"


def test_a_stage_of_another_run_comes_from_the_cache(pods: Pods) -> None:
    pods.applied(SPEC)
    for name in ("numbers", "model", "quality"):
        pods.stage(name)
    for name in ("numbers", "model", "quality"):
        again = pods.stage(name, MLOPS_RUN=OTHER_RUN)
        assert f"✓ {name}: cached" in again.out
        assert f"cached from {RUN[:12]}" in again.out
        assert "training\n" not in again.out


def test_what_a_laptop_made_is_a_hit_in_a_pod_and_the_other_way_round(pods: Pods) -> None:
    pods.applied(SPEC)
    environ = pods.environ({"MLOPS_STORE": str(pods.folder / "store")})
    command = [Path(sys.executable).with_name("mlopsctl"), "run", "--store", str(pods.folder / "store"), "-o", "json"]

    def local() -> list[str]:
        environ.pop("MLOPS_STORE", None)
        done = subprocess.run(command, cwd=pods.project, env=environ, capture_output=True, text=True, check=True)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return [f"{event['stage']} {event['outcome']}" for event in events if "outcome" in event and "stage" in event]

    assert [line.split()[1] for line in local()] == ["done"] * 3
    for name in ("numbers", "model", "quality"):
        assert f"✓ {name}: cached" in pods.stage(name).out
    three = '[{"name": "factor", "value": "3"}, {"name": "name", "value": "one"}]'
    assert "params factor=3" in pods.stage("model", MLOPS_GIVEN=three).out
    command += ["-p", "factor=3"]
    assert "model cached" in local()

    pods.applied(SPEC, image="registry.example.com/cuda:13")  # which this machine doesn't have
    assert "numbers: image changed" in pods.stage("numbers").out


def test_a_refused_gate_ends_the_run_with_its_own_code(pods: Pods) -> None:
    pods.applied(SPEC.replace("min: 6", "min: 60"))
    pods.stage("numbers")
    pods.stage("model")
    refused = pods.stage("quality", code=5)
    assert "error[MLO412]: gate of `quality` fails: score ≥ 60" in refused.err
    assert "✗ score ≥ 60" in refused.out


def test_broken_data_is_refused_and_nothing_goes_on(pods: Pods) -> None:
    pods.applied(SPEC.replace("{min: 2}", "{min: 5}"))
    assert "MLO413" in pods.stage("numbers", code=5).err
    assert "error[MLO883]: `model` needs `numbers`" in pods.stage("model", code=1).err


@pytest.mark.parametrize(
    ("command", "code"), [("exit 3", 1), ("kill -9 $$", 137), ("exit 137", 137), ("exit 143", 143)]
)
def test_a_command_that_fails_says_how_by_the_exit_code(pods: Pods, command: str, code: int) -> None:
    pods.applied(f"stages: {{broken: {{kind: task, run: 'echo so far; {command}', retries: {{limit: 3}}}}}}")
    failed = pods.stage("broken", code=code)
    assert failed.out.count("so far\n") == 1  # another attempt is Argo's to make
    assert "error[MLO801]: the command of `broken` failed with" in failed.err
    (name,) = pods.store.record_ids("stages")
    record = StageRecord.from_json(pods.store.read_record("stages", name) or {})
    assert (record.outcome, record.run) == ("failed", RUN)
    assert record.log is not None
    assert pods.store.get_bytes(record.log.digest) == b"so far\n"
    pointer = pods.store.read_pointer(f"runs/{RUN}/broken")
    assert pointer is not None
    assert [fault["code"] for fault in pointer.value["faults"]] == ["MLO801"]


def test_a_second_attempt_takes_the_place_of_the_first(pods: Pods) -> None:
    pods.applied(
        "stages:\n"
        f"  first: {{kind: task, run: 'test -e {pods.folder}/mended && echo 1 > ${{outputs.x}}', outputs: {{x: x}}}}\n"
        "  second: {kind: task, inputs: {x: first}, run: 'cat ${inputs.x}'}\n"
    )
    pods.stage("first", code=1)
    pods.stage("second", code=1)
    (pods.folder / "mended").touch()
    pods.stage("first")
    pods.stage("second")


def test_an_attempt_that_was_taken_for_dead_does_not_take_back_what_the_next_one_did(pods: Pods) -> None:
    slow = "echo begun; until test -e $MENDED; do sleep 0.1; done; date > ${outputs.x}"
    pods.applied(
        "stages:\n"
        f"  first: {{kind: task, run: '{slow}', outputs: {{x: x}}}}\n"
        "  second: {kind: task, inputs: {x: first}, run: 'cat ${inputs.x}'}\n"
    )
    mended = str(pods.folder / "mended")
    process = pods.start("stage", "first", MENDED=mended + "never")
    assert process.stdout is not None
    while process.stdout.readline() != "begun\n":
        assert process.poll() is None
    (pods.folder / "mended").touch()
    pods.stage("first", MENDED=mended)
    process.send_signal(signal.SIGTERM)
    ended(process, 143)
    pods.stage("second")


def test_a_stage_whose_time_is_over_says_so_by_an_exit_code_of_its_own(pods: Pods) -> None:
    pods.applied("stages: {slow: {kind: task, timeout: 200ms, run: sleep 60}}")
    assert "error[MLO802]: `slow` did not end within its timeout of 200ms" in pods.stage("slow", code=124).err


def test_code_that_changed_since_is_not_what_runs(pods: Pods) -> None:
    pods.applied(SPEC)
    pods.write("train.py", "raise SystemExit('not this')")
    pods.stage("numbers")
    pods.stage("model")


def test_a_damaged_input_is_never_read(pods: Pods) -> None:
    pods.applied(SPEC)
    pods.stage("numbers")
    pods.damage(b"n\n1\n2\n3\n")
    failed = pods.stage("model", code=1)
    assert "error[MLO901]" in failed.err
    assert "changed since they were stored" in failed.err
    assert "training" not in failed.out


def test_damaged_code_never_runs(pods: Pods) -> None:
    pods.applied(SPEC)
    pods.stage("numbers")
    pods.damage(TRAIN.encode())
    assert "error[MLO901]" in pods.stage("model", code=1).err


def test_a_damaged_result_is_made_anew(pods: Pods) -> None:
    pods.applied(SPEC)
    pods.stage("numbers")
    pods.stage("model")
    pods.damage(b"12")
    pods.stage("numbers", MLOPS_RUN=OTHER_RUN)
    again = pods.stage("model", MLOPS_RUN=OTHER_RUN).out
    assert "its earlier result is no longer whole" in again
    assert "training\n" in again


def told_to_end(pods: Pods) -> "subprocess.Popen[str]":
    """The pod of the stage `slow`, which is asked to end while its command runs."""
    pods.applied("stages: {slow: {kind: task, run: 'echo begun; exec sleep 60'}}")
    process = pods.start("stage", "slow")
    assert process.stdout is not None
    while process.stdout.readline() != "begun\n":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    return process


def test_a_pod_that_is_told_to_end_ends_its_command(pods: Pods) -> None:
    process = told_to_end(pods)
    assert "MLO818" in ended(process, 143).err


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MLOPS_STORE": None}, "error[MLO880]: `MLOPS_STORE` is not set"),
        ({"MLOPS_RUN": ""}, "error[MLO880]: `MLOPS_RUN` is not set"),
        ({"MLOPS_BEGAN": "yesterday"}, "error[MLO880]: `MLOPS_BEGAN` is no time"),
        ({"MLOPS_GIVEN": "{"}, "error[MLO880]: `MLOPS_GIVEN` is no list"),
        ({"MLOPS_GIVEN": '[{"name": "nobody", "value": "1"}]'}, "error[MLO260]"),
        ({"MLOPS_GIVEN": '[{"name": "factor", "value": "many"}]'}, "error[MLO261]"),
        ({"MLOPS_STORE": "ftp://nowhere"}, "error[MLO901]"),
        ({"MLOPS_CONTRACT": "/nowhere"}, "error[MLO881]"),
    ],
)
def test_what_a_pod_was_told_wrongly_is_said(pods: Pods, changes: dict[str, str | None], code: str) -> None:
    pods.applied(SPEC)
    assert code in pods.stage("numbers", code=1, **changes).err


def test_a_stage_that_is_not_there(pods: Pods) -> None:
    pods.applied(SPEC)
    failed = pods.stage("modle", code=1)
    assert "error[MLO882]: the pipeline has no stage `modle`" in failed.err
    assert "a stage with a similar name: `model`" in failed.err


def test_a_store_that_is_a_file(pods: Pods) -> None:
    pods.applied(SPEC)
    (pods.folder / "file").touch()
    assert "error[MLO901]" in pods.stage("numbers", code=1, MLOPS_STORE=str(pods.folder / "file")).err


def test_a_misused_program_says_how_it_is_used(pods: Pods) -> None:
    assert "usage: python -m mlopsctl.pod stage NAME" in pods.run("stage", code=64).err


def test_argo_s_name_of_a_run_becomes_one_id_in_all_pods(pods: Pods) -> None:
    pods.applied(SPEC)
    name = "d0b6cc7e-1f4c-4c0e-9a7c-0d0d5a3f1d0a"
    pods.stage("numbers", MLOPS_RUN=name)
    assert "✓ model: done" in pods.stage("model", MLOPS_RUN=name).out


def test_an_attempt_in_another_pod_goes_on_and_its_result_is_found_again(pods: Pods) -> None:
    pods.write("train.py", LEARNS)
    model = "{kind: train, outputs: {m: m}, run: 'python train.py ${outputs.m}', checkpoint: {path: state, every: 1h}}"
    pods.applied(f"stages:\n  model: {model}\n")
    assert "begins at 0\n" in pods.stage("model", code=1, FAILS="yes").out
    second = pods.stage("model")
    assert "goes on from its state of 20" in second.out
    assert "begins at 1\n" in second.out
    assert "✓ model: cached" in pods.stage("model", MLOPS_RUN=OTHER_RUN).out


NEVER_NEEDED = {"yaml", "typer", "rich", "jinja2", "jsonschema", "kubernetes", "asyncio", "uv", "obstore", "email"}


def test_a_cached_stage_loads_what_it_needs(pods: Pods) -> None:
    pods.applied(SPEC)
    pods.stage("numbers")
    telling = "import sys; from mlopsctl.pod.__main__ import main; main(['stage', 'numbers']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", telling], env=pods.environ({}), capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert "mlopsctl.pod.stage" in loaded
    assert {name.partition(".")[0] for name in loaded} & NEVER_NEEDED == set()
    assert not {"mlopsctl.engine.judging", "mlopsctl.pod.serve", "mlopsctl.runtime.load_test"} & set(loaded)


def test_the_end_of_a_run_keeps_its_record_once(pods: Pods) -> None:
    pods.applied(SPEC.replace("min: 6", "min: 60"))
    pods.stage("numbers")
    pods.stage("model")
    pods.stage("quality", code=5)
    told = {
        "MLOPS_STATUS": "Failed",
        "MLOPS_FAILURES": '[{"displayName": "quality", "message": "Error (exit code 5)"}]',
    }
    assert f"run {RUN}: refused" in pods.run("end", **told).out
    assert "has its record already" in pods.run("end", **told).out
    record = RunRecord.from_json(pods.store.read_record("runs", RUN) or {})
    assert {name: stage.outcome for name, stage in record.stages.items()} == {
        "numbers": "done",
        "model": "done",
        "quality": "refused",
    }
    assert record.params == {"factor": 2, "name": "one"}
    assert record.started == "2026-11-21T10:00:00.000+00:00"


def test_the_record_says_of_a_pod_that_was_killed_what_argo_says(pods: Pods) -> None:
    pods.applied(SPEC)
    pods.stage("numbers")
    failures = '[{"displayName": "model(0)", "message": "OOMKilled (exit code 137)"}]'
    pods.run("end", MLOPS_STATUS="Failed", MLOPS_FAILURES=failures)
    record = RunRecord.from_json(pods.store.read_record("runs", RUN) or {})
    assert record.outcome == "failed"
    assert [(stage.outcome, stage.summary) for stage in record.stages.values()] == [
        ("done", "3 rows, contract holds"),
        ("failed", "OOMKilled (exit code 137)"),
        ("skipped", ""),
    ]


@pytest.mark.parametrize(
    ("message", "ended"),
    [
        ("main: Error (exit code 143)", ("failed", "its pod was taken away: main: Error (exit code 143)")),
        ("workflow shutdown with strategy:  Stop", ("interrupted", "interrupted")),
    ],
)
def test_a_stage_that_was_told_to_end_was_cancelled_only_if_argo_says_so(
    pods: Pods, message: str, ended: tuple[str, str]
) -> None:
    process = told_to_end(pods)
    process.communicate()
    failures = json.dumps([{"displayName": "slow", "message": message}])
    pods.run("end", MLOPS_STATUS="Failed", MLOPS_FAILURES=failures)
    record = RunRecord.from_json(pods.store.read_record("runs", RUN) or {})
    assert (record.outcome, record.stages["slow"].summary) == ended


def test_a_run_that_had_nothing_to_do_is_kept_as_such(pods: Pods) -> None:
    pods.applied(SPEC)
    for run in (RUN, OTHER_RUN):
        for name in ("numbers", "model", "quality"):
            pods.stage(name, MLOPS_RUN=run)
        pods.run("end", MLOPS_RUN=run, MLOPS_STATUS="Succeeded", MLOPS_FAILURES="null")
    outcomes = [RunRecord.from_json(pods.store.read_record("runs", run) or {}).outcome for run in (RUN, OTHER_RUN)]
    assert outcomes == ["done", "cached"]


def test_data_beside_the_pipeline_is_the_data_that_was_there_when_it_was_applied(pods: Pods) -> None:
    spec = """\
params: {month: "02"}
stages:
  numbers: {kind: data, source: "n-${params.month}.csv", contract: {rows: {min: 2}}}
  total: {kind: task, inputs: {numbers: numbers}, run: "cat ${inputs.numbers}"}
"""
    pods.write("n-02.csv", "n\n1\n2\n")
    pods.applied(spec)
    pods.write("n-02.csv", "n\nchanged\n")
    assert "2 rows, contract holds" in pods.stage("numbers").out
    assert "n\n1\n2\n" in pods.stage("total").out
    assert "✓ numbers: cached" in pods.stage("numbers", MLOPS_RUN=OTHER_RUN).out
    march = '[{"name": "month", "value": "03"}]'
    failed = pods.stage("numbers", code=1, MLOPS_GIVEN=march)
    assert "error[MLO885]: `n-03.csv`, the source of `numbers`" in failed.err


def test_a_folder_beside_the_pipeline_is_data_too(pods: Pods) -> None:
    pods.write("parts/a.csv", "n\n1\n")
    pods.write("parts/b.csv", "n\n2\n")
    pods.applied(
        "stages:\n"
        "  numbers: {kind: data, source: parts}\n"
        "  total: {kind: task, inputs: {numbers: numbers}, run: 'ls ${inputs.numbers}'}\n"
    )
    pods.stage("numbers")
    assert "a.csv\nb.csv\n" in pods.stage("total").out
