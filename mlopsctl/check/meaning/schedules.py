"""Rules about schedules: that they fire, when they are meant to, and that what they start can run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from mlopsctl.check.advice import Advice
from mlopsctl.diagnostics import Finding, Related, Severity, rule, similar
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.ir.parts import Schedule

if TYPE_CHECKING:
    from mlopsctl.check.cron import Cron

# What every tz database has. Short names such as CET, and those of single countries, are missing from some.
_AREAS = frozenset(
    "Africa America Antarctica Arctic Asia Atlantic Australia Europe Indian Pacific Etc".split()  # noqa: SIM905 - shorter
)
_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)  # intervals are the same from any day on
_SLIP = 0.8  # how similar names are that differ by a slip
_DOUBTFUL_HOURS = frozenset({1, 2})  # which zones with daylight saving skip or repeat


@rule("MLO600")
def bad_cron(pipeline: Pipeline) -> Iterator[Finding]:
    """A cron expression says nothing that a clock can show.

    The fields are minute (0-59), hour (0-23), day of the month (1-31), month (1-12 or JAN-DEC) and day of the week
    (0-6 or SUN-SAT; Sunday is 0 and not 7).

    Example:
        schedule: {cron: "0 24 * * *"}

    Fix: correct the field that the message names.
    """
    for schedule in _schedules(pipeline):
        try:
            _cron(schedule)
        except ValueError as error:
            yield Finding(message=f"this is no cron expression: {error}", span=schedule.origin.value("cron"))


@rule("MLO601")
def never_fires(pipeline: Pipeline) -> Iterator[Finding]:
    """A schedule names only days that no month has.

    Example:
        schedule: {cron: "0 3 30 2 *"}

    Fix: correct the day or the month.
    """
    for schedule, cron in _parsed(pipeline):
        if not cron.can_fire:
            yield Finding(
                message=f"the schedule `{schedule.cron}` never fires: no month that it names has such a day",
                span=schedule.origin.value("cron"),
            )


@rule("MLO602", Severity.WARNING)
def uneven_steps(pipeline: Pipeline) -> Iterator[Finding]:
    """A step doesn't divide the hour or the day, so that the last interval is shorter than the others.

    `*/45` fires at minutes 0 and 45 of each hour: after 45 minutes, then after 15.

    Example:
        schedule: {cron: "*/45 * * * *"}

    Fix: use a step that divides 60 minutes or 24 hours, or list the times.
    """
    for schedule, cron in _parsed(pipeline):
        for part in cron.uneven:
            yield Finding(
                message=f"`{part}` does not divide evenly: the last interval is shorter than the others",
                span=schedule.origin.value("cron"),
            )


@rule("MLO603")
def unknown_zone(pipeline: Pipeline) -> Iterator[Finding]:
    """A time zone is not there, or not everywhere.

    Short names such as CET or EST and names such as US/Pacific are missing from the tz database of many systems, where
    schedules in them would silently never fire.

    Example:
        schedule: {cron: "0 3 * * *", timezone: CET}

    Fix: use `UTC`, or a zone of the form Area/City such as `Europe/Paris`.
    """
    for schedule in _schedules(pipeline):
        area = schedule.timezone.partition("/")[0]
        if schedule.timezone != "UTC" and (area not in _AREAS or not _is_known(schedule.timezone)):
            yield Finding(
                message=f"the time zone `{schedule.timezone}` is not known everywhere",
                span=schedule.origin.value("timezone"),
                **_similar_zone(schedule.timezone),
            )


@rule("MLO604", Severity.WARNING)
def doubtful_hour(pipeline: Pipeline) -> Iterator[Finding]:
    """A schedule fires at an hour that is skipped or repeated when the clocks change.

    In zones with daylight saving, a time from 01:00 to 03:00 may come twice on one day of the year, and never on
    another.

    Example:
        schedule: {cron: "30 2 * * *", timezone: Europe/Paris}

    Fix: choose a time from 03:00 on, or the time zone UTC.
    """
    for schedule, cron in _parsed(pipeline):
        is_daily = not schedule.cron.split()[1].startswith("*")
        if is_daily and cron.hours & _DOUBTFUL_HOURS and _changes_clocks(schedule.timezone):
            yield Finding(
                message=f"from 01:00 to 03:00 the clocks of {schedule.timezone} change, twice a year",
                span=schedule.origin.value("cron"),
                related=(Related(schedule.origin.value("timezone"), "has daylight saving"),),
                helps=("choose a time from 03:00 on, or the time zone UTC",),
            )


@rule("MLO605")
def scheduled_without_values(pipeline: Pipeline) -> Iterator[Finding]:
    """A pipeline runs by itself, but has a parameter that only a person can give.

    Example:
        params: {month: {type: string}}
        schedule: {cron: "0 3 * * *"}

    Fix: give the parameter a `default`.
    """
    if pipeline.schedule is None:
        return
    declared = [(param, param.span) for param in pipeline.params.values()]
    declared += [
        (stage.params[name], span)
        for stage in pipeline.stages.values()
        for name, span, _ in stage.origin.entries("params")
    ]
    for param, span in declared:
        if param.default is None:
            yield Finding(
                message=f"scheduled runs have no value for `{param.name}`, which has no default",
                span=span,
                related=(Related(pipeline.schedule.origin.name, "runs by itself"),),
                helps=("give it a `default`",),
            )


@rule("MLO606", Severity.WARNING)
def longer_than_interval(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage may take longer than the time between two runs.

    With `concurrency: Forbid`, a run that is due while another goes on is left out without a word.

    Example:
        schedule: {cron: "0 * * * *"}
        stages:
          model: {kind: train, timeout: 2h, …}

    Fix: shorten the timeout, or schedule runs further apart.
    """
    schedule = pipeline.schedule
    shortest = interval(schedule) if schedule else None
    for stage in pipeline.stages.values():
        if schedule is None or shortest is None or stage.timeout is None or isinstance(stage, MonitorStage):
            continue
        if stage.timeout > shortest.total_seconds():
            yield Finding(
                message=f"stage `{stage.name}` may take longer than the time between two runs",
                span=stage.origin.value("timeout"),
                related=(Related(schedule.origin.value("cron"), "the next run is due sooner"),),
            )


