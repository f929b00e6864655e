"""Where an API server is, as whom it is asked, and for how long we wait: what a connection is made of."""

from collections.abc import Callable, Mapping

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen

# Gives the headers that say who asks, anew for each request, because tokens expire; none where a certificate says it.
Identity = Callable[[], Mapping[str, str]]


@frozen
class Patience:
    """How long we wait for a connection and then for an answer, in seconds."""

    connect: float = 3.0
    read: float = 5.0


@frozen(kw_only=True)
class Access:
    """An API server and the namespace that is meant there.

    `notes` are what went wrong while credentials were looked for. `span` is what named this cluster, if a file did.
    """

    context: str
    server: str
    namespace: str
    is_verified: bool = True
    notes: tuple[str, ...] = ()
    span: Span | None = None
