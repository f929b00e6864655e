"""A check for drift from this machine."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from mlopsctl.engine.cache import default_cache
from mlopsctl.engine.drift import Checked, check, keep
from mlopsctl.engine.reference import Reader
from mlopsctl.engine.session import SharedEnvironment
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Store


@frozen(kw_only=True)
class Request:
    """What is asked for; `is_kept` lets the next check begin where this one ends."""

    pipeline: Pipeline
    monitor: MonitorStage
    store: Store
    environ: Mapping[str, str]
    stop: Stop
    is_kept: bool
    on_line: Callable[[str], None]


def look(request: Request) -> Checked:
    """The check, kept if it shall be. Raises DiagnosedError, StoreError."""
    environment = SharedEnvironment(request.pipeline.code, Path(default_cache(request.environ)), request.stop)
    reader = Reader(
        store=request.store,
        python=lambda: environment.get(request.on_line).python,
        stop=request.stop,
    )
    found = check(reader, request.pipeline, request.monitor, datetime.now(UTC))
    if request.is_kept:
        keep(request.store, request.pipeline, request.monitor, found, will_act=False)
    return found
