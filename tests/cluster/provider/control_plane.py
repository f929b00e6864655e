"""etcd and the API server, which both tiers of test clusters have; how one asks the API server."""

import base64
import http.client
import json
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.keys import Authority, write_secret

SERVICE_RANGE = "10.96.0.0/16"
_SERVICE_OF_API = "10.96.0.1"

# Who may ask the API server by a token of their own: user name and groups.
USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": ("system:node:node", "system:nodes"),
    "coredns": ("system:coredns", ""),
}


@dataclass(frozen=True)
class ControlPlane:
    """What etcd and the API server are started with. `folder` holds keys, tokens, kubeconfigs and etcd's data."""

    program: Path
    folder: Path
    address: str
    port: int

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{self.address}:{self.port}"

    @property
    def keys(self) -> Path:
        """The folder of keys and certificates."""
        return self.folder / "keys"

    def kubeconfig(self, user: str) -> Path:
        """Where `write_access` puts what this user needs to ask the API server."""
        return self.folder / f"{user}.kubeconfig"

    def write_access(self) -> None:
        """Write the server's pair, a token for each user and their kubeconfigs."""
        authority = Authority.read(self.keys)
        names = (
            "localhost",
            "kubernetes.default.svc",
            "kubernetes.default",
            "kubernetes",
            _SERVICE_OF_API,
            "127.0.0.1",
        )
        authority.server(self.address, *names).write(self.keys, "api-server")
        authority.client("api-server", "system:masters").write(self.keys, "api-server-client")
        tokens = {user: secrets.token_hex(16) for user in USERS}
        lines = [f'{tokens[user]},{name},{name},"{groups}"' for user, (name, groups) in USERS.items()]
        write_secret(self.keys / "tokens.csv", "\n".join([*lines, ""]).encode())
        certificate = base64.b64encode(authority.pair.certificate).decode()
        for user, token in tokens.items():
            write_secret(
                self.kubeconfig(user), json.dumps(_kubeconfig(self.url, certificate, token), indent=1).encode()
            )

    def etcd_command(self) -> list[str]:
        """The command of etcd. It speaks through a socket in the folder, and keeps nothing past a crash of the machine.

        The addresses are of no use to anyone; etcd wants some.
        """
        return [
            str(self.program),
            "etcd",
            "--name=etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--listen-peer-urls=unix://{self.folder / 'etcd-peer.sock'}",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--initial-advertise-peer-urls=http://127.0.0.1:2380",
            "--initial-cluster=etcd=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def api_server_command(self, *, more: Mapping[str, str]) -> list[str]:
        """The command of the API server, with more options by name."""
        options = {
            "etcd-servers": self._etcd_url,
            "bind-address": self.address,
            "secure-port": str(self.port),
            "service-cluster-ip-range": SERVICE_RANGE,
            "tls-cert-file": f"{self.keys}/api-server.crt",
            "tls-private-key-file": f"{self.keys}/api-server.key",
            "client-ca-file": f"{self.keys}/ca.crt",
            "token-auth-file": f"{self.keys}/tokens.csv",
            "authorization-mode": "Node,RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": f"{self.keys}/service-accounts.crt",
            "service-account-signing-key-file": f"{self.keys}/service-accounts.key",
            "profiling": "false",
        } | dict(more)
        return [str(self.program), "kube-apiserver", *(f"--{name}={value}" for name, value in options.items())]

    @property
    def _etcd_url(self) -> str:
        return f"unix://{self.folder / 'etcd.sock'}"


class Api:
    """Asks the API server that a kubeconfig of `ControlPlane.write_access` names."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._address = cluster["server"].removeprefix("https://")
        self._trust = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        self._token = config["users"][0]["user"]["token"]

    def ask(self, method: str, path: str, body: str = "", kind: str = "application/json") -> tuple[int, bytes]:
        """The status and the body of the answer. Raises OSError if there is none within five seconds."""
        connection = http.client.HTTPSConnection(self._address, timeout=5, context=self._trust)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        try:
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def answers(self, path: str) -> bool:
        """Whether the path is there and says so."""
        try:
            return self.ask("GET", path)[0] == http.client.OK
        except OSError:
            return False

    def apply(self, resource: str, manifest: Mapping[str, Any]) -> None:
        """Make an object of the core group be like this. Raises ProviderError with the API server's words."""
        where = manifest["metadata"]
        path = f"/api/v1/namespaces/{where['namespace']}/{resource}/{where['name']}?fieldManager=testcluster&force=true"
        status, body = self.ask("PATCH", path, json.dumps(manifest), "application/apply-patch+yaml")
        if status not in (http.client.OK, http.client.CREATED):
            raise ProviderError(f"{resource} {where['name']}: {body.decode(errors='replace')}")

    def items(self, path: str) -> list[dict[str, Any]]:
        """The objects of a list. Empty if the API server doesn't know the kind or doesn't answer."""
        try:
            status, body = self.ask("GET", path)
        except OSError:
            return []
        return list(json.loads(body)["items"]) if status == http.client.OK else []


def _kubeconfig(url: str, certificate: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority-data": certificate}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
