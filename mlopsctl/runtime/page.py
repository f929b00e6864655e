"""One page of text over HTTP, made anew for each who asks, beside a server that does other things."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SECONDS = 10.0  # that a client may take to ask


@contextmanager
def page(path: str, content: Callable[[], str], *, content_type: str, host: str, port: int) -> Iterator[int]:
    """The port on which the page answers at `path`, for as long as the block goes on. Raises OSError if it is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != path:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            body = content().encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass  # it is asked every few seconds, for ever

    with ThreadingHTTPServer((host, port), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, name="page", daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
