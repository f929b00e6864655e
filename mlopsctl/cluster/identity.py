"""Which cluster it is, whatever its context is called and its server's address is."""

from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent, Forbidden
from mlopsctl.frozen import frozen


@frozen
class ClusterIdentity:
    """The UID of the namespace `kube-system`, which no two clusters share; empty if `note` says why it isn't known."""

    uid: str
    note: str = ""


def cluster_identity(connection: Connection) -> ClusterIdentity:
    """What tells this cluster from all others. Who may not see it gets a note; all other faults raise ClusterError."""
    try:
        found = connection.get("/api/v1/namespaces/kube-system")
    except (Absent, Forbidden) as error:
        return ClusterIdentity("", f"the cluster can't be told from others: {error.found.message}")
    return ClusterIdentity(str(found["metadata"]["uid"]))
