"""The program in a pod serves the model of a run, if it is the one that is meant, and ends when it is told to."""

import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlopsctl.engine.notes import read_note
from mlopsctl.engine.releases import served
from mlopsctl.ir.contract import read_contract
from mlopsctl.store import canonical_json
from tests.unit.pod.pods import RUN, Pods, ended
from tests.waiting import PATIENCE

SPEC = """\
stages:
  model: {kind: train, run: "echo 42 > ${outputs.model}", outputs: {aside: a.txt, model: model.txt}}
  other: {kind: task, run: "true"}
  serve: {kind: deploy, model: model.model, server: {run: "python serve.py ${inputs.model} ${port}", health: /healthz}}
"""
SERVE = """\
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
model, port = sys.argv[1:]

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(open(model, "rb").read())

print("listening", flush=True)
HTTPServer(("", int(port)), Handler).serve_forever()
"""


@pytest.fixture
def pods(tmp_path: Path) -> Pods:
    found = Pods(tmp_path)
    found.write("serve.py", SERVE)
    found.applied(SPEC.replace('run: "echo', 'run: "echo 1 > ${outputs.aside}; echo'))
    found.stage("model")
    return found


def model_of(pods: Pods) -> str:
    note = read_note(pods.store, RUN, "model")
    assert note is not None
    return note.outputs["model"].digest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def serving(pods: Pods, **changes: str) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    port = free_port()
    told = {"MLOPS_MODEL_DIGEST": model_of(pods), "MLOPS_PORT": str(port), **changes}
    with pods.start("serve", "serve", **told) as process:
        try:
            assert process.stdout is not None
            while process.stdout.readline() != "listening\n":
                assert process.poll() is None, process.stderr and process.stderr.read()
            yield port, process
        finally:
            process.kill()


def answer(port: int) -> bytes:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as found:
                body: bytes = found.read()
                return body
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_command_serves_the_model_and_ends_when_it_is_told(pods: Pods) -> None:
    with serving(pods) as (port, process):
        assert answer(port) == b"42\n"
        process.send_signal(signal.SIGTERM)
        ended(process, 0)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)


def test_a_container_that_is_started_again_in_its_pod_serves_again(pods: Pods) -> None:
    work = str(pods.folder / "same")
    for _ in range(2):
        with serving(pods, MLOPS_WORK=work) as (port, process):
            assert answer(port) == b"42\n"
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_the_fallback_stands_in_without_a_model(pods: Pods) -> None:
    with_fallback = (
        "health: /healthz}, params: {word: seven}, fallback: {run: 'python serve.py ${params.word}.txt ${port}'}"
    )
    pods.write("seven.txt", "7")
    pods.applied(SPEC.replace("health: /healthz}", with_fallback))
    port = free_port()
    with pods.start("fallback", "serve", MLOPS_PORT=str(port), MLOPS_RUN="demo-fallback") as process:
        try:
            assert answer(port) == b"7"
            process.send_signal(signal.SIGTERM)
            ended(process, 0)
        finally:
            process.kill()
    assert "error[MLO882]" in pods.run("fallback", "other", code=1).err


def test_only_what_the_run_made_is_served(pods: Pods) -> None:
    digest = f"sha256:{'0' * 64}"
    assert (
        f"error[MLO886]: run {RUN} made no model `{digest}`"
        in pods.run("serve", "serve", code=1, MLOPS_MODEL_DIGEST=digest).err
    )
    assert (
        "error[MLO886]"
        in pods.run(
            "serve", "serve", code=1, MLOPS_MODEL_DIGEST=model_of(pods), MLOPS_RUN="01JD3WQ7ZK8M4N6P2R5S7T9V2Y"
        ).err
    )


def test_a_damaged_model_never_serves(pods: Pods) -> None:
    pods.damage(b"42\n")
    failed = pods.run("serve", "serve", code=1, MLOPS_MODEL_DIGEST=model_of(pods))
    assert "error[MLO901]" in failed.err
    assert "listening" not in failed.out


def test_a_server_that_ends_takes_its_pod_with_it(pods: Pods) -> None:
    pods.write("serve.py", "raise SystemExit(3)")
    pods.applied(SPEC)
    pods.run("serve", "serve", code=3, MLOPS_MODEL_DIGEST=model_of(pods))


def test_only_deploy_stages_serve(pods: Pods) -> None:
    assert "error[MLO882]: the pipeline has no deploy stage `other`" in pods.run("serve", "other", code=1).err


def test_a_format_that_the_environment_can_not_serve_is_said(pods: Pods) -> None:
    pods.applied(SPEC.replace('run: "python serve.py ${inputs.model} ${port}", health: /healthz', "format: sklearn"))
    failed = pods.run("serve", "serve", code=1, MLOPS_MODEL_DIGEST=model_of(pods))
    assert "error[MLO812]: `serve`: the environment lacks `mlserver` and `mlserver-sklearn`" in failed.err


def test_a_server_is_asked_what_its_load_test_asks(pods: Pods) -> None:
    pods.write("request.json", '{"inputs": []}')
    asked = SPEC.replace("health: /healthz}}", "health: /healthz}, loadTest: {request: request.json}}")
    posts = SERVE.replace(
        "    def do_GET", "    def do_POST(self):\n        self.send_error(CODE, 'as told')\n\n    def do_GET"
    )
    for code, ending in ((503, 1), (204, 0)):
        pods.write("serve.py", posts.replace("CODE", str(code)))
        pods.applied(asked)
        with serving(pods) as (port, _):
            said = pods.run("ask", "serve", code=ending, MLOPS_PORT=str(port)).err
    assert said == ""
    failed = pods.run("ask", "serve", code=1, MLOPS_PORT=str(free_port())).err
    assert "error[MLO889]: the server of `serve` answers `/v2/models/demo/infer` with <urlopen error" in failed
    pods.applied(SPEC)  # without a load test its health is asked
    assert "answers `/healthz` with" in pods.run("ask", "serve", code=1, MLOPS_PORT=str(free_port())).err


def test_a_port_is_a_number(pods: Pods) -> None:
    assert "error[MLO880]: `MLOPS_PORT` is no port: http" in pods.run("serve", "serve", code=1, MLOPS_PORT="http").err


def test_what_a_run_released_is_served_whatever_is_applied_since(pods: Pods) -> None:
    note = read_note(pods.store, RUN, "model")
    contract = read_contract({file.name: file.read_text() for file in (pods.folder / "contract").iterdir()}, "local")
    command = 'python serve.py "$MLOPS_INPUT_MODEL" "$MLOPS_PORT"'
    server = {"stage": "serve", "command": command, "code": contract.code["serve"]}
    assert note is not None
    released = served("demo", note.outputs["model"], server, "")
    digest = pods.store.put_bytes(canonical_json(released)).digest
    pods.write("serve.py", "raise SystemExit('another server')")
    pods.applied(SPEC)

    with serving(pods, MLOPS_RELEASE=digest, MLOPS_CONTRACT="/nowhere") as (port, process):
        assert answer(port) == b"42\n"
        process.send_signal(signal.SIGTERM)
        ended(process, 0)
