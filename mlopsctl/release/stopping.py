"""The kill switch: a pipeline is stopped until somebody resumes it. Traffic comes first, all else after.

Each step can be done again, so whoever finds one that was cut off does the same once more.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from mlopsctl.cluster.errors import ClusterError
from mlopsctl.cluster.override import Overrides, fallback_of
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Document
from mlopsctl.plan.overrides import Override, led_by, override_of


@frozen(kw_only=True)
class Stopped:
    """A pipeline that gets no requests: by which override, and which schedules rest since this call.

    `was_stopped` says that it was somebody before. `fallback` is the name of what answers in its place, or empty;
    `is_answered` whether that takes requests now, None where it can't be seen.
    """

    override: Override
    was_stopped: bool
    schedules: tuple[str, ...]
    fallback: str = ""
    is_answered: bool | None = None


@frozen(kw_only=True)
class Resumed:
    """A pipeline that gets requests again: what had stopped it, or None if nothing had; the run that serves, or empty.

    `schedules` are those that go on.
    """

    override: Override | None
    run: str
    schedules: tuple[str, ...]


def stop(overrides: Overrides, route: Document, override: Override) -> Stopped:
    """Let no request reach the model, then let no schedule begin anything. Raises ClusterError.

    Of a pipeline that is stopped already it is seen to that it is; who did it first stays known.
    """
    before = override_of(route["metadata"])
    held = before or replace(override, led=led_by(route))
    overrides.stop(route, held)
    schedules, fallback = tuple(overrides.suspend()), fallback_of(route)
    found = Stopped(override=held, was_stopped=before is not None, schedules=schedules, fallback=fallback)
    if fallback:
        with suppress(ClusterError):  # which is no reason to say less of what is done
            return replace(found, is_answered=overrides.answers(fallback))
    return found


def resume(overrides: Overrides, route: Document, lead_back: Callable[[], str]) -> Resumed:
    """Let requests reach the model again, then let schedules go on.

    `lead_back` has whom the route belongs to say where requests go, and gives the run whose model gets them, or an
    empty text. Raises ClusterError, and what `lead_back` raises; then it stays stopped.
    """
    before = override_of(route["metadata"])
    run = ""
    if before is not None:
        run = lead_back()
        overrides.lift(route)
    return Resumed(override=before, run=run, schedules=tuple(overrides.let_go_on()))
