"""`lineage`: both ways, through the real commands, over environments of which one can't be reached."""

import json
import re
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project, normalised

SCHEMA = Path(__file__).parents[2] / "schemas" / "output" / "v1" / "lineage.json"
SPEC = """
    params: {month: 2013-02}
    stages:
      flights: {kind: data, source: "flights-${params.month}.csv"}
      holdout: {kind: data, source: holdout.csv}
      model:
        kind: train
        inputs: {flights: flights}
        outputs: {model: model.txt}
        run: "cat ${inputs.flights} > ${outputs.model}; echo trained >> ${outputs.model}"
      quality:
        kind: evaluate
        inputs: {model: model, holdout: holdout}
        run: "printf '{\\"auc\\": 0.9}' > ${outputs.metrics}; true ${inputs.model} ${inputs.holdout}"
        gates: [{metric: auc, min: 0.8}]
      serve:
        kind: deploy
        model: model
        requires: [quality]
        server: {run: "python -m http.server --bind 127.0.0.1 ${port}; true ${inputs.model}", health: /}
    """


@pytest.fixture
def project(project: Project) -> Project:
    project.write("flights-2013-02.csv", "delay,carrier\n1,AA\n")
    project.write("flights-2013-03.csv", "delay,carrier\n2,UA\n3,UA\n")
    project.write("holdout.csv", "delay,carrier\n9,B6\n")
    project.pipeline(SPEC)
    head = "apiVersion: mlopsctl.dev/v1\nkind: Environment\n"
    project.write("far.yaml", f"{head}metadata: {{name: far}}\nspec: {{store: 's3://nowhere/at-all'}}\n")
    listed = "spec: {pipelines: [pipeline.yaml], environments: [far.yaml]}"
    project.write("mlops.yaml", f"apiVersion: mlopsctl.dev/v1\nkind: Project\nmetadata: {{name: p}}\n{listed}\n")
    return project


FAR = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


def told(text: str, project: Project) -> str:
    text = re.sub(r"(sha256:[0-9a-f]{4})[0-9a-f]+", r"\1…", normalised(text, project))
    text = re.sub(r"(model|provenance|evidence|commit|requirements) sha256:[0-9a-f]{4}…", r"\1 sha256:…", text)
    text = text.replace(text.partition(" UTC, ")[2].partition("@HOST")[0] or "\0", "")
    return re.sub(r"not reached: .*", "not reached: …", text)


def lineage(project: Project, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.mlopsctl("lineage", *arguments, "-o", "json", environ=FAR).out)
    Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(found)
    return found


def test_both_ways_to_what_must_be_pulled_and_out(project: Project, snapshot: SnapshotAssertion) -> None:
    ann = {"GITHUB_ACTOR": "ann"}
    project.run(environ=ann)
    project.run("-p", "month=2013-03", environ=ann)

    here = ("--env", "local")
    assert told(project.mlopsctl("lineage", environ=FAR).out, project) == snapshot(name="back")
    bad = project.mlopsctl("lineage", "--data", "flights-2013-03.csv", *here).out
    assert told(bad, project) == snapshot(name="forward")
    assert told(project.mlopsctl("lineage", "--data", "holdout.csv", *here).out, project) == snapshot(name="judged")
    assert told(project.mlopsctl("lineage", "-o", "mermaid", *here).out, project) == snapshot(name="mermaid")

    found = lineage(project, "demo")
    assert list(found["unreachable"]) == ["far"]
    (serves,) = found["back"]
    assert {data["stage"]: data["trains"] for data in serves["data"]} == {"flights": True, "holdout": False}
    (digest,) = (data["artifact"]["digest"] for data in serves["data"] if data["stage"] == "flights")
    forward = lineage(project, "--data", digest[:20], *here)["forward"][0]
    assert [seen["run"] for seen in forward["runs"]] == [serves["run"]]
    (way,) = forward["ways_out"]
    assert (way["served"]["run"], way["rollback_to"] == serves["run"]) == (serves["run"], False)
    assert lineage(project, way["rollback_to"][:12], *here)["back"][0]["served"][0]["is_now"] is False

    file = project.folder / "events.ndjson"
    project.mlopsctl("lineage", "demo", *here, "--openlineage", str(file))
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["job"]["name"] for event in events] == [
        f"demo.{name}" for name in ("flights", "holdout", "model", "quality", "serve")
    ]
    model = events[2]
    assert (model["eventType"], model["inputs"][0]["facets"]["version"]["datasetVersion"]) == ("COMPLETE", digest)


