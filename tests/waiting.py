"""Waiting in tests: until it is so, as how long that takes says nothing of the code but much of the machine."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 600.0  # seconds: what isn't so by then never will be, also beside all other tests on two cores


def until(look: Callable[[], T | None], what: str = "", *, every: float = 0.05, patience: float = PATIENCE) -> T:
    """What is found, once that is something; looked for `every` so many seconds. The test fails if it never is."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what or 'it to be so'}"
        time.sleep(every)
    return found
