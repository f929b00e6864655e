"""The kill switch on this machine: `serve` and `run` heed it, whoever asks is told who did it and why."""

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project, ended, normalised

SERVER = """
    import sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    body = open(sys.argv[1], "rb").read()


    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
    """
PIPELINE = """
    params: {model: first}
    stages:
      model:
        kind: train
        outputs: {model: model.txt}
        run: printf ${params.model} > ${outputs.model}
      serve:
        kind: deploy
        code: {include: [server.py]}
        model: model
        server: {run: "python server.py ${inputs.model} ${port}", health: /healthz}
    """


@pytest.fixture
def served(project: Project) -> Project:
    project.write("server.py", SERVER)
    project.pipeline(PIPELINE)
    project.run()
    return project


@pytest.fixture
def serving(served: Project) -> "Iterator[subprocess.Popen[bytes]]":
    process = served.start("serve", "--output", "json")
    yield process
    process.send_signal(signal.SIGTERM)
    ended(process, 0)


def told(process: "subprocess.Popen[bytes]") -> dict[str, object]:
    """What `serve` says next."""
    assert process.stdout is not None
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


def answer(url: object) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(str(url), timeout=10) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_serve_answers_503_while_it_is_stopped(served: Project, serving: "subprocess.Popen[bytes]") -> None:
    url = told(serving)["url"]
    assert answer(url) == (200, "first")
    served.mlopsctl("stop", "demo", "--reason", "wrong labels")
    stopped = told(serving)
    assert (stopped["stopped"], stopped["url"]) == (True, url)
    status, body = answer(url)
    assert status == 503
    assert json.loads(body)["why"] == "wrong labels"
    served.mlopsctl("resume", "demo")
    assert told(serving)["url"] == url
    assert answer(url) == (200, "first")


def test_the_fallback_answers_while_it_is_stopped(project: Project) -> None:
    project.write("server.py", SERVER)
    project.write("naive.txt", "naive")
    fallback = 'health: /healthz}\n        fallback: {run: "python server.py naive.txt ${port}"}'
    project.pipeline(PIPELINE.replace("health: /healthz}", fallback).replace("[server.py]", "[server.py, naive.txt]"))
    project.run()
    serving = project.start("serve", "--output", "json")
    try:
        url = told(serving)["url"]
        assert answer(url) == (200, "first")
        project.mlopsctl("stop", "demo")
        stopped = told(serving)
        assert (stopped["fallback"], stopped["url"]) == (True, url)
        assert answer(url) == (200, "naive")
        project.mlopsctl("resume", "demo")
        assert told(serving)["url"] == url
        assert answer(url) == (200, "first")
        serving.send_signal(signal.SIGTERM)
        ended(serving, 0)
    finally:
        serving.kill()


def test_what_is_said_of_a_stop(served: Project, snapshot: SnapshotAssertion) -> None:
    first = served.latest()["run"]
    who = {"GITHUB_ACTOR": "ann"}

    def said(*arguments: str) -> str:
        return normalised(served.mlopsctl(*arguments, environ=who).out, served)

    texts = [
        said("resume", "demo"),
        said("stop", "demo", "--reason", "wrong labels in the feed"),
        said("stop", "demo", "--reason", "another reason"),
        said("status"),
    ]
    refused = served.run("-p", "model=second", code=5)
    texts += [normalised(refused.err, served), said("resume", "demo"), said("status")]
    assert "\n---\n".join(texts) == snapshot
    found = json.loads(served.mlopsctl("status", "--output", "json").out)
    (standing,) = found["environments"][0]["pipelines"]
    assert standing["serving"]["run"] == first
    assert standing["override"] is None
    served.run("-p", "model=second")


def test_a_pipeline_that_is_not_there(served: Project) -> None:
    assert "a pipeline with a similar name: `demo`" in served.mlopsctl("stop", "dmo", code=1).err
    assert "no environment `prdo`" in served.mlopsctl("stop", "demo", "--env", "prdo", code=1).err


def test_the_release_before_serves_again(served: Project, snapshot: SnapshotAssertion) -> None:
    nothing_earlier = served.mlopsctl("rollback", "demo", code=1).err
    first = served.latest()["run"]
    served.run("-p", "model=second")
    said = served.mlopsctl("rollback", "demo", "--reason", "worse").out
    again = served.run("-p", "model=second", code=5).err
    serving = json.loads(served.mlopsctl("status", "--output", "json").out)["environments"][0]["pipelines"][0]
    assert serving["serving"]["run"] == first
    served.run("-p", "model=third")
    gone = served.mlopsctl("rollback", "demo", "--to", "01", code=1).err
    served.mlopsctl("rollback", "demo", "--to", first)
    serving = json.loads(served.mlopsctl("status", "--output", "json").out)["environments"][0]["pipelines"][0]
    assert serving["serving"]["run"] == first
    again = re.sub(r", \d{4}-\S+", ", WHEN", again)
    texts = [nothing_earlier, said, again, gone]
    assert "\n---\n".join(normalised(text, served) for text in texts) == snapshot
