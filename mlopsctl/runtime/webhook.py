"""Telling a webhook: a POST of JSON, tried a few times, and never for long.

An address is often the secret itself, so nothing that is said of a delivery has any of it.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from mlopsctl.frozen import frozen

_TAKEN = range(200, 300)
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


@frozen(kw_only=True)
class Limits:
    """How long one answer is waited for, how long the pauses before the next tries are, and all of it, in seconds."""

    answer: float = 10.0
    pauses: tuple[float, ...] = (1.0, 3.0)
    all: float = 30.0


class _NotTold(Exception):
    """One try failed; whether another one might not."""

    def __init__(self, why: str, *, is_passing: bool) -> None:
        super().__init__(why)
        self.why, self.is_passing = why, is_passing


def tell_all(addresses: Sequence[str], document: Mapping[str, object], limits: Limits) -> list[str]:
    """Post the document to all addresses at once; for each of them why it wasn't told, empty if it was.

    It takes no longer than `limits.all`: a server that dribbles an answer is left alone then.
    """
    body = json.dumps(document, ensure_ascii=False).encode()
    ended = [f"no answer within {limits.all:g} s"] * len(addresses)

    def tell(number: int) -> None:
        ended[number] = _told(lambda: _post(addresses[number], body, limits.answer), limits.pauses)

    threads = [threading.Thread(target=tell, args=(number,), daemon=True) for number in range(len(addresses))]
    for thread in threads:
        thread.start()
    until = time.monotonic() + limits.all
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(ended)


def _told(post: Callable[[], None], pauses: tuple[float, ...]) -> str:
    """Post until it is taken, a try more than there are pauses; why it wasn't, or nothing."""
    for pause in (*pauses, None):
        try:
            post()
        except _NotTold as error:
            if pause is None or not error.is_passing:
                return error.why
            time.sleep(pause)
        else:
            return ""
    return ""


def _post(address: str, body: bytes, seconds: float) -> None:
    """Raises _NotTold."""
    if not address.startswith(("http://", "https://")):
        raise _NotTold("its address doesn't begin with `https://` or `http://`", is_passing=False)
    headers = {"Content-Type": "application/json", "User-Agent": "mlopsctl"}
    try:
        request = Request(address, body, headers)  # noqa: S310 - as above
        with _opener().open(request, timeout=seconds) as answer:
            status = answer.status
    except (OSError, HTTPException, ValueError) as error:
        raise _not_reached(error) from None  # whose words might have the address in them
    if status not in _TAKEN:  # redirects as well: whoever they lead to was not meant
        raise _NotTold(f"it answers with {_named(status)}", is_passing=status in _PASSING)


def _opener() -> OpenerDirector:
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    return opener


def _not_reached(error: Exception) -> _NotTold:
    reason = error.reason if isinstance(error, URLError) else error
    match reason:
        case TimeoutError():
            return _NotTold("it doesn't answer in time", is_passing=True)
        case ssl.SSLError():
            return _NotTold("its certificate can't be verified, or it speaks no TLS", is_passing=False)
        case OSError():
            return _NotTold(f"it can't be reached: {reason.strerror or type(reason).__name__}", is_passing=True)
        case HTTPException():
            return _NotTold("it answers with what is no HTTP, or its address can't be used", is_passing=True)
        case _:
            return _NotTold("its address can't be used", is_passing=False)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