def test_a_poisoned_file_in_a_folder_leads_to_each_model_that_saw_it(project: Project) -> None:
    for part, row in {"01": "1,AA", "02": "6,XX"}.items():
        project.write(f"flights/2013/{part}.csv", f"delay,carrier\n{row}\n")
    spec = SPEC.replace('"flights-${params.month}.csv"', "flights").replace(
        "cat ${inputs.flights}", "cat ${inputs.flights}/*/*"
    )
    project.pipeline(spec)
    project.run()
    poisoned = project.folder / "flights/2013/02.csv"
    digest = f"sha256:{sha256(poisoned.read_bytes()).hexdigest()}"
    clean = project.latest()["run"]
    poisoned.write_text("delay,carrier\n7,XX\n")
    project.run()
    here = ("--env", "local")

    for asked in (digest, digest[:20], str(project.write("elsewhere.csv", "delay,carrier\n6,XX\n"))):
        (forward,) = lineage(project, "--data", asked, *here)["forward"]
        assert forward["names"] == ["flights/2013/02.csv"]
        assert [seen["run"] for seen in forward["runs"]] == [clean]
        assert len(forward["runs"][0]["models"]) == 1
    both = lineage(project, "--data", "flights/2013/01.csv", *here)["forward"]
    assert {seen["run"] for forward in both for seen in forward["runs"]} == {clean, project.latest()["run"]}
    assert "MLO761" in project.mlopsctl("lineage", "--data", "sha256:" + "0" * 64, *here, code=1).err


def test_events_are_posted_to_a_server_until_one_is_not_taken(project: Project) -> None:
    taken: list[dict[str, Any]] = []

    class Catalogue(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_taken = self.path == "/api/v1/lineage" or len(taken) < 2
            if is_taken:
                taken.append(event)
            self.send_response(201 if is_taken else 422)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    project.run()
    with ThreadingHTTPServer(("127.0.0.1", 0), Catalogue) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        project.mlopsctl("lineage", "demo", "--env", "local", "--openlineage", f"{address}/api/v1/lineage")
        jobs = [event["job"]["name"] for event in taken]
        assert jobs == [f"demo.{name}" for name in ("flights", "holdout", "model", "quality", "serve")]
        assert len({event["run"]["runId"] for event in taken}) == len(taken)
        taken.clear()
        said = project.mlopsctl("lineage", "demo", "--env", "local", "--openlineage", f"{address}/strict", code=1)
        server.shutdown()
    assert "MLO763" in said.err
    assert f"2 of {len(jobs)} were taken" in said.err


def test_what_nobody_knows_is_said(project: Project) -> None:
    here = ("--env", "local")
    assert project.mlopsctl("lineage", *here).out == "nothing serves\n"
    assert "MLO761" in project.mlopsctl("lineage", "--data", "sha256:91be77", *here, code=1).err
    assert "MLO762" in project.mlopsctl("lineage", "--prediction", "7f3c", *here, code=1).err
    assert "no run `01X`" in project.mlopsctl("lineage", "01X", *here, code=1).err
    project.run()
    said = project.mlopsctl("lineage", "demo", *here, "--openlineage", "http://127.0.0.1:1/", code=1)
    assert "MLO763" in said.err
