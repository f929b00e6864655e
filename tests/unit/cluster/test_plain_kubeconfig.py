"""A kubeconfig as most are is read without Kubernetes' client, to the same effect; any other is left to that."""

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.errors import Unreachable
from mlopsctl.cluster.plain_kubeconfig import read_plain
from tests.unit.cluster.kubeconfigs import kubeconfig

HOST = "flights.example"
TOKEN = {"token": "secret"}


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.connection: ssl.SSLSocket
        shown = self.connection.getpeercert() or {}
        body = json.dumps({"token": self.headers.get("Authorization"), "certified": bool(shown)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of its own authority, for a server and for whom it serves, and its key."""
    folder = tmp_path_factory.mktemp("pair")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=flights"]
    made += ["-addext", f"subjectAltName=DNS:{HOST}", "-addext", "keyUsage=digitalSignature,keyCertSign"]
    subprocess.run([*made, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def server(pair: tuple[Path, Path]) -> Iterator[str]:
    certificate, key = pair
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def written(folder: Path, pair: tuple[Path, Path], server: str, user: dict[str, Any], **cluster: object) -> Path:
    said = {"certificate-authority-data": encoded(pair[0]), "tls-server-name": HOST, **cluster}
    return kubeconfig(folder / "config", server=server, namespace="flights", user=user, **said)


def test_a_token(tmp_path: Path, pair: tuple[Path, Path], server: str) -> None:
    path = written(tmp_path, pair, server, TOKEN)
    assert read_plain(path, "dev") is not None
    found = connect(Place(context="dev"), {"KUBECONFIG": str(path)})
    assert found.namespace == "flights"
    assert found.get("/version") == {"token": "Bearer secret", "certified": False}


def test_a_certificate(tmp_path: Path, pair: tuple[Path, Path], server: str) -> None:
    user = {"client-certificate-data": encoded(pair[0]), "client-key-data": encoded(pair[1])}
    path = written(tmp_path, pair, server, user)
    assert read_plain(path, "dev") is not None
    found = connect(Place(context="dev"), {"KUBECONFIG": str(path)})
    assert found.get("/version") == {"token": None, "certified": True}


def test_another_authority_or_name_is_not_trusted(tmp_path: Path, pair: tuple[Path, Path], server: str) -> None:
    begin, end = (f"-----{word} CERTIFICATE-----\n" for word in ("BEGIN", "END"))
    nothing = base64.b64encode(f"{begin}bm90aGluZw==\n{end}".encode()).decode()
    for wrong in ({"tls-server-name": "other.example"}, {"certificate-authority-data": nothing}):
        path = written(tmp_path, pair, server, TOKEN, **wrong)
        assert read_plain(path, "dev") is not None
        with pytest.raises(Unreachable):
            connect(Place(context="dev"), {"KUBECONFIG": str(path)}).get("/version")


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"exec": {"command": "cloud"}}, {}),
        ({"token": "secret", "username": "ann"}, {}),
        ({"token": 7}, {}),
        ({"client-certificate-data": "bm8=", "client-key-data": "bm8="}, {}),
        (TOKEN, {"insecure-skip-tls-verify": True}),
        (TOKEN, {"proxy-url": "http://127.0.0.1:1"}),
        (TOKEN, {"server": "http://127.0.0.1:1"}),
        (TOKEN, {"certificate-authority-data": "*"}),
        (TOKEN, {"certificate-authority-data": "bm90aGluZw=="}),
    ],
)
def test_what_is_unusual_is_left_to_the_client(
    user: dict[str, Any], cluster: dict[str, Any], tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    path = written(tmp_path, pair, cluster.pop("server", "https://127.0.0.1:1"), user, **cluster)
    assert read_plain(path, "dev") is None


def test_a_name_that_is_there_twice_is_left_to_the_client(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    path = written(tmp_path, pair, "https://127.0.0.1:1", TOKEN)
    document = json.loads(path.read_text())
    document["users"] *= 2
    path.write_text(json.dumps(document))
    assert read_plain(path, "dev") is None
    assert read_plain(path, "other") is None


def test_a_proxy_that_the_user_has_set_is_left_to_the_client(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert read_plain(written(tmp_path, pair, "https://127.0.0.1:1", TOKEN), "dev") is None
