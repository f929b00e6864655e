"""One request to an API server, and how long to wait before it is made again."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import field

from mlopsctl.cluster.errors import ClusterError, Refused
from mlopsctl.frozen import frozen

JSON = "application/json"
APPLY = "application/apply-patch+yaml"  # which takes JSON, as all JSON is YAML
MERGE = "application/merge-patch+json"

_TOO_BUSY = 429
# In seconds. A server that has just begun to serve a definition is busy for a second or so.
_FIRST_WAITS = (0.1, 0.3, 0.6, 1.0)
_LONGEST_WAIT = 4.0


@frozen(kw_only=True)
class Request:
    """What is asked. `is_repeatable` says that doing it twice is as good as once, which holds for every GET."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    content_type: str = JSON
    accept: str = JSON
    is_repeatable: bool = False


def waits(seconds: float) -> Iterator[float]:
    """How long to wait before each further attempt, in seconds; all of them together take about as long as `seconds`.

    Even without any seconds, a server that was too busy to begin gets a second chance or four.
    """
    if not seconds:
        yield from _FIRST_WAITS
        return
    total, next_wait = 0.0, _FIRST_WAITS[0]
    while total < seconds:
        # Whoever failed together doesn't come again together.
        wait = next_wait * random.uniform(0.5, 1.0)  # noqa: S311 - it keeps no secret
        yield wait
        total, next_wait = total + wait, min(next_wait * 2, _LONGEST_WAIT)


def may_be_repeated(request: Request) -> bool:
    """Whether to ask twice is as good as once."""
    return request.is_repeatable or request.method == "GET"


def is_busy(error: ClusterError) -> bool:
    """Whether the server was too busy to begin with what was asked, so that anything may be asked again."""
    return isinstance(error, Refused) and error.status == _TOO_BUSY
