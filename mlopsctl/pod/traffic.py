"""Who gets the requests of a deploy stage in a cluster: what the route says, and which versions stay beside it."""

from collections.abc import Mapping

from mlopsctl.cluster.errors import Conflicted
from mlopsctl.cluster.in_service import InService
from mlopsctl.cluster.unwell import noted
from mlopsctl.cluster.waiting import Patience
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults as engine_faults
from mlopsctl.engine.releases import Serving, read_serving, served_by
from mlopsctl.engine.session import Session
from mlopsctl.engine.stops import held_by
from mlopsctl.frozen import frozen
from mlopsctl.ir.draft import Draft, Version
from mlopsctl.ir.model import DeployStage
from mlopsctl.pod import faults
from mlopsctl.pod.canary import ALL
from mlopsctl.pod.printing import say
from mlopsctl.store import Release, digest_json, short_run

_ROUTE_SECONDS = 60.0


@frozen(kw_only=True)
class Traffic:
    """The requests of one deploy stage of one run; `serving` is what served when it began.

    Methods raise ClusterError and StoreError.
    """

    session: Session
    stage: DeployStage
    draft: Draft
    serving: Serving
    in_service: InService

    def version_of(self, release: Release) -> Version:
        """The version that answers where a release serves."""
        digest = digest_json(served_by(release))
        service = self.draft.service_for(digest)
        return Version(service=service, model=release.model.digest, uri="", run=release.run, release=digest)

    def serves_now(self) -> Serving:
        """What the store says that serves, asked anew."""
        return read_serving(self.session.store, self.session.pipeline.name, self.session.pipeline.environment)

    def expect_not_overtaken(self) -> None:
        """Raises DiagnosedError if another run let its release serve, as it then removed this one's candidate."""
        if (now := self.serves_now()).version != self.serving.version:
            raise self.overtaken(now.release)

    def overtaken(self, release: Release | None) -> DiagnosedError:
        """Another run was faster, which may also have removed this one's candidate."""
        other = short_run(release.run) if release else "unknown"
        return DiagnosedError(engine_faults.serving_moved(self.stage.origin.name, self.session.pipeline.name, other))

    def share(self, weights: Mapping[Version, int]) -> None:
        """Share the requests out, in percent.

        Raises DiagnosedError if the gateway doesn't follow, or people have stopped the pipeline meanwhile.
        """
        try:
            unwell = self.in_service.share(weights, Patience(_ROUTE_SECONDS))
        except Conflicted as error:
            if (override := self.in_service.override()) is None:
                raise
            held = held_by(override, self.stage, self.session.pipeline.environment)
            raise DiagnosedError(*held.diagnostics) from error
        if unwell is not None:
            names = " and ".join(version.service for version in weights)
            raise DiagnosedError(faults.not_led_to(self.stage.name, names, unwell.health.why, noted(unwell)))

    def lead_to(self, version: Version) -> None:
        """Lead all requests to a version. Raises as `share`, and DiagnosedError if another serves meanwhile."""
        self.share({version: ALL})
        now = self.serves_now().release
        if now is not None and self.version_of(now).service != version.service:
            self.turn_back()
            raise self.overtaken(now)
        say(f"{version.service} serves")

    def turn_back(self) -> None:
        """Lead all requests to the release that serves."""
        now = self.serves_now().release
        if now is not None:
            self.share({self.version_of(now): ALL})

    def collect(self, version: Version) -> None:
        """Remove what served longer ago than what served last, which stays ready to be turned back to."""
        keep = {version.service}
        if self.serving.release is not None:
            keep.add(self.version_of(self.serving.release).service)
        for name in self.in_service.collect(keep):
            say(f"{name} is removed: two versions are newer")

    def withdraw(self, candidate: Version, *, is_new: bool) -> None:
        """Remove the candidate, unless it was there before or serves by now, as when two runs build the same."""
        now = self.serves_now().release
        if is_new and (now is None or self.version_of(now).service != candidate.service):
            self.in_service.remove(candidate.service)
            say(f"{candidate.service} is removed")
