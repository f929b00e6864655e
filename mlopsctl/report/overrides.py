"""What came of a stop or a resume, for people."""

from collections.abc import Sequence

from mlopsctl.plan.overrides import Override, TurnedBack
from mlopsctl.release.stopping import Resumed, Stopped
from mlopsctl.report.display import shown
from mlopsctl.report.wording import short_run


def render_stopped(found: Stopped, environment: str, *, answer: str) -> str:
    """A few lines. `answer` says what callers get now where nothing is known of a fallback."""
    override = found.override
    already = " already" if found.was_stopped else ""
    lines = [f"{shown(override.pipeline)} is stopped in {shown(environment)}{already}, {by_whom(override)}."]
    lines.append(f"  requests   {_by_fallback(found) if found.fallback else answer}")
    if found.schedules:
        lines.append(f"  schedules  {_listed(found.schedules)} suspended")
    lines.append(f"Runs may go on and don't serve. It stays so until: {resume_command(override.pipeline, environment)}")
    return "\n".join(lines) + "\n"


def _by_fallback(found: Stopped) -> str:
    """Who answers, and what is in the way of that."""
    name = shown(found.fallback)
    if found.is_answered is False:
        return f"answered with an error until a pod of the fallback is ready: see deployment {name}"
    return f"answered by the fallback, {name}"


def render_resumed(found: Resumed, pipeline: str, environment: str) -> str:
    """A few lines."""
    where = f"{shown(pipeline)} in {shown(environment)}"
    if found.override is None:
        lines = [f"{where} is not stopped: nothing to resume."]
    else:
        whose = f"run {short_run(found.run)} gets all requests" if found.run else "nothing serves there yet"
        lines = [f"{where} is resumed: {whose}.", f"  it was stopped {by_whom(found.override)}"]
    if found.schedules:
        lines.append(f"  schedules  {_listed(found.schedules)} go on")
    return "\n".join(lines) + "\n"


def turned_back(found: TurnedBack) -> str:
    """As in `from run 01JD3WQ7AB12, which git names, by ann, 2026-03-01 14:02 +01:00: late flights`."""
    return f"from run {short_run(found.left)}, which git names, {by_whom(found)}"


def by_whom(override: Override | TurnedBack) -> str:
    """As in `by ann, 2026-03-01 14:02 +01:00: wrong labels in the feed`, in the zone of who did it."""
    when = f", {override.moment}" if override.moment else ""
    why = f": {shown(override.why)}" if override.why else ""
    return f"by {shown(override.by)}{when}{why}"


def resume_command(pipeline: str, environment: str) -> str:
    """What lets it serve again."""
    return f"mlopsctl resume {shown(pipeline)} --env {shown(environment)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names))
