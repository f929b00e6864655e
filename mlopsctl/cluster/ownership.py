"""Whose an object is: what other tools write on what they apply."""

from mlopsctl.cluster.applyset import ApplySet
from mlopsctl.cluster.object_faults import owned_by_another
from mlopsctl.cluster.objects import Head
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.manifest import MANAGED_BY, PART_OF, TOOL, Manifest

# By label or annotation: whose it is, and which of theirs, where the value says that.
_LABELS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "kapp.k14s.io/app": "kapp",
}
_ANNOTATIONS = {"argocd.argoproj.io/tracking-id": "Argo CD", "meta.helm.sh/release-name": "Helm"}


def owner_of(head: Head, applyset: ApplySet) -> str:
    """Who an object belongs to, in words; empty if it is a member of the set, or nobody claims it."""
    for claims, said in ((_LABELS, head.labels), (_ANNOTATIONS, head.annotations)):
        for name, tool in claims.items():
            if name in said:
                return f"{tool} ({name}: {said[name]})"
    part_of = head.labels.get(PART_OF, "")
    if part_of and part_of != applyset.id:
        return f"another ApplySet, {part_of}"
    tool = head.labels.get(MANAGED_BY, TOOL)
    return "" if tool == TOOL else f"{tool} ({MANAGED_BY})"


def refusal_to_adopt(manifest: Manifest, head: Head, applyset: ApplySet) -> Diagnostic | None:
    """Why an object that is there can't become ours, at the line that it is rendered from; None if it can or is."""
    owner = owner_of(head, applyset)
    return owned_by_another(manifest.origin, str(manifest.key), owner) if owner else None
