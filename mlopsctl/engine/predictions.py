"""What models were asked and answered, as the store keeps it: batches, each written at once, in a folder for each hour.

A batch is a record of the kind `predictions.ENVIRONMENT.PIPELINE.STAGE.HOUR`, and its ULID says when it was written.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from os import urandom
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.store import PredictionBatch, RecordDamaged, Store, new_ulid, ulid_time

Json = dict[str, Any]

_HOUR = timedelta(hours=1)
_ID_BYTES = 10
_LOOKED_BACK = 7 * 24  # hours


@frozen
class Watched:
    """The deploy stage whose predictions are meant."""

    environment: str
    pipeline: str
    stage: str


def add_batch(store: Store, batch: PredictionBatch, now: datetime) -> None:
    """Keep a batch as of now. Raises StoreError."""
    watched = Watched(batch.environment, batch.pipeline, batch.stage)
    store.add_record(_kind(watched, now), moment_id(now), batch.to_json())


def read_batches(store: Store, watched: Watched, since: datetime, until: datetime) -> Iterator[PredictionBatch]:
    """The batches that were written after `since` and until `until`, the newest first. Raises StoreError.

    A batch that nobody can read is left out: the others are no worse for it.
    """
    first, last = moment_id(since, random=b"\xff" * _ID_BYTES), moment_id(until, random=b"\xff" * _ID_BYTES)
    hour = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour + _HOUR > since:
        kind = _kind(watched, hour)
        for name in store.record_ids(kind):
            if first < name <= last:
                with suppress(RecordDamaged):
                    yield PredictionBatch.from_json(store.read_record(kind, name) or {})
        hour -= _HOUR


def read_requests(store: Store, watched: Watched, run: str, since: datetime, until: datetime) -> Iterator[Json]:
    """What the model of a run was asked and answered, the newest first. Raises StoreError."""
    for batch in read_batches(store, watched, since, until):
        if batch.run == run:
            yield from reversed(batch.predictions)


def find_request(store: Store, watched: Watched, request: str, until: datetime) -> PredictionBatch | None:
    """The batch with the request of this id, if it was kept. Raises StoreError.

    An id that we gave says when that was; for another one the batches of a week are read, those of an hour at once.
    """
    given = ulid_time(request)
    last = until if given is None else datetime.fromtimestamp(given / 1000, UTC) + _HOUR
    hour = last.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for _ in range(_LOOKED_BACK if given is None else 2):
        kind = _kind(watched, hour)
        for document in store.read_records(kind, store.record_ids(kind)).values():
            with suppress(RecordDamaged):
                batch = PredictionBatch.from_json(document)
                if any(each.get("request") == request for each in batch.predictions):
                    return batch
        hour -= _HOUR
    return None


def moment_id(moment: datetime, *, random: bytes | None = None) -> str:
    """An id for what is kept at this moment, which sorts by it."""
    return new_ulid(int(moment.timestamp() * 1000), urandom(_ID_BYTES) if random is None else random)


def _kind(watched: Watched, moment: datetime) -> str:
    hour = moment.astimezone(UTC).strftime("%Y-%m-%dT%H")
    return f"predictions.{watched.environment}.{watched.pipeline}.{watched.stage}.{hour}"
