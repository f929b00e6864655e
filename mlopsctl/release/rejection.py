"""Rejections: that a run's model can't be promoted or come back, who said so, and why.

They are records of the store, added and never changed. A mistake is undone by another record that names what it
withdraws, so the order of two clocks decides nothing.
"""

from collections.abc import Iterable
from dataclasses import field

from mlopsctl.engine.result import StageResult
from mlopsctl.engine.results import result_in
from mlopsctl.engine.session import Session
from mlopsctl.events import Outcome
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DeployStage
from mlopsctl.release import faults
from mlopsctl.store import Artifact, Kept, RunRecord, Store, short_run

REJECTIONS = "rejections"


@frozen(kw_only=True)
class Rejection(Kept):
    """A run that was rejected, or the withdrawal of rejections. `at` is ISO 8601 with UTC offset.

    `model` is the digest of the run's model, empty if it made none that could serve; `withdraws` are ids of rejections.
    `turned_to` is the run that requests were led to at once by it, although git still named the one that is rejected.
    """

    what = "rejection"

    id: str
    run: str
    pipeline: str
    model: str
    by: str
    at: str
    reason: str
    withdraws: list[str] = field(default_factory=list)
    turned_to: str = ""


def keep(store: Store, rejection: Rejection) -> None:
    """Keep a rejection or a withdrawal. Raises StoreError."""
    store.add_record(REJECTIONS, rejection.id, rejection.to_json())


def standing(store: Store) -> list[Rejection]:
    """The rejections that nobody withdrew, the newest first. Raises StoreError."""
    found = [Rejection.from_json(store.read_record(REJECTIONS, name) or {}) for name in store.record_ids(REJECTIONS)]
    withdrawn = {name for each in found for name in each.withdraws}
    return [each for each in found if not each.withdraws and each.id not in withdrawn]


def rejection_of(run: str, model: str, rejections: Iterable[Rejection]) -> Rejection | None:
    """The rejection of a run, or of the model it made: the same bytes are no better for another run's making them."""
    return next((each for each in rejections if each.run == run or (model and each.model == model)), None)


def model_of(store: Store, record: RunRecord) -> str:
    """The digest of the model that a run was to let serve, or empty if it made none. Raises StoreError."""
    if record.release is not None:
        return record.release.model.digest
    deployed = (result_in(store, record.run, stage) for stage in record.stages.values() if stage.kind == "deploy")
    return next((found.outputs["model"].digest for found in deployed if found and "model" in found.outputs), "")


def refusal(session: Session, stage: DeployStage, model: Artifact) -> StageResult | None:
    """The end of a deployment whose model was rejected: no run brings it back. None for others. Raises StoreError."""
    found = rejection_of(session.run, model.digest, standing(session.store))
    if found is None:
        return None
    fault = faults.rejected(short_run(found.run), found.by, found.at, found.reason, stage.origin.value("model"))
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=Outcome.REFUSED,
        summary=f"the model was rejected: {found.reason}",
        diagnostics=(fault,),
    )
