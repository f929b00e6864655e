"""From the name of a context to a connection: the kubeconfig, or what a pod is given."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlopsctl.cluster import faults
from mlopsctl.cluster.access import CONNECTIONS, Access, Patience
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Unreachable
from mlopsctl.cluster.inside import connect_inside, is_inside
from mlopsctl.cluster.plain_kubeconfig import read_plain
from mlopsctl.cluster.transport import short
from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from kubernetes.client import Configuration
    from kubernetes.config.kube_config import KubeConfigLoader
    from urllib3 import PoolManager

_USUAL_PLACE = "~/.kube/config"


@frozen(kw_only=True)
class Place:
    """A cluster by the name of its context, and a namespace there. `span` is what names it, if a file does.

    Without a namespace it is that of the context.
    """

    context: str
    namespace: str = ""
    span: Span | None = None


def connect(place: Place, environ: Mapping[str, str], *, patience: Patience | None = None) -> Connection:
    """A connection to a cluster. Nothing is asked of it yet, but a program that fetches credentials may run.

    The context is looked for in the files of KUBECONFIG, else in `~/.kube/config`. In a pod that has no such file, the
    cluster is the pod's own, whatever the context is called. Raises Unreachable.
    """
    files = environ.get("KUBECONFIG") or _USUAL_PLACE
    there = [path for name in files.split(":") if name and (path := Path(name).expanduser()).is_file()]
    if len(there) == 1 and (plain := read_plain(there[0], place.context)) is not None:
        namespace = place.namespace or plain.namespace or "default"
        access = Access(context=place.context, server=plain.server, namespace=namespace, span=place.span)
        return Connection(access, plain.pool, patience or Patience(), lambda: plain.headers)
    if there:
        access, configuration = _from_kubeconfig(place, files)
    elif is_inside(environ):
        return connect_inside(environ, place.namespace, patience=patience)
    else:
        raise Unreachable(faults.no_kubeconfig(place.span, files))
    return Connection(access, _pool(access, configuration), patience or Patience(), partial(_identity, configuration))


def _from_kubeconfig(place: Place, files: str) -> tuple[Access, "Configuration"]:
    with _unusable(place, files):
        from kubernetes.client import Configuration
        from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

        merged = KubeConfigMerger(files).config
        contexts = [context.value["name"] for context in merged["contexts"]] if merged else []
    if place.context not in contexts:
        raise Unreachable(faults.unknown_context(place.span, place.context, contexts, files))
    configuration = Configuration()
    with _unusable(place, files), _overheard() as notes:
        loader = KubeConfigLoader(merged, active_context=place.context, config_base_path=None)
        loader.load_and_set(configuration)
        configuration.proxy = _proxy(loader) or configuration.proxy
        namespace = place.namespace or loader.current_context["context"].get("namespace") or "default"
    return _access(place, configuration, namespace, tuple(notes)), configuration


def _access(place: Place, configuration: "Configuration", namespace: str, notes: tuple[str, ...]) -> Access:
    return Access(
        context=place.context,
        server=configuration.host,
        namespace=namespace,
        is_verified=bool(configuration.verify_ssl),
        notes=notes,
        span=place.span,
    )


def _proxy(loader: "KubeConfigLoader") -> str | None:
    """The proxy that the kubeconfig names for this cluster, which the client doesn't read by itself."""
    cluster = loader._cluster  # noqa: SLF001 - there is no other way to the merged entry
    proxy = cluster.safe_get("proxy-url")
    return str(proxy) if proxy else None


def _pool(access: Access, configuration: "Configuration") -> "PoolManager":
    from kubernetes.client.rest import RESTClientObject

    if not access.is_verified:
        import urllib3

        # The user has said so in the kubeconfig; to be told once is enough, and it is us who say it.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    pool: PoolManager = RESTClientObject(configuration, maxsize=CONNECTIONS).pool_manager
    return pool


def _identity(configuration: "Configuration") -> Mapping[str, str]:
    token = configuration.get_api_key_with_prefix("authorization")
    return {"Authorization": token} if token else {}


@contextmanager
def _unusable(place: Place, files: str) -> Iterator[None]:
    """Turn whatever a kubeconfig makes the client stumble over into Unreachable: it checks little of its shape."""
    try:
        yield
    except Exception as error:
        why = short(str(error)) or type(error).__name__
        raise Unreachable(faults.kubeconfig_unusable(place.span, files, why)) from error


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What the client logs meanwhile: a program for credentials that fails is logged there, and not raised."""
    heard: list[str] = []
    handler = _Hearing(heard.append)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield heard
    finally:
        root.removeHandler(handler)


class _Hearing(logging.Handler):
    def __init__(self, hear: Callable[[str], Any]) -> None:
        super().__init__(logging.ERROR)
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(short(record.getMessage()))
