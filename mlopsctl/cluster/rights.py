"""What the user may do in the namespace, of what plan, apply and run do there."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from mlopsctl.cluster.connect import AT_ONCE
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent, Forbidden
from mlopsctl.examination import Observation, State
from mlopsctl.frozen import frozen

PART, SUBJECT = "Cluster", "rights"
_READ = ("get", "list", "watch")
_APPLY = ("get", "list", "watch", "create", "patch", "delete")


@frozen(order=True)
class Right:
    """What one may do with one resource; `group` is empty for Kubernetes' own."""

    group: str
    resource: str
    verb: str

    @property
    def name(self) -> str:
        """The resource as kubectl names it."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


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
_ALL = Right("*", "*", "*")


def needed(*, with_gateway: bool) -> list[Right]:
    """Every right that plan, apply and run need in the namespace."""
    table = _NEEDED | (_WITH_GATEWAY if with_gateway else {})
    return [Right(group, resource, verb) for (group, resource), verbs in table.items() for verb in verbs]


def observe(connection: Connection, *, with_gateway: bool) -> Iterator[Observation]:
    """Whether the user has all of them; those that are missing are named."""
    rights = needed(with_gateway=with_gateway)
    user = _user(connection)
    missing = _missing(connection, rights)
    if not missing:
        yield Observation(PART, SUBJECT, State.FINE, f"{user} may do all that plan, apply and run need")
        return
    said = f"{user} may not {'; '.join(_grouped(missing))}"
    namespace = connection.namespace
    advice = f"ask whoever runs the cluster for a Role in `{namespace}` with these, bound to {user}"
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
        "namespace": connection.namespace,
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
