"""From a pod to the cluster that it runs in: by the token that was mounted into it, and without a kubeconfig.

The client of Kubernetes isn't needed for that, so the runtime image does without it.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

from mlopsctl.cluster import faults
from mlopsctl.cluster.access import CONNECTIONS, Access, Patience
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Unreachable

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HOST, _PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


def is_inside(environ: Mapping[str, str]) -> bool:
    """Whether this is a pod that was given a token."""
    return _HOST in environ and _SERVICE_ACCOUNT.is_dir()


def connect_inside(
    environ: Mapping[str, str],
    namespace: str = "",
    *,
    patience: Patience | None = None,
    folder: Path = _SERVICE_ACCOUNT,
) -> Connection:
    """A connection to the cluster of this pod, as the account whose token is in `folder`. Nothing is asked of it yet.

    Without a namespace it is the pod's own. Raises Unreachable if the pod was given no token.
    """
    from urllib3 import PoolManager

    try:
        pool = PoolManager(maxsize=CONNECTIONS, ssl_context=ssl.create_default_context(cafile=folder / "ca.crt"))
        inside = namespace or (folder / "namespace").read_text(encoding="utf-8").strip()
        _identity(folder)
    except OSError as error:  # also what is no certificate
        why = f"{error.filename or folder}: {error.strerror or error}"
        raise Unreachable(faults.kubeconfig_unusable(None, str(folder), why)) from error
    access = Access(context="this pod", server=_address(environ), namespace=inside)
    return Connection(access, pool, patience or Patience(), lambda: _identity(folder))


def _address(environ: Mapping[str, str]) -> str:
    host = environ.get(_HOST, "")
    return f"https://{f'[{host}]' if ':' in host else host}:{environ.get(_PORT, '443')}"


def _identity(folder: Path) -> Mapping[str, str]:
    """Read anew each time: a kubelet renews the token long before it expires."""
    return {"Authorization": f"Bearer {(folder / 'token').read_text(encoding='utf-8').strip()}"}
