"""A small pipeline in a namespace of a cluster, with its store: applied, run, released, asked through the gateway."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from mlopsctl.compiler import compile_project
from mlopsctl.engine.bundle import put_pipeline
from mlopsctl.engine.notes import Note, read_note
from mlopsctl.ir.pins import Pins
from mlopsctl.source import project
from mlopsctl.store import RunRecord, Store, run_id
from tests.cluster.conftest import Whole
from tests.cluster.examining import context_of
from tests.cluster.objects import Manifest, Objects
from tests.rendered import rendered
from tests.waiting import PATIENCE

PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: line}
spec:
  params: {factor: 2}
  stages:
    numbers: {kind: data, source: numbers.csv, contract: {rows: {min: 2}}}
    model:
      kind: train
      inputs: {numbers: numbers}
      outputs: {model: model.json}
      run: python train.py ${inputs.numbers} ${outputs.model} ${params.factor}
"""
TRAIN = """\
import json, sys
source, model, factor = sys.argv[1:]
print("training")
total = sum(int(line) for line in open(source).read().split()[1:])
json.dump({"total": total * int(factor)}, open(model, "w"))
"""
# It answers whatever it is asked with its model.
SERVE = """\
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
model, port = sys.argv[1:]
body = open(model, "rb").read()

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.01)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("", int(port)), Handler).serve_forever()
"""
SERVING = """\
    serve:
      kind: deploy
      model: model
      server: {run: "python serve.py ${inputs.model} ${port}", health: /healthz}
      resources: {cpu: 50m, memory: 128Mi}
"""
WORKFLOW = ("argoproj.io/v1alpha1", "Workflow")
SERVICE = ("serving.kserve.io/v1beta1", "InferenceService")


