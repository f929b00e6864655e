"""What a served model is asked, kept and compared with what it was trained on."""

import json
import os
import random
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project, ended
from tests.waiting import PATIENCE

SCHEMAS = Path(__file__).parents[2] / "schemas" / "output" / "v1"
SERVER = """
    import json
    import sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self):
            self.answer({})

        def do_POST(self):
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            self.answer({"predictions": [len(row["carrier"]) for row in rows]})

        def answer(self, content):
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
PIPELINE = """
    stages:
      flights:
        kind: data
        source: flights.csv
        contract:
          columns:
            carrier: {type: string}
            delay: {type: number, nullable: true}
            passenger: {type: string, personal: true}
      model:
        kind: train
        inputs: {flights: flights}
        outputs: {model: model.txt}
        run: wc -l < ${inputs.flights} > ${outputs.model}
      serve:
        kind: deploy
        model: model
        server: {run: "python server.py ${port}", health: /healthz}
        log: {requests: 100%}
      drift:
        kind: monitor
        watches: serve
        reference: flights
        columns: [carrier, delay]
        minSamples: 200
        breaches: 2
        onDrift: {do: alert}
    """
LATER = "  later: {kind: data, source: flights.csv}\n"
ROWS = 2000
BATCH = 50

Row = dict[str, Any]


def row(chance: random.Random, shift: float = 0.0) -> Row:
    return {
        "carrier": chance.choice(["AA", "UA", "UA"]),
        "delay": round(chance.gauss(shift, 10), 3),
        "passenger": f"Secret {chance.random()}",
    }


@pytest.fixture
def watched(project: Project) -> Project:
    chance = random.Random(1)
    lines = [",".join(map(str, row(chance).values())) for _ in range(ROWS)]
    project.write("flights.csv", "\n".join(["carrier,delay,passenger", *lines, ""]))
    project.write("server.py", SERVER)
    project.pipeline(PIPELINE)
    project.mlopsctl("run")
    return project


@contextmanager
def served(project: Project) -> Iterator[Callable[..., Any]]:
    """A function that asks the server for a prediction of some rows; what it kept is in the store after the block.

    What else it is given stands beside the rows in the body.
    """
    server = project.start("serve", "--output", "json")
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["predict_url"]

        def ask(rows: list[Row], **more: str) -> Any:
            body = json.dumps({"instances": rows, **more}).encode()
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
                return json.load(answer)["predictions"]

        yield ask
    finally:
        os.kill(server.pid, signal.SIGTERM)
        ended(server, 0)


def asked(project: Project, rows: int, shift: float = 0.0) -> None:
    chance = random.Random(2)
    with served(project) as ask:
        for _ in range(rows // BATCH):
            some = [row(chance, shift) for _ in range(BATCH)]
            assert ask(some) == [len(each["carrier"]) for each in some]


def kept(project: Project) -> list[Any]:
    return [json.loads(file.read_text()) for file in sorted(project.folder.glob(".mlops/store/records/pred*/*.json"))]


def test_what_is_asked_otherwise_has_drifted(watched: Project, snapshot: SnapshotAssertion) -> None:
    asked(watched, 500, shift=20.0)
    first = watched.mlopsctl("drift", code=1).out
    assert re.sub(r"run \S+|since .*", "…", first) == snapshot
    asked(watched, 500, shift=20.0)
    second = watched.mlopsctl("drift", "--output", "json", code=1)
    found = json.loads(second.out)
    assert (found["outcome"], found["breaches"], found["action"]) == ("drifted", 2, "alert")
    far = {column["column"]: column["distance"] for column in found["columns"]}
    assert far["delay"] > 1
    assert far["carrier"] < 0.1
    assert len(list(watched.folder.glob(".mlops/store/records/drift.local.demo.drift/*.json"))) == 2
    (told,) = re.findall("drift delay .*", watched.mlopsctl("status").out)
    assert re.fullmatch(r"drift delay [\d.]+ of 0\.100, 2 of 2 checks in a row, .*", told)
    status = json.loads(watched.mlopsctl("status", "--output", "json").out)
    Draft202012Validator(json.loads((SCHEMAS / "status.json").read_text("utf-8"))).validate(status)
    (checked,) = status["environments"][0]["pipelines"][0]["checks"]
    assert (checked["column"], checked["distance"], checked["at"]) == ("delay", far["delay"], found["until"])


def test_predictions_are_held_against_what_came_true(watched: Project, snapshot: SnapshotAssertion) -> None:
    monitor = 'performance: {metric: mae, max: 0.5, truth: "${environment.name}.csv", on: question}'
    watched.pipeline(PIPELINE.replace("reference: flights", monitor).replace("minSamples: 200", "minSamples: 20"))
    watched.mlopsctl("run")
    with served(watched) as ask:
        for number in range(25):
            assert ask([{"carrier": "U" * (1 + number % 3)}], id=f"q{number}") == [1 + number % 3]
    missing = watched.mlopsctl("drift")
    assert "Nothing to conclude yet from outcomes: there is no truth yet: there is no `local.csv`" in missing.out

    def told(*outcomes: int, code: int) -> str:
        lines = "".join(f"q{number},{outcome}\n" for number, outcome in enumerate(outcomes))
        watched.write("local.csv", f"question,letters\n{lines}")
        return re.sub(r"run \S+", "run …", watched.mlopsctl("drift", code=code).out)

    assert "13 known outcomes short of 20" in told(*[1] * 7, code=0)
    assert "drift mae 0.857 of at most 0.500, 2" in watched.mlopsctl("status").out
    good, bad = told(*[1, 2, 3] * 7, code=0), told(*[1, 1, 1] * 7, code=1)
    assert good + bad == snapshot
    found = json.loads(watched.mlopsctl("drift", "--output", "json").out)["performance"]
    assert (found["value"], found["outcome"], found["breaches"]) == (1.0, "undecided", 1)
    (watched.folder / "local.csv").unlink()
    gone = watched.mlopsctl("drift", code=1)
    assert "Nothing to conclude yet from outcomes: the truth of `drift` can't be read" in gone.out
    assert "error[MLO940]: the truth of `drift` can't be read" in gone.err


def test_a_rollback_is_said_and_is_what_people_then_do(watched: Project) -> None:
    (first,) = (each["run"] for each in json.loads(watched.mlopsctl("runs", "list", "-o", "json").out)["runs"])
    other = PIPELINE.replace("wc -l", "wc -c")
    watched.pipeline(other.replace("breaches: 2", "breaches: 1").replace("do: alert", "do: rollback"))
    watched.mlopsctl("run")
    asked(watched, 300, shift=50)
    told = watched.mlopsctl("drift", code=1).out
    assert "the previous release is due to come back: mlopsctl rollback demo\n" in told
    watched.mlopsctl("rollback", "demo")
    assert first[:12] in watched.mlopsctl("status").out
    assert "no predictions since" in watched.mlopsctl("drift").out  # of the model that serves now


def test_too_few_conclude_nothing_and_wait_for_more(watched: Project) -> None:
    assert "no predictions since" in watched.mlopsctl("drift").out
    asked(watched, 150)
    assert "Not enough yet to conclude anything: 50 rows short of 200" in watched.mlopsctl("drift").out
    asked(watched, 350)
    told = watched.mlopsctl("drift").out
    assert "500 rows in 10 requests" in told
    assert "No drift" in told
    assert "no predictions since" in watched.mlopsctl("drift").out


def test_what_is_personal_is_not_kept(watched: Project) -> None:
    asked(watched, 100)
    batches = kept(watched)
    predictions = [each for batch in batches for each in batch["predictions"]]
    assert sum(len(each["inputs"]["carrier"]) for each in predictions) == 100
    assert all(each["inputs"].keys() == {"carrier", "delay"} for each in predictions)
    assert all(len(each["outputs"]["predictions"]) == BATCH for each in predictions)
    assert not [file for file in watched.folder.glob(".mlops/store/records/**/*.json") if "Secret" in file.read_text()]
    serving = watched.mlopsctl("runs", "list", "--output", "json").out
    assert batches[0]["run"] == json.loads(serving)["runs"][0]["run"]


def test_what_is_personal_stands_in_nothing_but_the_data(watched: Project) -> None:
    watched.pipeline(PIPELINE.replace("        columns: [carrier, delay]\n", ""))
    said = [watched.mlopsctl("run")]
    asked(watched, 500, shift=20.0)
    said += [watched.mlopsctl("drift", code=1), watched.mlopsctl("drift", "--output", "json")]
    data = watched.folder / "flights.csv"
    data.write_text(data.read_text() * 2)  # so that nothing in it is unique
    kinds = ("integer", "timestamp", "string, pattern: '[0-9]*', in: [x]")
    for kind in kinds:
        unique = f"{kind}, personal: true}}\n          unique: [[passenger]]"
        watched.pipeline(PIPELINE.replace("string, personal: true}", unique))
        said.append(watched.mlopsctl("run", code=5))
    said += [watched.mlopsctl("runs", "show", "latest"), watched.mlopsctl("runs", "show", "latest", "-o", "json")]
    assert not [each for each in said if "Secret" in each.out + each.err]
    known = (data.read_bytes(), data.read_bytes()[: data.stat().st_size // 2])
    files = [file for file in watched.folder.glob(".mlops/**/*") if file.is_file() and b"Secret" in file.read_bytes()]
    assert [file for file in files if file.read_bytes() not in known] == []
    samples = [blob for blob in watched.blobs() if blob.read_bytes().startswith(b'{"rows": 2000')]
    assert samples  # one was drawn, of the columns that nobody named


def test_a_server_tells_what_it_was_asked_and_what_monitors_found(watched: Project) -> None:
    asked(watched, 200)
    watched.mlopsctl("drift")
    server = watched.start("serve", "--output", "json")
    try:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        request = urllib.request.Request(said["predict_url"], b'{"instances": []}')
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer) == {"predictions": []}
        deadline, page = time.monotonic() + PATIENCE, ""
        while "mlopsctl_monitor_distance" not in page:  # which is read in the background
            assert time.monotonic() < deadline, page
            with urllib.request.urlopen(said["metrics_url"], timeout=30) as answer:
                page = answer.read().decode()
    finally:
        os.kill(server.pid, signal.SIGTERM)
        ended(server, 0)
    assert re.search(r'request_duration_seconds_count\{.*,stage="serve",code="200"\} 1\n', page)
    assert re.search(r'monitor_compared_requests\{environment="local",pipeline="demo",.*monitor="drift"\} 4\n', page)


def test_a_store_that_is_gone_harms_no_answer(watched: Project) -> None:
    records = watched.folder / ".mlops" / "store" / "records"
    with served(watched) as ask:
        records.rename(records.with_name("away"))
        records.write_text("in the way")
        for _ in range(10):
            assert ask([{"carrier": "UA"}]) == [2]
        records.unlink()
        records.with_name("away").rename(records)
        assert ask([{"carrier": "UA"}]) == [2]
    assert sum(len(batch["predictions"]) for batch in kept(watched)) == 11


def test_a_model_without_a_log_is_served_as_before(watched: Project) -> None:
    watched.pipeline(PIPELINE.replace("        log: {requests: 100%}\n", "").partition("      drift:")[0])
    watched.mlopsctl("run")
    asked(watched, 100)
    assert kept(watched) == []


def test_what_cannot_be_compared_is_said(watched: Project) -> None:
    unnamed = PIPELINE.replace(", personal: true", "")
    watched.pipeline(unnamed)
    watched.mlopsctl("run")
    with served(watched) as ask:
        ask([{"carrier": "UA", "Delay": number} for number in range(300)])
    watched.pipeline(unnamed.replace("[carrier, delay]", "[delay]"))
    told = watched.mlopsctl("drift", code=1).err
    assert "error[MLO823]: requests have none of the columns that `drift` compares" in told
    assert "in requests: Delay, carrier" in told
    watched.pipeline(dedent(PIPELINE).replace("reference: flights", "reference: later") + LATER)
    told = watched.mlopsctl("drift", code=1).err
    assert "error[MLO821]: `drift` compares with `later`, of which run" in told
    assert "error[MLO820]: `demo` has no monitor `other`" in watched.mlopsctl("drift", "--monitor", "other", code=1).err
