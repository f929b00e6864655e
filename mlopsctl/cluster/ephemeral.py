"""The namespace of an environment that comes and goes: made with a mark of ours, prolonged by each apply, deleted.

A namespace without the mark is somebody else's: nothing is applied to it, and it is never deleted.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlopsctl.cluster.applyset import PROJECT
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent, Forbidden
from mlopsctl.cluster.holder import Holder
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.request import MERGE, Request
from mlopsctl.diagnostics import DiagnosedError, Finding, Span, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.ir.environment import Environment
from mlopsctl.manifest import BY, ENVIRONMENT, MANAGED_BY, PREFIX, TOOL, Document, Key

if TYPE_CHECKING:
    from mlopsctl.cluster.site import Site

FAMILY = f"{PREFIX}ephemeral"
EXPIRES = f"{PREFIX}expires"
WHY = f"{PREFIX}why"


@frozen(kw_only=True)
class Guest:
    """An ephemeral environment as its namespace tells of it; `by` and `why` are empty if no apply got so far."""

    environment: str
    namespace: str
    expires: datetime
    by: str
    why: str


def labels_of(environment: Environment, project: str) -> Mapping[str, str]:
    """What marks a namespace as made for this environment; nothing for one that stays."""
    if environment.ephemeral is None:
        return {}
    own = {PROJECT: project, ENVIRONMENT: environment.name, FAMILY: environment.ephemeral.family}
    return {MANAGED_BY: TOOL, **own}


def insist_on_own(connection: Connection, environment: Environment, project: str) -> None:
    """Raise DiagnosedError if the namespace of an ephemeral environment is there and was not made for it."""
    wanted = labels_of(environment, project)
    found = _namespace(connection, environment.namespace) if wanted else None
    if found is not None and not wanted.items() <= (found["metadata"].get("labels") or {}).items():
        raise DiagnosedError(
            not_made_for_it(environment.origin.key("ephemeral"), environment.name, environment.namespace)
        )


def prolong(site: "Site", holder: Holder) -> None:
    """Let the namespace stay for its time from now on, say who wanted that and why, and give it its secrets."""
    ephemeral = site.environment.ephemeral
    if ephemeral is None or _namespace(site.objects.connection, site.environment.namespace) is None:
        return  # where nothing is wanted, nothing is made
    until = datetime.fromisoformat(holder.started) + timedelta(seconds=ephemeral.ttl)
    said = {
        EXPIRES: until.astimezone(UTC).isoformat(timespec="seconds"),
        BY: f"{holder.user}@{holder.host}",
        WHY: holder.run or holder.command,
    }
    namespace, objects = site.environment.namespace, site.objects
    objects.connection.send(
        Request(
            method="PATCH",
            path=f"/api/v1/namespaces/{namespace}",
            query={"fieldManager": f"{TOOL}-ephemeral"},
            body={"metadata": {"annotations": said}},
            content_type=MERGE,
            is_repeatable=True,
        )
    )
    for name in ephemeral.secrets:
        found = objects.get(Key("", "Secret", ephemeral.base, name), "v1")
        if found is None:
            raise DiagnosedError(no_secret(site.environment.origin.key("ephemeral", "secrets"), name, ephemeral.base))
        objects.applied(_copied(found, namespace), force=True)


def guests(objects: Objects, family: str, project: str, ttl: float) -> Iterator[Guest]:
    """The environments of a family that are there, but for those that are going. `ttl` is in seconds."""
    for each in objects.listed("v1", "Namespace", "", f"{FAMILY}={family},{PROJECT}={project}"):
        metadata = each["metadata"]
        said = metadata.get("annotations") or {}
        if metadata.get("deletionTimestamp"):
            continue
        made = datetime.fromisoformat(metadata["creationTimestamp"])
        expires = datetime.fromisoformat(said[EXPIRES]) if EXPIRES in said else made + timedelta(seconds=ttl)
        yield Guest(
            environment=metadata["labels"].get(ENVIRONMENT, ""),
            namespace=metadata["name"],
            expires=expires,
            by=said.get(BY, ""),
            why=said.get(WHY, ""),
        )


def going(site: "Site") -> str:
    """What is to be said of the namespace if its end has begun: since when, and what is left in it; else nothing."""
    name = site.environment.namespace
    try:
        found = _namespace(site.objects.connection, name) or {"metadata": {}}
    except Forbidden:  # then others make and delete it
        return ""
    if not (since := found["metadata"].get("deletionTimestamp")):
        return ""
    conditions = found.get("status", {}).get("conditions") or ()
    held = [f"\n  {each.get('message', '')}" for each in conditions if each.get("status") == "True"]
    said = f"the namespace {name} is being deleted since {since}, and all in it with it: nothing is left to destroy"
    return said + "".join(held)


def leave(site: "Site") -> bool:
    """Have the namespace deleted with all that is in it; false if there is none. Raises as `insist_on_own`."""
    insist_on_own(site.objects.connection, site.environment, site.estate.project)
    found = _namespace(site.objects.connection, site.environment.namespace)
    if found is None:
        return False
    key = Key("", "Namespace", "", site.environment.namespace)
    return site.objects.deleted(key, "v1", uid=found["metadata"]["uid"])


def _namespace(connection: Connection, name: str) -> Document | None:
    try:
        return dict(connection.get(f"/api/v1/namespaces/{name}"))
    except Absent:
        return None


def _copied(secret: Document, namespace: str) -> Document:
    metadata = {"name": secret["metadata"]["name"], "namespace": namespace, "labels": {MANAGED_BY: TOOL}}
    made: Document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    return made | {name: secret[name] for name in ("type", "data") if name in secret}


@diagnostic("MLO756")
def not_made_for_it(span: Span, environment: str, namespace: str) -> Finding:
    """The namespace of an ephemeral environment is there, and mlopsctl didn't make it for this environment.

    It would be deleted with the environment, and all in it. Nothing is applied to it, and nothing deleted.

    Example:
        mlopsctl apply --env pr-123          # and somebody has made a namespace called flights-dev-pr-123

    Fix: take another name for the environment, or delete the namespace if nobody needs it.
    """
    return Finding(
        message=f"the namespace `{namespace}` was not made for `{environment}`",
        span=span,
        notes=("an ephemeral environment is deleted together with its namespace, so that must be its own",),
        helps=("take another name, or delete the namespace if nobody needs what is in it",),
    )


@diagnostic("MLO765")
def no_secret(span: Span, name: str, namespace: str) -> Finding:
    """A secret that an ephemeral environment is to have a copy of isn't in the namespace that it would come from.

    Example:
        ephemeral: {from: dev, secrets: [mlopsctl-stroe]}

    Fix: correct the name, or make the secret in the namespace of the environment that `from` names.
    """
    return Finding(
        message=f"there is no secret `{name}` in `{namespace}` to copy",
        span=span,
        helps=("correct the name, or make the secret there",),
    )
