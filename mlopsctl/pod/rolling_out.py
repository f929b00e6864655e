"""How a version that has passed comes to serve: after others have asked it, as its stage says, or at once."""

from collections.abc import Callable
from dataclasses import replace

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults as engine_faults
from mlopsctl.engine import refusals
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.shadowing import new_shadow
from mlopsctl.events import Outcome
from mlopsctl.frozen import frozen
from mlopsctl.ir.draft import Version
from mlopsctl.ir.parts import Rollout
from mlopsctl.pod.asking import Answered, Watched, watch
from mlopsctl.pod.canary import ALL, judged, steps_of
from mlopsctl.pod.printing import say
from mlopsctl.pod.shadow import described, in_the_shadow, seen_in
from mlopsctl.pod.traffic import Traffic
from mlopsctl.store import Release


@frozen(kw_only=True)
class RollingOut:
    """The rollout of a candidate beside what serves. `answering` says where it answers, and asks it `request`.

    Methods raise DiagnosedError, ClusterError, StoreError.
    """

    traffic: Traffic
    candidate: Version
    request: bytes | None
    answering: Callable[[], Answered]

    def carried_out(self, result: StageResult) -> StageResult:
        """The result so far, and what the rollout has shown; where it has failed all is as it was before."""
        rollout, champion = self.traffic.stage.rollout, self.traffic.serving.release
        if rollout is None or champion is None:
            return result
        carry_out = self._in_shadow if rollout.shadow else self._in_shares
        return carry_out(result, champion, rollout)

    def _in_shadow(self, result: StageResult, champion: Release, rollout: Rollout) -> StageResult:
        """The candidate with copies of requests; all that needs to be undone is that it is there."""
        stage = self.traffic.stage
        span = rollout.origin.key("shadow")
        if not champion.server.get("copies"):
            warned = refusals.not_in_shadow(span, stage.name)
            return replace(result, diagnostics=(*result.diagnostics, warned))
        seconds = rollout.shadow_for or 0.0
        say(f"{self.candidate.service} gets copies of requests for {seconds:g} s")
        shadow = new_shadow(
            self.traffic.version_of(champion).release,
            service=self.candidate.service,
            address=self.answering().base,
            share=rollout.shadow or 0.0,
            seconds=seconds,
        )
        tally = in_the_shadow(shadow, seconds, self.traffic)
        self._expect_not_interrupted()
        if self.traffic.in_service.override() is not None:
            return result  # it was too short to be judged, and decides nothing
        result = replace(result, checks=(*result.checks, described(rollout, tally)))
        if tally.copies:
            return self._held_against(seen_in(tally), rollout, result)
        if not rollout.checks:
            return result
        fault = refusals.nothing_copied(span, stage.name, seconds)
        return replace(result, outcome=Outcome.REFUSED, diagnostics=(fault,))

    def _in_shares(self, result: StageResult, champion: Release, rollout: Rollout) -> StageResult:
        """The candidate with a growing share of the requests."""
        try:
            for share in steps_of(self.traffic.stage):
                result = self._at(share, champion, rollout, result)
                if not result.opens_the_way:
                    self.traffic.turn_back()
                    return result
        except BaseException:
            self.traffic.turn_back()
            raise
        return result

    def _at(self, share: int, champion: Release, rollout: Rollout, result: StageResult) -> StageResult:
        """What the rollout's checks say while the candidate has its share of the requests."""
        self.traffic.expect_not_overtaken()
        self.traffic.share({self.traffic.version_of(champion): ALL - share, self.candidate: share})
        self.traffic.expect_not_overtaken()  # as who moves the pointer writes the route after that, and not after this
        seconds = rollout.every or 0.0
        say(f"{self.candidate.service} answers {share}% of the requests for {seconds:g} s")
        seen = watch(self.answering(), self.request, seconds, self.traffic.session.stop)
        self._expect_not_interrupted()
        return self._held_against(seen, rollout, result)

    def _held_against(self, seen: Watched, rollout: Rollout, result: StageResult) -> StageResult:
        """The result with the rollout's checks, refused by those that aren't kept."""
        found = list(judged(self.traffic.stage, rollout, seen))
        result = replace(result, checks=(*result.checks, *(check for check, _ in found)))
        refused = tuple(fault for _, fault in found if fault is not None)
        return replace(result, outcome=Outcome.REFUSED, diagnostics=refused) if refused else result

    def _expect_not_interrupted(self) -> None:
        stage = self.traffic.stage
        if self.traffic.session.stop.is_set():
            raise DiagnosedError(engine_faults.interrupted(stage.origin.name, stage.name))
