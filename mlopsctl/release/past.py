"""What served at a moment of the past, and how good it was, by the audit logs and the records of runs."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from mlopsctl.engine.audit import Did, Entry, entries
from mlopsctl.frozen import frozen
from mlopsctl.release.chain import standing
from mlopsctl.release.history import RUNS, Place, intervals
from mlopsctl.store import RunRecord, Store, StoreError


@frozen(kw_only=True)
class Then:
    """A pipeline in an environment at a moment. `run` is empty if nothing is known to have served.

    `metrics` are what was measured before it was let in. `stopped` says who had stopped it and why, or is empty.
    """

    environment: str
    pipeline: str
    run: str = ""
    model: str = ""
    since: str = ""
    who: str = ""
    metrics: dict[str, float]
    stopped: str = ""


@frozen(kw_only=True)
class Past:
    """All that is known of a moment; `unreachable` are the environments that couldn't be asked, with the reason."""

    at: datetime
    known: tuple[Then, ...]
    unreachable: dict[str, str]


def past_at(places: Sequence[Place], pipelines: Sequence[str], at: datetime) -> Past:
    """How the pipelines stood in these places at a moment. Raises nothing: who can't be asked is named."""
    known: list[Then] = []
    unreachable: dict[str, str] = {}
    for place in places:
        try:
            log = list(standing(entries(place.store, place.environment)))[::-1]
            before = [entry for entry in log if datetime.fromisoformat(entry.at) <= at]
            known += _then(place, before, pipelines)
        except StoreError as error:
            unreachable[place.environment] = error.message
    return Past(at=at, known=tuple(known), unreachable=unreachable)


def _then(place: Place, log: Sequence[Entry], pipelines: Sequence[str]) -> Iterator[Then]:
    serving = {each.pipeline: each for each in intervals(log) if each.is_now}
    for pipeline in pipelines:
        named = {"environment": place.environment, "pipeline": pipeline, "stopped": _stopped(log, pipeline)}
        each = serving.get(pipeline)
        if each is None:
            yield Then(**named, metrics={})
        else:
            metrics = _metrics(place.store, each.run)
            yield Then(**named, run=each.run, model=each.model, since=each.since, who=each.who, metrics=metrics)


def _stopped(log: Sequence[Entry], pipeline: str) -> str:
    said = [entry for entry in log if entry.deed.pipeline == pipeline and entry.deed.did in (Did.STOPPED, Did.RESUMED)]
    if not said or said[-1].deed.did == Did.RESUMED:
        return ""
    return f"by {said[-1].who}: {said[-1].deed.why}".removesuffix(": ")


def _metrics(store: Store, run: str) -> dict[str, float]:
    """What was measured of a run; nothing if its record is elsewhere."""
    document = store.read_record(RUNS, run)
    record = RunRecord.from_json(document) if document else None
    if record is None:
        return {}
    return (
        record.release.metrics
        if record.release
        else {name: value for stage in record.stages.values() for name, value in stage.metrics.items()}
    )
