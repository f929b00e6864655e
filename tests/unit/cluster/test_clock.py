"""What doctor says of a server's clock."""

import pytest

from mlopsctl.cluster.connection import Answer
from mlopsctl.cluster.server import clock
from mlopsctl.examination import State

NOON = 1_767_268_800.0  # of the 1st of January 2026, in seconds since the epoch


@pytest.mark.parametrize(
    ("asked", "took", "state", "found"),
    [
        (0, 0, State.FINE, "within 5 s of this machine's"),
        (-4, 0, State.FINE, "within 5 s of this machine's"),
        (-9, 0, State.WARNING, "10 s ahead of this machine's"),
        (400, 0, State.WARNING, "400 s behind this machine's"),
        # It may have looked at its clock as soon as it was asked, or when it answered.
        (0, 20, State.FINE, "within 15 s of this machine's"),
        (-20, 20, State.FINE, "within 15 s of this machine's"),
        (10, 20, State.WARNING, "20 s behind this machine's"),
    ],
)
def test_only_what_is_proven_is_said(asked: float, took: float, state: State, found: str) -> None:
    answer = Answer({}, "Thu, 01 Jan 2026 12:00:00 GMT", NOON + asked, NOON + asked + took)
    said = clock(answer)
    assert (said.state, said.found) == (state, found)
