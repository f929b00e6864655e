"""All looks at a cluster, some at once; each fails by itself, so that one that is refused hides no other."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from mlopsctl.cluster import argo, extras, gateway, kserve, rights, server
from mlopsctl.cluster.access import AT_ONCE, Patience
from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import ClusterError
from mlopsctl.cluster.seeing import advice, unseen
from mlopsctl.examination import Observation, State, Target
from mlopsctl.frozen import frozen
from mlopsctl.ir.environment import Ephemeral, Gateway

Look = Callable[[Connection], Iterable[Observation]]


@frozen(kw_only=True)
class Needs:
    """What an environment needs beyond what all do: its gateway, and what makes and deletes its namespace."""

    gateway: Gateway | None = None
    ephemeral: Ephemeral | None = None


@frozen
class _Named:
    """A look, and the line it has if it fails."""

    part: str
    subject: str
    look: Look


def examine(
    place: Place, needs: Needs, environ: Mapping[str, str], *, patience: Patience | None = None
) -> tuple[Target, list[Observation]]:
    """What a cluster has of all that is needed, in the order in which it is read. Raises nothing.

    Where the API server can't be asked there is one observation, which says why.
    """
    target = Target(context=place.context, server="", namespace=place.namespace)
    try:
        connection = connect(place, environ, patience=patience)
        access = connection.access
        target = Target(context=access.context, server=access.server, namespace=access.namespace)
        answer = server.ask_version(connection)
    except ClusterError as error:
        return target, [Observation(server.PART, "API server", State.MISSING, error.found.message, advice(error))]
    looks = _looks(needs)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda named: _observed(named, connection), looks))
    first = [server.version(answer, connection), server.clock(answer)]
    return target, [*first, *(each for several in found for each in several)]


def _looks(needs: Needs) -> list[_Named]:
    has_gateway, guest = needs.gateway is not None, needs.ephemeral
    return [
        _Named(server.PART, "namespace", lambda at: server.namespace(at, is_made=guest is not None)),
        _Named(rights.PART, rights.SUBJECT, lambda at: rights.observe(at, with_gateway=has_gateway, ephemeral=guest)),
        _Named(argo.PART, "definitions", argo.observe_definitions),
        _Named(argo.PART, "controller", argo.observe_controller),
        _Named(argo.PART, "argo-server", argo.observe_server),
        _Named(kserve.PART, "definitions", kserve.observe_definitions),
        _Named(kserve.PART, "controller", kserve.observe_controller),
        _Named(kserve.PART, "webhook", kserve.observe_webhook),
        _Named(gateway.PART, "definitions", lambda at: gateway.observe_definitions(at, required=has_gateway)),
        _Named(gateway.PART, "class", lambda at: gateway.observe_class(at, required=has_gateway)),
        _Named(gateway.PART, "gateway", lambda at: gateway.observe_gateway(at, needs.gateway)),
        _Named(extras.PART, "others", extras.observe),
    ]


def _observed(named: _Named, connection: Connection) -> list[Observation]:
    """What a look sees; if it fails on the way, that is what it saw last."""
    seen: list[Observation] = []
    try:
        for observation in named.look(connection):
            seen.append(observation)  # noqa: PERF402 - `extend` would lose what came before a fault
    except ClusterError as error:
        seen.append(unseen(named.part, named.subject, error))
    return seen
