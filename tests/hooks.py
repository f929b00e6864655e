"""A webhook for tests: a small HTTP server that keeps what it is told, and answers as it is asked to."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hook:
    """`told` are the bodies that came, `paths` where to. `answers` are status codes, of which the last one stays."""

    host: str
    answers: Sequence[int]
    told: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"


@contextmanager
def hook(*answers: int, address: str = "127.0.0.1") -> Iterator[Hook]:
    """A webhook that answers with these status codes in turn, 200 if there are none."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append(json.loads(body))
            found.paths.append(self.path)
            self.send_response(found.answers[min(len(found.told), len(found.answers)) - 1])
            self.send_header("Location", f"{found.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
            """Say nothing."""

    server = ThreadingHTTPServer((address, 0), Handler)
    found = Hook(f"{address}:{server.server_port}", answers or (200,))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
