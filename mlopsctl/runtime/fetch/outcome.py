"""How fetching ends."""

from pathlib import Path

from mlopsctl.frozen import frozen


@frozen
class Fetched:
    """Data that arrived whole. `modified` is what its server says, in seconds since the epoch; the newest of many."""

    path: Path
    modified: float | None


class FetchFailed(Exception):
    """The data could not be fetched, and nothing of it stays; `hint` says what to do, in one line."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NothingThere(FetchFailed):
    """The address is right as far as anybody can say, but there is nothing at it."""


class FetchStopped(Exception):
    """Fetching was asked to stop before it was done, and nothing of it stays."""
