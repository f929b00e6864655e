"""What became of the parts of a cluster while tests ran on it: of a run that failed the log is all that is left."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from tests.cluster.access import shared_kubeconfig
from tests.cluster.examining import Admin, Manifest
from tests.cluster.provider.addons import DEPLOYMENTS

INSTALLED = tuple(sorted({namespace for namespace, _ in DEPLOYMENTS}))
_MOST_WARNINGS = 12
_LAST_LINES = 8


def told(since: datetime) -> list[str]:
    """What `happened` in the cluster that tests share, or why that isn't known."""
    quiet = "its pods are those that it had, and nothing was warned of"
    return _or_why_not(lambda: happened(shared_kubeconfig(), since) or [quiet])


def happened(kubeconfig: Path, since: datetime, namespaces: Sequence[str] = INSTALLED) -> list[str]:
    """What isn't as it was with the pods of these namespaces, and the newest warnings there and of nodes: a line each.

    Empty if all was quiet. Raises ApiException or OSError if the cluster doesn't answer.
    """
    admin = Admin(kubeconfig)
    pods = [pod for name in namespaces for pod in admin.ask("GET", f"/api/v1/namespaces/{name}/pods")["items"]]
    # Events of nodes, which belong to no namespace, are kept in this one.
    places = [f"/api/v1/namespaces/{name}/events?fieldSelector=type%3DWarning" for name in (*namespaces, "default")]
    warnings = sorted((event for path in places for event in admin.ask("GET", path)["items"]), key=_time_of)
    recent = [event for event in warnings if _time_of(event) >= since]
    return [line for pod in pods for line in _of_pod(pod, since)] + [
        _warning(each) for each in recent[-_MOST_WARNINGS:]
    ]


def left(kubeconfig: Path, namespace: str) -> list[str]:
    """What a test that failed leaves in its namespace: workflows, pods that didn't go well, the newest warnings."""
    return _or_why_not(lambda: list(_left(Admin(kubeconfig), namespace)))


def _or_why_not(ask: Callable[[], list[str]]) -> list[str]:
    """What is asked, or why the cluster doesn't say."""
    try:
        return ask()
    except (ApiException, ConfigException, OSError, HTTPError) as error:
        return [f"it doesn't answer: {' '.join(str(error).split())[:300]}"]


def _left(admin: Admin, namespace: str) -> Iterator[str]:
    workflows = admin.ask("GET", f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows")["items"]
    for each in sorted(workflows, key=lambda found: str(found["metadata"]["creationTimestamp"])):
        began, status = _time(each["metadata"]["creationTimestamp"]), each.get("status", {})
        said = f"workflow {each['metadata']['name']} of {began:%H:%M:%S} is {status.get('phase', 'not begun')}"
        yield f"{said}: {status.get('message', '')}".removesuffix(": ")
    for pod in admin.ask("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]:
        if pod.get("status", {}).get("phase") in ("Pending", "Failed"):
            yield _state(pod)
            yield from _last_words(admin, pod)
    events = admin.ask("GET", f"/api/v1/namespaces/{namespace}/events?fieldSelector=type%3DWarning")["items"]
    for event in sorted(events, key=_time_of)[-_MOST_WARNINGS:]:
        yield _warning(event)


def _state(pod: Manifest) -> str:
    """A pod's name and how it is, with what its containers and the scheduler say of it."""
    status = pod["status"]
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    told = [how for each in containers for how in each.get("state", {}).values()]
    said = [how.get("message") or how.get("reason") for how in (*told, *status.get("conditions", ()))]
    why = "; ".join(dict.fromkeys(" ".join(each.split())[-300:] for each in said if each and each != "Completed"))
    return f"pod {pod['metadata']['name']} is {status['phase']}: {why}".removesuffix(": ")


def _last_words(admin: Admin, pod: Manifest) -> Iterator[str]:
    """What its main container printed last, if that is still known."""
    place, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    with suppress(ApiException):
        said = admin.ask("GET", f"/api/v1/namespaces/{place}/pods/{name}/log?container=main&tailLines={_LAST_LINES}")
        yield from (f"  {line}" for line in str(said).splitlines())


def _of_pod(pod: Manifest, since: datetime) -> Iterator[str]:
    name = f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
    created = _time(pod["metadata"]["creationTimestamp"])
    status = pod.get("status", {})
    if created >= since:
        yield f"{name} was created at {created:%H:%M:%S}, in the place of another"
    if status.get("phase") != "Running":
        yield f"{name} is {status.get('phase')}: {status.get('reason', '')} {status.get('message', '')}".rstrip(": ")
    for container in status.get("containerStatuses", ()):
        ended = container.get("lastState", {}).get("terminated")
        if ended and ended.get("finishedAt") and _time(ended["finishedAt"]) >= since:
            how = f"{ended.get('reason', '')} with exit code {ended.get('exitCode')}".strip()
            yield f"{name}: {container['name']} ended at {_time(ended['finishedAt']):%H:%M:%S}: {how}"


def _warning(event: Manifest) -> str:
    about = event["involvedObject"]
    where = f"{about.get('namespace', '')}/{about.get('name', '')}".removeprefix("/")
    message = " ".join(event.get("message", "").split())[:200]
    return f"{_time_of(event):%H:%M:%S} {about.get('kind', '').lower()} {where}: {event.get('reason')}: {message}"


def _time_of(event: Manifest) -> datetime:
    series = event.get("series") or {}
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return _time(last or event["metadata"]["creationTimestamp"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
