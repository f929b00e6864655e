"""A kubeconfig as most are: one file, with a server, its authority, and a token or a certificate in it.

Kubernetes' client knows all that may stand there, but takes half of the time of a short command to load. What is in any
way unusual, or wrong, is left to that.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlopsctl.cluster.access import CONNECTIONS
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from ssl import SSLContext

    from urllib3 import PoolManager

_PARTS = ("contexts", "clusters", "users")
_CLUSTER = frozenset({"server", "certificate-authority-data", "tls-server-name"})
_USERS = (frozenset({"token"}), frozenset({"client-certificate-data", "client-key-data"}))
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


@frozen(kw_only=True)
class Plain:
    """What a plain kubeconfig says of a context; `namespace` is empty where it names none."""

    server: str
    namespace: str
    pool: "PoolManager"
    headers: Mapping[str, str]


def read_plain(file: Path, context: str) -> Plain | None:
    """The context of a file, or None if that takes more than we read."""
    if any(os.environ.get(name) for name in _PROXIES):
        return None
    try:
        return _read(_documents(file.read_bytes()), context)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _documents(text: bytes) -> dict[str, dict[str, Any]]:
    """The parts of the file by their lists and names. Raises if it isn't as it should be."""
    import yaml

    try:
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise ValueError from error
    parts = {part: {each["name"]: each[part.removesuffix("s")] for each in found[part]} for part in _PARTS}
    if any(len(parts[part]) != len(found[part]) for part in _PARTS):
        raise ValueError("two of a name")
    return parts


def _read(parts: dict[str, dict[str, Any]], context: str) -> Plain | None:
    named = parts["contexts"][context]
    cluster, user = parts["clusters"][named["cluster"]], parts["users"][named["user"]]
    is_usual = cluster.keys() <= _CLUSTER and user.keys() in _USERS
    texts = [*cluster.values(), *user.values(), named.get("namespace") or ""]
    if not is_usual or not all(isinstance(text, str) for text in texts) or not cluster["server"].startswith("https://"):
        return None
    return Plain(
        server=cluster["server"].rstrip("/"),
        namespace=named.get("namespace") or "",
        pool=_pool(cluster, _certified(user) if "token" not in user else None),
        headers={"Authorization": f"Bearer {user['token']}"} if "token" in user else {},
    )


def _pool(cluster: Mapping[str, str], certified: "SSLContext | None") -> "PoolManager":
    from urllib3 import PoolManager

    more: dict[str, Any] = {"ssl_context": certified} if certified else {}
    if "tls-server-name" in cluster:
        more["server_hostname"] = cluster["tls-server-name"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
    if _CERTIFICATE not in authority:  # with none, those of the system would be trusted
        raise ValueError("no certificate")
    return PoolManager(maxsize=CONNECTIONS, cert_reqs="CERT_REQUIRED", ca_cert_data=authority, **more)


def _certified(user: Mapping[str, str]) -> "SSLContext":
    """What shows the user's certificate, which Python reads from files alone."""
    from urllib3.util.ssl_ import create_urllib3_context

    made = create_urllib3_context()
    with TemporaryDirectory(prefix="mlopsctl-") as folder:  # which nobody else may read
        files = [Path(folder) / "certificate", Path(folder) / "key"]
        for file, key in zip(files, ("client-certificate-data", "client-key-data"), strict=True):
            file.write_bytes(base64.b64decode(user[key]))
        made.load_cert_chain(*map(str, files))  # SSLError, if they are none, is an OSError
    return made
