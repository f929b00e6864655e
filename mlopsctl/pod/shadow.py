"""A version in shadow: it gets copies of requests, whose answers nobody sees, before it answers any.

The servers of what serves make the copies and say what came of them. This end says for how long, and reads that.
"""

import select
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from mlopsctl.engine.shadowing import (
    LEASE,
    LOOKED,
    Place,
    Shadow,
    Tally,
    is_noticed,
    rank,
    read_tally,
    write_shadow,
)
from mlopsctl.events import Check
from mlopsctl.ir.parts import Rollout
from mlopsctl.pod.asking import Watched
from mlopsctl.pod.traffic import Traffic
from mlopsctl.store import timestamp

_KNOWN_IN = 60.0  # seconds, at most, until the first server copies; then the time begins
_RENEWED = 20.0  # in which it is also found out that people have stopped the pipeline
_PAUSE = 1.0
_TO_TELL = 2.0


def in_the_shadow(shadow: Shadow, seconds: float, traffic: Traffic) -> Tally:
    """What came of the copies for so long, once the first server makes some.

    It ends early if people stop the pipeline or the program. Raises DiagnosedError if another release comes to serve,
    ClusterError, StoreError.
    """
    session = traffic.session
    place = Place(session.pipeline.environment, session.pipeline.name, traffic.stage.name)
    until, is_known = monotonic() + _KNOWN_IN + seconds, False
    try:
        while not _is_stopped(traffic):
            traffic.expect_not_overtaken()
            write_shadow(session.store, place, replace(shadow, until=timestamp(datetime.now(UTC) + LEASE)))
            if not is_known and is_noticed(session.store, shadow):
                until, is_known = min(until, monotonic() + seconds), True
            if (left := until - monotonic()) <= 0:
                break
            select.select([session.stop], [], [], min(left, _RENEWED if is_known else _PAUSE))
    finally:
        write_shadow(session.store, place, replace(shadow, until=timestamp(datetime.now(UTC))))
    select.select([session.stop], [], [], _until_told(shadow))
    return read_tally(session.store, shadow)


def seen_in(tally: Tally) -> Watched:
    """The copies as `rollout.checks` are held against them."""
    p99 = rank(tally.milliseconds, 99)
    return Watched(tally.copies, tally.errors, None if p99 is None else float(p99), tally.first)


def described(rollout: Rollout, tally: Tally) -> Check:
    """What the copies showed beside that, for who looks at the evidence."""
    expectation = f"copies of {(rollout.shadow or 0.0) * 100:.4g}% of the requests for {rollout.shadow_for or 0.0:g} s"
    return Check(expectation=expectation, observed=", ".join(_words(tally)), verdict="seen", holds=True)


def _words(tally: Tally) -> Iterator[str]:
    yield f"{tally.copies:,} answered or failed" if tally.copies else "there were none"
    if tally.left_out:
        yield f"{tally.left_out:,} left out"
    if tally.compared:
        yield f"{tally.differing / tally.compared:.1%} of {tally.compared:,} answers differ"
    if (p99 := rank(tally.served_in, 99)) is not None:
        yield f"p99 of what serves {p99:,} ms"


def _is_stopped(traffic: Traffic) -> bool:
    return traffic.session.stop.is_set() or traffic.in_service.override() is not None


def _until_told(shadow: Shadow) -> float:
    """Seconds in which the servers see that it is over, and say what they saw last."""
    return 2 * min(LOOKED, shadow.every) + _TO_TELL
