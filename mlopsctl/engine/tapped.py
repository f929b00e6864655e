"""A server with a tap before it: a share of its predictions is kept, and what it does is told to who scrapes it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from mlopsctl.engine.copying import Copies
from mlopsctl.engine.drift_state import MonitorState
from mlopsctl.engine.endpoint import HOST
from mlopsctl.engine.keeping import Keeping
from mlopsctl.engine.prediction_log import PredictionLog, Served
from mlopsctl.engine.serving_metrics import PATH, Counted, LastChecks, page_of
from mlopsctl.engine.shadowing import Place
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.runtime.exposition import CONTENT_TYPE
from mlopsctl.runtime.page import page
from mlopsctl.runtime.tap import Exchange, Tap
from mlopsctl.runtime.traffic import Traffic
from mlopsctl.store import Store


@frozen(kw_only=True)
class Tapped:
    """A server on a port of this machine, where others reach it on `port`, and its metrics on `metrics`.

    `monitors` are those that watch it. `copying` is the digest that describes what it serves, if it is to copy requests
    for a version in shadow.
    """

    server: int
    host: str
    port: int
    metrics: int
    keeping: Keeping
    monitors: tuple[str, ...]
    copying: str = ""


@frozen
class Listening:
    """The ports on which a server answers, and its metrics."""

    port: int
    metrics: int


@contextmanager
def tapped(server: Tapped, store: Store, served: Served, on_line: Callable[[str], None]) -> Iterator[Listening]:
    """Read along with a server while the block goes on. Raises OSError if a port is taken."""
    traffic = Traffic()
    with ExitStack() as running:
        log = running.enter_context(PredictionLog(store, served, server.keeping, on_line))

        place = Place(served.environment, served.pipeline, served.stage)
        copies = running.enter_context(Copies(store, place, server.copying, on_line)) if server.copying else None

        def tell(exchange: Exchange) -> None:
            traffic.count(exchange.status, exchange.seconds)
            if exchange.chance < server.keeping.requests:
                log.offer(exchange)
            if copies is not None:
                copies.offer(exchange)

        def share() -> float:
            return max(server.keeping.requests, copies.share if copies is not None else 0.0)

        states = [MonitorState(served.environment, served.pipeline, monitor) for monitor in server.monitors]
        checks = LastChecks(store, states)
        labels = {"environment": served.environment, "pipeline": served.pipeline, "stage": served.stage}
        model = {"run": served.run, "model": served.model}
        counted = Counted(traffic=traffic, logged=log.counted)

        def metrics() -> str:
            return page_of(labels, model, counted, checks.known())

        scraped = page(PATH, metrics, content_type=CONTENT_TYPE, host=server.host, port=server.metrics)
        listening = running.enter_context(scraped)
        tap = Tap((HOST, server.server), host=server.host, port=server.port, share=share, tell=tell)
        yield Listening(running.enter_context(tap).port, listening)


def monitors_of(pipeline: Pipeline, stage: str) -> tuple[str, ...]:
    """The monitors that watch a deploy stage."""
    return tuple(monitor.name for monitor in pipeline.of_kind(MonitorStage) if monitor.watches.name == stage)
