"""What the user may do in the namespace, of what plan, apply and run do there."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from mlopsctl.cluster.access import AT_ONCE
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent, Forbidden
from mlopsctl.examination import Observation, State
from mlopsctl.frozen import frozen
from mlopsctl.ir.environment import Ephemeral

PART, SUBJECT = "Cluster", "rights"
_READ = ("get", "list", "watch")
_APPLY = ("get", "list", "watch", "create", "patch", "delete")


@frozen(order=True)
class Right:
    """What one may do with one resource; `group` is empty for Kubernetes' own.

    `where` is a namespace, `*` the whole cluster, and empty the namespace that is looked at.
    """

    group: str
    resource: str
    verb: str
    where: str = ""

    @property
    def name(self) -> str:
        """The resource as kubectl names it, and where that is, if it is elsewhere."""
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        elsewhere = "the whole cluster" if self.where == _CLUSTER else f"`{self.where}`"
        return f"{name} in {elsewhere}" if self.where else name


_CLUSTER = "*"


# By group and resource: what is applied, who may apply at a time, and what is followed while it runs.
_NEEDED = {
    ("", "configmaps"): _APPLY,
    ("", "serviceaccounts"): _APPLY,
    ("", "services"): _APPLY,
    ("", "pods"): _READ,
    ("", "pods/log"): ("get",),
    ("", "events"): ("list",),
    ("apps", "deployments"): _APPLY,
    ("coordination.k8s.io", "leases"): ("get", "create", "patch", "delete"),
    ("rbac.authorization.k8s.io", "roles"): _APPLY,
    ("rbac.authorization.k8s.io", "rolebindings"): _APPLY,
    ("argoproj.io", "workflows"): _APPLY,
    ("argoproj.io", "workflowtemplates"): _APPLY,
    ("argoproj.io", "cronworkflows"): _APPLY,
    ("serving.kserve.io", "inferenceservices"): _APPLY,
    ("serving.kserve.io", "servingruntimes"): _APPLY,
}
_WITH_GATEWAY = {("gateway.networking.k8s.io", "httproutes"): _APPLY}
_GUESTS = ("get", "list", "create", "patch", "delete")
_COPIED = ("create", "patch")
_ALL = Right("*", "*", "*")


def needed(*, with_gateway: bool, ephemeral: Ephemeral | None = None) -> list[Right]:
    """Every right that plan, apply and run need in the namespace, and those that it takes to make and delete it."""
    table = _NEEDED | (_WITH_GATEWAY if with_gateway else {})
    rights = [Right(group, resource, verb) for (group, resource), verbs in table.items() for verb in verbs]
    if ephemeral is None:
        return rights
    rights += [Right("", "namespaces", verb, _CLUSTER) for verb in _GUESTS]
    if ephemeral.secrets:
        rights += [Right("", "secrets", "get", ephemeral.base), *(Right("", "secrets", verb) for verb in _COPIED)]
    return rights


def observe(connection: Connection, *, with_gateway: bool, ephemeral: Ephemeral | None = None) -> Iterator[Observation]:
    """Whether the user has all of them; those that are missing are named."""
    rights = needed(with_gateway=with_gateway, ephemeral=ephemeral)
    user = _user(connection)
    missing = _missing(connection, rights)
    if not missing:
        yield Observation(PART, SUBJECT, State.FINE, f"{user} may do all that plan, apply and run need")
        return
    said = f"{user} may not {'; '.join(_grouped(missing))}"
    role = "ClusterRole" if ephemeral else f"Role in `{connection.namespace}`"
    advice = f"ask whoever runs the cluster for a {role} with these, bound to {user}"
    yield Observation(PART, SUBJECT, State.MISSING, said, advice)


def _user(connection: Connection) -> str:
    """Who we are there; servers before 1.28, and some who narrow rights, don't tell."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        found = connection.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    except (Absent, Forbidden):
        return "this user"
    return f"`{found.get('status', {}).get('userInfo', {}).get('username', '')}`"


def _missing(connection: Connection, rights: Sequence[Right]) -> list[Right]:
    if _has(connection, _ALL):  # an administrator is asked about once
        return []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        has = pool.map(lambda right: _has(connection, right), rights)
        return [right for right, there in zip(rights, has, strict=True) if not there]


def _has(connection: Connection, right: Right) -> bool:
    resource, _, below = right.resource.partition("/")
    attributes = {
        "namespace": "" if right.where == _CLUSTER else right.where or connection.namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": below,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    found = connection.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool(found.get("status", {}).get("allowed"))


def _grouped(missing: Iterable[Right]) -> list[str]:
    """`get, list pods and events`: the resources that lack the same verbs are named together."""
    verbs: dict[str, list[str]] = {}
    for right in missing:
        verbs.setdefault(right.name, []).append(right.verb)
    resources: dict[tuple[str, ...], list[str]] = {}
    for name, lacking in verbs.items():
        resources.setdefault(tuple(lacking), []).append(name)
    return [f"{', '.join(lacking)} {', '.join(names)}" for lacking, names in resources.items()]
