"""Keeping predictions beside a server that must not notice: what waits is bounded, and what is too much is counted.

A thread of its own takes exchanges from a queue, makes columns of them, leaves out what is personal, and writes them in
batches. While the store can't be reached they wait, up to a limit, and then the newest are lost.
"""

import json
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import Any, Self

from mlopsctl.engine.keeping import Keeping
from mlopsctl.engine.predictions import add_batch, moment_id
from mlopsctl.frozen import frozen
from mlopsctl.runtime.payload import columns_of
from mlopsctl.runtime.tap import Exchange
from mlopsctl.store import PredictionBatch, Store, StoreError, timestamp

BATCH_SECONDS = 10.0
BATCH_REQUESTS = 1000
BATCH_BYTES = 1024 * 1024
MOST_WAITING = 2000
MOST_BYTES = 32 * 1024 * 1024
_LAST_SECONDS = 5.0  # for the last batch, where the store may be what is wrong


@frozen(kw_only=True)
class Served:
    """What answers."""

    pipeline: str
    environment: str
    stage: str
    run: str
    model: str


class PredictionLog:
    """Keeps exchanges for as long as the `with` block does. `on_line` is told when that fails, and when it works."""

    def __init__(self, store: Store, served: Served, keeping: Keeping, on_line: Callable[[str], None]) -> None:
        self._store, self._served, self._keeping, self._on_line = store, served, keeping, on_line
        self._queue: queue.Queue[Exchange | None] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._bytes = 0
        self._lost = 0
        self._unreadable = 0
        self._counted = dict.fromkeys(("kept", "lost", "unreadable"), 0)  # since the start, for whom it may concern
        self._waiting: list[dict[str, Any]] = []
        self._waiting_bytes = 0
        self._since = 0.0  # when the first of them came, or the store failed last
        self._is_failing = False
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prediction log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        with suppress(queue.Full):  # then it isn't waiting for more
            self._queue.put_nowait(None)
        self._thread.join(_LAST_SECONDS)

    def offer(self, exchange: Exchange) -> None:
        """Keep it in a while. Returns at once; with too much waiting it is lost, and counted."""
        size = _size(exchange)
        with self._lock:
            if self._bytes + size > MOST_BYTES or self._queue.full():
                self._lose()
                return
            self._bytes += size
        self._queue.put_nowait(exchange)  # this thread alone puts any

    def counted(self) -> dict[str, int]:
        """How many exchanges were kept, lost, and without columns, since it began."""
        return dict(self._counted)

    def _lose(self) -> None:
        """Count one that is lost; the lock is held."""
        self._lost += 1
        self._counted["lost"] += 1

    def _work(self) -> None:
        while not (self._ends.is_set() and self._queue.empty()):
            try:
                exchange = self._queue.get(timeout=self._patience())
            except queue.Empty:
                exchange = None
            if exchange is not None:
                self._take(exchange)
            if self._is_due():
                self._write()
        self._write()

    def _patience(self) -> float:
        """How long to wait for an exchange before what is there is written."""
        return max(self._since + BATCH_SECONDS - monotonic(), 0.05) if self._waiting else BATCH_SECONDS

    def _take(self, exchange: Exchange) -> None:
        with self._lock:
            self._bytes -= _size(exchange)
        if exchange.status // 100 != HTTPStatus.OK // 100:
            return  # nothing was predicted
        prediction = self._prediction(exchange)
        if prediction is None:
            self._unreadable += 1
            self._counted["unreadable"] += 1
        elif len(self._waiting) >= MOST_WAITING:
            with self._lock:
                self._lose()
        else:
            if not self._waiting:
                self._since = monotonic()
            self._waiting.append(prediction)
            self._waiting_bytes += _size(exchange)

    def _prediction(self, exchange: Exchange) -> dict[str, Any] | None:
        """The exchange as it is kept, or None if it has no columns that may be."""
        try:
            asked, answered = (json.loads(body) if body else None for body in (exchange.request, exchange.response))
        except (ValueError, RecursionError):
            return None
        inputs, outputs = columns_of(asked), columns_of(answered)
        if inputs is None:
            return None
        began = datetime.fromtimestamp(exchange.began, UTC)
        body_id = asked.get("id") if isinstance(asked, dict) else None
        return {
            "time": timestamp(began),
            "request": str(body_id or exchange.request_id or moment_id(began)),
            "seconds": round(exchange.seconds, 6),
            "inputs": self._keeping.inputs(inputs),
            "outputs": self._keeping.outputs(outputs or {}),
        }

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        is_full = len(self._waiting) >= BATCH_REQUESTS or self._waiting_bytes >= BATCH_BYTES
        return (is_full and not self._is_failing) or monotonic() - self._since >= BATCH_SECONDS

    def _write(self) -> None:
        if not self._waiting:
            return
        now = datetime.now(UTC)
        with self._lock:
            lost = self._lost
        batch = PredictionBatch(
            **asdict(self._served),
            began=self._waiting[0]["time"],
            ended=self._waiting[-1]["time"],
            predictions=self._waiting,
            lost=lost,
            unreadable=self._unreadable,
        )
        try:
            add_batch(self._store, batch, now)
        except StoreError as error:
            self._since = monotonic()  # and so it is tried again in a while
            if not self._is_failing:
                self._on_line(f"predictions wait to be kept: {error}")
            self._is_failing = True
            return
        if self._is_failing:
            self._on_line("predictions are kept again" + (f"; {lost} were lost" if lost else ""))
        self._is_failing = False
        self._counted["kept"] += len(self._waiting)
        self._waiting, self._waiting_bytes, self._unreadable = [], 0, 0
        with self._lock:
            self._lost -= lost


def _size(exchange: Exchange) -> int:
    return len(exchange.request or b"") + len(exchange.response or b"")
