"""A real S3 server on a free loopback port, for whatever needs a store in a bucket."""

import logging
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BUCKET = "artifacts"


@contextmanager
def s3_server() -> Iterator[str]:
    """The endpoint of a server with one empty bucket, `BUCKET`."""
    from moto.server import DomainDispatcherApplication, create_backend_app  # type: ignore[attr-defined]  # slow to import
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = _one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.port}"
    try:
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")).close()
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _one_at_a_time(app: Callable[..., list[bytes]]) -> Callable[..., list[bytes]]:
    """Make the server's look at If-Match and its write one step, as S3 promises and its threads alone don't."""
    lock = threading.Lock()

    def locked(environ: object, start_response: object) -> list[bytes]:
        with lock:
            return list(app(environ, start_response))

    return locked
