"""Runs put what they build into service: the candidate beside what serves, tried before anybody else asks it."""

from pathlib import Path

import pytest

from mlopsctl.engine.evidence import read_evidence
from mlopsctl.engine.releases import read_serving
from mlopsctl.store import Store, short_run
from tests.cluster.conftest import Whole
from tests.cluster.lines import SERVICE, Applied, Run, calling, going
from tests.cluster.objects import Manifest, Objects

# Factors that make a server which never listens, one whose predictions fail, one that fails what only people ask, and
# the one that serves first.
MUTE, FAULTY, SPOILT, CHAMPION = "5", "6", "7", "2"
ASKED = b'{"inputs": ["by people"]}'
SERVE = """\
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
model, port = sys.argv[1:]
total = json.load(open(model))["total"]
print("serves", total, flush=True)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_faulty = (FAULTS and next(FAULTS)) or (total == 42 and b"people" in body)
        self.answer(500 if is_faulty else 200)

    def answer(self, status=200):
        body = json.dumps({"total": total}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

# The first request is answered, as its readiness is; those of the load test are not.
FAULTS = iter([False] * 1 + [True] * 10**6) if total == 36 else None
if total == 30:
    print("no license for 30", flush=True)
    sys.exit(3)
ThreadingHTTPServer(("", int(port)), Handler).serve_forever()
"""
OWN_SERVER = 'server: {run: "python serve.py ${inputs.model} ${port}", health: /healthz}'
SHADOW = "shadow: {for: 4s}"
SERVING = """\
    quality:
      kind: evaluate
      inputs: {model: model}
      run: cp ${inputs.model} ${outputs.metrics}
      gates: [{metric: total, min: 12}, {metric: total, against: serving, tolerance: 100}]
    serve:
      kind: deploy
      model: model
      requires: [quality]
      OWN_SERVER
      resources: {cpu: 50m, memory: 128Mi}
      loadTest: {users: 2, duration: 1s, request: request.json, errors: 0%}
      rollout: {SHADOW, checks: [{errors: 0%}, {p99: 30s}]}
""".replace("OWN_SERVER", OWN_SERVER).replace("SHADOW", SHADOW)
# A ServingRuntime as those of KServe are: it looks for a file, and calls the model as the InferenceService is called.
RUNTIME = """\
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
(model,) = Path("/mnt/models").iterdir()

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(model.read_bytes())

    def do_POST(self):
        self.send_response(200 if self.path == f"/v2/models/{sys.argv[1]}/infer" else 404)
        self.end_headers()

ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def runtime(image: str) -> Manifest:
    container = {
        "name": "kserve-container",
        "image": image,
        "command": ["python", "-c", RUNTIME],
        "args": ["{{.Name}}"],
    }
    formats = [{"name": "sklearn", "version": "1"}]
    spec = {"supportedModelFormats": formats, "protocolVersions": ["v2"], "containers": [container]}
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "theirs"},
        "spec": spec,
    }


@pytest.fixture
def applied(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    folder = tmp_path / "project"
    folder.mkdir()
    files = {"serve.py": SERVE, "request.json": '{"inputs": []}'}
    found = Applied(cluster, namespace, folder, store, serving=SERVING, releases="continuous", files=files)
    done = found.mlopsctl("apply", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    return found


def served(namespace: Objects) -> set[str]:
    """The names of what serves, or could at once."""
    return {each["metadata"]["name"] for each in namespace.listed(*SERVICE) if not going(each)}


def proven(store: Store) -> list[str]:
    """What was shown of the release that serves, by its evidence in the store."""
    release = read_serving(store, "line", "here").release
    assert release is not None
    checks = read_evidence(store, release.evidence).checks
    assert all(each["holds"] for each in checks)
    return [each["expectation"] for each in checks]


def none_of_which_serves(applied: Applied, first: Run) -> None:
    """At once: one fails under load, one fails on copies, one never answers, and one changes nothing."""
    with calling(applied, ASKED) as callers:
        for name, factor in (("faulty", FAULTY), ("spoilt", SPOILT), ("mute", MUTE), ("again", CHAMPION)):
            applied.begin(name, factor=factor)
        spoilt = applied.ended("spoilt")
    assert set(callers.answers) == {'{"total": 12}'}
    assert {fault["code"] for fault in spoilt.faults("serve")} == {"MLO418"}
    copied, errors, _ = spoilt.note("serve").stage.checks[1:]
    assert copied["expectation"] == "copies of 100% of the requests for 4 s"
    assert errors["observed"].startswith("100.0% of ")
    assert errors["observed"].endswith(", first: 500")
    assert applied.ended("faulty").note("serve").stage.outcome == "refused"
    fault = applied.ended("mute").faults("serve")[0]
    assert fault["code"] == "MLO812"
    assert "no license for 30" in "\n".join(fault["notes"])
    again = applied.ended("again").note("serve").stage
    assert (again.outcome, again.cached_from) == ("cached", first.id)


def two_at_once(applied: Applied, champion: str) -> None:
    """Two runs of which one waits until the other serves: else it would find that what serves has moved."""
    totals = {"second": 18, "rival": 24}
    for name, total in totals.items():
        applied.begin(name, factor=str(total // 6))
    both = {name: applied.ended(name) for name in totals}
    for run in both.values():
        assert set(run.phases().values()) == {"Succeeded"}, run.phases()
        compared = run.note("quality").stage.checks[1]
        assert compared["holds"]
        assert champion in compared["observed"]
    last = read_serving(applied.store, "line", "here").release
    assert last is not None
    applied.answers({"total": next(totals[name] for name, run in both.items() if run.id == last.run)})


def test_runs_put_models_into_service_and_keep_the_one_before(
    applied: Applied, namespace: Objects, store: Store
) -> None:
    first = applied.run("first")
    assert set(first.phases().values()) == {"Succeeded"}, first.phases()
    applied.answers({"total": 12})
    (champion,) = served(namespace)
    serving = read_serving(store, "line", "here")
    assert (serving.release and serving.release.run) == first.id
    assert len(proven(store)) == 3

    none_of_which_serves(applied, first)
    assert read_serving(store, "line", "here") == serving
    assert served(namespace) == {champion}
    applied.answers({"total": 12})

    with calling(applied, ASKED) as callers:
        two_at_once(applied, short_run(first.id))
    assert set(callers.answers) <= {'{"total": 12}', '{"total": 18}', '{"total": 24}'}
    shadow = "copies of 100% of the requests for 4 s"
    assert proven(store)[2:] == ["errors ≤ 0.0%", shadow, "errors ≤ 0.0%", "p99 ≤ 30,000 ms"]
    earlier = served(namespace)
    assert champion not in earlier
    assert len(earlier) == 2

    namespace.apply([runtime(applied.image)])
    applied.edit("pipeline.yaml", OWN_SERVER, "server: {format: sklearn, runtime: theirs}")
    applied.edit("pipeline.yaml", SHADOW, "canary: {steps: [50%], every: 1s}")  # as nobody asks now, to copy it
    changed = applied.mlopsctl("apply", "--auto-approve")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    third = applied.run("third", factor="4")
    assert set(third.phases().values()) == {"Succeeded"}, third.phases()
    applied.answers({"total": 24})
    assert len(served(namespace)) == 2
    assert len(served(namespace) - earlier) == 1

    git_decides_from_now_on(applied, namespace, third)
    gone = applied.mlopsctl("destroy", "--auto-approve")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert served(namespace) == set()


def git_decides_from_now_on(applied: Applied, namespace: Objects, run: Run) -> None:
    """Pin the model of the run that served last: what that run put there is kept, and the route is git's."""
    before = served(namespace)
    applied.edit("here.yaml", '"releases": "continuous"', '"releases": "pinned"')
    released = applied.release(run)
    applied.answers({"total": 24})
    (kept,) = served(namespace) - {released}
    assert kept in before
    route = namespace.get("gateway.networking.k8s.io/v1", "HTTPRoute", "line")
    assert route is not None
    assert [each["name"] for each in route["spec"]["rules"][0]["backendRefs"]] == [f"{released}-predictor"]
    planned = applied.mlopsctl("plan", "--detailed-exitcode")
    assert planned.returncode == 0, planned.stdout + planned.stderr
