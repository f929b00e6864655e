"""A live endpoint: where it is asked, and what it answers."""

import json
import time
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.runtime.http_messages import OUR_AGENT

_SECONDS = 30.0
_AGAIN = 2.0  # a gateway takes a moment to follow its routes
_TRIES = 5
_LONGEST = 200


@frozen(kw_only=True)
class Live:
    """The base of its address, where predictions and health are below it, and the name that a gateway knows it by."""

    base: str
    predict: str
    health: str
    host: str = ""

    @property
    def url(self) -> str:
        """Where predictions are asked for."""
        return self.base + self.predict


@frozen
class Answer:
    """What came back: JSON, None if it was none; `fault` is empty where it came with 2xx."""

    content: Any
    seconds: float
    fault: str


def first_answer(live: Live, request: bytes | None) -> Answer:
    """The answer to a request, or without one what it says of its health; asked again for a while if it fails."""
    for left in reversed(range(_TRIES)):
        found = ask(live, request)
        if not found.fault or not left:
            break
        time.sleep(_AGAIN)
    return found


def ask(live: Live, request: bytes | None) -> Answer:
    """One answer, whatever it is."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    url = live.url if request is not None else live.base + live.health
    headers = {"User-Agent": OUR_AGENT, "Content-Type": "application/json"} | ({"Host": live.host} if live.host else {})
    begun = time.monotonic()
    try:
        with urlopen(Request(url, data=request, headers=headers), timeout=_SECONDS) as found:  # noqa: S310 - the user's
            text = found.read()
    except HTTPError as error:
        with error:
            said = error.read(_LONGEST).decode(errors="replace")
        return Answer(None, time.monotonic() - begun, f"{error.code} {error.reason}: {said}".rstrip(": "))
    except (OSError, ValueError) as error:
        return Answer(None, time.monotonic() - begun, str(getattr(error, "reason", error)))
    return Answer(_json(text), time.monotonic() - begun, "")


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
