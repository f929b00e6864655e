"""Leading requests where git says that they go, as apply does: to a version that is there and ready."""

from collections.abc import Callable, Sequence

from mlopsctl.cluster.site import Site
from mlopsctl.cluster.unwell import Awaited, noted
from mlopsctl.cluster.waiting import Patience, Waiting, wait
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.manifest import COMMIT, Manifest, stamped
from mlopsctl.release import serving_faults as faults

_READY_SECONDS = 120.0


def lead_to_pinned(
    site: Site, pipeline: str, manifests: Sequence[Manifest], on_change: Callable[[Waiting], None]
) -> None:
    """Apply the route of a pipeline, once what it leads to is ready. `manifests` are what git wants of the pipeline.

    Raises ClusterError, and DiagnosedError if it isn't ready.
    """
    versions = [
        Awaited(key=each.key, api_version=each.api_version, origin=each.origin)
        for each in manifests
        if each.kind == "InferenceService"
    ]
    for unwell in wait(site.objects, versions, patience=Patience(_READY_SECONDS), on_change=on_change):
        why = unwell.health.why or "it isn't there: apply first"
        raise DiagnosedError(faults.not_servable(pipeline, unwell.awaited.key.name, why, noted(unwell)))
    applyset = site.applyset()
    for route in (each for each in manifests if each.kind == "HTTPRoute"):
        live = site.objects.get(route.key, route.api_version)
        commit = str(((live or {}).get("metadata", {}).get("annotations") or {}).get(COMMIT, ""))
        site.objects.applied(applyset.joined(stamped(route, commit)), force=True)
