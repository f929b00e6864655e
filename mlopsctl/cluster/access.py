"""Where an API server is, as whom it is asked, and for how long we wait: what a connection is made of."""

from collections.abc import Callable, Mapping

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen

# Gives the headers that say who asks, anew for each request, because tokens expire; none where a certificate says it.
Identity = Callable[[], Mapping[str, str]]

AT_ONCE = 8  # requests; a connection is kept for each
# With those for what goes on beside them, such as a lock that is renewed; more than are kept are warned of.
CONNECTIONS = AT_ONCE + 4


@frozen
class Patience:
    """How long we wait for a connection and then for an answer, in seconds.

    `repeat` is for how long a request is made again that fails in passing and does no harm twice.
    """

    connect: float = 3.0
    read: float = 5.0
    repeat: float = 0.0


# Of plan and apply: what webhooks decide takes its time, and a server that is started again is waited for.
THOROUGH = Patience(connect=5.0, read=35.0, repeat=30.0)
# Of who stops a model: an answer that doesn't come is asked for again, as the next server may have one.
INSISTENT = Patience(connect=3.0, read=10.0, repeat=60.0)


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
