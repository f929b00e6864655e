"""Runs by their names, in the store of one environment or of several."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlopsctl.cli.run_names import no_such_run
from mlopsctl.cli.screen import Screen
from mlopsctl.cli.stores import all_environments, store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.report.comparison import KeptRun
    from mlopsctl.store import RunRecord, Store

_SECONDS = 10.0  # for one of several stores that doesn't answer


@frozen(kw_only=True)
class FoundRuns:
    """The ids of all runs, each with a store that has it. `looked` says where else was looked, if anywhere."""

    stores: "Mapping[str, Store]"
    looked: tuple[str, ...] = ()

    def named(self, name: str) -> "KeptRun":
        """A run by the beginning of its id, or the newest as `latest`, with the results of its stages that are kept.

        Raises DiagnosedError if it isn't there, or could be any of several; StoreError.
        """
        ids = sorted((run for run in self.stores if name == "latest" or run.startswith(name.upper())), reverse=True)
        if name == "latest":
            ids = ids[:1]
        if len(ids) != 1:
            raise DiagnosedError(no_such_run(name, ids, self.looked))
        return _kept(self.stores[ids[0]], ids[0])


def found_runs(screen: Screen, environments: Sequence[str], asked: str) -> FoundRuns:
    """The runs in the stores of these environments, or of all if none is named; or in the store that is asked for.

    Of several stores those that don't answer are named where a run is missed. Raises StoreError for the only one.
    """
    from mlopsctl.store import Patience

    names = environments or (["local"] if asked else all_environments(screen.load()))
    patience = Patience(seconds=_SECONDS, retries=0) if len(names) > 1 else None
    stores = {name: store_of(screen.compile(environment=name), asked, patience=patience) for name in names}
    if len(names) == 1:
        (only,) = stores.values()
        return FoundRuns(stores=dict.fromkeys(only.record_ids("runs"), only))
    return _merged(stores)


def read_run(store: "Store", run: str) -> "RunRecord":
    """The record of a run that the store has. Raises StoreError."""
    from mlopsctl.store import RunRecord

    return RunRecord.from_json(store.read_record("runs", run) or {})


def _merged(stores: "Mapping[str, Store]") -> FoundRuns:
    """The runs of several stores, by environment, of which some may be the same."""
    from concurrent.futures import ThreadPoolExecutor

    from mlopsctl.store import StoreError

    def ids_of(store: "Store") -> list[str] | StoreError:
        try:
            return store.record_ids("runs")
        except StoreError as error:
            return error

    by_url = {store.url: store for store in stores.values()}
    with ThreadPoolExecutor() as pool:  # those that can't be reached are waited for at once
        answers = dict(zip(by_url, pool.map(ids_of, by_url.values()), strict=True))
    runs: dict[str, Store] = {}
    looked = [f"looked for in the stores of {', '.join(stores)}"]
    for name, store in stores.items():
        answer = answers[store.url]
        if isinstance(answer, StoreError):
            looked.append(f"not reached: {name}: {answer.message}")
        else:
            runs |= {run: store for run in answer if run not in runs}
    return FoundRuns(stores=runs, looked=tuple(looked))


def _kept(store: "Store", run: str) -> "KeptRun":
    from mlopsctl.engine.results import result_in
    from mlopsctl.report.comparison import KeptRun

    record = read_run(store, run)
    found = {name: result_in(store, record.run, stage) for name, stage in record.stages.items()}
    return KeptRun(record, {name: result for name, result in found.items() if result is not None})
