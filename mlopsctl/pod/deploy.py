"""A deploy stage in a cluster: the candidate beside what serves, asked, under load, and only then in its place."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from mlopsctl.cluster.access import THOROUGH
from mlopsctl.cluster.in_service import InService
from mlopsctl.cluster.inside import connect_inside
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.resources import Resources
from mlopsctl.cluster.unwell import noted
from mlopsctl.cluster.waiting import Patience, Waiting
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults as engine_faults
from mlopsctl.engine.notes import Note
from mlopsctl.engine.rejudging import Rejudged, judged_again
from mlopsctl.engine.releases import Decision, Json, is_same, move_serving, read_serving, served, served_by
from mlopsctl.engine.releasing import Before, deployment_record, judged_anew, release_of
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.scanning import scan_stored
from mlopsctl.engine.serving import server_document
from mlopsctl.engine.session import Session
from mlopsctl.engine.stops import held_by
from mlopsctl.engine.trying import refused, tried, under_load, with_scan
from mlopsctl.engine.work import begin
from mlopsctl.events import Check, Outcome
from mlopsctl.frozen import frozen
from mlopsctl.ir.draft import Draft, Version
from mlopsctl.ir.fingerprint import deploy_parts
from mlopsctl.ir.lower_stages import DATA
from mlopsctl.ir.model import DeployStage
from mlopsctl.manifest import RUN_MANAGER
from mlopsctl.pod import faults
from mlopsctl.pod.asking import Answered, first_answer, ways_of
from mlopsctl.pod.printing import say
from mlopsctl.pod.rolling_out import RollingOut
from mlopsctl.pod.traffic import Traffic
from mlopsctl.release.rejection import refusal
from mlopsctl.store import (
    Artifact,
    PointerMoved,
    Release,
    canonical_json,
    digest_bytes,
    digest_json,
    short_run,
)

_READY_SECONDS = 600.0  # in which images are pulled and environments unpacked
_LEFT_TO_SAY_SO = 15.0  # of a stage's own timeout, to end what was started and say why


def run_deploy_stage(session: Session, stage: DeployStage, draft: Draft, notes: Mapping[str, Note]) -> StageResult:
    """Put the candidate beside what serves, try it, and let it serve. Raises DiagnosedError, StoreError.

    Until it has passed, nothing of what serves is touched, and a candidate that doesn't pass is removed. `notes` are
    those of the stages before.
    """
    connection = connect_inside(session.environ, str(draft.service["metadata"]["namespace"]), patience=THOROUGH)
    objects = Objects(connection, Resources(connection), RUN_MANAGER)
    traffic = Traffic(
        session=session,
        stage=stage,
        draft=draft,
        serving=read_serving(session.store, session.pipeline.name, session.pipeline.environment),
        in_service=InService(objects, draft, _tell, session.stop),
    )
    return _Deployment(session=session, stage=stage, draft=draft, notes=notes, traffic=traffic).carried_out()


@frozen(kw_only=True)
class _Deployment:
    """One deploy stage of one run."""

    session: Session
    stage: DeployStage
    draft: Draft
    notes: Mapping[str, Note]
    traffic: Traffic

    def carried_out(self) -> StageResult:
        model = self._model()
        if (held := self._held(model)) is not None:
            return held
        server = server_document(self.session, self.stage)
        document = served(self.session.pipeline.name, model, server, self.session.requirements)
        version, serving = self._version(document, model), self.traffic.serving.release
        if serving is not None and served_by(serving) == document:
            made_by = self.traffic.in_service.run_of(version.service)
            result = self._serves_already(replace(version, run=made_by or serving.run))
            self._judged_anew(serving, model)
            return result
        rejudged = self._rejudged()
        if rejudged.refused is not None:
            return rejudged.refused
        notes = {name: replace(note, stage=rejudged.stages[name]) for name, note in self.notes.items()}
        return replace(self, notes=notes).put_into_service(version, model)

    def put_into_service(self, version: Version, model: Artifact) -> StageResult:
        """The version beside what serves, tried, and then in its place."""
        request = self._request()
        made_by = self.traffic.in_service.run_of(version.service)
        candidate = version if made_by is None else replace(version, run=made_by)
        try:
            result = self._tried(candidate, model, request)
            if result.opens_the_way:
                result = self._rolled_out(candidate, result, request)
            if result.opens_the_way and (override := self.traffic.in_service.override()) is not None:
                result = held_by(override, self.stage, self.session.pipeline.environment, result)
            if result.opens_the_way:
                self._move(self._release_of(model, result.checks))
            else:
                self.traffic.expect_not_overtaken()
        except BaseException:
            self.traffic.withdraw(candidate, is_new=made_by is None)
            raise
        if not result.opens_the_way:
            self.traffic.withdraw(candidate, is_new=made_by is None)
            return result
        self.traffic.lead_to(candidate)
        self.traffic.collect(candidate)
        return result

    def _held(self, model: Artifact) -> StageResult | None:
        """The end of a deployment that may not serve: its model was rejected, or somebody decided what serves."""
        refused = refusal(self.session, self.stage, model)
        override = None if refused else self.traffic.in_service.override()
        return held_by(override, self.stage, self.session.pipeline.environment) if override is not None else refused

    def _rejudged(self) -> Rejudged:
        """The gates by what serves now, as another run may have come to serve while this one waited for it to end."""
        before = {name: note.stage for name, note in self.notes.items()}
        return judged_again(self.session, self.stage, before, self.traffic.serving.release)

    def _model(self) -> Artifact:
        pipeline = self.session.pipeline
        model = self.notes[self.stage.model.stage].outputs.get(pipeline.output_of(self.stage.model))
        if model is None:
            raise DiagnosedError(faults.nothing_from(self.stage.name, self.stage.model.stage, self.session.run))
        return model

    def _request(self) -> bytes | None:
        """What the load test asks, as it was when the pipeline was applied."""
        test, pinned = self.stage.load_test, self.session.pinned or {}
        if test is None:
            return None
        if test.request not in pinned:
            span = self.stage.origin.value("loadTest", "request")
            why = f"{test.request}: it was not there when the pipeline was applied"
            raise DiagnosedError(engine_faults.source_unreadable(span, self.stage.name, why, "apply again"))
        return self.session.store.get_bytes(pinned[test.request].digest)

    def _parts(self, model: Artifact, request: bytes | None) -> dict[str, object]:
        """What the result depends on; that it was tried in a cluster is a part of it."""
        session, stage = self.session, self.stage
        around, params = session.around(stage), session.values.of(stage)
        digest = digest_bytes(request) if request is not None else ""
        parts = deploy_parts(stage, model=model.digest, request=digest, params=params, around=around)
        return parts | {"draft": digest_json(self.draft.to_json())}

    def _version(self, document: Json, model: Artifact) -> Version:
        """The version, with its description in the store, which its server will start from."""
        store, release = self.session.store, canonical_json(document)
        digest = store.put_bytes(release).digest
        return Version(
            service=self.draft.service_for(digest),
            model=model.digest,
            uri=f"{store.url}/blobs",
            run=self.session.run,
            release=digest,
        )

    def _serves_already(self, version: Version) -> StageResult:
        """Bring the cluster to where the release that serves is, which may have been changed around it."""
        self._make_ready(version)
        self.traffic.lead_to(version)
        return StageResult(
            stage=self.stage.name,
            kind=self.stage.kind,
            outcome=Outcome.CACHED,
            summary="serves already",
            reason=f"cached from {short_run(version.run)}",
            cached_from=version.run,
        )

    def _tried(self, version: Version, model: Artifact, request: bytes | None) -> StageResult:
        """The candidate ready, asked, and under load, before anybody else asks it."""
        session, stage = self.session, self.stage
        parts, started = self._parts(model, request), datetime.now(UTC)
        reason = begin(session, stage, parts)
        scan = scan_stored(session.store, stage, model, session.workspace.folder)
        if scan.refused:
            result = refused(stage, scan, reason)
            session.results.keep(deployment_record(session, stage, parts, model, result))
            return result
        self._make_ready(version)
        server = self._answering(version, request)
        if stage.load_test is not None:
            say(f"{version.service} answers; load test: {stage.load_test.users} users, {stage.load_test.duration:g} s")
        report = under_load(stage, server.base + server.paths.predict, request, session.stop)
        if session.stop.is_set():
            raise DiagnosedError(engine_faults.interrupted(stage.origin.name, stage.name))
        result = tried(stage, report, reason, (datetime.now(UTC) - started).total_seconds())
        if result.diagnostics:
            words = self.traffic.in_service.last_words(version)
            result = replace(result, diagnostics=tuple(replace(each, notes=words) for each in result.diagnostics))
        result = with_scan(result, scan)
        record = deployment_record(session, stage, parts, model, result)
        session.results.keep(record)
        if result.opens_the_way:
            session.results.note(stage.name, record)
        return replace(result, record=record)

    def _rolled_out(self, candidate: Version, result: StageResult, request: bytes | None) -> StageResult:
        """What the candidate shows beside what serves, as the stage's rollout asks."""
        rolling_out = RollingOut(
            traffic=self.traffic,
            candidate=candidate,
            request=request,
            answering=lambda: self._answering(candidate, request),
        )
        return rolling_out.carried_out(result)

    def _make_ready(self, version: Version) -> None:
        """Raises DiagnosedError, with what its pods tell, if it doesn't become ready."""
        self.traffic.in_service.put(version)
        unwell = self.traffic.in_service.unready(version, Patience(self._ready_seconds()))
        if unwell is not None:
            raise self._not_ready(unwell.health.why or "it is not ready", noted(unwell), unwell.seconds)

    def _answering(self, version: Version, request: bytes | None) -> Answered:
        """Where it answers a real prediction, or says its health where the stage names no request."""
        ways = ways_of(self.stage, self.session.pipeline.name, version.service)
        found = first_answer(self.traffic.in_service.addresses(version), ways, request, self.session.stop)
        if found.base:
            return found
        raise self._not_ready(found.why, self.traffic.in_service.last_words(version), found.seconds)

    def _not_ready(self, why: str, notes: tuple[str, ...], seconds: float) -> DiagnosedError:
        stage, session = self.stage, self.session
        if session.stop.is_set():
            return DiagnosedError(engine_faults.interrupted(stage.origin.name, stage.name))
        self.traffic.expect_not_overtaken()
        now = self.traffic.serving.release
        serves = f"what serves is unchanged: run {short_run(now.run)}" if now else "nothing serves yet"
        message = f"the candidate did not become ready in {seconds:.0f} s: {why}"
        found = engine_faults.not_ready(stage.origin.key("server"), stage.name, message, (*notes, serves), "")
        return DiagnosedError(found)

    def _ready_seconds(self) -> float:
        stage = self.stage
        if stage.timeout is None:
            return _READY_SECONDS
        load = stage.load_test.duration if stage.load_test else 0.0
        rollout = stage.rollout.seconds if stage.rollout else 0.0
        return max(stage.timeout - load - rollout - _LEFT_TO_SAY_SO, _LEFT_TO_SAY_SO)

    def _judged_anew(self, serving: Release, model: Artifact) -> None:
        """Have this run's release take the place of one that answers the same, if it was judged by other gates."""
        last = self.session.results.latest(self.stage.name)
        is_its = last is not None and last.outputs.get("model") == model
        release = self._release_of(model, (Check(**check) for check in last.checks) if last and is_its else ())
        if (anew := judged_anew(self.session.store, serving, release)) is not None:
            self._move(anew)

    def _release_of(self, model: Artifact, checks: Iterable[Check]) -> Release:
        stages = {name: note.stage for name, note in self.notes.items()}
        data = {name: note.outputs.get(DATA) for name, note in self.notes.items() if note.stage.kind == "data"}
        return release_of(self.session, self.stage, model, Before(stages=stages, data=data), checks)

    def _move(self, release: Release) -> None:
        """Move the pointer to what serves. Raises DiagnosedError if another run moved it since this one began."""
        session = self.session
        try:
            move_serving(
                session.store,
                release,
                session.pipeline.environment,
                expect=self.traffic.serving.version,
                decision=Decision(who=session.who),
            )
        except PointerMoved as error:
            now = Release.from_json(error.now.value) if error.now else None
            if now is None or not is_same(now, release):
                raise self.traffic.overtaken(now) from error


def _tell(seen: Waiting) -> None:
    said = f": {seen.health.why}" if seen.health.why else ""
    say(f"{seen.key} is {seen.health.state}{said}")
