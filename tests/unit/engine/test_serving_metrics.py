"""What a server tells of itself to who scrapes it, beside what monitors found last."""

import time
import urllib.error
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from syrupy.assertion import SnapshotAssertion

from mlopsctl.engine.drift_state import MonitorState, State
from mlopsctl.engine.keeping import Keeping
from mlopsctl.engine.prediction_log import Served
from mlopsctl.engine.serving_metrics import Counted, LastChecks, page_of
from mlopsctl.engine.tapped import Tapped, monitors_of, tapped
from mlopsctl.runtime.traffic import Traffic
from mlopsctl.store import Store, open_store
from tests.unit.ir.documents import stages
from tests.unit.report.test_drift import CHECK, FAILING
from tests.waiting import PATIENCE, until

MONITOR = MonitorState("staging", "flight-delays", "drift")
LABELS = {"environment": "staging", "pipeline": "flight-delays", "stage": "serve"}


def kept(store: Store, monitor: MonitorState = MONITOR) -> None:
    """Let a check of the monitor be the last one."""
    store.add_record(monitor.records, CHECK.check, replace(CHECK, performance=FAILING).to_json())
    there = monitor.read(store)
    monitor.move(store, State(since=CHECK.since, last=CHECK.check), expect=there.version if there else None)


def test_a_page_of_everything(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    store, traffic = open_store(tmp_path), Traffic()
    kept(store)
    for seconds in (0.004, 0.005, 0.2, 60.0):
        traffic.count(200, seconds)
    traffic.count(503, 0.25)
    checks = LastChecks(store, [MONITOR, MonitorState("staging", "flight-delays", "other")])
    checks.read()
    counted = Counted(traffic=traffic, logged=lambda: {"kept": 3, "lost": 0, "unreadable": 1})
    model = {"run": CHECK.run, "model": CHECK.model}
    assert page_of(LABELS, model, counted, checks.known()) == snapshot


def test_a_store_that_is_away_costs_nobody_time_and_nothing_that_was_known(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    kept(store)
    checks = LastChecks(store, [MONITOR])
    until(checks.known)
    (tmp_path / "pointers").rename(tmp_path / "away")
    (tmp_path / "pointers").write_text("in the way")
    checks.read()
    assert [check.check for check in checks.known()] == [CHECK.check]


class Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.path == "/infer" else 500)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_all_requests_are_counted_and_some_are_kept(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    kept(store)
    served = Served(environment="staging", pipeline="flight-delays", stage="serve", run="r", model="sha256:m")
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        behind = Tapped(
            server=server.server_address[1],
            host="127.0.0.1",
            port=0,
            metrics=0,
            keeping=Keeping(requests=1e-9),
            monitors=("drift",),
        )
        with tapped(behind, store, served, print) as listening:
            base, metrics = (f"http://127.0.0.1:{port}" for port in (listening.port, listening.metrics))
            for path in ("/infer", "/infer", "/other", None):
                asked(f"{base}{path}", b"{}") if path else asked(base)
            page = wait_for(f"{metrics}/metrics", "mlopsctl_monitor_distance")
            assert asked(f"{metrics}/else") == 404
        server.shutdown()
    labels = 'environment="staging",pipeline="flight-delays",stage="serve"'
    assert f'mlopsctl_request_duration_seconds_count{{{labels},code="200"}} 2\n' in page
    assert f'mlopsctl_request_duration_seconds_count{{{labels},code="500"}} 1\n' in page
    assert "404" not in page
    assert f'mlopsctl_logged_requests_total{{{labels},outcome="kept"}} 0\n' in page
    assert f'mlopsctl_monitor_distance{{{labels},monitor="drift",column="dep_delay",method="psi"}} 1.274\n' in page


def asked(url: str, body: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def wait_for(url: str, text: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            page = answer.read().decode()
        if text in page:
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.05)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    served = Served(environment="e", pipeline="p", stage="serve", run="r", model="m")
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        port = server.server_address[1]
        behind = Tapped(server=1, host="127.0.0.1", port=0, metrics=port, keeping=Keeping(requests=1.0), monitors=())
        with pytest.raises(OSError, match="in use"), tapped(behind, open_store(tmp_path), served, print):
            pass


def test_the_monitors_of_a_stage_are_told_of() -> None:
    pipeline = stages("""
model: {kind: train, outputs: {model: m}, run: go}
serve: {kind: deploy, model: model, server: {run: go}, log: {requests: 100%}}
data: {kind: data, source: d.csv}
one: {kind: monitor, watches: serve, reference: data}
two: {kind: monitor, watches: serve, reference: data}
three: {kind: monitor, watches: other, reference: data}
""")
    assert monitors_of(pipeline, "serve") == ("one", "two")
