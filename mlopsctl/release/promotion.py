"""Which run may go to the next environment: the newest good one, or the one that is named, if all of it stands."""

from collections.abc import Iterable, Iterator, Mapping

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine.evidence import Evidence, Json, read_evidence
from mlopsctl.engine.judging import definitions, worded
from mlopsctl.engine.scanning import scan_stored
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DeployStage, EvaluateStage, Pipeline
from mlopsctl.release import faults
from mlopsctl.release.copying import RUNS, is_same
from mlopsctl.release.provenance import verified_provenance
from mlopsctl.release.rejection import Rejection, rejection_of, standing
from mlopsctl.store import BlobCorrupt, BlobMissing, Release, RunRecord, Store, StoreError, short_run

_WELL = ("done", "cached")
_MOST_TOLD = 3  # runs of which it is said why they can't be promoted


@frozen(kw_only=True)
class Promotable:
    """A run that may be promoted, its release, and what that was judged by; `warned` is what a reviewer should know."""

    record: RunRecord
    release: Release
    evidence: Evidence
    warned: tuple[Diagnostic, ...] = ()


@frozen(kw_only=True)
class Choice:
    """Where a run is looked for: `source` is the store of the environment before, `target` that of the next one.

    `pinned` is the run that git names in the environment before, if git decides there; None where runs do.
    """

    pipeline: Pipeline  # as it is in the next environment
    environment: str  # the one before
    source: Store
    target: Store
    pinned: str | None


def choose(choice: Choice, run: str) -> Promotable:
    """The run to promote: `run`, or without one the newest that can be. Raises DiagnosedError, StoreError."""
    rejections = [
        *standing(choice.source),
        *(() if is_same(choice.source, choice.target) else standing(choice.target)),
    ]
    if run:
        return _checked(choice, run, rejections)
    seen: list[str] = []
    for name in choice.source.record_ids(RUNS) if choice.pinned is None else filter(None, [choice.pinned]):
        record = _record(choice.source, name)
        if record is None or record.pipeline != choice.pipeline.name:
            continue
        if choice.pinned is None and record.environment != choice.environment:
            continue
        why = _why_passed_over(record, rejections)
        if not why:
            return _checked(choice, name, rejections)
        seen.append(f"{short_run(name)}: {why}")
    raise DiagnosedError(
        faults.nothing_to_promote(choice.pipeline.name, choice.environment, seen[:_MOST_TOLD] or ["there is no run"])
    )


def _why_passed_over(record: RunRecord, rejections: Iterable[Rejection]) -> str:
    """Why the newest good run is an older one, or nothing."""
    if record.outcome not in _WELL:
        return record.outcome
    if record.release is None:
        return "let nothing new serve"
    found = rejection_of(record.run, record.release.model.digest, rejections)
    return f"rejected by {found.by}: {found.reason}" if found else ""


def _checked(choice: Choice, run: str, rejections: Iterable[Rejection]) -> Promotable:
    record = _record(choice.source, run)
    short = short_run(run)
    if record is None:
        raise DiagnosedError(faults.run_unfit(short, f"the store of `{choice.environment}` has no record of it"))
    if record.pipeline != choice.pipeline.name:
        raise DiagnosedError(faults.run_unfit(short, f"it is a run of `{record.pipeline}`"))
    _expect_served(choice, record)
    release = record.release
    if record.outcome not in _WELL or release is None:
        raise DiagnosedError(faults.run_unfit(short, *_why_unfit(record)))
    if found := rejection_of(run, release.model.digest, rejections):
        raise DiagnosedError(faults.rejected(short, found.by, found.at, found.reason))
    _expect_required(choice.pipeline, record)
    evidence = _evidence(choice.source, record, release)
    if missing := list(gates_not_judged(choice.pipeline, evidence, short)):
        raise DiagnosedError(*missing)
    warned = _scanned(choice, release)
    return Promotable(record=record, release=release, evidence=evidence, warned=warned)


def _scanned(choice: Choice, release: Release) -> tuple[Diagnostic, ...]:
    """What is odd about unpickling the model, by what is known today. Raises DiagnosedError if it is too much."""
    deploys = {stage.name: stage for stage in choice.pipeline.of_kind(DeployStage)}
    stage = deploys.get(str(release.server.get("stage")))
    if stage is None:
        return ()
    try:
        found = scan_stored(choice.source, stage, release.model)
    except (BlobMissing, BlobCorrupt) as error:
        raise DiagnosedError(faults.blob_damaged(short_run(release.run), "the model", error.message)) from error
    if found.refused:
        raise DiagnosedError(*found.refused)
    return found.warned


