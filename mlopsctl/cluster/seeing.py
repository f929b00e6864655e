"""What is said of a thing that may not be looked at, the same for all of them."""

from mlopsctl.cluster.errors import Forbidden
from mlopsctl.examination import Observation, State


def unseen(part: str, subject: str, error: Forbidden) -> Observation:
    """It may be there: the right to see it is not."""
    found = f"no right to {error.action} {error.scope}".rstrip()
    return Observation(
        part, subject, State.UNKNOWN, found, "ask whoever runs the cluster for it, or whether it is there"
    )