class Applied:
    """The pipeline in a namespace of a cluster, with its store. `serving` are its stages behind the training."""

    def __init__(
        self,
        cluster: Whole,
        namespace: Objects,
        folder: Path,
        store: Store,
        *,
        serving: str,
        files: Mapping[str, str],
        releases: str = "pinned",
    ) -> None:
        self._cluster, self._namespace, self._folder, self.store = cluster, namespace, folder, store
        self.host, self.image = f"{namespace.namespace}.example", cluster.runtime_image
        own = {"pipeline.yaml": PIPELINE + serving, "numbers.csv": "n\n1\n2\n3\n", "train.py": TRAIN}
        for name, text in {**own, **files}.items():
            (folder / name).write_text(text, encoding="utf-8")
        listed = "{pipelines: [pipeline.yaml], environments: [here.yaml]}"
        self._write("mlops.yaml", "Project", "lines", listed)
        said = {
            "store": store.url,
            "image": self.image,
            "releases": releases,
            "gateway": {"name": "public", "namespace": "gateways", "host": self.host},
            "cluster": {"context": context_of(cluster.kubeconfig), "namespace": namespace.namespace},
        }
        self._write("here.yaml", "Environment", "here", json.dumps(said))

    def _write(self, file: str, kind: str, name: str, spec: str) -> None:
        text = f"{{apiVersion: mlopsctl.dev/v1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
        (self._folder / file).write_text(text, encoding="utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text in a file, which must have it."""
        text = (self._folder / file).read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        (self._folder / file).write_text(text.replace(old, new), encoding="utf-8")

    def apply(self) -> None:
        compilation = compile_project(project.load(project.find_root(self._folder)), "here")
        pipeline = compilation.pipelines["line"]
        pins = Pins(compilation.sources.paths)
        put_pipeline(self.store, pipeline, pins.code(pipeline), pins.data(pipeline))
        self._namespace.apply(
            json.loads(json.dumps([found.document for found in rendered(self._folder, "here").manifests]))
        )

    def release(self, run: "Run") -> str:
        """Let the model of a run serve, by mlopsctl's own hand; the name of what serves it."""
        digest = run.note("model").outputs["model"].digest
        kept = (self.store.read_record("runs", run.id) or {}).get("release") or {}  # none where runs don't deploy
        said = {
            "run": run.id,
            "commit": "3f2c91a",
            "model": {"digest": digest, "uri": f"{self.store.url}/blobs"},
            "data": {},
            "evidence": kept.get("evidence", digest),
        }
        (self._folder / "releases" / "here").mkdir(parents=True, exist_ok=True)
        self._write("releases/here/line.yaml", "Release", "line", json.dumps(said))
        done = self.mlopsctl("apply", "--auto-approve", "--timeout", "3m")
        assert done.returncode == 0, done.stdout + done.stderr
        return f"line-{digest.removeprefix('sha256:')[:8]}"

    def mlopsctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """What a command says in the folder of the project."""
        with self.begun(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @contextmanager
    def begun(self, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
        """A command in the folder of the project, which is ended if the block doesn't wait for its end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "mlopsctl", *arguments],
            cwd=self._folder,
            env={**os.environ, "KUBECONFIG": str(self._cluster.kubeconfig), "NO_COLOR": "1", "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def answers(self, expected: object) -> None:
        """Wait until the model's server answers this through the gateway, which learns of routes a moment later."""
        deadline = time.monotonic() + PATIENCE
        answer: object = None
        while answer != expected:
            assert time.monotonic() < deadline, f"the last answer was {answer}"
            try:
                answer = json.loads(self.answer("/line/anything"))
            except OSError as error:
                answer = error
                time.sleep(0.2)

    def answer(self, path: str, body: bytes | None = None) -> bytes:
        """What the model's server answers through the gateway."""
        request = urllib.request.Request(f"{self._cluster.gateway}{path}", body, headers={"Host": self.host})
        with urllib.request.urlopen(request, timeout=60) as found:
            said: bytes = found.read()
        return said

    def run(self, name: str, **params: str) -> "Run":
        """A run that has ended."""
        self.begin(name, **params)
        found = self.ended(name)
        if "nodes" not in found.status:  # as the controller had not heard of the template yet
            self._namespace.remove(*WORKFLOW, name)
            self.begin(name, **params)
            found = self.ended(name)
        return found

    def begin(self, name: str, **params: str) -> None:
        """Begin a run, beside others."""
        version, kind = WORKFLOW
        given = [{"name": key, "value": value} for key, value in params.items()]
        spec = {"workflowTemplateRef": {"name": "line"}, "arguments": {"parameters": given}}
        self._namespace.apply([{"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}])

    def run_from_here(self, *options: str) -> tuple["Run", str]:
        """The first run, by the command line, and what that prints."""
        done = self.mlopsctl("run", "--env", "here", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        (workflow,) = self._namespace.listed(*WORKFLOW)
        return Run(workflow, self.store), done.stdout

    def ended(self, name: str) -> "Run":
        """The run, once it has ended."""
        done = self._namespace.wait_for(*WORKFLOW, name, lambda found: bool(found.get("status", {}).get("finishedAt")))
        return Run(done, self.store)


class Callers:
    """Somebody who asks the model all the time, and what the answers are."""

    def __init__(self, applied: Applied, body: bytes | None) -> None:
        self._applied, self._body = applied, body
        self._ending = threading.Event()
        self.answers: list[int | str] = []
        self._times: list[float] = []

    def ask(self) -> None:
        while not self._ending.wait(0.05):
            try:
                self.answers.append(self._applied.answer("/line/anything", self._body).decode())
            except urllib.error.HTTPError as error:
                self.answers.append(error.code)
            self._times.append(time.monotonic())

    def first(self, answer: str) -> float:
        """When this was answered first, by the clock of `time.monotonic`."""
        return self._times[self.answers.index(answer)]

    def end(self) -> None:
        self._ending.set()

    def had(self, answer: str, number: int) -> bool:
        """Whether so many of the last answers were this one."""
        return len(self.answers) >= number and set(self.answers[-number:]) == {answer}


@contextmanager
def calling(applied: Applied, body: bytes | None = None) -> Iterator[Callers]:
    """Callers who ask with GET, or post a body."""
    callers = Callers(applied, body)
    thread = threading.Thread(target=callers.ask)
    thread.start()
    try:
        yield callers
    finally:
        callers.end()
        thread.join()


def applied_in(
    cluster: Whole,
    namespace: Objects,
    folder: Path,
    store: Store,
    *,
    pipeline: str,
    files: Mapping[str, str] | None = None,
) -> Applied:
    """Another pipeline that is called `line`, with its files, applied from a folder in this one."""
    (folder / "project").mkdir()
    own = {"pipeline.yaml": pipeline, **(files or {})}
    found = Applied(cluster, namespace, folder / "project", store, serving="", files=own)
    found.apply()
    return found


class Run:
    """A workflow that has ended."""

    def __init__(self, workflow: Manifest, store: Store) -> None:
        self.status: Mapping[str, Any] = workflow["status"]
        self.store = store
        metadata = workflow["metadata"]
        self.id = run_id(metadata["uid"], datetime.fromisoformat(metadata["creationTimestamp"]))

    def phases(self) -> dict[str, str]:
        """How each pod ended, by its stage; what went wrong goes on to say why."""
        nodes = [node for node in self.status["nodes"].values() if node["type"] != "DAG"]
        return {node["displayName"]: f"{node['phase']} {node.get('message', '')}".strip() for node in nodes}

    def record(self) -> RunRecord:
        return RunRecord.from_json(self.store.read_record("runs", self.id) or {})

    def faults(self, stage: str) -> list[dict[str, Any]]:
        """What went wrong with a stage, as its note says."""
        pointer = self.store.read_pointer(f"runs/{self.id}/{stage}")
        assert pointer is not None, (stage, self.phases())
        found: list[dict[str, Any]] = pointer.value["faults"]
        return found

    def note(self, stage: str) -> Note:
        found = read_note(self.store, self.id, stage)
        assert found is not None, (stage, self.phases())
        return found


def going(found: Manifest) -> bool:
    """Whether it was deleted, and only its controller has to agree."""
    return bool(found["metadata"].get("deletionTimestamp"))
