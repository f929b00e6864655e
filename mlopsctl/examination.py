"""What `doctor` saw, as values: what a pipeline needs, what was found of it, and what to do if that is not enough."""

from enum import StrEnum

from mlopsctl.frozen import frozen


class State(StrEnum):
    """What an observation means. Only what is missing makes `doctor` fail."""

    FINE = "fine"
    WARNING = "warning"
    MISSING = "missing"
    ABSENT = "absent"  # not there, and nothing here needs it
    UNKNOWN = "unknown"  # it could not be looked at


@frozen
class Observation:
    """One thing that was looked at. `found` is a phrase; `help`, what to do next, is empty where nothing is to be done.

    `part` is what it belongs to, such as `KServe`; `subject` is what of that.
    """

    part: str
    subject: str
    state: State
    found: str
    help: str = ""


@frozen(kw_only=True)
class Target:
    """The cluster that was looked at: a context of the kubeconfig, where that leads, and the namespace.

    `server` is empty if the context could not be read.
    """

    context: str
    server: str
    namespace: str


@frozen(kw_only=True)
class Examination:
    """All observations, in the order in which they are read. `target` is None for this machine."""

    environment: str  # empty outside of a project
    target: Target | None
    observations: tuple[Observation, ...]

    @property
    def is_ready(self) -> bool:
        """Whether all that is needed is there."""
        return not self.count(State.MISSING)

    def count(self, state: State) -> int:
        """How many observations have this state."""
        return sum(one.state is state for one in self.observations)
