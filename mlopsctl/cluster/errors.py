"""How a cluster can fail us, for those who go on without what they asked for; printed, each is its diagnostic."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.frozen import frozen


class ClusterError(DiagnosedError):
    """The cluster can't be asked, or refuses. Always one of the children, and always with its diagnostic."""

    def __init__(self, found: Diagnostic) -> None:
        super().__init__(found)
        self.found = found


class Unreachable(ClusterError):
    """There is no API server that could be asked: no kubeconfig, no trust, no answer in time, no login.

    `is_passing` says that it may answer in a moment, as one does that is started again.
    """

    def __init__(self, found: Diagnostic, *, is_passing: bool = False) -> None:
        super().__init__(found)
        self.is_passing = is_passing


class Forbidden(ClusterError):
    """The user may not do this. `action` is the verb and the resource; `scope` is where, as a phrase, or empty."""

    def __init__(self, found: Diagnostic, action: str, scope: str) -> None:
        super().__init__(found)
        self.action = action
        self.scope = scope


class Absent(ClusterError):
    """What was asked for is not there. If the server says so, it is `name` of `kind`, which is a plural."""

    def __init__(self, found: Diagnostic, *, kind: str = "", name: str = "") -> None:
        super().__init__(found)
        self.kind = kind
        self.name = name


@frozen
class Cause:
    """One reason of a refusal: its name, which field it is about, as servers write its path, and in words."""

    reason: str
    field: str
    message: str


class Refused(ClusterError):
    """Any other error that the server answers; `message` is its own and whole.

    `again_after` is how many seconds the server asks us to wait, None if it doesn't say.
    """

    def __init__(
        self,
        found: Diagnostic,
        status: int,
        message: str,
        *,
        causes: Sequence[Cause] = (),
        again_after: float | None = None,
    ) -> None:
        super().__init__(found)
        self.status = status
        self.message = message
        self.causes = tuple(causes)
        self.again_after = again_after


class Outdated(Refused):
    """Somebody was faster: an object of this name is there already, or is not what the request expects it to be."""


@frozen
class Conflict:
    """Another manager, and the fields which it has set and we would change, as servers write their paths."""

    manager: str
    fields: tuple[str, ...]


class Conflicted(Refused):
    """Others have set fields that this would change; `conflicts` has one entry for each of them."""

    def __init__(self, found: Diagnostic, status: int, message: str, *, causes: Sequence[Cause]) -> None:
        super().__init__(found, status, message, causes=causes)
        self.conflicts = tuple(Conflict(who, tuple(fields)) for who, fields in _by_setter(causes).items())


def causes_of(document: Mapping[str, Any] | None) -> tuple[Cause, ...]:
    """The causes that a Status names."""
    details = (document or {}).get("details") or {}
    return tuple(
        Cause(*(str(each.get(name) or "") for name in ("reason", "field", "message")))
        for each in details.get("causes") or ()
    )


def _by_setter(causes: Sequence[Cause]) -> dict[str, list[str]]:
    """The fields by who has set them. Their names stand in quotes in words that may go on after them."""
    fields: dict[str, list[str]] = {}
    for cause in causes:
        manager = cause.message.partition('"')[2].partition('"')[0]
        fields.setdefault(manager or cause.message, []).append(cause.field)
    return fields
