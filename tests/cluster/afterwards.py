"""What became of the parts of a cluster while tests ran on it: of a run that failed the log is all that is left."""

from collections.abc import Iterator, Sequence
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


def told(since: datetime) -> list[str]:
    """What `happened` in the cluster that tests share, or why that isn't known."""
    try:
        return happened(shared_kubeconfig(), since) or ["its pods are those that it had, and nothing was warned of"]
    except (ApiException, ConfigException, OSError, HTTPError) as error:
        return [f"it doesn't answer: {' '.join(str(error).split())[:300]}"]


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
