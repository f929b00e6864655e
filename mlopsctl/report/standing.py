"""How pipelines stand in each environment: what serves, what ran last, what runs now."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import tzinfo
from typing import Self

from mlopsctl.frozen import frozen
from mlopsctl.plan.overrides import Override, TurnedBack
from mlopsctl.report.display import display_width, padded, shown, wrapped
from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.report.overrides import by_whom, turned_back
from mlopsctl.report.wording import bounds, counted, metric, moment, short_run
from mlopsctl.store import DriftCheck

_NARROWEST = 24


@frozen(kw_only=True)
class LastRun:
    """A run that has ended. Times are ISO 8601 with UTC offset."""

    run: str
    started: str
    ended: str
    outcome: str


@frozen(kw_only=True)
class Serving:
    """A release that serves, and since when."""

    run: str
    since: str


@frozen(kw_only=True)
class RunningNow:
    """A run in a cluster that has not ended."""

    run: str
    started: str


@frozen(kw_only=True)
class LastCheck:
    """The last check of a monitor, at an ISO 8601 time with UTC offset.

    `column` is the one that was farthest from the reference, empty if none was compared. `value` is what predictions
    were worth by `metric`, which is empty if they aren't held against the truth. `breaches` is how many checks in a row
    found what this one did, of the `breaches_needed` before anything is done. `did` is what the monitor did when it
    acted last, at `acted`; both are empty if it never did.
    """

    monitor: str
    at: str
    column: str = ""
    distance: float | None = None
    threshold: float
    metric: str = ""
    value: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    breaches: int
    breaches_needed: int
    acted: str = ""
    did: str = ""

    @classmethod
    def of(cls, check: DriftCheck) -> Self:
        """In short what a check found."""
        judged = check.performance or {"metric": "", "value": None, "min": None, "max": None, "breaches": 0}
        measured = [column for column in check.columns if column["distance"] is not None]
        far = max(measured, key=lambda column: float(column["distance"]), default=None)
        return cls(
            monitor=check.monitor,
            at=check.until,
            column=far["column"] if far else "",
            distance=far["distance"] if far else None,
            threshold=check.threshold,
            metric=judged["metric"],
            value=judged["value"],
            at_least=judged["min"],
            at_most=judged["max"],
            breaches=max(check.breaches, judged["breaches"]),
            breaches_needed=check.breaches_needed,
            acted=check.acted,
            did=check.did,
        )


@frozen(kw_only=True)
class Standing:
    """A pipeline in one environment. None is where there is no such thing.

    `differs` is how the cluster differs from the store, as a phrase, or empty. `checks` are the last ones of its
    monitors, `override` is that people have stopped it, `turned_back` that they lead its requests elsewhere than git.
    """

    pipeline: str
    serving: Serving | None
    last: LastRun | None
    running: tuple[RunningNow, ...]
    differs: str = ""
    checks: tuple[LastCheck, ...] = ()
    override: Override | None = None
    turned_back: TurnedBack | None = None


@frozen(kw_only=True)
class EnvironmentStanding:
    """An environment with its pipelines. `unreachable` says why some of it isn't known; else it is empty."""

    environment: str
    pipelines: tuple[Standing, ...]
    unreachable: tuple[str, ...] = ()


def render_text(environments: Sequence[EnvironmentStanding], *, width: int, zone: tzinfo | None = None) -> str:
    """A block for each pipeline with a line for each environment; `zone` is the reader's, None that of this machine."""
    names = list(dict.fromkeys(each.pipeline for environment in environments for each in environment.pipelines))
    column = max((display_width(shown(each.environment)) for each in environments), default=0)
    lines: list[str] = []
    for name in names:
        lines += [shown(name)]
        for environment in environments:
            standing = next((each for each in environment.pipelines if each.pipeline == name), None)
            if standing is not None:
                lines += _lines(padded(shown(environment.environment), column), _said(standing, zone), width)
    for environment in environments:
        for why in environment.unreachable:
            lines += _lines(padded(shown(environment.environment), column), [f"not reached: {shown(why)}"], width)
    return "\n".join(lines) + "\n" if lines else "no pipelines\n"


def render_json(environments: Sequence[EnvironmentStanding]) -> str:
    """The same for programs; schemas/output/v1/status.json describes it."""
    return dumped({"version": VERSION, "environments": [asdict(each) for each in environments]})


def _said(standing: Standing, zone: tzinfo | None) -> list[str]:
    """What is to be said of a pipeline in an environment, each a line of its own."""
    serving, last = standing.serving, standing.last
    override = standing.override
    serves = "would serve" if override else "serves"
    said = [
        *([f"stopped {by_whom(override)}"] if override else []),
        f"{serves} {short_run(serving.run)} since {moment(serving.since, zone)}" if serving else "nothing serves",
        *([f"turned back {turned_back(standing.turned_back)}"] if standing.turned_back else []),
        *([shown(f"but {standing.differs}")] if standing.differs else []),
        *(line for each in standing.checks for line in _checked(each, zone)),
        *(f"runs {short_run(each.run)} since {moment(each.started, zone)}" for each in standing.running),
    ]
    if last is not None:
        said.append(f"last run {short_run(last.run)} {shown(last.outcome)}, {moment(last.ended, zone)}")
    elif not standing.running:
        said.append("no runs")
    return said


def _checked(check: LastCheck, zone: tzinfo | None) -> Iterator[str]:
    """As in `drift dep_delay 1.274 of 0.100, auc 0.712 of at least 0.750, 1 of 2 checks in a row, 11:00`."""
    said = []
    if check.distance is not None:
        said.append(f"{shown(check.column)} {check.distance:.3f} of {metric(check.threshold)}")
    if check.value is not None:
        said.append(f"{check.metric} {check.value:.3f} of {bounds(check.at_least, check.at_most)}")
    if check.breaches:
        said.append(f"{check.breaches} of {counted(check.breaches_needed, 'check')} in a row")
    yield f"{shown(check.monitor)} {', '.join(said or ['nothing to conclude yet'])}, {moment(check.at, zone)}"
    if check.did:
        yield f"{shown(check.monitor)} acted: {shown(check.did)}, {moment(check.acted, zone)}"


def _lines(first: str, said: Sequence[str], width: int) -> list[str]:
    indent = "  " + first + "  "
    found = [line for part in said for line in wrapped(part, max(width - display_width(indent), _NARROWEST))]
    return [(indent if not number else " " * display_width(indent)) + line for number, line in enumerate(found)]
