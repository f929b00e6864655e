"""Leading requests to the version that the store says serves, as runs do: it is there and ready before any comes."""

from collections.abc import Callable, Iterable

from mlopsctl.cluster.errors import Conflicted
from mlopsctl.cluster.in_service import InService
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.unwell import Unwell, noted
from mlopsctl.cluster.waiting import Patience, Waiting
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.releases import served_by
from mlopsctl.ir.contract import Contract, read_contract
from mlopsctl.ir.draft import Draft, Version
from mlopsctl.manifest import RUN_MANAGER, Key
from mlopsctl.release import serving_faults as faults
from mlopsctl.release.rollback import Left
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Release, Store, canonical_json

_READY_SECONDS = 600.0  # in which images are pulled and environments unpacked
_ROUTE_SECONDS = 60.0
_ALL = 100


class Versions:
    """The versions of one pipeline where releases are continuous. Methods raise ClusterError, DiagnosedError."""

    def __init__(
        self, objects: Objects, draft: Draft, store: Store, on_change: Callable[[Waiting], None], stop: Stop
    ) -> None:
        runs = Objects(objects.connection, objects.resources, RUN_MANAGER)
        self._in_service = InService(runs, draft, on_change, stop)
        self._draft = draft
        self._store = store

    def version_of(self, release: Release) -> Version:
        """The version that answers where this release serves, with its description in the store."""
        digest = self._store.put_bytes(canonical_json(served_by(release))).digest
        return Version(
            service=self._draft.service_for(digest),
            model=release.model.digest,
            uri=f"{self._store.url}/blobs",
            run=release.run,
            release=digest,
        )

    def candidate(self, release: Release, led: Iterable[str]) -> Left | None:
        """What a rollout tries beside the release that serves; `led` is all that gets requests, or copies of some."""
        own = self.version_of(release).service
        for service in led:
            made_by = self._in_service.made_by(service) if service != own else None
            if made_by is not None:
                run, model = made_by
                return Left(run=run, model=model)
        return None

    def make_ready(self, release: Release) -> Version:
        """The version of a release, once it is there and ready; one that is kept warm is so at once."""
        version = self.version_of(release)
        if self._in_service.run_of(version.service) is None:
            self._in_service.put(version)
        unwell = self._in_service.unready(version, Patience(_READY_SECONDS))
        if unwell is not None:
            raise DiagnosedError(faults.not_servable(release.pipeline, version.service, *_told(unwell)))
        return version

    def lead_to(self, release: Release, *, lifts_override: bool = False) -> bool:
        """Lead all requests to the version of a release; not where people have stopped it, unless this lifts it."""
        version = self.version_of(release)
        try:
            unwell = self._in_service.share({version: _ALL}, Patience(_ROUTE_SECONDS), lifts_override=lifts_override)
        except Conflicted:
            return False
        if unwell is not None:
            raise DiagnosedError(faults.not_followed(release.pipeline, *_told(unwell)))
        return True


def applied_contract(objects: Objects, namespace: str, pipeline: str, environment: str) -> Contract:
    """The contract as it was applied. Raises ClusterError, and DiagnosedError if there is none that can be read."""
    name = f"{pipeline}-contract"
    live = objects.get(Key("", "ConfigMap", namespace, name), "v1")
    if live is None:
        raise DiagnosedError(faults.nothing_applied(pipeline, environment, f"there is no ConfigMap {name}"))
    try:
        return read_contract(live.get("data") or {}, environment)
    except (KeyError, ValueError, TypeError) as error:
        why = f"the ConfigMap {name} can't be read: {error}"
        raise DiagnosedError(faults.nothing_applied(pipeline, environment, why)) from error


def _told(unwell: Unwell) -> tuple[str, tuple[str, ...]]:
    return unwell.health.why or "it doesn't say why", noted(unwell)
