"""Where plans are made for and carried out: a cluster that was reached and is the one that is meant."""

from collections.abc import Mapping
from dataclasses import replace

from mlopsctl.cluster.access import THOROUGH
from mlopsctl.cluster.applyset import ApplySet, Estate
from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.ephemeral import insist_on_own
from mlopsctl.cluster.identity import ClusterIdentity, cluster_identity
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.resources import Resources
from mlopsctl.diagnostics import DiagnosedError, Finding, Span, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.ir.environment import Environment
from mlopsctl.plan.model import Target

_FIRST_CONTACT = 5.0  # seconds


@frozen(kw_only=True)
class Site:
    """A project's environment in its cluster."""

    environment: Environment
    objects: Objects
    target: Target
    estate: Estate

    def applyset(self) -> ApplySet:
        """What is ours there, as it is now. Raises ClusterError, and what `ApplySet.read` raises."""
        return ApplySet.read(self.objects, self.estate)


def place_of(environment: Environment) -> Place:
    """The cluster and namespace of an environment, with the place in its file that names the context."""
    span = environment.origin.value("cluster", "context")
    return Place(context=environment.context, namespace=environment.namespace, span=span)


def visit(environment: Environment, project: str, environ: Mapping[str, str]) -> Site:
    """The cluster of an environment.

    Raises ClusterError if it can't be asked, DiagnosedError if it is another one, or if the namespace of an ephemeral
    environment is somebody else's.
    """
    connection = connect(place_of(environment), environ, patience=THOROUGH)
    # One that isn't there to begin with is more often a wrong address than a server that is started again.
    identity = _expected(environment, connection.waiting(replace(THOROUGH, repeat=_FIRST_CONTACT)))
    insist_on_own(connection, environment, project)
    return Site(
        environment=environment,
        objects=Objects(connection, Resources(connection)),
        target=Target(
            environment=environment.name,
            context=environment.context,
            server=connection.access.server,
            namespace=environment.namespace,
            cluster=identity.uid,
        ),
        estate=Estate(project=project, environment=environment.name, namespace=environment.namespace),
    )


def expect_identity(environment: Environment, connection: Connection) -> None:
    """Raise DiagnosedError if an environment is pinned to another cluster than this. Else nothing is asked."""
    if environment.identity:
        _expected(environment, connection)


def _expected(environment: Environment, connection: Connection) -> ClusterIdentity:
    identity = cluster_identity(connection)
    if environment.identity and identity.uid != environment.identity:
        span = environment.origin.value("cluster", "identity")
        raise DiagnosedError(another_cluster(span, environment.context, connection.access.server, identity.uid))
    return identity


@diagnostic("MLO751")
def another_cluster(span: Span, context: str, server: str, found: str) -> Finding:
    """The context of the kubeconfig leads to another cluster than the environment is pinned to.

    Contexts are names on one machine: two people may mean different clusters by one of them, and a cluster that was
    made anew isn't the old one any more.

    Example:
        cluster: {context: prod, namespace: flights, identity: 0f8fad5b-d9cb-469f-a165-70867728950e}

    Fix: correct the context in your kubeconfig, or the identity in the file if the cluster was replaced on purpose.
    """
    is_known = f"has the identity {found}" if found else "doesn't let you see its identity"
    return Finding(
        message=f"the context `{context}` leads to another cluster than this",
        span=span,
        label="the cluster that is meant",
        notes=(f"the one at {server} {is_known}",),
        helps=("correct the context in your kubeconfig; or the identity here, if the cluster was replaced",),
    )
