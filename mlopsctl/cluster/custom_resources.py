"""Definitions of custom resources, found in a cluster by what people call them."""

from collections.abc import Iterator

from mlopsctl.cluster.connection import Connection, Json
from mlopsctl.cluster.errors import Absent
from mlopsctl.diagnostics import DiagnosedError, Finding, Span, diagnostic, similar

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(connection: Connection, name: str) -> Json:
    """The CustomResourceDefinition of `Kind.group`, `plural.group` or `singular.group`, in capitals or not.

    Raises DiagnosedError if the cluster has none, ClusterError if it can't be asked.
    """
    access = connection.access
    called, _, group = name.lower().partition(".")
    names = dict(_names(connection, group))
    plural = names.get(called)
    if plural is None:
        raise DiagnosedError(no_definition(access.span, name, access.server, _nearest(called, group, names)))
    try:
        return connection.get(f"{_DEFINITIONS}/{plural}.{group}")
    except Absent:
        # Kubernetes' own kinds, and those of servers that stand behind it.
        why = f"{plural} of {group} are there, but no CustomResourceDefinition defines them"
        raise DiagnosedError(no_definition(access.span, name, access.server, why)) from None


def _names(connection: Connection, group: str) -> Iterator[tuple[str, str]]:
    """What the kinds of a group are called, each with its plural; discovery tells everybody."""
    try:
        versions = connection.get(f"/apis/{group}").get("versions", ()) if group else ()
    except Absent:
        return
    for version in versions:
        for resource in connection.get(f"/apis/{version['groupVersion']}").get("resources", ()):
            plural = str(resource["name"])
            if "/" not in plural:  # what is below a kind, such as its status, is no kind
                for called in (plural, resource.get("singularName"), resource["kind"]):
                    yield str(called).lower(), plural


def _nearest(called: str, group: str, names: dict[str, str]) -> str:
    if not names:
        return (
            f"it has no kinds of `{group}`"
            if group
            else "give the kind with its group, such as InferenceService.serving.kserve.io"
        )
    near = similar(called, names)
    there = ", ".join(sorted({f"`{plural}.{group}`" for plural in names.values()}))
    return f"it has `{names[near]}.{group}`" if near else f"it has {there}"


@diagnostic("MLO980")
def no_definition(span: Span | None, name: str, server: str, why: str) -> Finding:
    """A cluster has no definition of the kind that is asked for, so there is no schema to pull.

    Example:
        mlopsctl schema pull TrainJobs.trainer.kubeflow.com --env staging

    Fix: `kubectl get crds` lists what the cluster has. The schemas of Kubernetes' own kinds come with mlopsctl.
    """
    return Finding(message=f"`{server}` has no definition of `{name}`", span=span, helps=(why,))
