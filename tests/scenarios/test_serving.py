"""From a run to an endpoint that answers, and all that keeps a candidate from becoming what serves."""

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.scenarios.project import Project, ended, expect_gone, pid_in, until

# A server that answers with what its model says.
SERVER = """
    import json
    import os
    import sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from pathlib import Path

    model = Path(sys.argv[1]).read_text().splitlines()[0]
    with open(os.environ["OUTSIDE"] + "/server", "w") as trace:
        print(os.getpid(), file=trace)


    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(200, {})

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            output = {"name": "model", "datatype": "BYTES", "shape": [1], "data": [model]}
            self.answer(500 if model == "broken" else 200, {"outputs": [output]})

        def answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
    """
PIPELINE = """
    params: {model: first, auc: 0.9}
    stages:
      model:
        kind: train
        code: {include: [train.sh]}
        outputs: {model: model.txt}
        run: printf '%s\\n%s\\n' ${params.model} ${params.auc} > ${outputs.model}
      quality:
        kind: evaluate
        code: {include: [measure.sh]}
        inputs: {model: model}
        run: printf '{"auc":%s}' "$(tail -n 1 ${inputs.model})" > ${outputs.metrics}
        gates: [{metric: auc, against: serving, tolerance: 0.01}]
      serve:
        kind: deploy
        code: {include: [server.py]}
        model: model
        requires: [quality]
        server: {run: "python server.py ${inputs.model} ${port}", health: /healthz}
        LOAD
    """
LOAD = "loadTest: {users: 2, duration: 300ms, request: request.json, errors: 0%}"


@pytest.fixture
def served(project: Project) -> Project:
    project.write("server.py", SERVER)
    project.write("request.json", '{"inputs": []}')
    project.pipeline(PIPELINE.replace("LOAD", LOAD))
    return project


def answer_of(url: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=10) as answer:
        text: str = json.load(answer)["outputs"][0]["data"][0]
        return text


def served_model(project: Project) -> str:
    """What the endpoint that `serve` starts says."""
    process = project.start("serve", "-o", "json")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    said = answer_of(told["predict_url"])
    process.send_signal(signal.SIGTERM)
    ended(process, 0)
    return said


def test_a_model_that_passes_serves_and_a_worse_one_does_not(served: Project) -> None:
    said = served.run()
    assert "Serving release 01" in said.out
    assert "errors ≤ 0.0%" in said.out
    first = served.latest()["run"]
    assert served_model(served) == "first"

    worse = served.run("-p", "model=worse", "-p", "auc=0.85", code=5)
    assert "error[MLO412]: gate of `quality` fails: auc within 0.01 of serving" in worse.err
    assert f"0.850 against 0.900 (run {first[:12]})" in worse.out
    assert f"what serves is unchanged: run {first[:12]}" in worse.err
    assert f"What serves is unchanged: run {first[:12]}" in worse.out
    assert served_model(served) == "first"

    served.run("-p", "model=nearly", "-p", "auc=0.895")
    assert served_model(served) == "nearly"
    assert "3 of 3 stages from cache" in served.run("-p", "model=nearly", "-p", "auc=0.895").out


def test_a_candidate_that_fails_its_load_test_does_not_serve(served: Project) -> None:
    served.run()
    said = served.run("-p", "model=broken", code=1 + 4)
    assert "error[MLO415]: the load test of `serve` fails: errors ≤ 0.0%, observed 100.0%" in said.err
    expect_gone(pid_in(served.outside / "server"))
    assert served_model(served) == "first"


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        ("import sys; print('no such model: é'); sys.exit(3)", "= note: no such model: é"),
        ("raise ValueError('not a model')", "ValueError: not a model"),
    ],
    ids=["exit", "exception"],
)
def test_a_server_that_does_not_start(served: Project, server: str, sentence: str) -> None:
    served.run()
    good = (served.folder / "server.py").read_text()
    served.write("server.py", server)
    refused = served.start("run")
    _, err = refused.communicate(timeout=30)
    assert refused.returncode == 1
    assert "error[MLO812]: `serve`: the server ended with exit code" in err.decode()
    assert sentence in err.decode()
    assert served_model(served) == "first"  # its code comes from the store, not from the folder
    served.write("server.py", good)
    assert "3 of 3 stages from cache" in served.run().out


def test_waiting_for_a_server_can_be_interrupted(served: Project) -> None:
    served.write(
        "server.py",
        f"import os, time\nopen({str(served.outside / 'slow')!r}, 'w').write(f'{{os.getpid()}}\\n')\ntime.sleep(60)\n",
    )
    process = served.start("run")
    server = pid_in(served.outside / "slow")
    process.send_signal(signal.SIGINT)
    ended(process, 130)
    expect_gone(server)
    assert served.outcomes()["serve"] == "interrupted"