def _expect_served(choice: Choice, record: RunRecord) -> None:
    """Raise DiagnosedError for a run that isn't of the environment before, or that git doesn't name there."""
    short = short_run(record.run)
    if choice.pinned is None and record.environment != choice.environment:
        raise DiagnosedError(
            faults.run_unfit(short, f"it is a run in `{record.environment}`, not in `{choice.environment}`")
        )
    if choice.pinned is not None and record.run != choice.pinned:
        why = (
            f"what git names in `{choice.environment}` is run {short_run(choice.pinned)}"
            if choice.pinned
            else (f"git names nothing yet in `{choice.environment}`")
        )
        helps = (f"mlopsctl promote {record.pipeline} --to {choice.environment} --run {short}, and merge that first",)
        raise DiagnosedError(faults.run_unfit(short, why, helps=helps))


def _why_unfit(record: RunRecord) -> tuple[str, list[str], list[str]]:
    """Why a run has nothing to promote, the checks that don't hold, and what shows more."""
    short = short_run(record.run)
    shows = [f"mlopsctl runs show {short} --env {record.environment}"]
    if record.outcome in _WELL:
        return "it let nothing serve that did not serve before", [], shows
    broken = [
        f"{name}: {check['expectation']}, observed {check['observed']}"
        for name, stage in record.stages.items()
        for check in stage.checks
        if not check["holds"]
    ]
    ended = [
        f"{name} {stage.outcome}" for name, stage in record.stages.items() if stage.outcome in ("failed", "refused")
    ]
    return f"it ended as {record.outcome}", broken or ended, shows


def _expect_required(pipeline: Pipeline, record: RunRecord) -> None:
    """Raise DiagnosedError unless all that the deployment requires ended well in the run."""
    for deploy in pipeline.of_kind(DeployStage):
        for required in deploy.requires:
            kept = record.stages.get(required.name)
            if kept is None or kept.outcome not in _WELL or not all(check["holds"] for check in kept.checks):
                how = "is not in it" if kept is None else f"ended as {kept.outcome}"
                why = f"`{deploy.name}` requires `{required.name}`, which {how}"
                raise DiagnosedError(faults.run_unfit(short_run(record.run), why))


def _evidence(store: Store, record: RunRecord, release: Release) -> Evidence:
    """The evidence of a release, which has to be about its model. Raises DiagnosedError."""
    short = short_run(record.run)
    try:
        evidence = read_evidence(store, release.evidence)
    except StoreError as error:
        raise DiagnosedError(faults.evidence_wrong(short, error.message)) from error
    if (evidence.pipeline, evidence.model) != (release.pipeline, release.model.digest):
        why = f"it is about the model {evidence.model} of `{evidence.pipeline}`"
        raise DiagnosedError(faults.evidence_wrong(short, why))
    verified = verified_provenance(store, release)
    if release.provenance and verified.wrong:
        raise DiagnosedError(faults.evidence_wrong(short, f"its provenance: {verified.wrong}"))
    if broken := [check for check in evidence.checks if not check["holds"]]:
        raise DiagnosedError(faults.evidence_wrong(short, f"{broken[0]['expectation']} does not hold in it"))
    return evidence


def gates_not_judged(pipeline: Pipeline, evidence: Evidence, run: str) -> Iterator[Diagnostic]:
    """Each gate of the pipeline that a deployment requires and that a run was not judged by, nor by a stricter one."""
    required = {named.name for deploy in pipeline.of_kind(DeployStage) for named in deploy.requires}
    for stage in pipeline.of_kind(EvaluateStage):
        judged = evidence.gates.get(stage.name, [])
        for gate, wanted in zip(stage.gates, definitions(stage), strict=True):
            if stage.name in required and not any(_is_as_strict(found, wanted) for found in judged):
                yield faults.gate_not_judged(gate.origin.node.span, run, stage.name, map(worded, judged))


def _is_as_strict(judged: Json, wanted: Mapping[str, object]) -> bool:
    """Whether what passed the gate `judged` passes `wanted`: the same figure, held against no wider a bound."""
    bounds = {"min": (1, None), "max": (-1, None), "margin": (1, 0.0), "tolerance": (-1, 0.0), "minSamples": (-1, 0)}
    if any(judged.get(name) != wanted.get(name) for name in {*judged, *wanted} - bounds.keys()):
        return False
    for name, (sign, default) in bounds.items():
        asked, kept = wanted.get(name, default), judged.get(name, default)
        if asked is None:
            continue
        if kept is None or sign * float(str(kept)) < sign * float(str(asked)):
            return False
    return True


def _record(store: Store, run: str) -> RunRecord | None:
    document = store.read_record(RUNS, run) if run else None
    return RunRecord.from_json(document) if document else None