def interval(schedule: Schedule) -> timedelta | None:
    """The shortest time between two firings; None if there are no two."""
    try:
        return _interval(schedule.cron)
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _interval(expression: str) -> timedelta | None:
    from mlopsctl.check.cron import parse  # here, as most pipelines have no schedule

    return parse(expression).shortest_interval(_ANY_DAY)


def _schedules(pipeline: Pipeline) -> Iterator[Schedule]:
    """The pipeline's schedule and those of its monitors."""
    owners: tuple[Pipeline | MonitorStage, ...] = (pipeline, *pipeline.of_kind(MonitorStage))
    return (owner.schedule for owner in owners if owner.schedule is not None)


def _cron(schedule: Schedule) -> "Cron":
    """The schedule's times. Raises CronError, a ValueError that says what is wrong with the expression."""
    from mlopsctl.check.cron import parse  # here, as most pipelines have no schedule

    return parse(schedule.cron)


def _parsed(pipeline: Pipeline) -> Iterator[tuple[Schedule, "Cron"]]:
    for schedule in _schedules(pipeline):
        try:
            yield schedule, _cron(schedule)
        except ValueError:  # MLO600
            continue


def _is_known(zone: str) -> bool:
    """Whether this machine knows the zone. One that knows none at all can't say."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # here, as most schedules are in UTC

    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        try:
            ZoneInfo("Europe/London")
        except (ZoneInfoNotFoundError, OSError):
            return True
        return False
    return True


def _changes_clocks(zone: str) -> bool:
    if zone == "UTC" or not _is_known(zone):
        return False
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        offsets = {datetime(2024, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7)}
    except ZoneInfoNotFoundError:
        return False
    return len(offsets) > 1


def _similar_zone(zone: str) -> Advice:
    from zoneinfo import available_timezones

    near = similar(zone, (name for name in available_timezones() if name.partition("/")[0] in _AREAS), cutoff=_SLIP)
    helps = () if near else ("use `UTC`, or a zone of the form Area/City such as `Europe/Paris`",)
    return {"label": f"a zone with a similar name: `{near}`" if near else "", "helps": helps}
