"""A verification against servers that are not as they should be, and rows in the forms that servers take."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mlopsctl import compiler
from mlopsctl.ir.model import DeployStage
from mlopsctl.release.live import Live
from mlopsctl.release.sending import Unclear, complete, form_of, predicted
from mlopsctl.release.verification import Expected, Step, Subject, Verified, verify
from mlopsctl.report import verified
from mlopsctl.runtime.stop import Stop
from mlopsctl.source import project

PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: demo}
spec:
  stages:
    model: {kind: train, run: "touch ${outputs.model}", outputs: {model: m}}
    kept: {kind: data, source: kept.csv}
    serve:
      kind: deploy
      model: model
      server: {run: "true ${port}"}
      loadTest: {users: 2, duration: 1s, request: request.json, p99: 30s, errors: 10%}
      verify: {data: kept, label: y, metric: accuracy, min: 0.75}
"""
REQUEST = {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}]}
ROWS = (4, {"x": ["1", "2", "3", ""], "y": ["1", "0", "1", "1"]})


class Handler(BaseHTTPRequestHandler):
    """Answers with x modulo 2, for the host `models.example` alone, and fails as often as its server says."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Host"] == "models.example"
        answers = [cell % 2 for cell in body["inputs"][0]["data"]]
        output = {"name": "y", "datatype": "INT64", "shape": [len(answers)], "data": answers}
        fails = self.server.dice.random() < self.server.fails
        content = json.dumps({"outputs": [output]}).encode()
        self.send_response(503 if fails else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self, fails: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fails = fails
        self.dice = random.Random(1)


@contextmanager
def serving(*, fails: float = 0.0) -> Iterator[str]:
    with Server(fails) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def stage(folder: Path) -> DeployStage:
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / "kept.csv").write_text("x,y\n")
    (folder / "request.json").write_text(json.dumps(REQUEST))
    compiled = compiler.compile_project(project.load(folder / "pipeline.yaml"), "local")
    assert compiled.succeeded, compiled.diagnostics
    return next(compiled.pipelines["demo"].of_kind(DeployStage))


def subject(folder: Path, url: str, *, found: str = "", stop: Stop) -> Subject:
    return Subject(
        pipeline="demo",
        environment="staging",
        stage=stage(folder),
        live=Live(base=url, predict="/v2/models/demo/infer", health="/healthz", host="models.example"),
        expected=Expected(run="R1", model="sha256:1", by="git", found=found, seen="demo-1"),
        request=json.dumps(REQUEST).encode(),
        data=lambda _: ROWS,
        stop=stop,
    )


def test_what_is_as_it_should_be_holds(tmp_path: Path) -> None:
    with serving() as url, Stop() as stop:
        found = verify(subject(tmp_path, url, stop=stop))
    assert found.holds
    assert found.steps[-1].observed == "1.000 on 3 of 4 rows of kept"


def test_another_release_is_refused(tmp_path: Path) -> None:
    with serving() as url, Stop() as stop:
        found = verify(subject(tmp_path, url, found="requests go to demo-2", stop=stop))
    assert [fault.code for fault in found.faults] == ["MLO426"]
    assert "requests go to demo-2" in found.faults[0].message


def test_one_that_fails_now_and_then_is_refused(tmp_path: Path) -> None:
    with serving(fails=0.5) as url, Stop() as stop:
        found = verify(replace(subject(tmp_path, url, stop=stop), stage=unmeasured(stage(tmp_path))))
    assert [fault.code for fault in found.faults] == ["MLO427"]
    assert "at most 10.0% errors" in found.faults[0].message


def unmeasured(of: DeployStage) -> DeployStage:
    return replace(of, verify=None)


def test_one_that_is_slow_is_refused(tmp_path: Path) -> None:
    with serving() as url, Stop() as stop:
        asked = subject(tmp_path, url, stop=stop)
        assert asked.stage.load_test is not None
        at_once = replace(asked.stage, load_test=replace(asked.stage.load_test, p99=0.0))
        found = verify(replace(asked, stage=at_once))
    assert [fault.code for fault in found.faults] == ["MLO427"]
    assert "p99 at most 0 ms" in found.faults[0].message


def test_a_matrix_takes_columns_in_the_order_that_is_named() -> None:
    request = {"inputs": [{"name": "m", "datatype": "FP64", "shape": [1, 2], "data": [0, 0]}], "id": "7"}
    form = form_of(json.dumps(request).encode(), ("b", "a"), ("a", "b", "y"))
    rows = complete(form, {"a": ["1", "NA"], "b": ["2", "3"], "y": ["x", "x"]}, "y")
    assert json.loads(form.request(rows)) == {
        "id": "7",
        "inputs": [{"name": "m", "datatype": "FP64", "shape": [1, 2], "data": [2.0, 1.0]}],
    }


def test_tensors_keep_their_types_and_their_parameters() -> None:
    tensors = [
        {
            "name": "carrier",
            "datatype": "BYTES",
            "shape": [1, 1],
            "data": ["UA"],
            "parameters": {"content_type": "str"},
        },
        {"name": "hour", "datatype": "INT32", "shape": [1], "data": [1]},
        {"name": "late", "datatype": "BOOL", "shape": [1], "data": [True]},
    ]
    form = form_of(json.dumps({"inputs": tensors}).encode(), (), ("carrier", "hour", "late", "y"))
    sent = json.loads(
        form.request([{"carrier": "B6", "hour": "17", "late": "true"}, {"carrier": 9, "hour": 1.0, "late": 0}])
    )
    assert [(tensor["shape"], tensor["data"]) for tensor in sent["inputs"]] == [
        ([2, 1], ["B6", "9"]),
        ([2], [17, 1]),
        ([2], [True, False]),
    ]
    assert sent["inputs"][0]["parameters"] == {"content_type": "str"}


def test_a_text_in_place_of_a_number_is_said() -> None:
    form = form_of(json.dumps(REQUEST).encode(), (), ("x",))
    with pytest.raises(Unclear, match="`UA` is no number"):
        form.request([{"x": "UA"}])


ANSWERS: dict[str, tuple[Any, str, str]] = {
    "nothing": ({}, "", "no predictions"),
    "two-columns": ({"predictions": [{"a": 1, "b": 2}]}, "", "2 columns"),
    "other-column": ({"predictions": [{"a": 1}]}, "c", "no column `c`"),
    "too-many-rows": ({"predictions": [1, 2]}, "", "1 rows with 2 predictions"),
}


@pytest.mark.parametrize(("answer", "prediction", "said"), ANSWERS.values(), ids=ANSWERS)
def test_answers_that_say_nothing_clear(answer: object, prediction: str, said: str) -> None:
    with pytest.raises(Unclear, match=said):
        predicted(answer, prediction, 1)


@pytest.mark.parametrize("form", ["text", "markdown", "junit", "json"])
def test_how_it_is_told(form: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    from mlopsctl.release.verify_faults import worth_too_little

    steps = (
        Step(name="release", holds=True, expected="run R1, by git", observed="demo-1 is what it leads to", seconds=0.1),
        Step(name="load", holds=None, expected="", observed="no `loadTest` asks for any", seconds=0.0),
        Step(name="worth", holds=False, expected="auc ≥ 0.80", observed="0.791 on 998 of 1,000 rows", seconds=2.5),
    )
    span = stage(tmp_path).origin.name
    found = Verified(
        id="01M80EYF73ACZ1EGFDDDPQEB26",
        pipeline="demo",
        environment="staging",
        url="https://models.example/demo/v2/models/demo/infer",
        run="01M80EY51MNW13BW6Q76HS9861",
        model="sha256:77ac",
        at="2026-11-22T01:46:48.419+00:00",
        steps=steps,
        faults=(worth_too_little(span, "serve", "auc ≥ 0.80", "0.791 on 998 of 1,000 rows"),),
    )
    told = {
        "text": lambda: verified.render_text(found, colour=False),
        "markdown": lambda: verified.render_markdown(found),
        "junit": lambda: verified.render_junit(found),
        "json": lambda: verified.render_json(found),
    }
    assert told[form]() == snapshot
