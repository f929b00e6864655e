"""What a rollout promises is judged by what was seen of the candidate."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlopsctl.ir.model import DeployStage
from mlopsctl.pod.asking import Paths, Watched, first_answer, watch, ways_of
from mlopsctl.pod.canary import judged, steps_of
from mlopsctl.runtime.stop import Stop
from tests.unit.ir.documents import HEAD, lowered

STAGES = """\
  stages:
    m: {kind: train, run: x, outputs: {model: m}}
    s:
      kind: deploy
      model: m
      server: {format: sklearn}
      rollout: {canary: {steps: [0.1%, 25%], every: 1s}, checks: [{errors: 10%}, {p99: 50ms}]}
"""


@pytest.fixture
def stage() -> DeployStage:
    found = lowered(HEAD + STAGES).stages["s"]
    assert isinstance(found, DeployStage)
    return found


@pytest.fixture
def address() -> Iterator[str]:
    """A server that answers questions about its health, and refuses what is posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def do_POST(self) -> None:
            self.send_error(503 if self.path == "/infer" else 404, "not today")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_each_step_gives_some_of_the_requests(stage: DeployStage) -> None:
    assert steps_of(stage) == (1, 25)


@pytest.mark.parametrize(
    ("seen", "holds"),
    [
        (Watched(10, 1, 50.0, "500"), [True, True]),
        (Watched(9, 1, 50.1, "500"), [False, False]),
        (Watched(1, 1, None, "refused"), [False, False]),
    ],
)
def test_a_bound_holds_up_to_itself(stage: DeployStage, seen: Watched, holds: list[bool]) -> None:
    assert stage.rollout is not None
    found = list(judged(stage, stage.rollout, seen))
    assert [check.holds for check, _ in found] == holds
    assert [fault.code for _, fault in found if fault is not None] == ["MLO418"] * holds.count(False)


def test_a_server_is_found_at_the_address_where_it_answers_what_it_is_asked(address: str) -> None:
    ways = (Paths("/elsewhere", "/elsewhere"), Paths("/health", "/infer"))
    with Stop() as stop:
        found = first_answer(("http://127.0.0.1:1", address), ways, None, stop)
        assert (found.base, found.paths) == (address, ways[1])
        seen = watch(found, b"{}", 0.0, stop)
        assert (seen.answers, seen.errors, seen.p99) == (1, 1, None)
        assert "503" in seen.first
        stop.set()
        why = first_answer((address,), ways, b"{}", stop).why
        assert why.startswith("`/elsewhere` answers with 404")
        assert "`/infer` answers with 503" in why


def test_a_format_is_asked_as_its_protocol_says(stage: DeployStage) -> None:
    own = Paths("/v2/models/p/ready", "/v2/models/p/infer")
    assert ways_of(stage, "p", "p-1") == (own,)
    runtime = replace(stage, server=replace(stage.server, runtime="theirs"))
    assert ways_of(runtime, "p", "p-1") == (own, Paths("/v2/models/p-1/ready", "/v2/models/p-1/infer"))
