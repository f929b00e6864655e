"""Brings data from an address elsewhere to a path here: whole, or not at all.

The clients are imported when an address needs one, because most runs need none and starting fast is measured.
"""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from mlopsctl.runtime.fetch.outcome import Fetched, FetchFailed, FetchStopped, NothingThere
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Patience

SCHEMES: tuple[str, ...] = ("https", "http", "s3", "gs", "az")

__all__ = ["SCHEMES", "FetchFailed", "FetchStopped", "Fetched", "NothingThere", "fetch", "file_name", "is_remote"]

_WEB = ("https", "http")
_UNFIT = re.compile(r"[\x00-\x1f\x7f]")


def is_remote(address: str) -> bool:
    """Whether this is an address that `fetch` understands, and not a path."""
    return "://" in address and _scheme(address) in SCHEMES


def file_name(uri: str) -> str:
    """The last part of the address as the name of a file, `data` if there is none: what is fetched keeps its suffix."""
    path = uri.partition("://")[2].rstrip("/").partition("/")[2]
    if _scheme(uri) in _WEB:
        path = unquote(re.split(r"[?#]", path, maxsplit=1)[0])
    name = _UNFIT.sub("", PurePosixPath(path).name)
    return "data" if name in ("", "..") else name


def fetch(uri: str, to: Path, *, stop: Stop | None, patience: Patience | None = None) -> Fetched:
    """The data of a remote address at `to`, in place of a file that was there; its folder must exist.

    The address of an object in a bucket is a file; one that ends in `/` or that only begins the names of objects is a
    folder. `patience` bounds the silence of a server and how often it is asked again. `stop` is looked at between
    chunks and while waiting to ask again. Raises FetchFailed, of which NothingThere is one, and FetchStopped.
    """
    patience = patience or Patience()
    scheme, _, rest = uri.partition("://")
    if scheme.lower() in _WEB:
        from mlopsctl.runtime.fetch.web import fetch_file

        modified = fetch_file(uri, to, patience=patience, stop=stop)
    elif scheme.lower() in SCHEMES:
        from mlopsctl.runtime.fetch.bucket import fetch_objects

        modified = fetch_objects(f"{scheme.lower()}://{rest}", to, patience=patience, stop=stop)
    else:
        schemes = ", ".join(f"{known}://" for known in SCHEMES)
        raise FetchFailed("data can't be fetched from this kind of address", f"use one that starts with {schemes}")
    return Fetched(to, modified)


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()
