# ruff: noqa: N818  # they read as what happened: `except Forbidden`
"""How a cluster can fail us, for those who go on without what they asked for; printed, each is its diagnostic."""

from mlopsctl.diagnostics import DiagnosedError, Diagnostic


class ClusterError(DiagnosedError):
    """The cluster can't be asked, or refuses. Always one of the children, and always with its diagnostic."""

    def __init__(self, found: Diagnostic) -> None:
        super().__init__(found)
        self.found = found


class Unreachable(ClusterError):
    """There is no API server that could be asked: no kubeconfig, no trust, no answer in time, no login."""


class Forbidden(ClusterError):
    """The user may not do this. `action` is the verb and the resource; `scope` is where, as a phrase, or empty."""

    def __init__(self, found: Diagnostic, action: str, scope: str) -> None:
        super().__init__(found)
        self.action = action
        self.scope = scope


class Absent(ClusterError):
    """What was asked for is not there."""


class Refused(ClusterError):
    """Any other error that the server answers; `message` is its own and whole."""

    def __init__(self, found: Diagnostic, status: int, message: str) -> None:
        super().__init__(found)
        self.status = status
        self.message = message
