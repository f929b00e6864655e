"""What can happen to a run in a cluster: it ends right or fails clearly, and nothing half-written is read."""

from collections import Counter
from pathlib import Path

import pytest

from mlopsctl.engine.releases import read_serving
from mlopsctl.store import Store
from tests.cluster.conftest import Whole
from tests.cluster.lines import SERVE, SERVICE, SERVING, WORKFLOW, Applied, Run, applied_in, going
from tests.cluster.objects import Objects
from tests.cluster.pods import UNTIL_GO, RunPods
from tests.waiting import PATIENCE

FAULTS = (
    "MLO891]: `leak` ran out of memory: it was ended at its limit of 128 MiB",
    "MLO801]: the command of `killed` failed with exit code 137",
    "MLO802]: `deaf` did not end within its timeout of 1s",
    "MLO890]: the pod of `evicted` was taken away while it ran",
)
# What keeps its state when its pod is taken away takes a while for that, and goes on from it in the next pod.
TRAIN = """\
import os, pathlib, signal, sys, time
state = pathlib.Path(os.environ["MLOPS_CHECKPOINT"])
if (state / "whole").exists():
    pathlib.Path(sys.argv[1]).write_text("goes on from %d bytes" % (state / "weights").stat().st_size)
    sys.exit()
def keep(*_):
    time.sleep(12)
    (state / "weights").write_bytes(os.urandom(64 << 20))
    (state / "whole").touch()
    sys.exit(1)
signal.signal(signal.SIGTERM, keep)
print("begun", flush=True)
time.sleep(600)
"""
LEAK = "kept = []\nwhile True:\n    kept.append(bytearray(8 << 20))\n"
# Each of them is a bad day of its own, and none waits for another. What is large is larger than what the pod may have.
PIPELINE = f"""\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {{name: line}}
spec:
  stages:
    flood:
      kind: task
      run: "yes 'a line of forty characters in the log' | head -c 200M; echo the last"
      resources: {{memory: 128Mi}}
    large:
      kind: task
      run: "truncate -s 200M ${{outputs.it}}"
      outputs: {{it: it.bin}}
      resources: {{memory: 128Mi}}
    larger: {{kind: task, inputs: {{it: large}}, run: "stat -c %s ${{inputs.it}}", resources: {{memory: 128Mi}}}}
    leak:
      kind: task
      run: python leak.py
      resources: {{memory: 128Mi}}
      retries: {{limit: 1, backoff: 1s, on: [oom]}}
    killed: {{kind: task, run: exit 137, retries: {{limit: 1, on: [error, preempted]}}}}
    deaf: {{kind: task, run: "trap '' TERM; while :; do sleep 1; done", timeout: 1s, retries: {{limit: 1}}}}
    evicted: {{kind: task, run: "{UNTIL_GO}", retries: {{limit: 1, on: [oom, error]}}}}
    spot:
      kind: task
      run: "{UNTIL_GO}; echo made > ${{outputs.made}}"
      outputs: {{made: made.txt}}
      retries: {{limit: 2, backoff: 1s, on: [preempted]}}
    training:
      kind: train
      outputs: {{model: model.txt}}
      run: python train.py ${{outputs.model}}
      checkpoint: {{path: state, every: 1h}}
      retries: {{limit: 1, backoff: 1s, on: [preempted]}}
      pod: {{spec: {{terminationGracePeriodSeconds: 120}}}}
    after: {{kind: task, inputs: {{made: spot}}, run: "cat ${{inputs.made}}"}}
"""


@pytest.fixture
def applied(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    return applied_in(
        cluster, namespace, tmp_path, store, pipeline=PIPELINE, files={"leak.py": LEAK, "train.py": TRAIN}
    )


@pytest.fixture
def pods(cluster: Whole, namespace: Objects) -> RunPods:
    return RunPods(cluster.kubeconfig, namespace.namespace)


def test_each_stage_of_a_bad_day_ends_right_or_says_why(applied: Applied, pods: RunPods, namespace: Objects) -> None:
    with applied.begun("run", "--env", "here") as process:
        (evicted,) = pods.begun("evicted")
        (spot,) = pods.begun("spot")
        (training,) = pods.begun("training")
        pods.evict(training)
        pods.evict(evicted)
        pods.evict(spot)
        (again,) = pods.begun("spot")
        pods.lose(again)
        (at_last,) = pods.begun("spot")
        pods.go(at_last)
        out, err = pods.ended(process, evicting="evicted", patience=PATIENCE)
    assert process.returncode == 1, out + err
    assert "Traceback" not in out + err
    (workflow,) = namespace.listed(*WORKFLOW)
    run = Run(workflow, applied.store)
    assert {name: stage.outcome for name, stage in run.record().stages.items()} == {
        "flood": "done",
        "large": "done",
        "larger": "done",
        "leak": "failed",
        "killed": "failed",
        "deaf": "failed",
        "evicted": "failed",
        "spot": "done",
        "training": "done",
        "after": "done",
    }
    attempts = Counter(name.partition("(")[0] for name in run.phases() if name.endswith(")"))
    assert attempts["spot"] >= 2
    assert [attempts[name] for name in ("leak", "killed", "deaf", "evicted")] == [2, 1, 1, 1]
    for fault in FAULTS:
        assert f"error[{fault}" in err
    assert "retry 1 of 1 in 1.0s · oom" in out
    assert "retry 1 of 2 in 1.0s · preempted" in out
    assert printed(run, "larger") == b"209715200\n"
    assert printed(run, "after") == b"made\n"
    assert run.store.get_bytes(run.note("training").outputs["model"].digest) == b"goes on from 67108864 bytes"
    assert printed(run, "flood").endswith(b"the last\n")
    assert len(printed(run, "flood")) < 70 << 20


def printed(run: Run, stage: str) -> bytes:
    log = run.record().stages[stage].log
    assert log is not None
    return run.store.get_bytes(log.digest)


CANARY = f"""\
{SERVING}\
      loadTest: {{users: 1, duration: 1s, request: request.json, errors: 0%}}
      rollout: {{canary: {{steps: [50%], every: 1s}}, checks: [{{p99: 5ms}}]}}
"""


def test_of_runs_at_once_one_serves_and_a_canary_that_fails_changes_nothing(
    cluster: Whole, namespace: Objects, tmp_path: Path, store: Store
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    files = {"serve.py": SERVE, "request.json": "{}"}
    applied = Applied(cluster, namespace, folder, store, serving=CANARY, releases="continuous", files=files)
    done = applied.mlopsctl("apply", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr

    # They race for the result of their first stage, and deploy one behind the other. The later one is a canary that
    # is slower than its checks allow.
    factors = {"one": 2, "other": 3}
    for name, factor in factors.items():
        applied.begin(name, factor=str(factor))
    runs = {name: applied.ended(name) for name in factors}
    (winner,) = (name for name, run in runs.items() if run.record().outcome == "done")
    (loser,) = factors.keys() - {winner}
    late = runs[loser]
    assert late.note("serve").stage.outcome == "refused"
    assert [(check["expectation"], check["holds"]) for check in late.note("serve").stage.checks] == [
        ("errors ≤ 0.0%", True),
        ("p99 ≤ 5 ms", False),
    ]
    assert [fault["code"] for fault in late.faults("serve")] == ["MLO418"]
    released = read_serving(store, "line", "here").release
    assert released is not None
    assert released.run == runs[winner].id
    assert len([each for each in namespace.listed(*SERVICE) if not going(each)]) == 1
    applied.answers({"total": 6 * factors[winner]})
