"""Requests through the gateway that are no longer what the model was trained on: found, and answered."""

import json
import os
import random
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from mlopsctl.engine.audit import entries
from mlopsctl.engine.releases import read_serving
from mlopsctl.store import DriftCheck, Store, short_run
from tests.cluster.conftest import Whole
from tests.cluster.lines import WORKFLOW, Applied
from tests.cluster.objects import Manifest, Objects
from tests.waiting import until

ROWS = 300
LONGEST = 1500.0  # seconds: under load Argo may take no notice of a schedule for 20 minutes (decision 0045)
PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: line}
spec:
  stages:
    numbers: {kind: data, source: "NUMBERS"}
    model:
      kind: train
      inputs: {numbers: numbers}
      outputs: {model: model.json}
      run: cp ${inputs.numbers} ${outputs.model}
    serve:
      kind: deploy
      model: model
      server: {run: "python serve.py ${port}", health: /healthz}
      log: {requests: 100%}
    drift:
      kind: monitor
      watches: serve
      reference: numbers
      minSamples: 200
      schedule: {cron: "* * * * *"}
      onDrift: {do: retrain, cooldown: 6h}
      performance: {metric: mae, max: 0.1, truth: "TRUTH", on: id}
"""
BY_CLOCK = 'schedule: {cron: "* * * * *"}\n      onDrift: {do: retrain, cooldown: 6h}'
BY_HAND = 'schedule: {cron: "0 0 1 1 *"}\n      onDrift: {do: DO, cooldown: 1s}'
ROUTE = ("gateway.networking.k8s.io/v1", "HTTPRoute", "line")
SERVE = """\
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
        self.answer({"predictions": [2 * row["n"] for row in rows]})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def watched(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    numbers(store, mean=0)
    came_true(store, {})
    pipeline = PIPELINE.replace("TRUTH", f"{store.url}/outcomes.csv").replace("NUMBERS", f"{store.url}/numbers.csv")
    (tmp_path / "project").mkdir()
    files = {"serve.py": SERVE, "pipeline.yaml": pipeline}
    found = Applied(cluster, namespace, tmp_path / "project", store, serving="", files=files, releases="continuous")
    reapplied(found)
    return found


def test_drift_is_found_and_answered(watched: Applied, namespace: Objects, cluster: Whole) -> None:
    first = watched.run("first")
    assert set(first.phases().values()) == {"Succeeded"}, first.phases()
    watched.answers({})
    numbers(watched.store, mean=3)  # what the model is then trained on again
    came_true(watched.store, {row["id"]: 2 * row["n"] + 0.05 for row in rows_about(3)[:250]})
    asked_about(watched, cluster, mean=3)

    started = until(lambda: [each for each in workflows(namespace) if is_retraining(each)], "a run", patience=LONGEST)[
        0
    ]
    assert started["spec"]["workflowTemplateRef"] == {"name": "line"}
    checks = [
        DriftCheck.from_json(watched.store.read_record("drift.here.line.drift", found) or {})
        for found in watched.store.record_ids("drift.here.line.drift")
    ]
    (found,) = [check for check in checks if check.action == "retrain"]
    assert (found.outcome, found.rows, found.run) == ("drifted", ROWS, first.id)
    assert [column["column"] for column in found.columns] == ["n"]
    assert found.columns[0]["distance"] > 1
    assert found.performance is not None
    assert (found.performance["outcome"], found.performance["known"]) == ("holds", 250)
    assert found.performance["value"] == pytest.approx(0.05)

    done = until(lambda: finished(namespace, started["metadata"]["name"]), "the run to end")
    assert done["status"]["phase"] == "Succeeded"
    of_checks = [each for each in workflows(namespace) if each["metadata"]["name"].startswith("line-drift-")]
    ended = [each for each in of_checks if each["status"].get("finishedAt")]
    assert {each["status"]["phase"] for each in ended} == {"Succeeded"}
    # A check is no run, so that runs are what they were.
    assert len(watched.store.record_ids("runs")) == 2
    again = serving(watched)
    assert again != first.id

    # A later check may have no distance to tell, for want of requests.
    checked = "mlopsctl_monitor_last_check_timestamp_seconds"
    page = until(lambda: found if checked in (found := scraped(namespace)) else "", "metrics")
    assert re.search(r'mlopsctl_request_duration_seconds_count\{.*code="200"\} 1\n', page)
    assert re.search(r'mlopsctl_logged_requests_total\{.*outcome="kept"\} 1\n', page)

    turned_back(watched, namespace, cluster, first.id, again)
    stopped(watched, namespace, cluster, first.id)


def turned_back(watched: Applied, namespace: Objects, cluster: Whole, first: str, again: str) -> None:
    """The model that was trained again is worse: what served before serves again."""
    watched.edit("pipeline.yaml", BY_CLOCK, BY_HAND.replace("DO", "rollback"))
    reapplied(watched)
    asked_about(watched, cluster, mean=9)
    assert checked_now(namespace, "first check")["status"]["phase"] == "Failed"  # to be seen
    assert serving(watched) == first
    (rejection,) = (
        watched.store.read_record("rejections", each) or {} for each in watched.store.record_ids("rejections")
    )
    assert (rejection["run"], rejection["by"]) == (again, "monitor drift")
    (noted,) = [each for each in entries(watched.store, "here") if each.deed.did == "rolled back"]
    assert (noted.who, noted.deed.run) == ("monitor drift", first)
    assert noted.deed.why.startswith("drift")
    said = watched.mlopsctl("status", "line", "--env", "here").stdout
    assert f"drift acted: run {short_run(first)} serves again; run {short_run(again)} is rejected" in said


def stopped(watched: Applied, namespace: Objects, cluster: Whole, first: str) -> None:
    """Nothing earlier is left, and no request is to reach what serves: nor does one, until somebody resumes it."""
    watched.edit("pipeline.yaml", "do: rollback", "do: stop")
    reapplied(watched)
    asked_about(watched, cluster, mean=9)
    assert checked_now(namespace, "second check")["status"]["phase"] == "Failed"
    until(lambda: is_refused(watched), "the gateway to follow")
    said = watched.mlopsctl("status", "line", "--env", "here").stdout
    assert "stopped by monitor drift, " in said
    assert f"would serve {short_run(first)}" in said
    assert "\nStopped line by monitor drift, " in reapplied(watched)
    assert is_refused(watched)
    assert watched.mlopsctl("resume", "line", "--env", "here").returncode == 0
    watched.answers({})


def numbers(store: Store, *, mean: float) -> None:
    """Let what the model is trained on lie around there."""
    chance = random.Random(1)
    put(store, "numbers.csv", "n\n" + "".join(f"{chance.gauss(mean)}\n" for _ in range(1000)))


def rows_about(mean: float) -> list[dict[str, Any]]:
    """Numbers that lie around there, the same ones each time."""
    chance = random.Random(2)
    return [{"n": chance.gauss(mean), "id": f"row {number}"} for number in range(ROWS)]


def asked_about(watched: Applied, cluster: Whole, *, mean: float) -> None:
    """Ask about numbers that lie around there, until that is kept."""
    kept, rows = len(batches(watched.store)), rows_about(mean)
    request = urllib.request.Request(
        f"{cluster.gateway}/line/infer", json.dumps({"instances": rows}).encode(), {"Host": watched.host}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer) == {"predictions": [2 * row["n"] for row in rows]}
    until(lambda: len(batches(watched.store)) > kept, "the requests to be kept")


def batches(store: Store) -> list[str]:
    """The kinds of records that requests are kept in, each with its record."""
    now = datetime.now(UTC)
    hours = [now - timedelta(hours=back) for back in range(2)]
    return [each for hour in hours for each in store.record_ids(f"predictions.here.line.serve.{hour:%Y-%m-%dT%H}")]


def checked_now(namespace: Objects, name: str) -> Manifest:
    """A check that nobody waits for the clock for, once it has ended."""
    version, kind = WORKFLOW
    spec = {"entrypoint": "drift", "onExit": "0-nothing", "workflowTemplateRef": {"name": "line"}}
    name = name.replace(" ", "-")
    namespace.apply([{"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}])
    found: Manifest = until(lambda: finished(namespace, name), "the check to end")
    return found


def serving(watched: Applied) -> str:
    """The run whose model serves."""
    release = read_serving(watched.store, "line", "here").release
    assert release is not None
    return release.run


def is_refused(watched: Applied) -> bool:
    try:
        watched.answer("/line/anything")
    except urllib.error.HTTPError as error:
        return error.code >= 500
    return False


def reapplied(watched: Applied) -> str:
    """What an apply says of the project as it is now."""
    done = watched.mlopsctl("apply", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scraped(namespace: Objects) -> str:
    """What Prometheus would find at the servers that say where their metrics are."""
    pods = ((pod["metadata"]["name"], pod["metadata"].get("annotations", {})) for pod in namespace.listed("v1", "Pod"))
    told = [(name, found) for name, found in pods if found.get("prometheus.io/scrape") == "true"]
    pages = (namespace.page(name, where["prometheus.io/port"], where["prometheus.io/path"]) for name, where in told)
    return "".join(pages)


def came_true(store: Store, outcomes: dict[str, float]) -> None:
    """Let it be known in a bucket what came true of rows by id."""
    put(store, "outcomes.csv", "id,twice\n" + "".join(f"{name},{value}\n" for name, value in outcomes.items()))


def put(store: Store, name: str, text: str) -> None:
    """Leave a file beside what the store keeps."""
    bucket, key = f"{store.url}/{name}".removeprefix("s3://").split("/", 1)
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    client.put_object(Bucket=bucket, Key=key, Body=text.encode())


def workflows(namespace: Objects) -> list[Manifest]:
    return namespace.listed(*WORKFLOW)


def is_retraining(workflow: Manifest) -> bool:
    return str(workflow["metadata"].get("labels", {}).get("mlopsctl.dev/by", "")).startswith("monitor-")


def finished(namespace: Objects, name: str) -> Manifest | None:
    found = namespace.get(*WORKFLOW, name)
    return found if found and found.get("status", {}).get("finishedAt") else None
