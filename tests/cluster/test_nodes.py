"""The nodes of a distributed training, as their stage's pod makes and watches them. Nobody runs them here: what their
controller would say is said by hand."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.cluster.nodes import lacking
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.notes import leave_rank
from mlopsctl.engine.ranks import Job, RankEnd, ending_of
from mlopsctl.engine.session import Session
from mlopsctl.events import Event, StageWaiting
from mlopsctl.ir.contract import Contract, read_contract
from mlopsctl.pod.nodes import ClusterNodes
from mlopsctl.pod.session import session_of
from mlopsctl.pod.settings import Settings, read_settings
from mlopsctl.runtime.step import StepResult
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import open_store
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin
from tests.cluster.speaking import connected, objects_of
from tests.rendered import DISTRIBUTED, rendered
from tests.waiting import PATIENCE, until

PATH = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/{}/jobsets"
JOB = Job(label="model", params={"depth": 3}, inputs={}, checkpoint=None)


@dataclass
class Leader:
    """The pod of a stage that is distributed, in a namespace of an API server. `told` is what it tells."""

    kubeconfig: Path
    namespace: str
    contract: Contract
    settings: Settings
    session: Session
    told: list[Event] = field(default_factory=list)

    @property
    def admin(self) -> Admin:
        return Admin(self.kubeconfig)

    @property
    def path(self) -> str:
        return PATH.format(self.namespace)

    def run(self, **changes: Any) -> list[RankEnd]:
        draft = self.contract.job_sets["model"]
        here = {**draft, "metadata": {**draft["metadata"], "namespace": self.namespace}}
        nodes = ClusterNodes(self.settings, {**here, "spec": {**draft["spec"], **changes}})
        stage = self.contract.pipeline.stages["model"]
        session = replace(self.session, emit=self.told.append)
        return nodes.run_by(objects_of(connected(self.kubeconfig, self.namespace)), session, stage, JOB)

    def made(self) -> dict[str, Any]:
        """The JobSet, once it is there."""
        found: dict[str, Any] = until(self.job_sets)[0]
        return found

    def job_sets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.admin.ask("GET", self.path)["items"]
        return found

    def say(self, name: str, kind: str, message: str) -> None:
        """What the controller would say of a JobSet that has ended."""
        condition = {"type": kind, "status": "True", "reason": kind, "message": message}
        condition["lastTransitionTime"] = "2026-11-22T08:00:00Z"
        self.admin.merge(f"{self.path}/{name}/status", {"status": {"conditions": [condition]}})


def contract() -> Contract:
    (found,) = (each.document for each in rendered(DISTRIBUTED, "production").manifests if each.kind == "ConfigMap")
    return read_contract(found["data"], "production")


def led(reached: Reached, folder: Path, monkeypatch: pytest.MonkeyPatch, stop: Stop) -> Leader:
    namespace = f"nodes-{os.urandom(4).hex()}"
    for name, value in {"MLOPS_POD": "leader", "MLOPS_RUN": "run-uid", "MLOPS_GIVEN": "$(HOME)"}.items():
        monkeypatch.setenv(name, value)
    (folder / "store").mkdir()
    told = {"MLOPS_STORE": str(folder / "store"), "MLOPS_ENVIRONMENT": "production", "MLOPS_WORK": str(folder / "work")}
    settings = read_settings({**told, "MLOPS_RUN": "run-uid", "MLOPS_BEGAN": "2026-11-22T08:00:00Z"})
    read = contract()
    without = replace(read, job_sets={})  # as what a session makes by itself would look for a token
    session = session_of(settings, without, read.pipeline.stages["model"], open_store(told["MLOPS_STORE"]), stop)
    found = Leader(reached.kubeconfig, namespace, read, settings, session)
    found.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    volume = {"name": "contract", "configMap": {"name": "contract-of-the-run"}}
    pod = {"containers": [{"name": "main", "image": "none"}], "volumes": [volume]}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    account = {"metadata": {"name": "default"}}
    found.admin.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
    found.admin.ask("POST", pods, {"metadata": {"name": "leader"}, "spec": pod})
    return found


@pytest.fixture
def stop() -> Iterator[Stop]:
    with Stop() as found:
        yield found


@pytest.fixture
def leader(api_server: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Stop) -> Leader:
    return led(api_server, tmp_path, monkeypatch, stop)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as found:
        yield found


def fault_of(ends: Future[list[RankEnd]]) -> str:
    with pytest.raises(DiagnosedError) as failed:
        ends.result(PATIENCE)
    (found,) = failed.value.diagnostics
    return f"{found.code}: {found.message}"


def well(rank: int) -> RankEnd:
    return RankEnd(rank=rank, result=StepResult(ending=ending_of(0)), at=1.0)


def test_nodes_are_made_for_the_run_and_their_ends_are_read(leader: Leader, pool: ThreadPoolExecutor) -> None:
    ends = pool.submit(leader.run)
    made = leader.made()
    name, labels = made["metadata"]["name"], made["metadata"]["labels"]
    assert (labels["kueue.x-k8s.io/queue-name"], labels["mlopsctl.dev/stage"]) == ("gpu", "model")
    assert [(each["kind"], each["name"]) for each in made["metadata"]["ownerReferences"]] == [("Pod", "leader")]
    job = made["spec"]["replicatedJobs"][0]["template"]["spec"]
    assert (job["completions"], job["parallelism"], job["backoffLimit"]) == (4, 4, 0)
    pod = job["template"]["spec"]
    assert [each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each] == ["contract-of-the-run"]
    told = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert (told["MLOPS_NODES"], told["MLOPS_WORLD_SIZE"]) == (name, "4")
    assert told["MLOPS_FIRST"] == f"{name}-node-0-0.{name}:29500"
    assert told["MLOPS_GIVEN"] == "$$(HOME)", "Kubernetes would take it for another variable"
    assert told["NCCL_DEBUG"] == "INFO"
    assert Job.from_json(json.loads(leader.session.store.get_bytes(str(told["MLOPS_JOB"])))) == JOB

    for rank in range(4):
        leave_rank(leader.session.store, leader.session.run, name, well(rank))
    leader.say(name, "Completed", "jobset completed successfully")
    assert [end.rank for end in ends.result(PATIENCE) if end.is_well] == [0, 1, 2, 3]


def test_nodes_that_say_nothing_are_told_by_what_the_cluster_says(leader: Leader, pool: ThreadPoolExecutor) -> None:
    assert lacks(leader) == []
    ends = pool.submit(leader.run)
    leader.say(leader.made()["metadata"]["name"], "Failed", "exceeded quota: gpus")
    assert fault_of(ends) == "MLO831: the nodes of `model` have no result: exceeded quota: gpus"


def test_nodes_that_somebody_removes_are_missed(leader: Leader, pool: ThreadPoolExecutor) -> None:
    ends = pool.submit(leader.run, suspend=True)
    name = leader.made()["metadata"]["name"]
    until(lambda: [each.why for each in leader.told if isinstance(each, StageWaiting)] == ["waits in the queue `gpu`"])
    leader.admin.ask("DELETE", f"{leader.path}/{name}")
    assert fault_of(ends) == f"MLO831: the nodes of `model` have no result: somebody has removed JobSet {name}"


def test_nodes_end_with_the_run_and_those_of_an_attempt_before_with_the_next(
    leader: Leader, pool: ThreadPoolExecutor, stop: Stop
) -> None:
    ends = pool.submit(leader.run)
    made = leader.made()
    stop.set()
    assert {end.was_asked for end in ends.result(PATIENCE)} == {True}
    until(lambda: leader.job_sets() == [])
    left = {key: made[key] for key in ("apiVersion", "kind", "spec")}
    leader.admin.ask("POST", leader.path, {**left, "metadata": {"name": "left", "labels": made["metadata"]["labels"]}})
    leader.run()
    until(lambda: leader.job_sets() == [])


def lacks(leader: Leader) -> list[str]:
    objects = objects_of(connected(leader.kubeconfig, leader.namespace))
    return [f"{each.code}: {each.message}" for each in lacking(objects, [leader.contract.pipeline])]


def test_a_cluster_without_job_sets_is_named(
    bare_api_server: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Stop, pool: ThreadPoolExecutor
) -> None:
    leader = led(bare_api_server, tmp_path, monkeypatch, stop)
    assert fault_of(pool.submit(leader.run)) == "MLO832: `model` is distributed, and the cluster has no JobSet"
    assert lacks(leader) == [
        "MLO753: `model` is distributed: the cluster has no JobSet",
        "MLO753: `model` is distributed: the cluster has no Kueue, so nobody reads `queue`",
    ]
