"""What a check for drift compares: what a model was asked of late, by column."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mlopsctl.engine.predictions import Watched, read_batches
from mlopsctl.frozen import frozen
from mlopsctl.runtime.payload import length
from mlopsctl.store import PredictionBatch, Release, Store

MOST_ROWS = 100_000  # the newest count


@frozen(kw_only=True)
class Window:
    """The predictions of one model: its run and digest, their columns, how many requests and rows, how many lost."""

    run: str = ""
    model: str = ""
    columns: dict[str, list[Any]]
    requests: int = 0
    rows: int = 0
    lost: int = 0


def read_window(store: Store, watched: Watched, release: Release | None, since: datetime, until: datetime) -> Window:
    """The predictions of the release that serves, or where it has none, of what answered last. Raises StoreError."""
    of_run: dict[str, list[PredictionBatch]] = {}
    rows = 0
    for batch in read_batches(store, watched, since, until):
        of_run.setdefault(batch.run, []).append(batch)
        rows += sum(length(each["inputs"]) for each in batch.predictions)
        if rows >= MOST_ROWS:
            break
    if not of_run:
        return Window(columns={})
    run = release.run if release is not None and release.run in of_run else next(iter(of_run))
    batches = of_run[run]
    predictions = [each["inputs"] for batch in batches for each in batch.predictions]
    return Window(
        run=run,
        model=batches[0].model,
        columns=_joined(predictions),
        requests=len(predictions),
        rows=sum(map(length, predictions)),
        lost=sum(batch.lost + batch.unreadable for batch in batches),
    )


def _joined(predictions: Sequence[dict[str, list[Any]]]) -> dict[str, list[Any]]:
    """The cells of all requests by column; a request that lacks a column has nothing in it."""
    names = dict.fromkeys(name for inputs in predictions for name in inputs)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for inputs in predictions:
        absent = [None] * length(inputs)
        for name, cells in columns.items():
            cells.extend(inputs.get(name, absent))
    return columns
