"""Answer with distances, over the smallest useful part of the Open Inference Protocol v2."""

import argparse
import json
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from model import Model


class Handler(BaseHTTPRequestHandler):
    """One connection of one client."""

    protocol_version = "HTTP/1.1"  # keeps the connection open between requests
    wbufsize = -1  # head and body leave in one packet

    def __init__(self, *args: Any, model: Model) -> None:
        self.model = model
        super().__init__(*args)

    def do_GET(self) -> None:
        """Say that the server is ready."""
        self.answer(HTTPStatus.OK if self.path == "/healthz" else HTTPStatus.NOT_FOUND, {})

    def do_POST(self) -> None:
        """Answer with a distance for each speed."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith("/infer"):
            return self.answer(HTTPStatus.NOT_FOUND, {"error": f"there is no {self.path}"})
        try:
            distances = [self.model.distance(float(speed)) for speed in json.loads(body)["inputs"][0]["data"]]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return self.answer(HTTPStatus.BAD_REQUEST, {"error": f"not a request for this model: {error!r}"})
        output = {"name": "distance_ft", "datatype": "FP64", "shape": [len(distances)], "data": distances}
        return self.answer(HTTPStatus.OK, {"outputs": [output]})

    def answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a line for every request would drown what matters."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    handler = partial(Handler, model=Model.load(arguments.model))
    # All interfaces: in a cluster the probes and the clients come from other machines.
    with ThreadingHTTPServer(("", arguments.port), handler) as server:
        server.serve_forever()
