"""From the address of a store to the store."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlopsctl.store.backend import Backend, Patience
from mlopsctl.store.errors import UnsupportedStore
from mlopsctl.store.folder import Folder
from mlopsctl.store.store import Store

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
_CLOUDS = ("s3", "gs", "az")


def open_store(url: str | Path, *, patience: Patience | None = None) -> Store:
    """The store at a path, file://, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.

    Nothing is written yet, and a cloud isn't asked yet. The clouds' settings come from their usual environment
    variables (AWS_ENDPOINT_URL, AWS_REGION and keys for S3). Raises UnsupportedStore for any other address.
    """
    return Store(_backend(url, patience or Patience()))


def _backend(url: str | Path, patience: Patience) -> Backend:
    scheme = _SCHEME.match(str(url))
    if isinstance(url, Path) or scheme is None:
        return Folder(_path(str(url), str(url)), patience=patience)
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Folder(_path(unquote(parts.path), url), patience=patience)
    if parts.scheme in _CLOUDS and parts.netloc:
        from mlopsctl.store.object_store import ObjectStore  # a client of clouds, which takes 20 ms to import

        return ObjectStore(url, patience=patience)
    raise _unsupported(url)


def _path(path: str, url: str) -> Path:
    if not path or "\0" in path:
        raise _unsupported(url)
    return Path(path)


def _unsupported(url: str) -> UnsupportedStore:
    return UnsupportedStore(
        f"`{url}` is not the address of a store",
        "use a folder's path, file:///path, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix",
    )
