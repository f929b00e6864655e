"""What `serve` does about a pipeline that people stop: 503 in place of the model, until it is resumed."""

import json
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mlopsctl.engine.endpoint import HOST, NotReady
from mlopsctl.engine.stops import read_stop
from mlopsctl.ir.model import Pipeline
from mlopsctl.plan.overrides import Override
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Store, StoreError

_SECONDS = 0.5  # between two looks whether it is stopped
_UNAVAILABLE = 503


@contextmanager
def turn(store: Store, pipeline: Pipeline, stop: Stop, *, is_stopped: bool) -> Iterator[Stop]:
    """What is set once the pipeline isn't as it was, stopped or not, and once `stop` is."""
    with Stop() as turned, Stop() as over:

        def look() -> None:
            while not select.select([stop, over], [], [], _SECONDS)[0]:
                # One that can't be asked now is asked again; what serves meanwhile is what it was.
                with suppress(StoreError):
                    if (read_stop(store, pipeline.name, pipeline.environment) is not None) != is_stopped:
                        break
            turned.set()

        looking = threading.Thread(target=look, name="stopped")
        looking.start()
        try:
            yield turned
        finally:
            over.set()
            looking.join()


@contextmanager
def refusing(override: Override, port: int) -> Iterator[str]:
    """A server that answers every request with 503 and why, at the address that it gives. Raises NotReady."""
    said = {"error": f"{override.pipeline} is stopped", "by": override.by, "at": override.at, "why": override.why}
    body = json.dumps(said).encode()

    class Refusal(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(_UNAVAILABLE)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Nothing: who was refused knows it."""

    try:
        server = ThreadingHTTPServer((HOST, port), Refusal)
    except OSError as error:
        raise NotReady(f"cannot listen on port {port}: {error.strerror}", "choose another port") from error
    server.daemon_threads = True  # a caller that doesn't finish its request holds nobody up
    with server:
        answering = threading.Thread(target=server.serve_forever, name="refusing")
        answering.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            answering.join()
