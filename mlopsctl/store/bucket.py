"""How buckets are opened and what their faults mean: the same for a store and for data that is read from one."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from mlopsctl.store.backend import FIRST_WAIT, LONGEST_WAIT, Patience
from mlopsctl.store.errors import StoreDenied, StoreError, StoreFull, StoreUnreachable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Bucket = S3Store | GCSStore | AzureStore

# One request carries no more than this, so that a bound on the time of a request suits large objects too.
CHUNK_BYTES = 8 << 20
CONFLICT = (exceptions.AlreadyExistsError, exceptions.PreconditionError)
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist")
_STATUS = re.compile(r"status code: (\d{3})( [A-Za-z ]+)?")
_TOO_MANY_REQUESTS, _SERVER_FAULT, _FULL = 429, 500, 507


def open_bucket(url: str, patience: Patience) -> Bucket:
    """The bucket of s3://bucket/prefix, gs:// or az://; all keys are below the prefix. Raises StoreError.

    It isn't asked yet. Its settings come from the environment.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, path = rest.partition("/")
    prefix = path.strip("/") or None
    client, retry = _client(patience), _retry(patience)
    try:
        if scheme == "gs":
            return GCSStore(bucket, prefix=prefix, client_options=client, retry_config=retry)
        if scheme == "az":
            return AzureStore(bucket, prefix=prefix, client_options=client, retry_config=retry)
        return S3Store(bucket, prefix=prefix, client_options=client, retry_config=retry, conditional_put="etag")
    except exceptions.BaseError as fault:
        reason = str(fault).partition("\n")[0]
        raise StoreError(f"cannot open `{url}`: {reason}", "set what the store needs in the environment") from fault


@contextmanager
def bucket_faults(action: str, patience: Patience) -> Iterator[None]:
    """Turn what the client raises into StoreError; `action` completes the sentence that starts `cannot`.

    But for what callers decide on: FileNotFoundError, and the exceptions of CONFLICT.
    """
    try:
        yield
    except (FileNotFoundError, exceptions.BaseError) as fault:
        text = str(fault)
        if _NO_BUCKET.search(text) is None and isinstance(fault, (FileNotFoundError, *CONFLICT)):
            raise
        raise _worded(text, action, patience) from fault


def _client(patience: Patience) -> "ClientConfig":
    endpoints = (os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"))
    seconds = timedelta(seconds=patience.seconds)
    return {
        "timeout": seconds,
        "connect_timeout": min(seconds, timedelta(seconds=5)),
        # Who writes http:// means it: stores inside a cluster often have no certificate.
        "allow_http": any(endpoint.startswith("http://") for endpoint in endpoints),
    }


def _retry(patience: Patience) -> "RetryConfig":
    first, longest = timedelta(seconds=FIRST_WAIT), timedelta(seconds=LONGEST_WAIT)
    return {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=2 * patience.seconds),
        "backoff": {"init_backoff": first, "max_backoff": longest, "base": 2},
    }


def _worded(fault: str, action: str, patience: Patience) -> StoreError:
    if _NO_BUCKET.search(fault):
        return StoreError(f"cannot {action}: there is no such bucket", "make the bucket first")
    status = _STATUS.search(fault)
    message = f"cannot {action}: {_reason(fault, status, patience)}"
    code = int(status[1]) if status else None
    if code in (401, 403):
        return StoreDenied(message, "check the store's credentials in the environment, and what they may do")
    if code == _FULL:
        return StoreFull(message, "free some space or choose another store, then run the same command again")
    if code is None or code == _TOO_MANY_REQUESTS or code >= _SERVER_FAULT:
        return StoreUnreachable(message, "look whether the store is up and the address is right, then try again")
    return StoreError(message)


def _reason(fault: str, status: re.Match[str] | None, patience: Patience) -> str:
    if status:
        return f"the server answers {status[1]}{status[2] or ''}"
    if "kind: Timeout" in fault:
        return f"no answer within {patience.seconds:g} s"
    if "kind: Connect" in fault:
        return "no connection"
    return fault.partition("\n")[0]
