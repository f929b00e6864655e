"""What is said of a thing that could not be looked at, the same for all of them."""

from mlopsctl.cluster.errors import ClusterError, Forbidden
from mlopsctl.examination import Observation, State


def unseen(part: str, subject: str, error: ClusterError) -> Observation:
    """It may be there or not: the right to see it is missing, or the server failed to answer that one question."""
    if isinstance(error, Forbidden):
        found = f"no right to {error.action} {error.scope}".rstrip()
        return Observation(
            part, subject, State.UNKNOWN, found, "ask whoever runs the cluster for it, or whether it is there"
        )
    return Observation(part, subject, State.UNKNOWN, error.found.message, advice(error))


def advice(error: ClusterError) -> str:
    """What an error says to do, with the facts that it adds."""
    return "; ".join((*error.found.notes, *error.found.helps))
