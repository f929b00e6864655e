"""What a server tells of itself to Prometheus: requests, what is kept of them, and what monitors found last.

A monitor's pod is gone before anybody could scrape it, and the server is there, so it tells of both. See
docs/decisions/0033-servers-tell-metrics.md.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic

from mlopsctl.engine.drift_state import MonitorState
from mlopsctl.frozen import frozen
from mlopsctl.runtime.exposition import Family, Sample, exposition, histogram
from mlopsctl.runtime.traffic import LIMITS, Traffic
from mlopsctl.store import DriftCheck, Store, StoreError

PATH = "/metrics"
_FRESH_SECONDS = 30.0

Labels = Mapping[str, str]


@frozen(kw_only=True)
class Counted:
    """What is counted in a server: answers, and what became of those that were to be kept, by name."""

    traffic: Traffic
    logged: Callable[[], Mapping[str, int]]


class LastChecks:
    """The last check of each monitor, read in the background when it is asked for, so that nobody waits for a store."""

    def __init__(self, store: Store, monitors: Sequence[MonitorState]) -> None:
        self._store, self._monitors = store, monitors
        self._found: dict[str, DriftCheck] = {}
        self._lock = threading.Lock()
        self._read: float | None = None

    def known(self) -> list[DriftCheck]:
        """What is known now; it is half a minute old at most if this was asked before."""
        with self._lock:
            is_old = self._read is None or monotonic() - self._read > _FRESH_SECONDS
            if is_old and self._monitors:
                self._read = monotonic()
                threading.Thread(target=self.read, name="last checks", daemon=True).start()
        return list(self._found.values())

    def read(self) -> None:
        """Read them; where the store can't be read, what was known stays."""
        for monitor in self._monitors:
            try:
                check = monitor.last(self._store)
            except StoreError:
                return
            if check is not None:
                self._found[monitor.monitor] = check


def page_of(labels: Labels, model: Labels, counted: Counted, checks: Sequence[DriftCheck]) -> str:
    """The page. `labels` are of every sample, `model` says what serves."""
    return exposition((*_of_server(labels, model, counted), *_of_monitors(labels, checks)))


def _of_server(labels: Labels, model: Labels, counted: Counted) -> Iterator[Family]:
    yield Family("mlopsctl_model_info", "gauge", "What serves.", [Sample({**labels, **model}, 1)])
    answered = counted.traffic.answered().items()
    samples = [
        sample
        for status, answers in answered
        for sample in histogram({**labels, "code": str(status)}, LIMITS, answers.counts, answers.seconds)
    ]
    name = "mlopsctl_request_duration_seconds"
    yield Family(name, "histogram", "How long requests for predictions took to be answered.", samples)
    logged = [Sample({**labels, "outcome": outcome}, count) for outcome, count in counted.logged().items()]
    yield Family("mlopsctl_logged_requests_total", "counter", "What became of requests that were to be kept.", logged)


def _of_monitors(labels: Labels, checks: Sequence[DriftCheck]) -> Iterator[Family]:
    of = [(check, {**labels, "monitor": check.monitor}) for check in checks]
    judged = [(check.performance, own) for check, own in of if check.performance is not None]
    yield _gauge(
        "last_check_timestamp_seconds",
        "When the monitor checked last.",
        [Sample(own, datetime.fromisoformat(check.until).timestamp()) for check, own in of],
    )
    yield _gauge(
        "compared_requests",
        "How many requests the last check compared.",
        [Sample(own, check.requests) for check, own in of if check.reference is not None],
    )
    yield _gauge(
        "distance",
        "How far a column of requests was from the reference in the last check.",
        [
            Sample({**own, "column": column["column"], "method": check.method}, column["distance"])
            for check, own in of
            for column in check.columns
            if column["distance"] is not None
        ],
    )
    yield _gauge(
        "threshold",
        "The distance above which a column has drifted.",
        [Sample(own, check.threshold) for check, own in of if check.reference is not None],
    )
    yield _gauge(
        "performance",
        "What predictions were worth in the last check, by the metric that the monitor names.",
        [Sample({**own, "metric": each["metric"]}, each["value"]) for each, own in judged if each["value"] is not None],
    )
    yield _gauge(
        "known_outcomes",
        "Of how many predictions the last check knew what came true.",
        [Sample(own, each["known"]) for each, own in judged],
    )
    drift = [Sample({**own, "of": "drift"}, check.breaches) for check, own in of if check.reference is not None]
    performance = [Sample({**own, "of": "performance"}, each["breaches"]) for each, own in judged]
    yield _gauge("breaches", "How many checks in a row found this.", [*drift, *performance])


def _gauge(name: str, help_text: str, samples: Sequence[Sample]) -> Family:
    return Family(f"mlopsctl_monitor_{name}", "gauge", help_text, samples)
