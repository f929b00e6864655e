"""Files from the web, where servers are overloaded, connections break, and addresses lead elsewhere."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead, InvalidURL
from pathlib import Path
from socket import EAI_AGAIN, gaierror
from typing import cast
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from mlopsctl.runtime.fetch.address import Address
from mlopsctl.runtime.fetch.landing import heed, land_file, pause
from mlopsctl.runtime.fetch.outcome import FetchFailed, NothingThere
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Patience

CHUNK_BYTES = 1 << 20
MOST_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_NOTHING_THERE = (404, 410)
_PASSING = (429, 500, 502, 503, 504)
_HINTS = {
    401: "put a user and a password into the address, or give one that needs none",
    403: "check that you may read it; an address with a signature may have expired",
    404: "check the spelling of the address, and that the data is still there",
    407: "put a user and a password into HTTPS_PROXY",
    410: "check the spelling of the address, and that the data is still there",
    429: "run the same command again later",
}
_LATER = "the fault is the server's: run the same command again later"
_ELSE = "check the address"


class _Passing(FetchFailed):
    """A failure that may be over soon, after `wait` seconds if the server says so."""

    def __init__(self, message: str, hint: str, *, wait: float = 0.0) -> None:
        super().__init__(message, hint)
        self.wait = wait


def fetch_file(uri: str, to: Path, *, patience: Patience, stop: Stop | None) -> float | None:
    """What a GET of the address answers, at `to`; when it changed, in seconds. Raises FetchFailed, FetchStopped."""
    address = Address.parse(uri)
    attempt = 0
    while True:
        heed(stop)
        try:
            return _try(address, to, seconds=patience.seconds, stop=stop)
        except _Passing as fault:
            if attempt >= patience.retries:
                raise
            pause(max(patience.wait(attempt), min(fault.wait, patience.seconds)), stop=stop)
        attempt += 1


def _try(address: Address, to: Path, *, seconds: float, stop: Stop | None) -> float | None:
    address, response = _answered(address, seconds)
    with response:
        if response.status != HTTPStatus.OK:
            raise _status_fault(address, response.status, response.headers)
        land_file(_chunks(address, response, seconds), to, stop=stop)
        return _modified(response.headers)


def _answered(address: Address, seconds: float) -> tuple[Address, HTTPResponse]:
    """The first answer that is no redirect, and the address that gave it."""
    asked = address
    for _ in range(1 + MOST_REDIRECTS):
        response = _asked(asked, seconds)
        location = response.headers["Location"]
        if response.status not in _REDIRECTS or location is None:
            return asked, response
        response.close()
        asked = asked.redirected(location)
    message = f"cannot fetch `{address}`: more than {MOST_REDIRECTS} redirects, the last of `{asked.host}`"
    raise FetchFailed(message, "give the address that the data has in the end")


def _asked(address: Address, seconds: float) -> HTTPResponse:
    request = Request(address.url)  # noqa: S310  # Address is http or https, and the opener knows nothing else
    if address.authorization is not None:
        request.add_unredirected_header("Authorization", address.authorization)
    with _network_faults(address, seconds):
        return cast("HTTPResponse", _opener().open(request, timeout=seconds))


def _opener() -> OpenerDirector:
    """An opener that can't read files and follows nothing, and to which every status is an answer."""
    opener = OpenerDirector()
    opener.addheaders = [("User-Agent", "mlopsctl")]
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    return opener


def _chunks(address: Address, response: HTTPResponse, seconds: float) -> Iterator[bytes]:
    """The body; raises instead of ending if it isn't whole."""
    expected, got = response.length, 0
    while True:
        with _network_faults(address, seconds):
            chunk = response.read1(CHUNK_BYTES)  # what is there, so that a slow server can't keep us from stopping
        if not chunk:
            break
        got += len(chunk)
        yield chunk
    if expected is not None and got != expected:
        raise _cut_short(address, f"after {got:,} of {expected:,} bytes")


def _modified(headers: HTTPMessage) -> float | None:
    text = headers["Last-Modified"]
    with suppress(ValueError, OverflowError):
        return parsedate_to_datetime(text).timestamp() if text else None
    return None


def _status_fault(address: Address, status: int, headers: HTTPMessage) -> FetchFailed:
    with suppress(ValueError):
        phrase = HTTPStatus(status).phrase  # the server's own could be anything, also what confuses a terminal
        return _answers(address, status, f"{status} {phrase}", headers)
    return _answers(address, status, str(status), headers)


def _answers(address: Address, status: int, words: str, headers: HTTPMessage) -> FetchFailed:
    message = f"cannot fetch `{address}`: `{address.host}` answers {words}"
    later = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    hint = _HINTS.get(status, _LATER if later else _ELSE)
    if status in _NOTHING_THERE:
        return NothingThere(message, hint)
    if status not in _PASSING:
        return FetchFailed(message, hint)
    after = headers["Retry-After"] or ""
    return _Passing(message, hint, wait=float(after) if after.isascii() and after.isdigit() else 0.0)


@contextmanager
def _network_faults(address: Address, seconds: float) -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException) as fault:
        inner = fault.reason if isinstance(fault, URLError) else fault
        raise _network_fault(address, inner, seconds) from fault


def _network_fault(address: Address, fault: object, seconds: float) -> FetchFailed:
    start, host = f"cannot fetch `{address}`:", f"`{address.host}`"
    match fault:
        case InvalidURL():
            return FetchFailed(f"{start} this is not an address", "write https://host/path")
        case ssl.SSLCertVerificationError():
            hint = "check this machine's clock and its certificates; SSL_CERT_FILE names a file with more of them"
            return FetchFailed(f"{start} the certificate of {host} is not trusted: {fault.verify_message}", hint)
        case gaierror():
            kind = _Passing if fault.errno == EAI_AGAIN else FetchFailed
            hint = "check the spelling of the host, and that this machine is online"
            return kind(f"{start} the name of {host} can't be resolved", hint)
        case TimeoutError():
            return _Passing(f"{start} {host} sent nothing for {seconds:g} s", _LATER)
        case IncompleteRead():
            return _cut_short(address, "before its end")
        case OSError(strerror=str(reason)):
            return _Passing(f"{start} no connection to {host}: {reason.lower()}", "check host and port, then try again")
        case _:
            return _Passing(f"{start} {host} closed the connection or speaks no HTTP", "check the address")


def _cut_short(address: Address, where: str) -> _Passing:
    message = f"cannot fetch `{address}`: the connection to `{address.host}` ended {where}"
    return _Passing(message, "run the same command again, from a better connection if it fails again")
