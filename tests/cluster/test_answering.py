"""What a monitor does in a cluster, by the rights that are rendered for it and no others."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Forbidden
from mlopsctl.engine.audit import entries
from mlopsctl.ir.contract import Contract, read_contract
from mlopsctl.ir.model import MonitorStage
from mlopsctl.pod.answering import Answer, start_run, stop_serving
from mlopsctl.store import DriftCheck, Store, open_store
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, changed
from tests.cluster.speaking import connected
from tests.rendered import flights, rendered

CHECK: dict[str, Any] = {
    "check": "c",
    "pipeline": "flight-delays",
    "environment": "staging",
    "monitor": "drift",
    "watches": "serve",
    "since": "",
    "until": "2026-03-01T11:00:00+00:00",
    "run": "01JD3WQ7ZK8M4N6P2R5S7T9V1X",
    "model": "",
    "reference": None,
    "method": "psi",
    "threshold": 0.1,
    "min_samples": 1,
    "requests": 1,
    "rows": 1,
    "lost": 0,
    "columns": [],
    "outcome": "drifted",
    "breaches": 1,
    "breaches_needed": 1,
    "why": "",
}
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes"
SCHEDULES = "/apis/argoproj.io/v1alpha1/namespaces/{}/cronworkflows"


class Watching:
    """The monitor of the example, which is to do `action`, in a namespace with a route and schedules."""

    def __init__(self, api_server: Reached, folder: Path, action: str) -> None:
        self.admin, self._kubeconfig, self._folder = Admin(api_server.kubeconfig), api_server.kubeconfig, folder
        self.namespace = self.admin.namespace()
        self.store: Store = open_store(folder / "store")
        project = flights(folder / "flights")
        pipeline = project / "pipeline.yaml"
        pipeline.write_text(pipeline.read_text("utf-8").replace("do: retrain", f"do: {action}"), "utf-8")
        manifests = json.loads(json.dumps([each.document for each in rendered(project, "staging").manifests]))
        named = {(each["kind"], each["metadata"]["name"]): each for each in manifests}
        schedules = {name: each for (kind, name), each in named.items() if kind == "CronWorkflow"}
        self.schedules = list(schedules)
        for name, each in schedules.items():
            self.admin.create(SCHEDULES.format(self.namespace), {**each, "metadata": {"name": name}})
        for name in ("flight-delays", "another"):
            self.admin.create(ROUTES.format(self.namespace), route(name))
        self._rules = named["Role", "flight-delays-monitor"]["rules"]
        self.contract: Contract = read_contract(named["ConfigMap", "flight-delays-contract"]["data"], "staging")
        self.check = DriftCheck(action=action, **CHECK)

    def connection(self) -> Connection:
        """As the monitor's pod has it."""
        token = self.admin.token(self.namespace, self._rules)
        kubeconfig = changed(self._kubeconfig, self._folder / "monitor", user={"token": token})
        return connected(kubeconfig, self.namespace)

    def answer(self) -> Answer:
        (monitor,) = self.contract.pipeline.of_kind(MonitorStage)
        return Answer(contract=self.contract, monitor=monitor, check=self.check, why="drift")

    def end(self) -> None:
        self.admin.delete(f"/api/v1/namespaces/{self.namespace}")


def route(name: str) -> dict[str, Any]:
    rule = {"backendRefs": [{"name": f"{name}-1234-predictor", "port": 80}]}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "labels": {"mlopsctl.dev/pipeline": name}},
        "spec": {"parentRefs": [{"name": "public"}], "rules": [rule]},
    }


@pytest.fixture
def watching(api_server: Reached, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watching]:
    found = Watching(api_server, tmp_path, request.param)
    yield found
    found.end()


@pytest.mark.parametrize("watching", ["stop"], indirect=True)
def test_a_monitor_stops_what_it_watches_and_nothing_else(watching: Watching) -> None:
    connection, answer = watching.connection(), watching.answer()
    assert (
        stop_serving(connection, answer, watching.store) == "it is stopped: the gateway answers requests with an error"
    )
    now = watching.admin.ask("GET", f"{ROUTES.format(watching.namespace)}/flight-delays")
    said = json.loads(now["metadata"]["annotations"]["mlopsctl.dev/stopped"])
    assert (said["by"], said["why"], said["led"]) == ("monitor drift", "drift", ["flight-delays-1234"])
    assert not any("backendRefs" in rule for rule in now["spec"]["rules"])
    assert watching.schedules
    for name in watching.schedules:
        found = watching.admin.ask("GET", f"{SCHEDULES.format(watching.namespace)}/{name}")
        assert found["spec"]["suspend"] is True
    (noted,) = entries(watching.store, "staging")
    assert (noted.who, noted.deed.did, noted.deed.pipeline, noted.deed.why) == (
        "monitor drift",
        "stopped",
        "flight-delays",
        "drift",
    )

    # Done twice, who was first stays known, and nothing is noted again.
    assert stop_serving(connection, answer, watching.store) == "it was stopped already, by monitor drift"
    assert len(entries(watching.store, "staging")) == 1

    with pytest.raises(Forbidden):
        connection.get(f"{ROUTES.format(watching.namespace)}/another")
    with pytest.raises(Forbidden):
        connection.get(SCHEDULES.format(watching.namespace))
    with pytest.raises(Forbidden):
        start_run(connection, answer)


@pytest.mark.parametrize("watching", ["retrain"], indirect=True)
def test_a_monitor_that_trains_again_may_not_touch_what_serves(watching: Watching) -> None:
    connection, answer = watching.connection(), watching.answer()
    name = start_run(connection, answer)
    assert start_run(connection, answer) == name  # as who ended before it was noted does
    workflows = f"/apis/argoproj.io/v1alpha1/namespaces/{watching.namespace}/workflows"
    made = watching.admin.ask("GET", f"{workflows}/{name}")
    assert made["metadata"]["labels"]["mlopsctl.dev/by"] == "monitor-drift"
    later = replace(answer, check=replace(answer.check, acted="2026-03-01T11:00:00+00:00"))
    assert start_run(connection, later) != name
    with pytest.raises(Forbidden):
        stop_serving(connection, answer, watching.store)
    assert entries(watching.store, "staging") == []
