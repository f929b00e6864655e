"""Answer with the species of penguins, over the smallest useful part of the Open Inference Protocol v2."""

import argparse
import json
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from species import MEASUREMENTS, Classifier

MODEL = "/v2/models/penguins"
READY = ("/healthz", "/v2/health/live", "/v2/health/ready", f"{MODEL}/ready")


class Handler(BaseHTTPRequestHandler):
    """One connection of one client."""

    protocol_version = "HTTP/1.1"  # keeps the connection open between requests
    wbufsize = -1  # head and body leave in one packet

    def __init__(self, *args: Any, classifier: Classifier) -> None:
        self.classifier = classifier
        super().__init__(*args)

    def do_GET(self) -> None:
        """Whether the server is ready."""
        self.answer(HTTPStatus.OK if self.path in READY else HTTPStatus.NOT_FOUND, {})

    def do_POST(self) -> None:
        """The species of each penguin asked about."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != f"{MODEL}/infer":
            return self.answer(HTTPStatus.NOT_FOUND, {"error": f"there is no {self.path}"})
        try:
            sizes = asked_about(json.loads(body))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return self.answer(HTTPStatus.BAD_REQUEST, {"error": f"not a request for this model: {error!r}"})
        species = [self.classifier.classify(size) for size in sizes]
        output = {"name": "species", "datatype": "BYTES", "shape": [len(species)], "data": species}
        return self.answer(HTTPStatus.OK, {"model_name": "penguins", "outputs": [output]})

    def answer(self, status: HTTPStatus, content: dict[str, object]) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a line for every request would drown what matters."""


def asked_about(request: dict[str, Any]) -> list[list[float]]:
    """The sizes in a request: one tensor, flat or nested, with a row of MEASUREMENTS for each penguin."""
    tensor = request["inputs"][0]
    rows, columns = tensor["shape"]
    data = tensor["data"]
    values = [float(value) for row in data for value in (row if isinstance(row, list) else [row])]
    if columns != len(MEASUREMENTS) or len(values) != rows * columns:
        raise ValueError(f"a row has {len(MEASUREMENTS)} numbers: {', '.join(MEASUREMENTS)}")
    return [values[start : start + columns] for start in range(0, len(values), columns)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    handler = partial(Handler, classifier=Classifier.load(arguments.model))
    # All interfaces: in a cluster the probes and the clients come from other machines.
    with ThreadingHTTPServer(("", arguments.port), handler) as server:
        server.serve_forever()