def test_a_load_test_can_be_interrupted(served: Project) -> None:
    served.pipeline(PIPELINE.replace("LOAD", LOAD.replace("300ms", "60s")))
    process = served.start("run")
    server = pid_in(served.outside / "server")
    process.send_signal(signal.SIGINT)
    ended(process, 130)
    expect_gone(server)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda which: which.name)
def test_nothing_of_an_endpoint_lives_on(served: Project, which: signal.Signals) -> None:
    served.run()
    (served.outside / "server").unlink()
    process = served.start("serve")
    server = pid_in(served.outside / "server")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"Serving demo, run 01")
    process.send_signal(which)
    ended(process, -which if which == signal.SIGKILL else 0)
    expect_gone(server)


def test_starting_an_endpoint_can_be_interrupted(served: Project) -> None:
    slow = "if os.path.exists(os.environ['OUTSIDE'] + '/slow'): __import__('time').sleep(60)\n\n\nclass Handler"
    text = (served.folder / "server.py").read_text()
    (served.folder / "server.py").write_text(text.replace("class Handler", slow))
    served.run()
    (served.outside / "slow").touch()
    (served.outside / "server").unlink()
    process = served.start("serve")
    server = pid_in(served.outside / "server")
    process.send_signal(signal.SIGINT)
    ended(process, 130)
    expect_gone(server)


def test_an_endpoint_that_dies_is_told_of(served: Project) -> None:
    served.run()
    (served.outside / "server").unlink()
    process = served.start("serve")
    server = pid_in(served.outside / "server")
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(server, signal.SIGKILL)
    assert "error[MLO812]" in ended(process, 1).err


def test_a_port_that_is_taken(served: Project) -> None:
    served.run()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = served.mlopsctl("serve", "--port", str(port), code=1)
    assert f"cannot listen on port {port}" in said.err
    assert "choose another port" in said.err


def test_nothing_serves_yet(served: Project) -> None:
    said = served.mlopsctl("serve", code=1)
    assert "error[MLO813]: no run of `demo` has passed here, so there is nothing to serve" in said.err


def test_two_runs_that_deploy_the_same_at_once_both_succeed(served: Project) -> None:
    gather = """
import pathlib, time
meeting = pathlib.Path(os.environ["OUTSIDE"])
(meeting / f"meet-{os.getpid()}").touch()
while len(list(meeting.glob("meet-*"))) < 2:
    time.sleep(0.02)

class Handler"""
    text = (served.folder / "server.py").read_text()
    (served.folder / "server.py").write_text(text.replace("class Handler", gather))
    both = [served.start("run"), served.start("run")]
    runs = {ended(process, 0).out.split("run ")[1].split()[0] for process in both}
    pointer = json.loads(Path(served.folder / ".mlops/store/pointers/serving/local/demo.json").read_text())
    assert pointer["value"]["run"][: len(min(runs))] in runs
    assert served_model(served) == "first"


@pytest.mark.parametrize(
    ("auc", "seed", "said"),
    [
        ("0.95", "1", ""),
        ("0.85", "1", "now: auc within 0.01 of serving: 0.850 against 0.900"),
        ("0.95", "2", "was not evaluated on the data of this run"),
    ],
)
def test_a_model_is_compared_with_what_came_to_serve_while_its_run_went_on(
    served: Project, auc: str, seed: str, said: str
) -> None:
    """Its gate held when nothing served. The evaluation with another seed is another one."""
    pause = "until [ ${params.model} != slow ] || [ -e $OUTSIDE/go ]; do touch $OUTSIDE/waiting; sleep 0.05; done"
    served.pipeline(
        PIPELINE.replace("  LOAD", f"pause: {{kind: task, requires: [quality], run: '{pause}'}}")
        .replace("requires: [quality]\n", "requires: [quality, pause]\n")
        .replace("auc: 0.9}", "auc: 0.9, seed: 1}")
        .replace("run: printf '{", "run: test ${params.seed}; printf '{")
    )
    slow = served.start("run", "-p", "model=slow", "-p", f"auc={auc}", "-p", f"seed={seed}")
    until((served.outside / "waiting").exists, seconds=60)
    served.run("-p", "model=other")
    (served.outside / "go").touch()
    end = ended(slow, 5 if said else 0)
    assert ("error[MLO893]" in end.err) == bool(said)
    assert said in end.err
    assert ("judged then: auc within 0.01 of serving: 0.85" in end.err) == (auc == "0.85")
    assert served_model(served) == ("other" if said else "slow")
