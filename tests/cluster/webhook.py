"""A webhook that refuses what it is asked about, and may be gone while its rules go on counting."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cluster.examining import Admin
from tests.cluster.provider.keys import Authority

_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_GROUPS = {"configmaps": "", "workflowtemplates": "argoproj.io"}


@contextmanager
def webhook(admin: Admin, namespace: str, folder: Path, *, resource: str, says: str) -> Iterator[Callable[[], None]]:
    """Objects of this kind are refused in the namespace, in these words; what is given lets its server end at once.

    The API server has to reach this machine's loopback interface.
    """
    authority = Authority.new()
    authority.server("127.0.0.1").write(folder, "webhook")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "webhook.crt", folder / "webhook.key")
    with _Server(("127.0.0.1", 0), _Refusing) as server:
        server.says = says
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()

        def end() -> None:
            server.shutdown()
            server.server_close()
            serving.join()

        bundle = base64.b64encode(authority.pair.certificate).decode()
        hook = {
            "name": "images.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"url": f"https://127.0.0.1:{server.server_address[1]}/", "caBundle": bundle},
            "rules": [
                {
                    "apiGroups": [_GROUPS[resource]],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": [resource],
                }
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }
        admin.create(_WEBHOOKS, {"metadata": {"name": namespace}, "webhooks": [hook]})
        try:
            yield end
        finally:
            admin.delete(f"{_WEBHOOKS}/{namespace}")
            end()


class _Server(ThreadingHTTPServer):
    says: str


class _Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, _Server)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"message": self.server.says, "code": 403}
        response = {"uid": asked["request"]["uid"], "allowed": False, "status": said}
        data = json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep still."""
