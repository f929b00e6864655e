"""What the stores of a project know of its past: runs, what served where and when, what was stopped and rejected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from mlopsctl.engine.audit import Did, Entry, entries
from mlopsctl.engine.releases import read_serving
from mlopsctl.engine.result import made_from
from mlopsctl.engine.results import record_name
from mlopsctl.frozen import frozen
from mlopsctl.release.chain import MOVES, standing
from mlopsctl.store import RecordDamaged, RunRecord, RunStage, StageRecord, Store, StoreError

RUNS, STAGES = "runs", "stages"


@frozen(kw_only=True)
class Pinned:
    """The release that git pins: its run, and the digest of its model."""

    run: str
    model: str


@frozen(kw_only=True)
class Place:
    """An environment with its store; `pinned` are the releases that git pins there by pipeline, None if runs decide."""

    environment: str
    store: Store
    pinned: Mapping[str, Pinned] | None = None


@frozen(kw_only=True)
class Served:
    """A release that serves, or served until `until`, as ISO 8601 like `since`; either is empty where nobody knows."""

    environment: str
    pipeline: str
    run: str
    model: str
    since: str
    until: str = ""
    who: str = ""
    is_now: bool = False


@frozen(kw_only=True)
class History:
    """All that could be read. `stopped` says why, by environment and pipeline; `rejected` by run.

    `unreachable` are the environments whose stores didn't answer, with what they said.
    """

    runs: tuple[RunRecord, ...]
    served: tuple[Served, ...]
    stopped: Mapping[tuple[str, str], str]
    rejected: Mapping[str, str]
    unreachable: Mapping[str, str]


def read_history(places: Sequence[Place], pipelines: Sequence[str]) -> History:
    """What the stores of these places know, each of which is read once. Raises nothing: who can't be asked is named."""
    from concurrent.futures import ThreadPoolExecutor  # here, as short commands don't need it

    runs: dict[str, RunRecord] = {}
    served: list[Served] = []
    stopped: dict[tuple[str, str], str] = {}
    rejected: dict[str, str] = {}
    unreachable: dict[str, str] = {}
    first = {place.store.url: place.environment for place in reversed(places)}

    def told(place: Place) -> _Told | StoreError:
        try:
            return _told(place, pipelines, reads_runs=first[place.store.url] == place.environment)
        except StoreError as error:
            return error

    with ThreadPoolExecutor() as pool:  # those that can't be reached are waited for at once
        for place, found in zip(places, pool.map(told, places), strict=True):
            if isinstance(found, StoreError):
                unreachable[place.environment] = found.message
            else:
                runs |= {record.run: record for record in found.runs}
                served += found.served
                _decide(place.environment, found.log, stopped, rejected)
    newest_first = sorted(runs.values(), key=lambda record: record.run, reverse=True)
    return History(
        runs=tuple(newest_first), served=tuple(served), stopped=stopped, rejected=rejected, unreachable=unreachable
    )


@frozen(kw_only=True)
class _Told:
    """What the store of an environment knows: its runs, its log from the oldest entry on, and what served."""

    runs: Sequence[RunRecord]
    log: Sequence[Entry]
    served: Sequence[Served]


def _told(place: Place, pipelines: Sequence[str], *, reads_runs: bool) -> _Told:
    runs = read_runs(place.store) if reads_runs else []
    log = list(standing(entries(place.store, place.environment)))[::-1]
    return _Told(runs=runs, log=log, served=list(_served(place, log, pipelines)))


def _decide(
    environment: str, log: Sequence[Entry], stopped: dict[tuple[str, str], str], rejected: dict[str, str]
) -> None:
    """Bring what is stopped and what is rejected to where a log, the oldest first, has it at its end."""
    for deed in (entry.deed for entry in log):
        if deed.did == Did.REJECTED:
            rejected[deed.run] = deed.why
        elif deed.did == Did.READMITTED:
            rejected.pop(deed.run, None)
        elif deed.did == Did.STOPPED:
            stopped[environment, deed.pipeline] = deed.why
        elif deed.did == Did.RESUMED:
            stopped.pop((environment, deed.pipeline), None)


def read_runs(store: Store) -> list[RunRecord]:
    """The records of all runs of a store; many at once where each waits for a network. Raises StoreError."""
    records = []
    for document in store.read_records(RUNS, store.record_ids(RUNS)).values():
        try:
            records.append(RunRecord.from_json(document))
        except RecordDamaged:
            continue  # the others are no worse for it
    return _completed(store, records)


def intervals(log: Sequence[Entry]) -> Iterator[Served]:
    """What served and until when, by a log whose entries stand, the oldest first. The last of each pipeline is now."""
    now: dict[str, Served] = {}
    for entry in log:
        deed = entry.deed
        if deed.did not in (*MOVES, Did.APPLIED, Did.TURNED_BACK) or not deed.run:
            continue
        before = now.get(deed.pipeline)
        if before is not None and before.run == deed.run:
            continue  # the same again, as after an apply that changed something else
        if before is not None:
            yield replace(before, until=entry.at, is_now=False)
        now[deed.pipeline] = Served(
            environment=entry.environment,
            pipeline=deed.pipeline,
            run=deed.run,
            model=deed.model,
            since=entry.at,
            who=entry.who,
            is_now=True,
        )
    yield from now.values()


def _served(place: Place, log: Sequence[Entry], pipelines: Sequence[str]) -> Iterator[Served]:
    """What the log says, put right by what serves now: the pointer, or what git pins."""
    found = list(intervals(log))
    names = {*pipelines, *(each.pipeline for each in found)}
    now = {name: actual for name in sorted(names) if (actual := _now(place, name)) is not None}
    for each in found:
        actual = now.get(each.pipeline)
        if each.is_now and actual is not None and actual.run == each.run:
            del now[each.pipeline]
            yield each
        else:
            yield replace(each, is_now=False)
    yield from now.values()


def _now(place: Place, pipeline: str) -> Served | None:
    if place.pinned is not None:
        pinned = place.pinned.get(pipeline)
        found = (pinned.run, pinned.model, "") if pinned else None
    else:
        release = read_serving(place.store, pipeline, place.environment).release
        found = (release.run, release.model.digest, release.since) if release else None
    if found is None:
        return None
    run, model, since = found
    return Served(environment=place.environment, pipeline=pipeline, run=run, model=model, since=since, is_now=True)


def _completed(store: Store, records: Sequence[RunRecord]) -> list[RunRecord]:
    """The records with what older versions kept with the results of the stages alone; all of it is read at once."""

    def lacking(record: RunRecord) -> dict[str, str]:
        stages = record.stages.items()
        return {
            name: record_name(stage.key, stage.cached_from or record.run)
            for name, stage in stages
            if stage.key and not stage.outputs and not stage.made_from and stage.outcome in ("done", "cached")
        }

    wanted = {name for record in records for name in lacking(record).values()}
    results = store.read_records(STAGES, sorted(wanted)) if wanted else {}
    completed = []
    for record in records:
        made = {stage: results[name] for stage, name in lacking(record).items() if name in results}
        stages = {name: _with(stage, made.get(name)) for name, stage in record.stages.items()}
        completed.append(replace(record, stages=stages) if made else record)
    return completed


def _with(stage: RunStage, document: Mapping[str, object] | None) -> RunStage:
    if document is None:
        return stage
    result = StageRecord.from_json(document)
    return replace(stage, made_from=made_from(result), outputs=result.outputs, rows=result.data.get("rows"))
