"""What is rendered runs: a real controller starts pods of the runtime image, and what they make is in a real store."""

import json
from pathlib import Path

import pytest

from mlopsctl.store import Store
from tests.cluster.conftest import Whole
from tests.cluster.lines import SERVICE, Applied, going
from tests.cluster.objects import Objects

SERVING = """\
    quality:
      kind: evaluate
      inputs: {model: model}
      run: cp ${inputs.model} ${outputs.metrics}
      gates: [{metric: total, min: 12}]
    serve:
      kind: deploy
      model: model
      requires: [quality]
      server: {run: "python serve.py ${inputs.model} ${port}", health: /healthz}
      loadTest: {request: request.json}
"""
# It is well from the start, and can't answer the first request.
SERVE = """\
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
model, port = sys.argv[1:]
asked = []

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(json.load(open(model)) | {"asked": asked}).encode())

    def do_POST(self):
        asked.append(self.path)
        self.send_response(503 if len(asked) == 1 else 204)
        self.end_headers()

HTTPServer(("", int(port)), Handler).serve_forever()
"""


@pytest.fixture
def applied(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    folder = tmp_path / "project"
    folder.mkdir()
    found = Applied(cluster, namespace, folder, store, serving=SERVING, files={"serve.py": SERVE, "request.json": "{}"})
    found.apply()
    return found


def test_a_pipeline_runs_and_its_second_run_has_nothing_to_do(applied: Applied) -> None:
    first = applied.run("first")
    assert set(first.phases().values()) == {"Succeeded"}, first.phases()
    assert {name: first.note(name).stage.outcome for name in ("numbers", "model", "quality")} == {
        "numbers": "done",
        "model": "done",
        "quality": "done",
    }
    assert first.note("quality").stage.metrics == {"total": 12.0}
    assert first.record().outcome == "done"
    assert json.loads(applied.store.get_bytes(first.note("model").outputs["model"].digest)) == {"total": 12}

    second = applied.run("second")
    assert set(second.phases().values()) == {"Succeeded"}
    for name in ("numbers", "model", "quality"):
        assert (second.note(name).stage.outcome, second.note(name).stage.cached_from) == ("cached", first.id)

    assert second.record().outcome == "cached"

    refused = applied.run("third", factor="1")
    phases = refused.phases()
    assert (phases["numbers"], phases["model"]) == ("Succeeded", "Succeeded")
    assert phases["quality"].startswith("Failed")
    assert refused.note("numbers").stage.outcome == "cached"
    assert refused.note("quality").stage.outcome == "refused"
    assert {name: stage.outcome for name, stage in refused.record().stages.items()} == {
        "numbers": "cached",
        "model": "done",
        "quality": "refused",
        "serve": "skipped",
    }
    exits = [
        node["outputs"]["exitCode"] for node in refused.status["nodes"].values() if node["displayName"] == "quality"
    ]
    assert set(exits) == {"5"}


def test_a_release_serves_until_the_next_one_does_and_is_kept_for_a_rollback(
    applied: Applied, namespace: Objects
) -> None:
    first, second = applied.run("first"), applied.run("second", factor="3")

    asked = ["/v2/models/line/infer"] * 2  # until it answered, it got nobody's requests
    champion = applied.release(first)
    applied.answers({"total": 12, "asked": asked})
    successor = applied.release(second)
    applied.answers({"total": 18, "asked": asked})

    services = {each["metadata"]["name"] for each in namespace.listed(*SERVICE) if not going(each)}
    assert services == {champion, successor}
