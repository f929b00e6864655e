"""A command of a stage that is distributed: on the nodes of a cluster, else as processes of this machine.

Here they meet on the loopback interface. However they are run, what comes of them is told by one end and one log.
"""

import select
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.endpoint import HOST, free_ports
from mlopsctl.engine.ranks import Rank, RankEnd, decisive, rank_line
from mlopsctl.engine.session import Session
from mlopsctl.events import Event, StageOutput
from mlopsctl.frozen import frozen
from mlopsctl.ir.lower_stages import METRICS
from mlopsctl.runtime.output import BoundedLog
from mlopsctl.runtime.step import Place, StepResult
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Artifact, Store

if TYPE_CHECKING:
    from mlopsctl.engine.attempts import Attempts

_LOG_LIMIT = 64 * 1024 * 1024  # bytes, as for the log of one command


@frozen(kw_only=True)
class Together:
    """What came of all ranks. `where` says which failed; `log` is what all printed, one after the other."""

    result: StepResult
    place: Place
    log: Artifact | None
    where: str


def together(attempts: "Attempts", count: int) -> Together:
    """Run the command `count` times at once. Raises DiagnosedError, StoreError and OSError as an attempt does."""
    session = attempts.session
    folder = session.workspace.folder / f"{attempts.label}-{attempts.count}"
    folder.mkdir(parents=True)
    if session.nodes is not None:
        ends = session.nodes.run(session, attempts.stage, attempts.job)
    else:
        ends = _here(attempts, count)
    end = decisive(ends, is_stopped=session.stop.is_set())
    if end.faults:
        raise DiagnosedError(*end.faults)
    result = end.result
    if result.succeeded:
        result = replace(result, paths={**_fetched(attempts, result, folder), **result.paths})
    return Together(
        result=result,
        place=Place(folder, folder / "code"),
        log=_whole_log(ends, folder, session.store),
        where="" if result.succeeded else f"rank {end.rank} of {count}",
    )


def _here(attempts: "Attempts", count: int) -> list[RankEnd]:
    """How each rank ended, as a process of this machine."""
    (port,) = free_ports(0)
    ranks = [Rank(number=number, count=count, address=HOST, port=port) for number in range(count)]
    with _stopping_with(attempts.session.stop) as stop, ThreadPoolExecutor(count, attempts.label) as pool:
        return list(pool.map(lambda rank: _as_rank(attempts, rank, stop), ranks))


def _as_rank(attempts: "Attempts", rank: Rank, stop: Stop) -> RankEnd:
    """One of them; if it doesn't end well, the others are asked to end."""
    session = replace(attempts.session, emit=_telling(attempts.session, rank.number), stop=stop)
    own = replace(attempts, rank=rank, session=session, label=f"{attempts.label}-{attempts.count}/{rank.number}")
    is_well = False
    try:
        end = own.run_rank()
        is_well = end.result.succeeded
    finally:
        if not is_well:
            stop.set()
    return end


def _telling(session: Session, rank: int) -> Callable[[Event], None]:
    """How what a rank prints is told: with its number."""

    def tell(event: Event) -> None:
        session.emit(replace(event, line=rank_line(rank, event.line)) if isinstance(event, StageOutput) else event)

    return tell


@contextmanager
def _stopping_with(outer: Stop) -> Iterator[Stop]:
    """A request to stop of one's own, which is made as well when the other is."""
    with Stop() as stop, Stop() as over:

        def watch() -> None:
            select.select([outer, over], [], [])
            if outer.is_set():
                stop.set()

        watching = threading.Thread(target=watch, name="stop of ranks", daemon=True)
        watching.start()
        try:
            yield stop
        finally:
            over.set()
            watching.join()


def _fetched(attempts: "Attempts", result: StepResult, folder: Path) -> Mapping[str, Path]:
    """The metrics, which are read here, of a command that ran elsewhere."""
    metrics = result.outputs.get(METRICS)
    if metrics is None or METRICS in result.paths:
        return {}
    path = folder / "outputs" / attempts.stage.outputs[METRICS].path
    path.parent.mkdir(parents=True, exist_ok=True)
    attempts.session.store.fetch_artifact(metrics, path)
    return {METRICS: path}


def _whole_log(ends: Sequence[RankEnd], folder: Path, store: Store) -> Artifact | None:
    """What all ranks printed as one log in the store, one rank after the other; None if they printed nothing."""
    whole, part = folder / "log.txt", folder / "log.part"
    with BoundedLog(whole, _LOG_LIMIT) as log:
        for end in ends:
            if end.log is None:
                continue
            store.fetch_artifact(end.log, part, link=True)
            with part.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    log.write(rank_line(end.rank, line.rstrip("\n") + "\n").encode())
            part.unlink()
    return store.put_artifact(whole) if whole.stat().st_size else None
