"""What keeps requests from their answers for a while: each such trouble is waited for once, by all who meet it.

A thousand objects whose webhook is away would else wait a thousand times as long as one.
"""

import re
import threading
import time

from mlopsctl.cluster.errors import ClusterError, Refused, Unreachable

_PASSING = {500, 502, 503, 504}
# Servers answer 500 to these, though they will never answer anything else.
_FOR_GOOD = ("failed to create typed patch object", "request is too large")
_WEBHOOK = re.compile(
    r"(?:failed calling webhook|failed to call webhook|admission webhook) \"(?P<name>[^\"]*)\"(?:: )?(?P<why>.*)",
    re.DOTALL,
)
_LONGEST = 120  # characters of a message that tell one trouble from another
NO_ANSWER = "no answer"


def trouble_of(error: ClusterError) -> str:
    """What is wrong, if it isn't the request and may pass; empty, if asking again is of no use."""
    if isinstance(error, Unreachable):
        return NO_ANSWER if error.is_passing else ""
    if not isinstance(error, Refused) or error.status not in _PASSING:
        return ""
    if any(sign in error.message for sign in _FOR_GOOD):
        return ""
    webhook = failing_webhook(error.message)
    return f"webhook {webhook[0]}" if webhook else f"{error.status} {error.message[:_LONGEST]}"


def failing_webhook(message: str) -> tuple[str, str] | None:
    """The name of the webhook that a server couldn't ask, and why; None if the message says nothing of one."""
    found = _WEBHOOK.search(message)
    return (found["name"], found["why"]) if found else None


class Troubles:
    """Since when each trouble lasts; may be used by several threads. All are waited for `longest` seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._begun: dict[str, float] = {}
        self._mutex = threading.Lock()

    def left(self, trouble: str) -> float:
        """For how many seconds more it is worth waiting; a trouble that nobody has met yet begins now."""
        if not trouble:
            return 0.0
        with self._mutex:
            begun = self._begun.setdefault(trouble, time.monotonic())
        return max(begun + self._longest - time.monotonic(), 0.0)

    def over(self, *troubles: str) -> None:
        """Who met one of these has got through."""
        with self._mutex:
            for each in troubles:
                self._begun.pop(each, None)


class Stop:
    """Lets those who do the same for many objects at once end when one finds that none of them has a chance."""

    def __init__(self) -> None:
        self._first: ClusterError | None = None
        self._mutex = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Whether there is no use in trying the next one."""
        return self._first is not None

    def is_worth_telling(self, error: ClusterError) -> bool:
        """Whether nobody has told of it yet. One that is not about the object alone sets the stop, and is told once."""
        if not (isinstance(error, Unreachable) or trouble_of(error)):
            return True
        with self._mutex:
            self._first = self._first or error
        return self._first is error
