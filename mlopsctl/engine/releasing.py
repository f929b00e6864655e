"""What a run keeps of a deployment: the release that it lets serve, with its evidence, and the record of the stage."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime

from mlopsctl.engine.evidence import Evidence, read_evidence
from mlopsctl.engine.judging import definitions
from mlopsctl.engine.provenance import building_of, statement_of
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.serving import server_document
from mlopsctl.engine.session import Session
from mlopsctl.events import Check
from mlopsctl.frozen import frozen
from mlopsctl.ir.fingerprint import key_of
from mlopsctl.ir.model import DeployStage, EvaluateStage
from mlopsctl.store import (
    Artifact,
    BlobCorrupt,
    BlobMissing,
    RecordDamaged,
    Release,
    RunStage,
    StageRecord,
    Store,
    canonical_json,
    timestamp,
)


@frozen(kw_only=True)
class Before:
    """What the stages before a deployment left behind: how they ended, and the data of those that bring it."""

    stages: Mapping[str, RunStage]
    data: Mapping[str, Artifact | None]


def release_of(
    session: Session, stage: DeployStage, model: Artifact, before: Before, checks: Iterable[Check]
) -> Release:
    """The release that lets the model serve, with its evidence in the store: what was checked before, and `checks`."""
    required = {named.name for named in stage.requires}
    gated = {name: other for name, other in before.stages.items() if {name, other.part_of} & required}
    building = building_of(session)
    statement = statement_of(building, before.stages, model)
    evaluations = [each for each in session.pipeline.of_kind(EvaluateStage) if each.name in required]
    evidence = Evidence(
        pipeline=session.pipeline.name,
        model=model.digest,
        gates={each.name: definitions(each) for each in evaluations},
        checks=[*(check for other in gated.values() for check in other.checks), *(asdict(check) for check in checks)],
    )
    return Release(
        run=session.run,
        commit=session.commit.digest,
        pipeline=session.pipeline.name,
        model=model,
        data={name: artifact.digest for name, artifact in before.data.items() if artifact is not None},
        requirements=session.requirements,
        metrics={
            f"{stage_name}.{name}" if other.part_of else name: value
            for stage_name, other in gated.items()
            for name, value in other.metrics.items()
        },
        evidence=session.store.put_bytes(canonical_json(evidence.to_json())).digest,
        server=server_document(session, stage),
        since=timestamp(datetime.now(UTC)),
        provenance=session.store.put_bytes(canonical_json(statement)).digest if statement else "",
    )


def judged_anew(store: Store, serving: Release, release: Release) -> Release | None:
    """A release that answers just as the one that serves, to take its place; None if nothing else was asked of it.

    Once a gate has changed, what serves was never held against it: the run that was is the one to promote. Raises
    StoreError.
    """
    try:
        if read_evidence(store, serving.evidence).gates == read_evidence(store, release.evidence).gates:
            return None
    except (BlobMissing, BlobCorrupt, RecordDamaged):
        pass  # what it was judged by is lost
    return replace(release, since=serving.since)


def deployment_record(
    session: Session, stage: DeployStage, parts: dict[str, object], model: Artifact, result: StageResult
) -> StageRecord:
    """What is kept of a deployment that was tried, whatever came of it."""
    now = timestamp(datetime.now(UTC))
    return StageRecord(
        key=key_of(parts),
        stage=stage.name,
        kind=stage.kind,
        parts=dict(parts),  # type: ignore[arg-type]  # parts are JSON, which has no type of its own
        outcome="done" if result.opens_the_way else "refused",
        started=now,
        ended=now,
        seconds=result.seconds,
        attempts=1,
        run=session.run,
        outputs={"model": model},
        data={"summary": result.summary},
        checks=[asdict(check) for check in result.checks],
    )
